//! The behaviours of `shard-orm`, each on every database and topology.

use std::fmt::Debug;

use shard_orm::{ErrorKind, Result};

mod create_table;
mod cursors;
mod fields;
mod filters;
mod homes;
mod keys;
mod many;
mod moments;
mod order_pages;
mod placement;
mod raw_sql;
mod replicas;
mod rows;
mod sessions;
mod streams;
mod updates;
mod upserts;

/// What went wrong.
fn kind<T: Debug>(result: Result<T>) -> ErrorKind {
    result.expect_err("it should have been refused").kind()
}
