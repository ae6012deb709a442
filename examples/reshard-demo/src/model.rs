//! The models: a bank, sharded by customer.

use shard_orm::prelude::*;

/// One of a customer's accounts.
#[derive(Debug, Clone, PartialEq, ShardModel)]
#[shard(group = "bank", table = "accounts")]
pub(crate) struct Account {
    #[shard(key, primary_key)]
    pub(crate) customer: i64,
    #[shard(primary_key)]
    pub(crate) number: i64,
    /// In cents.
    pub(crate) balance: i64,
}

/// A transfer between two accounts of a customer.
#[derive(Debug, Clone, PartialEq, Eq, Hash, ShardModel)]
#[shard(group = "bank", table = "transfers")]
#[shard(index(customer, id))]
pub(crate) struct Transfer {
    #[shard(primary_key)]
    pub(crate) id: i64,
    #[shard(key)]
    pub(crate) customer: i64,
    pub(crate) from_account: i64,
    pub(crate) to_account: i64,
    /// In cents.
    pub(crate) amount: i64,
}

/// A login of a customer.
#[derive(Debug, Clone, PartialEq, Eq, Hash, ShardModel)]
#[shard(group = "bank", table = "logins")]
pub(crate) struct Login {
    #[shard(primary_key)]
    pub(crate) id: i64,
    #[shard(key)]
    pub(crate) customer: i64,
}
