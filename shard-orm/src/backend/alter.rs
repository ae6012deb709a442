//! The statements that change a table, and how to make changes for which no single statement is safe.
//!
//! Called by `schema`.

use sea_query::{Alias, ColumnDef, Expr, ForeignKeyCreateStatement, IntoTableRef as _, Table};
use sea_query::{MysqlQueryBuilder, PostgresQueryBuilder, SqliteQueryBuilder};

use super::identifier::names_in_backticks;
use super::{ddl, quote, render_alter};
use crate::dialect::Dialect;

/// One statement of a change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Step {
    pub(crate) sql: String,
    /// Whether it has to run outside of a transaction, or in one of its own.
    pub(crate) separate: bool,
}

impl Step {
    fn new(sql: String) -> Self {
        Self {
            sql,
            separate: false,
        }
    }

    pub(crate) fn separate(sql: String) -> Self {
        Self {
            sql,
            separate: true,
        }
    }
}

fn quoted(dialect: Dialect, name: &str) -> String {
    quote(dialect, &Alias::new(name).into_table_ref())
}

/// The start of a statement, with the table.
fn alter(dialect: Dialect, table: &str) -> String {
    format!("ALTER TABLE {}", quoted(dialect, table))
}

/// Adds a column, with the check that its type needs.
///
/// PostgreSQL would read the whole table for a check while it holds the table's lock. A check that is
/// not valid yet holds for new rows, and is validated while rows are read and written.
pub(crate) fn add_column(
    dialect: Dialect,
    table: &str,
    mut column: ColumnDef,
    check: Option<(String, Expr)>,
) -> Vec<Step> {
    let mut steps = Vec::new();
    match check {
        Some((name, check)) if checks_are_validated_later(dialect) => {
            steps.extend(add_check(
                dialect,
                table,
                &name,
                &ddl::text(dialect, &check),
            ));
        }
        Some((_, check)) => drop(column.check(check)),
        None => {}
    }
    let mut alter = Table::alter();
    alter.table(Alias::new(table)).add_column(column);
    steps.insert(
        0,
        Step::new(in_own_quotes(dialect, render_alter(dialect, &alter))),
    );
    steps
}

fn in_own_quotes(dialect: Dialect, text: String) -> String {
    match dialect {
        Dialect::Sqlite => names_in_backticks(text),
        Dialect::Postgres | Dialect::MySql => text,
    }
}

/// Whether checks and foreign keys are added without reading the rows, and validated afterwards.
fn checks_are_validated_later(dialect: Dialect) -> bool {
    dialect == Dialect::Postgres
}

/// Whether checks and foreign keys can be added to a table that exists.
pub(crate) fn takes_constraints(dialect: Dialect) -> bool {
    dialect != Dialect::Sqlite
}

/// Adds a check; `text` is its condition.
pub(crate) fn add_check(dialect: Dialect, table: &str, name: &str, text: &str) -> Vec<Step> {
    let add = format!(
        "{} ADD CONSTRAINT {} CHECK ({text})",
        alter(dialect, table),
        quoted(dialect, name)
    );
    validated(dialect, table, name, add)
}

/// Adds a foreign key of this name.
pub(crate) fn add_foreign_key(
    dialect: Dialect,
    table: &str,
    name: &str,
    key: &ForeignKeyCreateStatement,
) -> Vec<Step> {
    let add = match dialect {
        // It has none for a table that exists.
        Dialect::Sqlite => return Vec::new(),
        Dialect::Postgres => key.to_string(PostgresQueryBuilder),
        Dialect::MySql => key.to_string(MysqlQueryBuilder),
    };
    validated(dialect, table, name, add)
}

fn validated(dialect: Dialect, table: &str, name: &str, add: String) -> Vec<Step> {
    if !checks_are_validated_later(dialect) {
        return vec![Step::new(add)];
    }
    let validate = format!(
        "{} VALIDATE CONSTRAINT {}",
        alter(dialect, table),
        quoted(dialect, name)
    );
    vec![
        Step::new(format!("{add} NOT VALID")),
        Step::separate(validate),
    ]
}

/// The definition of a column as a clause.
fn definition(dialect: Dialect, column: &ColumnDef) -> String {
    let mut alter = Table::alter();
    alter.table(Alias::new("t")).add_column(column.clone());
    let text = match dialect {
        Dialect::Sqlite => alter.to_string(SqliteQueryBuilder),
        Dialect::Postgres => alter.to_string(PostgresQueryBuilder),
        Dialect::MySql => alter.to_string(MysqlQueryBuilder),
    };
    match text.split_once("ADD COLUMN ") {
        Some((_, definition)) => in_own_quotes(dialect, definition.to_owned()),
        None => text,
    }
}

/// What SQLite needs for a change that its `ALTER TABLE` does not have.
const REBUILD: &str = "SQLite cannot change this in a table that exists: create a table as it should \
                       be under another name, copy the rows, and rename it \
                       (https://sqlite.org/lang_altertable.html#otheralter)";

/// A column whose definition is changed as a whole, which MySQL and MariaDB need.
fn modify(dialect: Dialect, table: &str, column: &ColumnDef) -> String {
    let definition = definition(dialect, column);
    format!("`{} MODIFY COLUMN {definition}`", alter(dialect, table))
}

/// How to let a column refuse NULL.
pub(crate) fn set_not_null(
    dialect: Dialect,
    table: &str,
    name: &str,
    column: &ColumnDef,
) -> String {
    let (alter, quoted_name) = (alter(dialect, table), quoted(dialect, name));
    let change = match dialect {
        Dialect::Sqlite => return REBUILD.to_owned(),
        Dialect::MySql => format!("{}, which copies the table", modify(dialect, table, column)),
        Dialect::Postgres => {
            let check = quoted(dialect, &format!("{name}_not_null"));
            format!(
                "each in a transaction of its own: `{alter} ADD CONSTRAINT {check} CHECK ({quoted_name} IS \
                 NOT NULL) NOT VALID`, `{alter} VALIDATE CONSTRAINT {check}`, `{alter} ALTER COLUMN \
                 {quoted_name} SET NOT NULL`, which then reads no rows, and `{alter} DROP CONSTRAINT {check}`"
            )
        }
    };
    format!("fill the rows that hold NULL; then {change}")
}

/// How to let a column take NULL.
pub(crate) fn drop_not_null(
    dialect: Dialect,
    table: &str,
    name: &str,
    column: &ColumnDef,
) -> String {
    match dialect {
        Dialect::Sqlite => REBUILD.to_owned(),
        Dialect::MySql => modify(dialect, table, column),
        Dialect::Postgres => format!(
            "`{} ALTER COLUMN {} DROP NOT NULL`",
            alter(dialect, table),
            quoted(dialect, name)
        ),
    }
}

/// How to change the default of a column; `default` is the SQL.
pub(crate) fn set_default(
    dialect: Dialect,
    table: &str,
    name: &str,
    default: Option<&str>,
) -> String {
    if dialect == Dialect::Sqlite {
        return REBUILD.to_owned();
    }
    let change = match default {
        Some(default) => format!("SET DEFAULT {default}"),
        None => "DROP DEFAULT".to_owned(),
    };
    format!(
        "`{} ALTER COLUMN {} {change}`; rows that exist keep their values",
        alter(dialect, table),
        quoted(dialect, name)
    )
}

/// How to change the type, the length or the collation of a column.
pub(crate) fn change_type(dialect: Dialect) -> &'static str {
    match dialect {
        Dialect::Sqlite => REBUILD,
        Dialect::Postgres => {
            "unless it only lengthens a varchar, `ALTER COLUMN .. TYPE` rewrites the table and its \
             indexes under a lock that stops reads. On a table in use: add a column of the new type, \
             let the programs write both, copy the values in batches, read the new one, and drop the \
             old one"
        }
        Dialect::MySql => {
            "unless it only lengthens a short varchar, `MODIFY COLUMN` copies the table and stops \
             writes meanwhile. On a large table in use: add a column of the new type, let the programs \
             write both, copy the values in batches, read the new one, and drop the old one"
        }
    }
}

/// How to change what else a table has.
pub(crate) fn rebuild(dialect: Dialect) -> &'static str {
    match dialect {
        Dialect::Sqlite => REBUILD,
        Dialect::Postgres | Dialect::MySql => {
            "no statement changes this while the table is in use without a long lock: create a table \
             as it should be beside this one, let the programs write both, copy the rows in batches, \
             and read the new one"
        }
    }
}
