//! Copies and locks of MySQL and MariaDB: their manuals, "InnoDB Online DDL Operations".

use super::{Facts, LintRule, Words, added_column, added_constraint, altered, calls, default_of};

pub(super) fn add(words: Words<'_>, facts: &mut Facts) {
    if let Some((table, clauses)) = altered(words) {
        let option = |name: &str, values: &[&str]| {
            clauses.iter().any(|clause| {
                let mut words = *clause;
                words.skip(&[name]) && {
                    words.skip_symbol('=');
                    words.is_next(values)
                }
            })
        };
        // The server refuses the statement rather than copying the table.
        if option("ALGORITHM", &["INSTANT", "INPLACE", "NOCOPY"]) || option("LOCK", &["NONE"]) {
            return;
        }
        if option("ALGORITHM", &["COPY"]) || option("LOCK", &["SHARED", "EXCLUSIVE"]) {
            facts.add(LintRule::RewriteTable, table, None);
            return;
        }
        for clause in clauses {
            add_clause(table, clause, facts);
        }
        return;
    }
    let mut rest = words;
    if rest.skip(&["CREATE"]) {
        rest.skip_any(&["OR", "REPLACE", "ONLINE"]);
        if rest.is_next(&["FULLTEXT", "SPATIAL"]) {
            rest.skip_any(&["FULLTEXT", "SPATIAL"]);
            rest.skip(&["INDEX"]);
            rest.skip_existence();
            let index = rest.name();
            if rest.skip(&["ON"])
                && let Some(table) = rest.name()
            {
                facts.add(LintRule::CreateIndex, table, index);
            }
        }
    }
}

fn add_clause(table: &str, clause: Words<'_>, facts: &mut Facts) {
    if let Some((column, rest)) = added_column(clause) {
        let is_kept = ["STORED", "PERSISTENT", "AUTO_INCREMENT"];
        let is_computed = is_kept.iter().any(|keyword| rest.has(&[keyword]));
        if is_computed || default_of(rest).is_some_and(|default| calls(default, is_constant)) {
            facts.add(LintRule::AddColumnRewrite, table, Some(column));
        }
        return;
    }
    if let Some((name, kind)) = added_constraint(clause) {
        if kind.is_next(&["CHECK"]) {
            facts.add(LintRule::AddCheck, table, name);
        } else if kind.is_next(&["FOREIGN"]) {
            facts.add(LintRule::AddForeignKey, table, name);
        }
        return;
    }
    let mut words = clause;
    if words.skip(&["ADD"]) {
        if words.is_next(&["FULLTEXT", "SPATIAL"]) {
            words.skip_any(&["FULLTEXT", "SPATIAL", "INDEX", "KEY"]);
            facts.add(LintRule::CreateIndex, table, words.name());
        }
    } else if words.skip(&["MODIFY"]) || words.skip(&["CHANGE"]) {
        words.skip_any(&["COLUMN"]);
        words.skip_existence();
        if let Some(column) = words.name() {
            facts.add(LintRule::ChangeColumnType, table, Some(column));
        }
    } else if rewrites(words) {
        facts.add(LintRule::RewriteTable, table, None);
    }
}

/// Whether a clause copies the table or builds it anew.
fn rewrites(mut words: Words<'_>) -> bool {
    words.skip(&["DROP", "PRIMARY", "KEY"])
        || words.skip(&["CONVERT", "TO"])
        || words.skip(&["ORDER", "BY"])
        || words.skip(&["PARTITION", "BY"])
        || words.skip(&["REMOVE", "PARTITIONING"])
        || words.is_next(&["ENGINE", "ROW_FORMAT", "KEY_BLOCK_SIZE", "FORCE"])
}

/// Whether a default by this function is a constant.
fn is_constant(function: &str) -> bool {
    const CONSTANT: [&str; 5] = [
        "CURRENT_TIMESTAMP",
        "LOCALTIME",
        "LOCALTIMESTAMP",
        "NOW",
        "CAST",
    ];
    CONSTANT
        .iter()
        .any(|constant| function.eq_ignore_ascii_case(constant))
}
