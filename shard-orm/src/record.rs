//! Methods on rows, provided by one trait per kind of model.
//!
//! All kinds of models have the same methods. They differ in the address that a call takes: a shard
//! key, a shard number, a server, or nothing. Each trait resolves the address to a namespace and
//! calls the functions in this module.

mod conflict;
mod conflicting_row;
mod database;
mod find_by_id;
mod insert_many;
mod isolated;
mod ops;
mod prepare;
mod registry;
mod sharded;
mod soft_delete;
mod static_model;
mod transmit;
mod upsert;
mod verbs;

pub use database::DatabaseModel;
pub use isolated::IsolatedModel;
pub use sharded::ShardModel;
pub use static_model::{PerServerModel, StaticModel, TransmittedModel};
pub use transmit::{
    Batch, Collect, DynTransmitHooks, TransmitContext, TransmitHooks, connect_transmit_hooks,
};
pub(crate) use transmit::{Changes, DynBatch, Transmitted};
