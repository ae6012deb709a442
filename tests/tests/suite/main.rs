//! The behaviours of `shard-orm`, each on every database and topology.

use std::fmt::Debug;

use shard_orm::{ErrorKind, Result};

mod aggregates;
mod alter;
mod broadcast;
mod compare;
mod create_table;
mod cursors;
mod decimals;
mod described;
mod extremes;
mod fields;
mod filters;
mod hooks;
mod ids;
mod incompatible;
mod keys;
mod locations;
mod many;
mod moments;
mod nesting;
mod order_pages;
mod placement;
mod raw_sql;
mod reconfigure;
mod reduce;
mod relations;
mod replicas;
mod rows;
mod scatter;
mod sessions;
mod soft_delete;
mod statics;
mod streams;
mod uneven;
mod unknown_columns;
mod updates;
mod upserts;
mod validation;

/// What went wrong.
fn kind<T: Debug>(result: Result<T>) -> ErrorKind {
    result.expect_err("it should have been refused").kind()
}
