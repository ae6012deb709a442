//! A stored type is a struct around one field, or an enum of names or numbers.

use shard_orm::ShardField;

#[derive(ShardField)]
struct Pair {
    a: i64,
    b: i64,
}

#[derive(ShardField)]
struct Nullable(Option<i64>);

#[derive(ShardField)]
enum Nothing {}

#[derive(ShardField)]
enum Fields {
    One(i32),
    Two { a: i32 },
}

#[derive(ShardField)]
#[shard(rename_al = "lowercase")]
enum Misspelt {
    #[shard(name = "one")]
    One,
}

#[derive(ShardField)]
#[shard(rename_all = "camelCase")]
enum UnknownCase {
    One,
}

#[derive(ShardField)]
enum SameText {
    New,
    #[shard(rename = "new")]
    Fresh,
}

#[derive(ShardField)]
#[shard(rename_all = "lowercase")]
enum SameCase {
    OnHold,
    Onhold,
}

#[derive(ShardField)]
#[shard(integer = "i128")]
enum UnknownInteger {
    One,
}

#[derive(ShardField)]
#[shard(integer = "u8", rename_all = "lowercase")]
enum Numbers {
    Under = -1,
    #[shard(rename = "zero")]
    Low,
    High = 255,
    Above,
    Computed = 1 << 3,
}

fn main() {}
