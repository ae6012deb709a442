//! The tables of the soak.

use shard_orm::prelude::*;

/// A row that one task inserts, changes and deletes.
#[derive(Debug, Clone, PartialEq, ShardModel)]
#[shard(group = "soak", table = "notes")]
pub(crate) struct Note {
    #[shard(primary_key)]
    pub(crate) id: i64,
    #[shard(key, index)]
    pub(crate) user_id: i64,
    #[shard(length = 64)]
    pub(crate) text: String,
    pub(crate) version: i32,
}

impl Note {
    pub(crate) fn new(id: i64, user_id: i64, version: i32) -> Self {
        Self {
            id,
            user_id,
            text: format!("note {id} version {version}"),
            version,
        }
    }
}

/// A number to which each increment adds another power of four.
#[derive(Debug, Clone, PartialEq, ShardModel)]
#[shard(group = "soak", table = "counters")]
pub(crate) struct Counter {
    #[shard(primary_key)]
    pub(crate) id: i64,
    #[shard(key)]
    pub(crate) user_id: i64,
    pub(crate) value: i64,
}

/// One of the few accounts of a shard, between which all tasks move amounts.
#[derive(Debug, Clone, PartialEq, ShardModel)]
#[shard(group = "soak", table = "accounts")]
pub(crate) struct Account {
    #[shard(primary_key)]
    pub(crate) id: i64,
    #[shard(key)]
    pub(crate) user_id: i64,
    pub(crate) balance: i64,
    pub(crate) entries: i64,
}

/// What a transfer did to one account. Its table has no primary key, so that a second copy is a second row.
#[derive(Debug, Clone, PartialEq, ShardModel)]
#[shard(group = "soak", table = "entries")]
pub(crate) struct Entry {
    #[shard(primary_key)]
    pub(crate) id: i64,
    #[shard(key)]
    pub(crate) user_id: i64,
    #[shard(index)]
    pub(crate) transfer: i64,
    pub(crate) account: i64,
    pub(crate) amount: i64,
}

/// One of many rows that are inserted together.
#[derive(Debug, Clone, PartialEq, ShardModel)]
#[shard(group = "soak", table = "parcels")]
pub(crate) struct Parcel {
    #[shard(primary_key)]
    pub(crate) id: i64,
    #[shard(key)]
    pub(crate) user_id: i64,
    pub(crate) weight: i32,
}

/// A row that all tasks try to be the first to make.
#[derive(Debug, Clone, PartialEq, ShardModel)]
#[shard(group = "soak", table = "badges", unique(user_id, name))]
pub(crate) struct Badge {
    #[shard(primary_key)]
    pub(crate) id: i64,
    #[shard(key)]
    pub(crate) user_id: i64,
    pub(crate) name: i32,
}
