//! Runs statements: one on one logical shard, or one on each of several.
//!
//! Everything that reaches a database goes through [`run`] or [`stream`]: there a place is chosen,
//! a connection taken, and a lost one dealt with. Called by `query` and `record`.

mod bulk;
mod call;
mod catalog;
mod create;
mod crud;
mod destination;
mod found_by;
#[cfg(feature = "reshard")]
mod mirror;
mod record;
mod run;
#[cfg(feature = "reshard")]
mod shift;
mod statement;
mod stream;
pub(crate) mod system_tables;
mod target;
mod timed_rows;
mod unfit;

pub(crate) use crate::connect::{ask, sizes};
pub(crate) use bulk::{End, pass};
#[cfg(feature = "migrate")]
pub(crate) use catalog::tables_of;
pub(crate) use create::{
    create_all, create_in_database, create_namespace_as, create_table, create_tables, has_rows,
    names, tables_at,
};
pub(crate) use crud::{
    BATCHES, CrudStatement, Operation, columns, conflict_update, crud_text, not_deleted,
};
pub(crate) use destination::Destination;
pub(crate) use found_by::FoundBy;
#[cfg(feature = "reshard")]
pub(crate) use record::create_incoming;
pub(crate) use record::{complete_table, database_ids, give_database_id, write_layout};
pub(crate) use run::{Intent, run, run_at, run_elsewhere};
pub(crate) use statement::{First, Label, NoRows, Rows, Sink, Statement};
pub(crate) use stream::{Runs, runs_at, stream, stream_as, stream_at, take};
pub use target::{Executor, ReadFrom};
pub(crate) use target::{Sealed, Target};
