//! The table that the contenders use.

use shard_orm::prelude::*;
use shard_orm::route::mix64;

/// Three integers, two short texts, and a time as an integer.
#[derive(Debug, Clone, PartialEq, ShardModel)]
#[shard(group = "bench", table = "orders")]
pub(crate) struct Order {
    #[shard(primary_key)]
    pub(crate) id: i64,
    #[shard(key)]
    pub(crate) user_id: i64,
    pub(crate) quantity: i32,
    pub(crate) item: String,
    pub(crate) note: String,
    pub(crate) placed_at: i64,
}

impl Order {
    pub(crate) fn new(id: i64) -> Self {
        let random = mix64(id.cast_unsigned());
        Self {
            id,
            user_id: (random >> 32).cast_signed(),
            quantity: 1,
            item: format!("tea number {}", random % 100),
            note: "as soon as you can".to_owned(),
            placed_at: 1_700_000_000_000_000 + id,
        }
    }
}
