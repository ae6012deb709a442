//! Runs statements: one on one logical shard, or one on each of several.
//!
//! Everything that reaches a database goes through [`run`] or [`stream`]: there a place is chosen,
//! a connection taken, and a lost one dealt with. Called by `query` and `record`.

mod batch;
mod bulk;
mod create;
mod explain;
mod fan;
mod fan_out;
mod fixed;
mod hedge;
mod leg;
mod merge;
pub(crate) mod own;
mod record;
mod run;
mod site;
mod spread;
mod statement;
mod stream;
mod target;
mod unfit;

pub(crate) use batch::{Batch, Cut, batches};
pub(crate) use bulk::{End, pass};
pub(crate) use create::{
    create_all, create_in_database, create_namespace_as, create_table, create_tables, has_rows,
    names, tables_at,
};
pub(crate) use explain::planned;
pub use explain::{Explain, Merge, Planned};
pub use fan::Missing;
pub(crate) use fan::{Fan, Manner, until};
pub(crate) use fan_out::{each_batch, each_leg};
pub(crate) use fixed::{
    BATCHES, Fixed, Operation, columns, conflict_update, fixed_text, not_deleted,
};
pub(crate) use hedge::read_at;
pub(crate) use leg::Leg;
pub(crate) use merge::{Direction, SortKey, Sorted, compare, merge};
pub(crate) use record::{database_ids, give_database_id, write_layout};
pub(crate) use run::{Intent, run, run_at};
pub(crate) use site::Site;
pub(crate) use spread::{Spread, Width};
pub(crate) use statement::{First, Label, NoRows, Rows, Sink, Statement};
pub(crate) use stream::{stream, stream_as, stream_at, take};
pub use target::{Executor, ReadFrom};
pub(crate) use target::{Sealed, Target};
