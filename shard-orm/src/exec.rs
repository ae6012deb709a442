//! Runs statements: one on one logical shard, or one on each of several.
//!
//! Everything that reaches a database goes through [`run`] or [`stream`]: there a place is chosen,
//! a connection taken, and a lost one dealt with. Called by `query` and `record`.

mod fan_out;
mod fixed;
mod run;
mod setup;
mod statement;
mod stream;
mod target;

pub(crate) use fan_out::{Leg, each_leg};
pub(crate) use fixed::{
    BATCHES, Fixed, Operation, columns, conflict_update, fixed_text, most_arguments, not_deleted,
};
pub(crate) use run::{Intent, run};
pub use setup::{Setup, SetupReport};
pub(crate) use statement::{First, Label, NoRows, Rows, Sink, Statement};
pub(crate) use stream::stream;
pub use target::{Executor, ReadFrom};
pub(crate) use target::{Sealed, Target};
