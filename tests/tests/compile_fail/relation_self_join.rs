//! A table is part of a join once. Found when code is made, so by `cargo build` and not by `cargo check`: a run of
//! this case alone only checks.

use shard_orm::prelude::*;

#[derive(ShardModel)]
#[shard(group = "shop", table = "nodes")]
#[shard(has_many(children = "Node", by = "parent_id"))]
struct Node {
    #[shard(primary_key)]
    id: i64,
    #[shard(key)]
    user_id: i64,
    parent_id: Option<i64>,
}

fn main() {
    let _ = Node::on(42).join(Node::CHILDREN);
}
