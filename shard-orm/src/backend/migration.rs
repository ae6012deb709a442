//! The statements of migrations that differ between the databases: the settings of their sessions,
//! locks on tables, and questions to the catalog.
//!
//! Called by `migrate`.

use std::time::Duration;

use sea_query::{Alias, IntoTableRef as _, Value};

use super::quote;
use crate::dialect::Dialect;

/// The statement that prepares a session for migrations: no limit on the time of a statement, and a
/// short one on the wait for a lock, behind which the application would queue. On MariaDB the lock of
/// a table is refused at once; MySQL knows whole seconds only. On SQLite the connection's busy timeout
/// is enough: nobody queues behind a waiting writer.
pub(crate) fn session_settings(dialect: Dialect, lock_timeout: Duration) -> Option<String> {
    let millis = lock_timeout.as_millis().max(1);
    match dialect {
        Dialect::Sqlite => None,
        Dialect::Postgres => Some(format!(
            "SET statement_timeout = 0; SET idle_in_transaction_session_timeout = 0; \
             SET lock_timeout = {millis}"
        )),
        Dialect::MySql => Some(
            "SET SESSION innodb_lock_wait_timeout = 1 /*!50708 , lock_wait_timeout = 1, \
             max_execution_time = 0 */ /*M!100300 , lock_wait_timeout = 0, max_statement_time = 0 */"
                .to_owned(),
        ),
    }
}

/// The statements that remove and restore the limit on the wait for a lock, around a statement behind
/// which nobody queues; `None` where the limit stays.
pub(crate) fn unbounded_lock_wait(dialect: Dialect, limit: Duration) -> Option<String> {
    (dialect == Dialect::Postgres).then(|| format!("SET lock_timeout = {}", limit.as_millis()))
}

/// The statement that locks tables of the session's namespace at once, before the statements of a
/// migration lock one after the other.
pub(crate) fn lock_tables(dialect: Dialect, tables: &[String]) -> Option<String> {
    if dialect != Dialect::Postgres || tables.is_empty() {
        return None;
    }
    let quoted = tables
        .iter()
        .map(|table| quote(dialect, &Alias::new(table.as_str()).into_table_ref()));
    let quoted: Vec<String> = quoted.collect();
    Some(format!(
        "LOCK TABLE {} IN ACCESS EXCLUSIVE MODE",
        quoted.join(", ")
    ))
}

/// The statement that drops an index which an interrupted `CREATE INDEX CONCURRENTLY` has left.
pub(crate) fn drop_index_concurrently(index: &str) -> String {
    let quoted = quote(Dialect::Postgres, &Alias::new(index).into_table_ref());
    format!("DROP INDEX CONCURRENTLY IF EXISTS {quoted}")
}

/// The query for the names of the indexes in the session's namespace that are not valid. `None` where
/// there are no such indexes.
pub(crate) fn invalid_indexes(dialect: Dialect) -> Option<&'static str> {
    (dialect == Dialect::Postgres).then_some(
        "SELECT c.relname::text FROM pg_class c JOIN pg_index i ON i.indexrelid = c.oid \
         WHERE c.relnamespace = current_schema()::regnamespace AND NOT i.indisvalid ORDER BY 1",
    )
}

/// The condition of MySQL and MariaDB for the namespace, before all arguments.
const OF_SESSION: &str = "TABLE_SCHEMA = DATABASE()";

/// A question to the catalog about the namespace of a session.
#[derive(Debug, Clone, Copy)]
pub(crate) enum About<'a> {
    /// One row if the table or view exists.
    Table(&'a str),
    /// One row if the table has the column.
    Column(&'a str, &'a str),
    /// One row if the index exists. Its table is needed on MySQL and MariaDB.
    Index(Option<&'a str>, &'a str),
    /// One row if the index exists but is not valid.
    InvalidIndex(&'a str),
    /// The transactions that hold a lock on a table of the namespace: session, user, application,
    /// state, and age in seconds. `None` on SQLite.
    Blockers,
}

impl About<'_> {
    /// The text and arguments of the question; `None` where the database has no such thing.
    ///
    /// MySQL and MariaDB run a prepared statement in the database in which it was prepared, so that a
    /// session in several of them names the `namespace`. Without one it is that of the session.
    pub(crate) fn question(
        self,
        dialect: Dialect,
        namespace: Option<&str>,
    ) -> Option<(String, Vec<Value>)> {
        let (text, mut values) = self.of_session(dialect)?;
        match namespace.filter(|_| text.contains(OF_SESSION)) {
            None => Some((text.to_owned(), values)),
            Some(namespace) => {
                values.insert(0, namespace.into());
                Some((text.replacen(OF_SESSION, "TABLE_SCHEMA = ?", 1), values))
            }
        }
    }

    fn of_session(self, dialect: Dialect) -> Option<(&'static str, Vec<Value>)> {
        let text = match (dialect, self) {
            (Dialect::Sqlite, Self::Table(_)) => {
                "SELECT 1 FROM main.sqlite_schema WHERE type IN ('table', 'view') AND name = ?"
            }
            (Dialect::Sqlite, Self::Column(..)) => {
                "SELECT 1 FROM pragma_table_info(?) WHERE name = ?"
            }
            (Dialect::Sqlite, Self::Index(..)) => {
                "SELECT 1 FROM main.sqlite_schema WHERE type = 'index' AND name = ?"
            }
            (Dialect::Postgres, Self::Table(_)) => {
                "SELECT 1::int8 FROM pg_class WHERE relnamespace = current_schema()::regnamespace \
                 AND relkind IN ('r', 'p', 'v', 'm', 'f') AND relname = $1"
            }
            (Dialect::Postgres, Self::Column(..)) => {
                "SELECT 1::int8 FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid \
                 WHERE c.relnamespace = current_schema()::regnamespace AND c.relname = $1 \
                 AND a.attname = $2 AND NOT a.attisdropped"
            }
            (Dialect::Postgres, Self::Index(..)) => {
                "SELECT 1::int8 FROM pg_class WHERE relnamespace = current_schema()::regnamespace \
                 AND relkind IN ('i', 'I') AND relname = $1"
            }
            (Dialect::Postgres, Self::InvalidIndex(_)) => {
                "SELECT 1::int8 FROM pg_class c JOIN pg_index i ON i.indexrelid = c.oid \
                 WHERE c.relnamespace = current_schema()::regnamespace AND c.relname = $1 \
                 AND NOT i.indisvalid"
            }
            (Dialect::Postgres, Self::Blockers) => {
                "SELECT DISTINCT a.pid::text, coalesce(a.usename::text, ''), \
                 coalesce(a.application_name, ''), coalesce(a.state, ''), \
                 coalesce(extract(epoch FROM clock_timestamp() - a.xact_start), 0)::int8 AS age \
                 FROM pg_locks l JOIN pg_class c ON c.oid = l.relation \
                 JOIN pg_stat_activity a ON a.pid = l.pid \
                 WHERE c.relnamespace = current_schema()::regnamespace AND l.granted \
                 AND a.pid <> pg_backend_pid() \
                 AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database()) \
                 ORDER BY age DESC LIMIT 20"
            }
            (Dialect::MySql, Self::Table(_)) => {
                "SELECT 1 FROM information_schema.TABLES WHERE TABLE_SCHEMA = DATABASE() \
                 AND TABLE_NAME = ?"
            }
            (Dialect::MySql, Self::Column(..)) => {
                "SELECT 1 FROM information_schema.COLUMNS WHERE TABLE_SCHEMA = DATABASE() \
                 AND TABLE_NAME = ? AND COLUMN_NAME = ?"
            }
            (Dialect::MySql, Self::Index(..)) => {
                "SELECT DISTINCT 1 FROM information_schema.STATISTICS WHERE TABLE_SCHEMA = DATABASE() \
                 AND INDEX_NAME = ? AND (? = '' OR TABLE_NAME = ?)"
            }
            // Locks of tables are seen with a plugin alone; every open transaction may hold one.
            (Dialect::MySql, Self::Blockers) => {
                "SELECT CAST(t.trx_mysql_thread_id AS CHAR), CAST(p.USER AS CHAR), \
                 CAST(p.HOST AS CHAR), CAST(p.COMMAND AS CHAR), \
                 CAST(TIMESTAMPDIFF(SECOND, t.trx_started, NOW()) AS SIGNED) AS age \
                 FROM information_schema.INNODB_TRX t \
                 JOIN information_schema.PROCESSLIST p ON p.ID = t.trx_mysql_thread_id \
                 WHERE t.trx_mysql_thread_id <> CONNECTION_ID() ORDER BY age DESC LIMIT 20"
            }
            (Dialect::Sqlite, Self::InvalidIndex(_) | Self::Blockers)
            | (Dialect::MySql, Self::InvalidIndex(_)) => return None,
        };
        let values = match self {
            Self::Table(name) | Self::InvalidIndex(name) => vec![name.into()],
            Self::Column(table, column) => vec![table.into(), column.into()],
            Self::Index(table, index) if dialect == Dialect::MySql => {
                let table = table.unwrap_or_default();
                vec![index.into(), table.into(), table.into()]
            }
            Self::Index(_, index) => vec![index.into()],
            Self::Blockers => Vec::new(),
        };
        Some((text, values))
    }
}
