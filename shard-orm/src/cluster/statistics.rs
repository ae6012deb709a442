//! The statistics of calls: by server, logical shard, table and statement; of this process, or of all that publish
//! theirs in the catalog.
//!
//! Read from the recorders of `observe`, without asking a database, as counters ([`figures`]), which are published as a
//! text, added, and turned into the data that callers get ([`report`]).

mod figures;
mod fleet;
mod publish;
mod read;
mod report;
mod sizes;
mod spans;
mod text;
mod window;

use std::collections::BTreeMap;
use std::time::Duration;

use tokio::runtime::Handle;

use self::figures::{Figures, OfIncidents, OfRole, OfServer};
pub use self::fleet::{FleetProcess, FleetStatistics, Published};
pub(super) use self::publish::Publication;
use self::read::read;
pub use self::report::{
    GroupStatistics, Incidents, LagBefore, PoolStatistics, ReplicaLag, ServerStatistics,
    ShardStatistics, StatementStatistics, Statistics, TableStatistics, VerbStatistics,
};
pub use self::sizes::ServerSizes;
use self::spans::Spans;
pub use self::window::{Window, Windows};

use super::Cluster;
use crate::connect::ServerFigures;
use crate::observe::{
    Cell, DURATIONS, Durations, Event, Load, Recorder, ServerRecorder, StatementRecord, TICK,
    Totals,
};
use crate::task::restarting;

impl Cluster {
    /// The calls of this process since the cluster was opened, and within the last 1, 5 and 15
    /// minutes. Sends nothing. Memory is bounded: some 30 KiB for each server, 0.5 KiB for each
    /// logical shard, and at most 500 statements.
    ///
    /// [`fleet_statistics`](Self::fleet_statistics) has those of all processes.
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
        read(self, self.measured())
    }

    /// What this process has measured.
    fn measured(&self) -> Figures {
        let recorder = self.recorder();
        let now = recorder.now();
        let state = self.inner.state.load_full();
        let mut figures = Figures {
            over: now.saturating_duration_since(recorder.begun),
            ..Figures::default()
        };
        for server in &state.pool_set.figures() {
            let name = (server.group.to_string(), server.server.to_string());
            figures.servers.insert(name, of_server(server, recorder));
        }
        for ((group, server, endpoint), lag) in self.replica_lags() {
            let name = (group.clone(), server.clone());
            let Some(of_server) = figures.servers.get_mut(&name) else {
                continue;
            };
            let before = of_server.lags.get(&endpoint).map(|noted| noted.before);
            let lag = ReplicaLag {
                group,
                server,
                endpoint,
                lag,
                before: before.unwrap_or_default(),
            };
            of_server.lags.insert(endpoint, lag);
        }
        for index in 0..state.topology.groups().len() {
            for handle in state.pool_set.shards(index) {
                let load = handle.observed.load();
                let shard = (
                    handle.namespace.group().to_string(),
                    handle.namespace.shard(),
                );
                let spans = Spans::new(load.total(), figures.over, load.begins(now), None);
                figures.shards.insert(shard, spans);
            }
        }
        let statements = recorder.statements();
        figures.tables = tables(&statements);
        figures.statements = statements.into_iter().map(statement).collect();
        figures
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
                    cluster.tick();
                }
            }
        };
        runtime.spawn(restarting("the windows of the statistics", keep));
    }

    fn tick(&self) {
        let now = self.recorder().now();
        let state = self.inner.state.load_full();
        let lags = self.replica_lags();
        for server in state.pool_set.figures() {
            server.observed.tick(now);
            let own = lags.iter().filter_map(|((group, name, endpoint), lag)| {
                let is_own = **group == *server.group && **name == *server.server;
                is_own.then_some((*endpoint, *lag))
            });
            server.observed.lags.tick(now, &own.collect::<Vec<_>>());
        }
        for index in 0..state.topology.groups().len() {
            for handle in state.pool_set.shards(index) {
                handle.observed.load().tick(now);
            }
        }
    }

    /// The lag of each replica, as its monitor knows it: by group, server and endpoint.
    fn replica_lags(&self) -> BTreeMap<(String, String, usize), Duration> {
        let servers = self.health().into_iter();
        let lags = servers.flat_map(|server| {
            let endpoints = server.endpoints.into_iter().enumerate();
            let name = (server.group, server.server);
            endpoints.filter_map(move |(endpoint, own)| {
                Some(((name.0.clone(), name.1.clone(), endpoint), own.lag?))
            })
        });
        lags.collect()
    }

    /// Lets time pass for the windows of the statistics, which are kept meanwhile.
    #[cfg(feature = "testing")]
    pub(crate) fn pass(&self, time: Duration) {
        let mut left = time;
        while !left.is_zero() {
            let step = left.min(TICK);
            self.recorder().pass(step);
            self.tick();
            left -= step;
        }
    }
}

/// The figures of a server in the roles in which it has served, without the lags as they are now.
fn of_server(server: &ServerFigures, recorder: &Recorder) -> OfServer {
    let now = recorder.now();
    let observed: &ServerRecorder = &server.observed;
    let begun = now.saturating_duration_since(server.begun);
    let role = |replica: bool| {
        let total = observed.totals(replica);
        let pools = server.pools.iter().filter(|pool| pool.replica == replica);
        let pools: BTreeMap<usize, PoolStatistics> =
            pools.map(|pool| (pool.endpoint, pool.into())).collect();
        if pools.is_empty() && total == Totals::default() {
            return None;
        }
        let verb = |cell: &Cell| {
            let durations: Vec<u64> = cell.durations.read().map(|(count, _)| count).collect();
            VerbStatistics {
                verb: cell.verb,
                total: Window::new(cell.load(), Some((&durations, &DURATIONS))).over(begun),
            }
        };
        let (begins, earlier) = (observed.begins(replica, now), observed.earlier(replica));
        Some(OfRole {
            spans: Spans::new(total, begun, begins, earlier),
            verbs: observed.cells(replica).map(verb).collect(),
            pools,
        })
    };
    let lags = observed.lags.read(now).into_iter().map(|noted| {
        let before = noted.begins.map(|(ago, lag)| LagBefore { ago, lag });
        let lag = ReplicaLag {
            group: server.group.to_string(),
            server: server.server.to_string(),
            endpoint: noted.endpoint,
            lag: Duration::ZERO,
            before,
        };
        (noted.endpoint, lag)
    });
    OfServer {
        roles: [role(false), role(true)],
        incidents: incidents(observed),
        lags: lags.collect(),
    }
}

fn incidents(observed: &ServerRecorder) -> OfIncidents {
    let sum = |events: &[(Event, &str)]| {
        let counts = events.iter().map(|(event, _)| observed.events(*event));
        counts.sum()
    };
    let mut waits = Durations::default();
    for (own, (count, _)) in waits.0.iter_mut().zip(observed.waits.read()) {
        *own = count;
    }
    OfIncidents {
        counts: [
            observed.events(Event::Cancelled),
            sum(&Event::RETRIES),
            observed.events(Event::ConnectionLost),
            observed.events(Event::OutcomeUnknown),
            observed.events(Event::RoleChanged),
            sum(&Event::PRIMARY_READS),
        ],
        waits,
    }
}

/// The calls of the statements of each table, and their time in microseconds.
fn tables(statements: &[StatementRecord]) -> BTreeMap<(String, String), (u64, u64)> {
    let mut tables: BTreeMap<(String, String), (u64, u64)> = BTreeMap::new();
    for one in statements {
        let sum = tables
            .entry((one.group.clone(), one.table.clone()))
            .or_default();
        sum.0 += one.calls + one.slow;
        sum.1 += one.micros + one.slow_micros;
    }
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
        verb: record.verb.to_owned(),
        fingerprint: record.text,
        server: record.server,
        shard: record.shard,
    }
}
