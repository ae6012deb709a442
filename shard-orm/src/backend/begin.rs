//! The text that begins a transaction.
//!
//! Called by `transaction`, with the SQL name of the isolation that it asks for.

use crate::dialect::Dialect;

/// The statements that begin a transaction, in one text.
pub(crate) fn begin(dialect: Dialect, isolation: Option<&str>, read_only: bool) -> String {
    match dialect {
        Dialect::Postgres => {
            let mut text = "BEGIN".to_owned();
            if let Some(isolation) = isolation {
                text = format!("{text} ISOLATION LEVEL {isolation}");
            }
            if read_only {
                text.push_str(" READ ONLY");
            }
            text
        }
        Dialect::MySql => {
            let start = if read_only {
                "START TRANSACTION READ ONLY"
            } else {
                "START TRANSACTION"
            };
            match isolation {
                // Applies to the next transaction alone.
                Some(isolation) => {
                    format!("SET TRANSACTION ISOLATION LEVEL {isolation}; {start}")
                }
                None => start.to_owned(),
            }
        }
        // A transaction that may write takes the write lock at once: one that took it later could
        // fail for a reason that waiting does not resolve.
        Dialect::Sqlite if read_only => "BEGIN DEFERRED".to_owned(),
        Dialect::Sqlite => "BEGIN IMMEDIATE".to_owned(),
    }
}
