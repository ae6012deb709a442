//! Turns counters into the data that callers get.

use std::cmp::Reverse;
use std::collections::HashMap;
use std::time::Duration;

use super::figures::{Figures, OfIncidents, OfRole, OfServer, ServerName};
use super::report::{
    GroupStatistics, Incidents, ServerStatistics, ShardStatistics, Statistics, TableStatistics,
};
use super::spans::Spans;
use crate::cluster::Cluster;
use crate::observe::{DURATIONS, Totals, quantile};

/// The statistics of counters: of the servers in the order of the topology, then those that it does not have, and of
/// all logical shards that it has.
pub(super) fn read(cluster: &Cluster, figures: Figures) -> Statistics {
    let known = cluster.figures();
    let known = known.iter().enumerate();
    let ranks: HashMap<ServerName, usize> = known
        .map(|(rank, server)| ((server.group.to_string(), server.server.to_string()), rank))
        .collect();
    let mut named: Vec<_> = figures.servers.into_iter().collect();
    named.sort_by_key(|(name, _)| ranks.get(name).copied().unwrap_or(usize::MAX));
    let groups = groups(&named);
    let (mut servers, mut all, mut replicas) = (Vec::new(), Vec::new(), Vec::new());
    for (name, server) in named {
        let roles = server.roles.into_iter().zip(["primary", "replica"]);
        servers.extend(roles.filter_map(|(own, role)| Some(of_role(&name, role, own?))));
        all.push(incidents(&name, &server.incidents));
        replicas.extend(server.lags.into_values());
    }
    let state = cluster.inner.state.load_full();
    let indexes = 0..state.topology.groups().len();
    let handles = indexes.flat_map(|index| state.pool_set.shards(index));
    let shards = handles.map(|handle| {
        let (group, shard) = (handle.namespace.group(), handle.namespace.shard());
        let spans = figures.shards.get(&(group.to_string(), shard));
        let spans = spans.copied().unwrap_or_else(Spans::default);
        ShardStatistics {
            group: group.to_string(),
            shard,
            server: handle.server.to_string(),
            windows: (&spans).into(),
        }
    });
    let mut tables: Vec<TableStatistics> = figures
        .tables
        .into_iter()
        .map(|((group, table), (calls, micros))| TableStatistics {
            group,
            table,
            calls,
            busy: Duration::from_micros(micros),
        })
        .collect();
    tables.sort_by_key(|table| Reverse(table.busy));
    let mut statements = figures.statements;
    statements.sort_by_key(|one| Reverse(one.busy));
    Statistics {
        over: figures.over,
        servers,
        groups,
        incidents: all,
        replicas,
        shards: shards.collect(),
        tables,
        statements,
    }
}

/// The sums over the servers of each group, in the order of the servers.
fn groups(servers: &[(ServerName, OfServer)]) -> Vec<GroupStatistics> {
    let mut sums: Vec<(&str, Spans<Totals>)> = Vec::new();
    for ((group, _), server) in servers {
        for role in server.roles.iter().flatten() {
            match sums.iter_mut().find(|(name, _)| name == group) {
                Some((_, sum)) => sum.add(&role.spans),
                None => sums.push((group, role.spans)),
            }
        }
    }
    let group = |(group, spans): (&str, Spans<Totals>)| GroupStatistics {
        group: group.to_owned(),
        windows: (&spans).into(),
    };
    sums.into_iter().map(group).collect()
}

fn of_role((group, server): &ServerName, role: &'static str, own: OfRole) -> ServerStatistics {
    ServerStatistics {
        group: group.clone(),
        server: server.clone(),
        role,
        windows: (&own.spans).into(),
        verbs: own.verbs,
        pools: own.pools.into_values().collect(),
    }
}

fn incidents((group, server): &ServerName, own: &OfIncidents) -> Incidents {
    let [
        cancelled,
        retries,
        lost_connections,
        unknown_outcomes,
        role_changes,
        primary_reads,
    ] = own.counts;
    let waits = own.waits.0;
    Incidents {
        group: group.clone(),
        server: server.clone(),
        cancelled,
        retries,
        lost_connections,
        unknown_outcomes,
        role_changes,
        primary_reads,
        waits: waits.iter().sum(),
        wait_p99: quantile(&waits, &DURATIONS, 0.99),
    }
}
