//! What the library says of its calls: statistics, metrics, the log of slow calls and readiness; and that
//! the guide, the dashboard and the alert rules name metrics that exist.

mod anomalies;
mod copies;
mod counts;
mod metrics;
mod operations;
mod periodic;
mod primary_reads;
mod readiness;
mod slow_calls;

use shard_orm::prelude::*;
use shard_orm::statistics::{ServerStatistics, Window};

#[derive(Debug, Clone, PartialEq, ShardModel)]
#[shard(group = "shop", table = "orders")]
struct Order {
    #[shard(primary_key)]
    id: i64,
    #[shard(key)]
    user_id: i64,
    #[shard(length = 40)]
    item: String,
}

fn order(id: i64, user_id: i64) -> Order {
    Order {
        id,
        user_id,
        item: "tea".to_owned(),
    }
}

/// The servers of the group in a role.
fn servers(cluster: &Cluster, role: &str) -> Vec<ServerStatistics> {
    let servers = cluster.statistics().servers.into_iter();
    servers
        .filter(|server| server.group == "shop" && server.role == role)
        .collect()
}

/// The calls of a verb, over all servers: their number, the errors and the rows.
fn calls(cluster: &Cluster, role: &str, verb: &str) -> (u64, u64, u64) {
    let servers = servers(cluster, role);
    let verbs = servers.iter().flat_map(|server| &server.verbs);
    let totals = verbs.filter(|one| one.verb == verb).map(|one| &one.total);
    totals.fold((0, 0, 0), |sum, one: &Window| {
        (sum.0 + one.calls, sum.1 + one.errors, sum.2 + one.rows)
    })
}
