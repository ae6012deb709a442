//! Precision and scale are of decimals, and fit them.

use rust_decimal::Decimal;
use shard_orm::{ShardField, ShardModel};

#[derive(ShardField)]
struct Name(String);

type Whole = i64;

#[derive(ShardModel)]
#[shard(group = "shop", table = "orders")]
struct Seen {
    #[shard(key, primary_key)]
    id: i64,
    #[shard(precision = 12, scale = 2)]
    quantity: i64,
    #[shard(decimal(12, 2))]
    note: Option<String>,
    #[shard(precision = 29)]
    long: Decimal,
    #[shard(decimal(4, 5))]
    small: Decimal,
    #[shard(scale = 2)]
    alone: Decimal,
    #[shard(decimal(12, 2), scale = 2)]
    twice: Decimal,
    #[shard(decimal(12))]
    short: Decimal,
    #[shard(precision = "12")]
    text: Decimal,
    #[shard(skip, decimal(12, 2))]
    skipped: Decimal,
}

#[derive(ShardModel)]
#[shard(group = "shop", table = "hidden")]
struct Hidden {
    #[shard(key, primary_key)]
    id: i64,
    #[shard(decimal(12, 2))]
    name: Name,
    #[shard(decimal(12, 2))]
    whole: Whole,
}

fn main() {}
