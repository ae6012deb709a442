//! An operator's own SQL on one logical shard, on all of a group, or once on each server.

mod destructive;
mod report;
mod request;
mod run;

pub use self::destructive::destructive_statements;
pub use self::report::{ResultSet, SqlOutcome, SqlReport};
pub use self::request::{SqlPlace, SqlRequest};
pub use self::run::run_sql;
