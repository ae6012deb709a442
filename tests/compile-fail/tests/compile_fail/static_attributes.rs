//! What a static model says of itself.

use shard_orm::StaticModel;

#[derive(StaticModel)]
struct Nothing {
    code: String,
}

#[derive(StaticModel)]
#[static_model(groups = "shop", table = "airlines")]
struct OneGroup {
    #[static_model(primary_key)]
    code: String,
}

#[derive(StaticModel)]
#[static_model(group = "shop", database = "default", table = "airlines")]
struct Sharded {
    #[static_model(primary_key, key)]
    code: String,
    #[static_model(soft_delete, generate = "snowflake")]
    gone: Option<i64>,
}

#[derive(StaticModel)]
#[static_model(groups = [], table = "shop.airlines", source = "", criterion = "cod")]
struct Wrong {
    #[static_model(primary_key)]
    code: Option<String>,
}

#[derive(StaticModel)]
#[static_model(groups = all, table = "airlines", transmit = false, source = "default", criterion = "code", transmit_hooks)]
struct WithoutSource {
    #[static_model(primary_key)]
    code: String,
}

#[derive(StaticModel)]
#[static_model(groups = all, table = "airlines", transmit = "no", criterion = "changed")]
struct Unknown {
    #[static_model(primary_key)]
    code: String,
    changed: Option<i64>,
}

#[derive(StaticModel)]
#[shard(group = "shop", table = "airlines")]
struct OtherAttribute {
    #[shard(primary_key)]
    code: String,
}

fn main() {}
