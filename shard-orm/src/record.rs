//! What can be done with a row: the verbs that a model has by being one.
//!
//! A few traits say where the rows of a model live, and give it the same verbs with the address
//! that it needs: a shard key, the number of a shard, a server, or nothing. Each resolves its place and
//! hands on to the functions below.

mod conflict;
mod database;
mod find_by_id;
mod hooks;
mod insert_many;
mod isolated;
mod met;
mod ops;
mod prepare;
mod sharded;
mod soft_delete;
mod static_model;
mod transmit;
mod upsert;
mod verbs;

pub use database::DatabaseModel;
pub use hooks::{DynHooks, Hooks, WriteContext, connect_hooks};
pub(crate) use insert_many::insert_cells;
pub use isolated::IsolatedModel;
pub use sharded::ShardModel;
pub(crate) use soft_delete::{clearing, marking};
pub use static_model::{PerServerModel, StaticModel, TransmittedModel};
pub use transmit::{
    Batch, Collect, DynTransmitHooks, TransmitContext, TransmitHooks, connect_transmit_hooks,
};
pub(crate) use transmit::{Changes, Collection, DynBatch, Transmitted, WriteBatch};
