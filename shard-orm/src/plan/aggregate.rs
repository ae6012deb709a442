//! Aggregates and groups: what each shard is asked for them, and how the answers are merged.

mod derivation;
mod exact;
mod grouping;
mod groups;
mod having;
mod order;
mod partial;
mod plan;
mod push_down;
mod spec;
mod state;
mod statement;

pub(crate) use derivation::Derivation;
pub(crate) use exact::{integer, integer_of};
pub(crate) use grouping::{Grouping, Written};
pub(crate) use having::{Comparison, GroupCondition, Test};
pub(crate) use order::GroupTerm;
pub(crate) use plan::GroupSpec;
pub(crate) use spec::{AggregateSpec, Function, Item};
