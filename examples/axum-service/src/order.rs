//! The model of the service.

use serde::Serialize;
use shard_orm::prelude::*;

/// An order of a user, on the logical shard of the user.
#[derive(Debug, Clone, PartialEq, ShardModel, Serialize)]
#[shard(group = "shop", table = "orders", index(user_id, id))]
pub(crate) struct Order {
    /// A number of 64 bits, which JavaScript would round: it is text in JSON.
    #[shard(primary_key, generate = "snowflake")]
    #[serde(with = "shard_orm::id::text")]
    pub(crate) id: i64,
    #[shard(key)]
    pub(crate) user_id: i64,
    #[shard(length = 100)]
    pub(crate) item: String,
    #[shard(index)]
    pub(crate) quantity: i32,
}
