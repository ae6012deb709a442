//! Locks and rewrites of PostgreSQL: its manual, "ALTER TABLE" (notes) and "Explicit Locking".

use super::{
    Facts, LintRule, Token, Words, added_column, added_constraint, altered, calls, default_of,
};

pub(super) fn add(words: Words<'_>, facts: &mut Facts) {
    if let Some((table, clauses)) = altered(words) {
        for clause in clauses {
            add_clause(table, clause, facts);
        }
        return;
    }
    let mut rest = words;
    if rest.skip(&["CREATE"]) {
        rest.skip_any(&["UNIQUE"]);
        if rest.skip(&["INDEX"]) {
            add_index(rest, facts);
        }
    } else if rest.skip(&["DROP", "INDEX"]) {
        if !rest.skip(&["CONCURRENTLY"]) {
            rest.skip_existence();
            let index = rest.name();
            facts.add(LintRule::DropIndex, "", index);
        }
    } else if rest.skip(&["VACUUM"]) {
        let is_full = words.0.iter().any(|token| token.is("FULL"));
        rest.skip_symbol('(');
        while rest.is_next(&["FULL", "FREEZE", "VERBOSE", "ANALYZE"]) || rest.skip_symbol(')') {
            rest.skip_any(&["FULL", "FREEZE", "VERBOSE", "ANALYZE"]);
            rest.skip_symbol(',');
        }
        if is_full {
            facts.add(
                LintRule::RewriteTable,
                rest.name().unwrap_or_default(),
                None,
            );
        }
    } else if rest.skip(&["CLUSTER"]) {
        rest.skip_any(&["VERBOSE"]);
        facts.add(
            LintRule::RewriteTable,
            rest.name().unwrap_or_default(),
            None,
        );
    } else if rest.skip(&["REINDEX"]) && !rest.0.iter().any(|token| token.is("CONCURRENTLY")) {
        rest.skip_any(&["INDEX", "TABLE", "SCHEMA", "DATABASE"]);
        facts.add(LintRule::CreateIndex, "", rest.name());
    }
}

fn add_index(mut words: Words<'_>, facts: &mut Facts) {
    if words.skip(&["CONCURRENTLY"]) {
        return;
    }
    words.skip_existence();
    let name = match words.is_next(&["ON"]) {
        true => None,
        false => words.name(),
    };
    if words.skip(&["ON"]) {
        words.skip_any(&["ONLY"]);
        if let Some(table) = words.name() {
            facts.add(LintRule::CreateIndex, table, name);
        }
    }
}

fn add_clause(table: &str, clause: Words<'_>, facts: &mut Facts) {
    if let Some((column, rest)) = added_column(clause) {
        let default = default_of(rest);
        let is_serial = rest.is_next(&["SERIAL", "BIGSERIAL", "SMALLSERIAL"]);
        let is_computed = is_serial || rest.has(&["STORED"]) || rest.has(&["AS", "IDENTITY"]);
        if is_computed || default.is_some_and(|default| calls(default, is_stable)) {
            facts.add(LintRule::AddColumnRewrite, table, Some(column));
        }
        if rest.has(&["UNIQUE"]) || rest.has(&["PRIMARY", "KEY"]) {
            facts.add(LintRule::AddUnique, table, Some(column));
        }
        if rest.has(&["CHECK"]) {
            facts.add(LintRule::AddCheck, table, Some(column));
        }
        // Without a default, all rows hold NULL, and are not read.
        if rest.has(&["REFERENCES"]) && default.is_some() {
            facts.add(LintRule::AddForeignKey, table, Some(column));
        }
        return;
    }
    if let Some((name, kind)) = added_constraint(clause) {
        let is_valid = !kind.has(&["NOT", "VALID"]);
        if kind.is_next(&["CHECK"]) {
            if let Some(column) = not_null_check(kind) {
                let name = name.map(str::to_owned);
                let check = (table.to_owned(), name, column.to_owned(), is_valid);
                facts.not_null_checks.push(check);
            }
            if is_valid {
                facts.add(LintRule::AddCheck, table, name);
            }
        } else if kind.is_next(&["FOREIGN"]) {
            if is_valid {
                facts.add(LintRule::AddForeignKey, table, name);
            }
        } else if !kind.has(&["USING", "INDEX"]) {
            facts.add(LintRule::AddUnique, table, name);
        }
        return;
    }
    let mut words = clause;
    if words.skip(&["VALIDATE", "CONSTRAINT"]) {
        if let Some(name) = words.name() {
            facts.validates.push((table.to_owned(), name.to_owned()));
        }
    } else if words.skip(&["ALTER"]) {
        words.skip_any(&["COLUMN"]);
        let Some(column) = words.name() else {
            return;
        };
        if words.skip(&["SET", "DATA", "TYPE"]) || words.skip(&["TYPE"]) {
            facts.add(LintRule::ChangeColumnType, table, Some(column));
        } else if words.skip(&["SET", "NOT", "NULL"]) {
            facts.add(LintRule::SetNotNull, table, Some(column));
        } else if words.skip(&["SET", "EXPRESSION"]) {
            facts.add(LintRule::RewriteTable, table, None);
        }
    } else if words.skip(&["SET"]) && words.is_next(&["TABLESPACE", "LOGGED", "UNLOGGED", "ACCESS"])
    {
        facts.add(LintRule::RewriteTable, table, None);
    }
}

/// The column of `CHECK (<column> IS NOT NULL)`.
fn not_null_check(mut words: Words<'_>) -> Option<&str> {
    words.skip(&["CHECK"]);
    while words.skip_symbol('(') {}
    let column = words.name()?;
    let ends = words.skip(&["IS", "NOT", "NULL"]);
    (ends && words.0.first() == Some(&Token::Symbol(')'))).then_some(column)
}

/// Whether a function gives one value for the whole statement, so that a default by it is kept once
/// (from `provolatile` in `pg_proc`; those that defaults use).
fn is_stable(function: &str) -> bool {
    const STABLE: [&str; 34] = [
        "array",
        "cast",
        "coalesce",
        "concat",
        "current_setting",
        "current_timestamp",
        "date_trunc",
        "decode",
        "encode",
        "extract",
        "format",
        "greatest",
        "hstore",
        "json_build_array",
        "json_build_object",
        "jsonb_build_array",
        "jsonb_build_object",
        "least",
        "localtimestamp",
        "lower",
        "make_date",
        "make_interval",
        "make_timestamp",
        "make_timestamptz",
        "md5",
        "now",
        "nullif",
        "row",
        "statement_timestamp",
        "timezone",
        "to_date",
        "to_timestamp",
        "transaction_timestamp",
        "upper",
    ];
    STABLE
        .iter()
        .any(|stable| function.eq_ignore_ascii_case(stable))
}
