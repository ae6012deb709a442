//! What is dangerous about a statement, and the sequence that is not.

use super::{Hazard, LintRule};
use crate::dialect::Dialect;

/// The text of a finding.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Advice {
    /// What the statement does.
    pub(crate) message: String,
    /// The safe sequence.
    pub(crate) instead: String,
}

/// The text of a hazard on a database.
pub(crate) fn advice(dialect: Dialect, hazard: &Hazard) -> Advice {
    let is_postgres = dialect == Dialect::Postgres;
    let table = &hazard.table;
    let name = hazard.subject.as_deref().unwrap_or("..");
    let (message, instead) = match hazard.rule {
        LintRule::AddColumnRewrite => add_column_rewrite(is_postgres, table, name),
        LintRule::AddColumnRequired => (
            format!(
                "column `{name}` of `{table}` takes no NULL and has no default: inserts of running \
                 programs, which do not name it, fail{}",
                if is_postgres {
                    ", and so does this statement if the table has rows"
                } else {
                    ""
                }
            ),
            "give it a default or let it take NULL; roll out the programs that write it, fill the rows in \
             a file with `-- phase: backfill`, and set NOT NULL in a later file"
                .to_owned(),
        ),
        LintRule::SetNotNull => set_not_null(table, name),
        LintRule::ChangeColumnType => (
            match is_postgres {
                true => format!(
                    "the new type of `{name}` rewrites `{table}` and its indexes under a lock that stops \
                     reads and writes, unless it only lengthens a varchar"
                ),
                false => format!(
                    "the new definition of `{name}` may copy `{table}`, which stops writes meanwhile"
                ),
            },
            match is_postgres {
                true => format!(
                    "add a column of the new type, let the programs write both, copy the values in a file \
                     with `-- phase: backfill`, read the new one, and drop `{name}` in a file with \
                     `-- phase: contract`"
                ),
                false => format!(
                    "add `, ALGORITHM=INPLACE, LOCK=NONE`, so that the server refuses it rather than \
                     copying; if it does, add a column of the new type, let the programs write both, copy \
                     the values in a file with `-- phase: backfill`, and drop `{name}` in a file with \
                     `-- phase: contract`"
                ),
            },
        ),
        LintRule::CreateIndex => create_index(is_postgres, table, name),
        LintRule::DropIndex => (
            format!(
                "dropping index `{name}` needs a lock that stops reads and writes of its table while it \
                 waits for open transactions"
            ),
            format!(
                "`DROP INDEX CONCURRENTLY {name}`, in a file of its own, which runs outside of a \
                 transaction"
            ),
        ),
        LintRule::AddForeignKey => constraint(is_postgres, table, name, "FOREIGN KEY (..) REFERENCES .."),
        LintRule::AddCheck => constraint(is_postgres, table, name, "CHECK (..)"),
        LintRule::AddUnique => (
            format!(
                "the constraint builds its index under a lock that stops reads and writes of `{table}`"
            ),
            format!(
                "`CREATE UNIQUE INDEX CONCURRENTLY {table}_unique ON {table} (..)` in a file of its own; \
                 then `ALTER TABLE {table} ADD CONSTRAINT .. UNIQUE USING INDEX {table}_unique`"
            ),
        ),
        LintRule::RewriteTable => rewrite(is_postgres, table),
        LintRule::RenameTable => (
            format!("programs that run name the table `{table}`, and fail once it is renamed"),
            format!(
                "keep the name: a struct of any name maps to it by `table = \"{table}\"`. Otherwise \
                 create the new table, let the programs write both, copy the rows in a file with \
                 `-- phase: backfill`, and drop `{table}` in a file with `-- phase: contract`"
            ),
        ),
        LintRule::RenameColumn => (
            format!(
                "programs that run name the column `{name}` of `{table}`, and fail once it is renamed"
            ),
            format!(
                "keep the name: a field of any name maps to it by `column = \"{name}\"`. Otherwise add \
                 the new column, let the programs write both, copy the values in a file with `-- phase: \
                 backfill`, and drop `{name}` in a file with `-- phase: contract`"
            ),
        ),
        LintRule::DropTable => (
            format!("programs that run may use the table `{table}`"),
            "begin the file with `-- phase: contract`: it then waits for `--contract`, which is given once \
             no such program is left"
                .to_owned(),
        ),
        LintRule::DropColumn => (
            format!("programs that run may use the column `{name}` of `{table}`"),
            "begin the file with `-- phase: contract`: it then waits for `--contract`, which is given once \
             no such program is left"
                .to_owned(),
        ),
        LintRule::InUse => (
            match &hazard.subject {
                Some(column) => format!("a registered model names column `{column}` of `{table}`"),
                None => format!("a registered model names table `{table}`"),
            },
            "take it out of the model, roll that release out, and remove it in a later file with `-- \
             phase: contract`"
                .to_owned(),
        ),
        LintRule::WholeTableUpdate => (
            format!(
                "all rows of `{table}` are changed in one transaction, which locks them until it ends"
            ),
            "change them in batches, in a file with the lines `-- phase: backfill` and `-- backfill: \
             table=.. key=..`, and `WHERE {range}`"
                .to_owned(),
        ),
        LintRule::LintComment => (String::new(), String::new()),
    };
    Advice { message, instead }
}

fn add_column_rewrite(is_postgres: bool, table: &str, name: &str) -> (String, String) {
    let message = match is_postgres {
        true => format!(
            "column `{name}` has a value of its own in each row, so `{table}` is rewritten under a lock \
             that stops reads and writes"
        ),
        false => format!(
            "column `{name}` has a value of its own in each row, so `{table}` is copied, which stops \
             writes meanwhile"
        ),
    };
    let instead = format!(
        "`ALTER TABLE {table} ADD COLUMN {name} ..` without the default, `ALTER TABLE {table} ALTER \
         COLUMN {name} SET DEFAULT ..`, and fill the rows that exist in a file with `-- phase: backfill`"
    );
    (message, instead)
}

fn set_not_null(table: &str, name: &str) -> (String, String) {
    (
        format!("all rows of `{table}` are read under a lock that stops reads and writes"),
        format!(
            "in three files: `ALTER TABLE {table} ADD CONSTRAINT {name}_not_null CHECK ({name} IS NOT \
             NULL) NOT VALID`; `ALTER TABLE {table} VALIDATE CONSTRAINT {name}_not_null`; `ALTER TABLE \
             {table} ALTER COLUMN {name} SET NOT NULL`, which then reads no rows"
        ),
    )
}

fn create_index(is_postgres: bool, table: &str, name: &str) -> (String, String) {
    match (is_postgres, table.is_empty()) {
        (true, true) => (
            format!("`{name}` is built anew under a lock that stops writes"),
            format!("`REINDEX .. CONCURRENTLY {name}`, in a file of its own"),
        ),
        (true, false) => (
            format!("writes to `{table}` wait until the index is built"),
            format!(
                "`CREATE INDEX CONCURRENTLY {name} ON {table} ..` in a file of its own, which runs \
                 outside of a transaction"
            ),
        ),
        (false, _) => (
            format!("writes to `{table}` wait until an index of this kind is built"),
            "build it at a time without writes, or in a table beside this one".to_owned(),
        ),
    }
}

fn constraint(is_postgres: bool, table: &str, name: &str, kind: &str) -> (String, String) {
    match is_postgres {
        true => (
            format!("all rows of `{table}` are checked under a lock that stops writes"),
            format!(
                "`ALTER TABLE {table} ADD CONSTRAINT {name} {kind} NOT VALID`, which reads no rows; then, \
                 in a later file, `ALTER TABLE {table} VALIDATE CONSTRAINT {name}`"
            ),
        ),
        false => (
            format!("`{table}` is copied to check all rows, which stops writes meanwhile"),
            "check the rows by a query, and add the constraint at a time without writes, or leave it to the \
             programs"
                .to_owned(),
        ),
    }
}

fn rewrite(is_postgres: bool, table: &str) -> (String, String) {
    let table = if table.is_empty() { ".." } else { table };
    match is_postgres {
        true => (
            format!("`{table}` is rewritten under a lock that stops reads and writes"),
            "leave the space to autovacuum; or use the extension pg_repack, which rewrites a table in use"
                .to_owned(),
        ),
        false => (
            format!("`{table}` is copied or built anew, which stops writes meanwhile"),
            "add `, ALGORITHM=INPLACE, LOCK=NONE`, so that the server refuses what stops writes; or copy \
             the table in use by gh-ost or pt-online-schema-change"
                .to_owned(),
        ),
    }
}
