//! Statements that take away what running programs name, and those that change all rows.

use super::{Facts, LintRule, Words, added_column, altered, is_required};

pub(super) fn add(words: Words<'_>, facts: &mut Facts) {
    if let Some((table, clauses)) = altered(words) {
        for clause in clauses {
            add_clause(table, clause, facts);
        }
        return;
    }
    let mut rest = words;
    if rest.skip(&["DROP", "TABLE"]) || rest.skip(&["DROP", "TEMPORARY", "TABLE"]) {
        rest.skip_existence();
        for mut table in rest.clauses() {
            if let Some(table) = table.name() {
                facts.add(LintRule::DropTable, table, None);
            }
        }
    } else if rest.skip(&["RENAME", "TABLE"]) {
        rest.skip_existence();
        for mut pair in rest.clauses() {
            if let Some(table) = pair.name() {
                facts.add(LintRule::RenameTable, table, None);
            }
        }
    } else if !rest.has(&["WHERE"]) {
        add_change(rest, facts);
    }
}

/// An `UPDATE` or `DELETE` of all rows.
fn add_change(mut words: Words<'_>, facts: &mut Facts) {
    let is_limited = words.has(&["LIMIT"]) || words.has(&["USING"]) || words.has(&["FROM"]);
    let changes = if words.skip(&["UPDATE"]) {
        words.skip_any(&["LOW_PRIORITY", "IGNORE", "ONLY"]);
        !is_limited
    } else {
        let deletes = words.skip(&["DELETE"]);
        words.skip_any(&["LOW_PRIORITY", "QUICK", "IGNORE"]);
        deletes && words.skip(&["FROM"]) && !words.has(&["LIMIT"]) && !words.has(&["USING"])
    };
    words.skip_any(&["ONLY"]);
    if let Some(table) = words.name().filter(|_| changes) {
        facts.add(LintRule::WholeTableUpdate, table, None);
    }
}

fn add_clause(table: &str, clause: Words<'_>, facts: &mut Facts) {
    const NOT_COLUMNS: [&str; 8] = [
        "CONSTRAINT",
        "INDEX",
        "KEY",
        "PRIMARY",
        "FOREIGN",
        "CHECK",
        "PARTITION",
        "SYSTEM",
    ];
    if let Some((column, rest)) = added_column(clause) {
        if is_required(rest) {
            facts.add(LintRule::AddColumnRequired, table, Some(column));
        }
        return;
    }
    let mut words = clause;
    if words.skip(&["DROP"]) {
        let is_column = words.skip(&["COLUMN"]);
        if is_column || !words.is_next(&NOT_COLUMNS) {
            words.skip_existence();
            if let Some(column) = words.name() {
                facts.add(LintRule::DropColumn, table, Some(column));
            }
        }
    } else if words.skip(&["RENAME"]) {
        if words.is_next(&["CONSTRAINT", "INDEX", "KEY"]) {
            return;
        }
        let is_column = words.skip(&["COLUMN"]);
        // MySQL and MariaDB need no TO before the name of a table.
        let is_table = words.is_next(&["TO", "AS"]) || !words.has(&["TO"]);
        if !is_column && is_table {
            facts.add(LintRule::RenameTable, table, None);
        } else {
            words.skip_existence();
            if let Some(column) = words.name() {
                facts.add(LintRule::RenameColumn, table, Some(column));
            }
        }
    } else if words.skip(&["SET", "SCHEMA"]) {
        facts.add(LintRule::RenameTable, table, None);
    } else if words.skip(&["CHANGE"]) {
        words.skip_any(&["COLUMN"]);
        words.skip_existence();
        if let (Some(former), Some(name)) = (words.name(), words.name())
            && !former.eq_ignore_ascii_case(name)
        {
            facts.add(LintRule::RenameColumn, table, Some(former));
        }
    }
}
