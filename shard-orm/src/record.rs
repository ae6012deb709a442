//! What can be done with a row: the verbs that a model has by being one.
//!
//! Three traits say where the rows of a model live, and give it the same verbs with the address
//! that it needs: a shard key, the number of a shard, or nothing. Each resolves its place and
//! hands on to the functions below.

mod conflict;
mod database;
mod insert_many;
mod isolated;
mod ops;
mod sharded;
mod upsert;
mod verbs;

pub use database::DatabaseModel;
pub use isolated::IsolatedModel;
pub use sharded::ShardModel;
