//! What a call does, whatever its models: the statement of each shard, batches, merging, aggregates.
//!
//! The typed builders of `query` and `relation` lower to it; it sends statements through `exec`.

pub(crate) mod aggregate;
mod batch;
mod concurrent;
mod condition;
mod explain;
mod hedge;
pub(crate) mod join;
mod limiter;
mod merge;
mod options;
mod order;
pub(crate) mod scatter;
mod shard_task;
mod spec;
mod statement;
mod volatile;

pub(crate) use batch::{Batch, Cut, batches};
pub(crate) use concurrent::{each_batch, each_task};
pub(crate) use condition::{Condition, any_of, shallow};
pub(crate) use explain::planned;
pub use explain::{Explain, Merge, Planned};
pub(crate) use limiter::{Concurrency, ConcurrencyLimiter};
pub use options::Missing;
pub(crate) use options::{ScatterCall, ScatterOptions, until};
pub use order::Nulls;
pub(crate) use order::Term;
pub(crate) use shard_task::ShardTask;
pub(crate) use spec::{
    DeferredError, Deleted, Lock, QuerySpec, Requirements, has_scaled, refuse_decimals,
};
pub(crate) use statement::{OwnedStatement, ShardStatement, Verb};
pub(crate) use volatile::{check_volatile, volatile_in};
