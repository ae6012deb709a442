//! Whether the rows of a logical shard fit on a server: its capacity, and what its machine holds already.
//!
//! Called when a move is examined. The machine of a server counts as in a plan of `admin::Rebalance`, so that a planned
//! move is not refused.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::catalog::ServerEntry;
use crate::cluster::Cluster;
use crate::connect::NamespaceHandle;
use crate::error::Result;
use crate::exec::sizes::{Named, bytes_on_server};

/// The bytes of a namespace.
pub(super) async fn bytes_of(handle: &Arc<NamespaceHandle>) -> Result<u64> {
    bytes_on_server(&[named(handle)]).await
}

/// What to say of a server that has no room for so many bytes more.
pub(super) async fn shortage(
    cluster: &Cluster,
    entries: &[ServerEntry],
    (group, server): (&str, &str),
    bytes: u64,
) -> Result<Option<String>> {
    let machines = machines(entries);
    let all = || entries.iter().zip(&machines);
    let own = all().find(|(entry, _)| entry.group == group && entry.name == server);
    let Some((_, machine)) = own else {
        return Ok(None);
    };
    let there = || all().filter(|(_, other)| *other == machine);
    let capacities = there().filter_map(|(entry, _)| entry.capacity);
    let Some(capacity) = capacities.min() else {
        return Ok(None);
    };
    let epoch = cluster.topology().epoch();
    cluster.reload_topology(epoch).await?;
    let mut held = 0_u64;
    for (entry, _) in there() {
        let handles = cluster.handles_of_group(&entry.group)?;
        let handles = handles
            .iter()
            .filter(|handle| *handle.server == *entry.name);
        let namespaces: Vec<Named> = handles.map(named).collect();
        held = held.saturating_add(bytes_on_server(&namespaces).await?);
    }
    let needed = held.saturating_add(bytes);
    Ok((needed > capacity).then(|| {
        format!(
            "has no room: its logical shards take about {held} bytes, and this one about {bytes}, which is {} more than \
             its capacity of {capacity}; move others away, or raise it with `shard-orm server set`",
            needed - capacity
        )
    }))
}

fn named(handle: &Arc<NamespaceHandle>) -> Named {
    Named {
        handle: Arc::clone(handle),
        name: handle.namespace.name().to_string(),
    }
}

/// The machine of each server: its host and port, and its number among the servers of its group there. Two
/// servers of one group are never one.
pub(crate) fn machines(entries: &[ServerEntry]) -> Vec<String> {
    let mut seen: BTreeMap<(&str, &str), u32> = BTreeMap::new();
    let machines = entries.iter().map(|entry| {
        let host = host(&entry.primary);
        let number = seen.entry((&entry.group, host)).or_default();
        *number += 1;
        format!("{host} {number}")
    });
    machines.collect()
}

/// The host and port of a URL; for SQLite, the folder.
fn host(url: &str) -> &str {
    let Some((scheme, rest)) = url.split_once("://") else {
        return url;
    };
    if scheme == "sqlite" {
        return rest;
    }
    let rest = rest.split(['/', '?']).next().unwrap_or(rest);
    rest.rsplit_once('@').map_or(rest, |(_, host)| host)
}

#[cfg(test)]
mod tests {
    use super::host;

    #[test]
    fn the_machine_of_a_url_is_its_host_and_port() {
        for (url, expected) in [
            (
                "postgres://app:${PASSWORD}@10.0.0.1:5432/shop?sslmode=require",
                "10.0.0.1:5432",
            ),
            ("mysql://10.0.0.1", "10.0.0.1"),
            ("postgres://app@db/shop", "db"),
            ("sqlite://data/a", "data/a"),
            ("", ""),
        ] {
            assert_eq!(host(url), expected, "{url}");
        }
    }
}
