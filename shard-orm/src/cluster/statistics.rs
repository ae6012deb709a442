//! The statistics of the calls of this process: by server, logical shard, table and statement.
//!
//! Read from the recorders of `observe`, without asking a database.

mod report;
mod window;

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use tokio::runtime::Handle;

pub use self::report::{
    Incidents, PoolStatistics, ServerStatistics, ShardStatistics, StatementStatistics, Statistics,
    TableStatistics, VerbStatistics,
};
pub use self::window::{Window, Windows};

use super::Cluster;
use crate::connect::ServerFigures;
use crate::observe::{
    DURATIONS, Event, Load, Recorder, ServerRecorder, StatementRecord, TICK, Totals, quantile,
};
use crate::task::restarting;

impl Cluster {
    /// The calls of this process since the cluster was opened, and within the last 1, 5 and 15
    /// minutes. Sends nothing. Memory is bounded: some 30 KiB for each server, 0.5 KiB for each
    /// logical shard, and at most 500 statements.
    ///
    /// ```
    /// # use shard_orm::Cluster;
    /// # fn run(cluster: &Cluster) {
    /// for server in cluster.statistics().servers {
    ///     let minute = &server.windows.one;
    ///     println!(
    ///         "{}/{} {}: {:.0} calls/s, p99 {:?}",
    ///         server.group, server.server, server.role, minute.calls_per_second(), minute.p99,
    ///     );
    /// }
    /// # }
    /// ```
    #[must_use]
    pub fn statistics(&self) -> Statistics {
        let now = Instant::now();
        let state = self.inner.state.load_full();
        let figures = state.pool_set.figures();
        let mut servers = Vec::new();
        for server in &figures {
            servers.extend(roles(server, now));
        }
        let mut shards = Vec::new();
        for index in 0..state.topology.groups().len() {
            shards.extend(state.pool_set.shards(index).map(|handle| {
                let load = handle.observed.load();
                let total = load.total();
                let since = |before: Load| Window::of_load(total.since(before));
                ShardStatistics {
                    group: handle.namespace.group().to_string(),
                    shard: handle.namespace.shard(),
                    server: handle.server.to_string(),
                    windows: Windows::new(
                        Window::of_load(total).over(self.recorder().begun.elapsed()),
                        load.begins(now),
                        since,
                    ),
                }
            }));
        }
        let mut statements = self.recorder().statements();
        statements.sort_by_key(|one| std::cmp::Reverse(one.micros + one.slow_micros));
        Statistics {
            over: self.recorder().begun.elapsed(),
            servers,
            incidents: figures.iter().map(incidents).collect(),
            shards,
            tables: tables(&statements),
            statements: statements.into_iter().map(statement).collect(),
        }
    }

    pub(crate) fn recorder(&self) -> &Recorder {
        &self.inner.recorder
    }

    /// The recorders and pools of all servers.
    pub(crate) fn figures(&self) -> Vec<ServerFigures> {
        self.inner.state.load().pool_set.figures()
    }

    /// The look-ups in the caches of SQL of all logical shards: those that found a text, and those that
    /// rendered it, by group.
    pub(crate) fn statement_cache(&self) -> Vec<(String, u64, u64)> {
        let state = self.inner.state.load_full();
        let groups = state.topology.groups().iter().enumerate();
        let sums = groups.map(|(index, group)| {
            let caches = state.pool_set.shards(index);
            let counts = caches.map(|handle| handle.namespace.statement_cache().hits_and_misses());
            let (hits, misses) = counts.fold((0, 0), |sum, one| (sum.0 + one.0, sum.1 + one.1));
            (group.name().to_owned(), hits, misses)
        });
        sums.collect()
    }

    /// The load of each logical shard.
    pub(crate) fn loads(&self) -> Vec<(String, u32, Load)> {
        let state = self.inner.state.load_full();
        let groups = 0..state.topology.groups().len();
        let handles = groups.flat_map(|index| state.pool_set.shards(index));
        let load = |handle: &std::sync::Arc<crate::connect::NamespaceHandle>| {
            let namespace = &handle.namespace;
            let total = handle.observed.load().total();
            (namespace.group().to_string(), namespace.shard(), total)
        };
        handles.map(load).collect()
    }

    /// Begins the slots of the windows, while the cluster exists.
    pub(super) fn keep_windows(&self, runtime: &Handle) {
        let weak = self.downgrade();
        let keep = move || {
            let weak = weak.clone();
            async move {
                loop {
                    tokio::time::sleep(TICK).await;
                    let Some(cluster) = weak.upgrade() else {
                        return;
                    };
                    cluster.tick(Instant::now());
                }
            }
        };
        runtime.spawn(restarting("the windows of the statistics", keep));
    }

    fn tick(&self, now: Instant) {
        let state = self.inner.state.load_full();
        for server in state.pool_set.figures() {
            server.observed.tick(now);
        }
        for index in 0..state.topology.groups().len() {
            for handle in state.pool_set.shards(index) {
                handle.observed.load().tick(now);
            }
        }
    }
}

/// The statistics of a server in the roles in which it has served.
fn roles(server: &ServerFigures, now: Instant) -> impl Iterator<Item = ServerStatistics> {
    [false, true].into_iter().filter_map(move |replica| {
        let observed: &ServerRecorder = &server.observed;
        let total = observed.totals(replica);
        let pools: Vec<PoolStatistics> = server
            .pools
            .iter()
            .filter(|pool| pool.replica == replica)
            .map(PoolStatistics::from)
            .collect();
        if pools.is_empty() && total == Totals::default() {
            return None;
        }
        let since = |before: Totals| Window::of_totals(&total.since(&before));
        let verb = |cell: &crate::observe::Cell| {
            let durations = cell.durations.read().map(|(count, _)| count);
            let durations: Vec<u64> = durations.collect();
            VerbStatistics {
                verb: cell.verb,
                total: Window::new(cell.load(), Some((&durations, &DURATIONS)))
                    .over(server.begun.elapsed()),
            }
        };
        Some(ServerStatistics {
            group: server.group.to_string(),
            server: server.server.to_string(),
            role: if replica { "replica" } else { "primary" },
            windows: Windows::new(
                Window::of_totals(&total).over(server.begun.elapsed()),
                observed.begins(replica, now),
                since,
            ),
            verbs: observed.cells(replica).map(verb).collect(),
            pools,
        })
    })
}

fn incidents(server: &ServerFigures) -> Incidents {
    let observed = &server.observed;
    let sum = |events: &[(Event, &str)]| {
        let counts = events.iter().map(|(event, _)| observed.events(*event));
        counts.sum()
    };
    let waits: Vec<u64> = observed.waits.read().map(|(count, _)| count).collect();
    Incidents {
        group: server.group.to_string(),
        server: server.server.to_string(),
        cancelled: observed.events(Event::Cancelled),
        retries: sum(&Event::RETRIES),
        lost_connections: observed.events(Event::ConnectionLost),
        unknown_outcomes: observed.events(Event::OutcomeUnknown),
        role_changes: observed.events(Event::RoleChanged),
        primary_reads: sum(&Event::PRIMARY_READS),
        waits: waits.iter().sum(),
        wait_p99: quantile(&waits, &DURATIONS, 0.99),
    }
}

/// The sums of the statements of each table, the one with the most time first.
fn tables(statements: &[StatementRecord]) -> Vec<TableStatistics> {
    let mut tables: BTreeMap<(&str, &str), (u64, u64)> = BTreeMap::new();
    for one in statements {
        let sum = tables.entry((&one.group, &one.table)).or_default();
        sum.0 += one.calls + one.slow;
        sum.1 += one.micros + one.slow_micros;
    }
    let mut tables: Vec<TableStatistics> = tables
        .into_iter()
        .map(|((group, table), (calls, micros))| TableStatistics {
            group: group.to_owned(),
            table: table.to_owned(),
            calls,
            busy: Duration::from_micros(micros),
        })
        .collect();
    tables.sort_by_key(|table| std::cmp::Reverse(table.busy));
    tables
}

fn statement(record: StatementRecord) -> StatementStatistics {
    StatementStatistics {
        calls: record.calls + record.slow,
        busy: Duration::from_micros(record.micros + record.slow_micros),
        slow: record.slow,
        longest: Duration::from_micros(record.longest),
        group: record.group,
        table: record.table,
        verb: record.verb,
        fingerprint: record.text,
        server: record.server,
        shard: record.shard,
    }
}
