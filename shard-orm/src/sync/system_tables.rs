//! The tables of the library's own that copies and sources need.
//!
//! Created by `setup`. `replicate` reads and writes them by their names.

use super::task::mode_of;
use crate::dialect::Dialect;
use crate::error::Result;
use crate::model::{Model as _, ModelDef};
use crate::replicate::{self, Mode};
use crate::{ShardModel, StaticModel};

/// The progress of one copy, next to its rows.
#[derive(StaticModel)]
#[static_model(groups = all, transmit = false, table = "shard_orm_sync")]
#[allow(dead_code)] // Its rows are read and written by column names.
struct Progress {
    /// The table of the model.
    #[static_model(primary_key, length = 63)]
    table_name: String,
    /// The fencing token of the last run.
    generation: i64,
    /// The mode that the position is of.
    #[static_model(length = 32)]
    mode: String,
    position: Option<String>,
    /// The number of rows that all runs have written or deleted.
    rows_changed: i64,
    /// When a run last caught up with the source, in milliseconds since 1970 by the copy's clock. A run
    /// that finds no changes records it once a minute.
    level_at: Option<i64>,
    /// The reason why the last run failed.
    problem: Option<String>,
    /// 1 if hooks of the application take part, 0 if not; NULL before an application has said so, as are
    /// the columns after it.
    hooks: Option<i64>,
    /// The named database of the source.
    #[static_model(length = 255)]
    source: Option<String>,
    /// The watermark column.
    #[static_model(length = 255)]
    criterion: Option<String>,
}

/// One row that cannot be deleted at a copy, next to it.
#[derive(StaticModel)]
#[static_model(groups = all, transmit = false, table = "shard_orm_sync_blocked")]
#[allow(dead_code)]
struct Blocked {
    #[static_model(primary_key, length = 63)]
    table_name: String,
    /// The primary key, as bytes in base64.
    #[static_model(primary_key, length = 600)]
    row_key: String,
    /// The time of the first attempt, in milliseconds since 1970 by the copy's clock.
    since: i64,
    /// The error of the database.
    blocker: String,
}

/// One consumer of a table's log, at the source.
#[derive(ShardModel)]
#[shard(database = "default", table = "shard_orm_consumer")]
#[allow(dead_code)]
struct Consumer {
    #[shard(primary_key, length = 63)]
    table_name: String,
    /// Cluster, group and server.
    #[shard(primary_key, length = 200)]
    target: String,
    /// The number of the transaction up to which it has read the log (PostgreSQL).
    #[shard(length = 20)]
    transaction: String,
    /// The number of the entry.
    entry: i64,
    /// The time of the last write, in milliseconds since 1970 by the source's clock.
    seen_at: i64,
}

/// The tables next to copies.
pub(crate) fn tables_at_copy() -> [&'static ModelDef; 2] {
    [Progress::def(), Blocked::def()]
}

/// The tables at a source.
pub(crate) fn tables_at_source() -> [&'static ModelDef; 1] {
    [Consumer::def()]
}

/// The statements that prepare the source of a model for the mode that it has by default.
pub(crate) fn statements_at_source(
    def: &'static ModelDef,
    dialect: Dialect,
) -> Result<Vec<String>> {
    statements_for(mode_of(def, dialect), def, dialect)
}

/// The statements that prepare the source of a model for a mode.
pub(super) fn statements_for(
    mode: Mode,
    def: &'static ModelDef,
    dialect: Dialect,
) -> Result<Vec<String>> {
    replicate::statements_at_source(mode, def.table_def(), dialect)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::replicate::{BLOCKED_TABLE, CONSUMER_TABLE, PROGRESS_TABLE};

    #[test]
    fn tables_have_the_names_that_replicate_uses() {
        let names = |defs: &[&'static ModelDef]| -> Vec<&str> {
            defs.iter().map(|def| def.table).collect()
        };
        assert_eq!(names(&tables_at_copy()), [PROGRESS_TABLE, BLOCKED_TABLE]);
        assert_eq!(names(&tables_at_source()), [CONSUMER_TABLE]);
    }
}
