//! Plans of calls, without types: what is asked of which logical shards, batches, merging,
//! aggregates.
//!
//! The typed builders of `query` and `relation` lower to a [`Plan`]; it sends statements through
//! `exec`.

pub(crate) mod aggregate;
mod batch;
mod bounds;
mod concurrent;
mod condition;
mod execute;
mod explain;
mod hedge;
pub(crate) mod join;
mod limiter;
mod merge;
mod options;
mod order;
mod request;
mod shard_task;
mod spec;
mod statement;
mod stream;
mod volatile;

pub(crate) use condition::{Condition, any_of, shallow};
pub(crate) use execute::{Plan, execute};
pub use explain::{Explain, Merge, Planned};
pub(crate) use limiter::{Concurrency, ConcurrencyLimiter};
pub use options::Missing;
pub(crate) use options::{ScatterCall, ScatterOptions};
pub use order::Nulls;
pub(crate) use order::Term;
pub(crate) use request::{Tables, unsortable};
pub(crate) use shard_task::{ShardTask, Shards};
pub(crate) use spec::{
    DeferredError, Deleted, Lock, QuerySpec, Requirements, has_scaled, refuse_decimals,
};
pub(crate) use statement::Verb;
pub(crate) use volatile::volatile_in;
