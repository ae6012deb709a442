//! The settings of a mover's sessions.
//!
//! Called by `reshard`. Limits on the time of statements and transactions, which the operator of a
//! database may have set for the application, are lifted; waits for locks stay short, because the
//! application would queue behind them.

use super::active::MOVER;
use crate::dialect::Dialect;

/// The statement that prepares a session for the moves of a job.
///
/// On PostgreSQL a setting names the job: by it, held tables know their mover. Its statements are told from those of
/// others by the name of the application. Commits are synchronous,
/// whatever the default. A transaction whose runner is silent for 10 seconds is ended: it keeps locks from its
/// successor. On MySQL and MariaDB, and on SQLite, foreign keys are not checked: they hold at
/// the source. Nor is the SQL mode strict, since the rows may be older than that of the application: an invalid date of
/// the source is one at the target.
pub(crate) fn move_session(dialect: Dialect, job: u64) -> String {
    match dialect {
        Dialect::Postgres => format!(
            "SET statement_timeout = 0; SET idle_in_transaction_session_timeout = '10s'; \
             SET lock_timeout = '5s'; SET synchronous_commit = on; \
             SET default_transaction_isolation = 'read committed'; SET application_name = '{MOVER}'; \
             SET shard_orm.job = '{job}'"
        ),
        Dialect::MySql => "SET SESSION sql_mode = 'ALLOW_INVALID_DATES,NO_AUTO_VALUE_ON_ZERO,NO_ENGINE_SUBSTITUTION,\
             PIPES_AS_CONCAT,IGNORE_SPACE', foreign_key_checks = 0, unique_checks = 1, innodb_lock_wait_timeout = 5 \
             /*!50708 , lock_wait_timeout = 5, max_execution_time = 0 */ \
             /*M!100300 , lock_wait_timeout = 5, max_statement_time = 0 */; \
             SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED"
            .to_owned(),
        Dialect::Sqlite => {
            "PRAGMA foreign_keys = OFF; PRAGMA legacy_alter_table = OFF; PRAGMA recursive_triggers = OFF"
                .to_owned()
        }
    }
}

/// The statement after which all that was committed before it is durable. PostgreSQL may commit without
/// waiting for its log: a message in the log that is committed with waiting takes all before it along.
/// `None` where it is checked that each commit waits.
pub(crate) fn commit_durably(dialect: Dialect) -> Option<&'static str> {
    (dialect == Dialect::Postgres)
        .then_some("SELECT pg_logical_emit_message(true, 'shard_orm', '')")
}

/// The query for whether each commit waits until it is durable: one number, 0 if not. `None` where the
/// mover waits by itself, or the file decides.
pub(crate) fn durability(dialect: Dialect) -> Option<&'static str> {
    (dialect == Dialect::MySql)
        .then_some("SELECT CAST(@@global.innodb_flush_log_at_trx_commit = 1 AS SIGNED)")
}
