//! Queries for the namespaces and tables of a server, and for its identity.
//!
//! Sent by surveys of the servers of a group, and by `cluster.setup()`.

use sea_query::{IntoTableRef as _, Value};

use super::quote;
use crate::dialect::Dialect;

/// The query for each schema or database that has a readable table with a given name: its name, and
/// the comment of the table if the database stores one. Its argument is the name of the table.
/// `None` for SQLite, where namespaces are files.
pub(crate) fn namespaces_with_table(dialect: Dialect) -> Option<&'static str> {
    match dialect {
        Dialect::Sqlite => None,
        Dialect::Postgres => Some(
            "SELECT n.nspname::text, NULL::text \
             FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace \
             WHERE c.relname = $1 AND c.relkind IN ('r', 'p') \
             AND has_schema_privilege(n.oid, 'USAGE') AND has_table_privilege(c.oid, 'SELECT') \
             ORDER BY 1",
        ),
        Dialect::MySql => Some(
            "SELECT CAST(TABLE_SCHEMA AS CHAR), CAST(TABLE_COMMENT AS CHAR) \
             FROM information_schema.TABLES WHERE TABLE_NAME = ? ORDER BY 1",
        ),
    }
}

/// The query for a text that is equal for two connections to one database of PostgreSQL, or to one
/// server of MySQL or MariaDB. `None` for SQLite, where it is the path of the folder.
pub(crate) fn identity_of_server(dialect: Dialect) -> Option<&'static str> {
    match dialect {
        Dialect::Sqlite => None,
        Dialect::Postgres => Some(
            "SELECT (SELECT system_identifier::text FROM pg_control_system()) || '/' || \
             (SELECT oid::text FROM pg_database WHERE datname = current_database())",
        ),
        Dialect::MySql => Some(
            "SELECT CAST(CONCAT(@@global.hostname, ':', @@global.port, ' ', @@global.datadir, ' ', \
             @@global.server_id) AS CHAR)",
        ),
    }
}

/// The query for the tables of a namespace, and its arguments. On SQLite the file is the namespace.
pub(crate) fn tables_of_namespace(dialect: Dialect, name: &str) -> (&'static str, Vec<Value>) {
    let text = match dialect {
        Dialect::Sqlite => {
            "SELECT name FROM main.sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\' \
             ORDER BY 1"
        }
        Dialect::Postgres => {
            "SELECT c.relname::text FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace \
             WHERE n.nspname = $1 AND c.relkind IN ('r', 'p', 'f') AND NOT c.relispartition ORDER BY 1"
        }
        Dialect::MySql => {
            "SELECT CAST(TABLE_NAME AS CHAR) FROM information_schema.TABLES \
             WHERE TABLE_SCHEMA = ? AND TABLE_TYPE <> 'VIEW' ORDER BY 1"
        }
    };
    let arguments = match dialect {
        Dialect::Sqlite => Vec::new(),
        Dialect::Postgres | Dialect::MySql => vec![Value::from(name)],
    };
    (text, arguments)
}

/// The statement by which names without a namespace mean the tables of this one, until the session
/// ends. `None` for SQLite, where a connection sees the tables of its file.
///
/// On PostgreSQL, types and functions of extensions are usually in `public`.
pub(crate) fn use_namespace(dialect: Dialect, name: &str) -> Option<String> {
    let quoted = quote(dialect, &sea_query::Alias::new(name).into_table_ref());
    match dialect {
        Dialect::Sqlite => None,
        Dialect::Postgres => Some(format!("SET search_path TO {quoted}, public")),
        Dialect::MySql => Some(format!("USE {quoted}")),
    }
}

/// The query for the namespace in which a connection finds names without one: that of a named
/// database. `None` for SQLite.
pub(crate) fn current_namespace(dialect: Dialect) -> Option<&'static str> {
    match dialect {
        Dialect::Sqlite => None,
        Dialect::Postgres => Some("SELECT current_schema()::text"),
        Dialect::MySql => Some("SELECT CAST(DATABASE() AS CHAR)"),
    }
}

/// The query for the database that holds the namespaces of a connection, where they are parts of
/// one: on PostgreSQL.
pub(crate) fn current_database(dialect: Dialect) -> Option<&'static str> {
    match dialect {
        Dialect::Sqlite | Dialect::MySql => None,
        Dialect::Postgres => Some("SELECT current_database()::text"),
    }
}
