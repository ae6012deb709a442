//! What a model is marked with has to be written.

use shard_orm::prelude::*;
use shard_orm::{Result, hooks::{Hooks, Validate, WriteContext}};

#[derive(ShardModel)]
#[shard(group = "shop", table = "orders", hooks)]
struct NoHooks {
    #[shard(key, primary_key)]
    id: i64,
}

#[derive(ShardModel)]
#[shard(group = "shop", table = "orders", validate)]
struct NoValidate {
    #[shard(key, primary_key)]
    id: i64,
}

#[derive(ShardModel)]
#[shard(group = "shop", table = "orders", hooks)]
struct Changed {
    #[shard(key, primary_key)]
    id: i64,
}

impl Hooks for Changed {
    async fn before_update(&mut self, _: WriteContext<'_>) -> Result<()> {
        Ok(())
    }
}

#[derive(ShardModel)]
#[shard(group = "shop", table = "lines", validate)]
struct Line {
    #[shard(key, primary_key)]
    id: i64,
}

impl Validate for Line {
    fn validate(&self, problems: &mut shard_orm::hooks::Problems<Self>) {
        problems.check(Changed::ID, self.id > 0, "must be positive");
    }
}

#[derive(StaticModel)]
#[static_model(groups = all, table = "airlines", transmit_hooks)]
struct NoTransmitHooks {
    #[static_model(primary_key)]
    code: String,
}

fn main() {}
