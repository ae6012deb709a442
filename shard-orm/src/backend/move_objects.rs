//! Statements on whole namespaces that moves need: what is in one, and its removal.

use sea_query::{Alias, IntoTableRef as _, Value};

use super::quote;
use crate::dialect::Dialect;

/// The query for the names of all tables and views of a namespace, and its arguments.
pub(crate) fn objects_of_namespace(dialect: Dialect, name: &str) -> (&'static str, Vec<Value>) {
    match dialect {
        Dialect::Sqlite => (
            "SELECT name FROM main.sqlite_schema WHERE type IN ('table', 'view') \
             AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\' ORDER BY 1",
            Vec::new(),
        ),
        Dialect::Postgres => (
            "SELECT c.relname::text FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace \
             WHERE n.nspname = $1 AND c.relkind IN ('r', 'p', 'f', 'v', 'm') ORDER BY 1",
            vec![name.into()],
        ),
        Dialect::MySql => (
            "SELECT CAST(TABLE_NAME AS CHAR) FROM information_schema.TABLES WHERE TABLE_SCHEMA = ? ORDER BY 1",
            vec![name.into()],
        ),
    }
}

/// The statements that drop a namespace with these tables and views. On MySQL and MariaDB the tables go
/// first, and the database only if nothing else is in it. `None` is left to SQLite, whose file is removed.
pub(crate) fn drop_namespace(dialect: Dialect, name: &str, objects: &[String]) -> Vec<String> {
    let namespace = quoted(dialect, name);
    match dialect {
        Dialect::Sqlite => Vec::new(),
        Dialect::Postgres => vec![format!("DROP SCHEMA IF EXISTS {namespace} CASCADE")],
        Dialect::MySql => {
            let mut statements = Vec::new();
            for object in objects {
                let object = quoted(dialect, object);
                statements.push(format!("DROP VIEW IF EXISTS {object}"));
                statements.push(format!("DROP TABLE IF EXISTS {object}"));
            }
            statements.push(format!("DROP DATABASE IF EXISTS {namespace}"));
            statements
        }
    }
}

/// The statement that collects the statistics of a table.
pub(crate) fn analyze(dialect: Dialect, table: &str) -> Option<String> {
    let table = quoted(dialect, table);
    match dialect {
        Dialect::Sqlite => None,
        Dialect::Postgres => Some(format!("ANALYZE {table}")),
        Dialect::MySql => Some(format!("ANALYZE TABLE {table}")),
    }
}

fn quoted(dialect: Dialect, name: &str) -> String {
    quote(dialect, &Alias::new(name).into_table_ref())
}
