//! What is measured, as counters: of this process, of another one, or added over several.

use std::collections::BTreeMap;
use std::time::Duration;

use super::report::{PoolStatistics, ReplicaLag, StatementStatistics, VerbStatistics};
use super::spans::Spans;
use crate::observe::{Durations, Load, Totals};

/// A server of a group, or of a named database.
pub(super) type ServerName = (String, String);

/// All that is measured.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Figures {
    /// How long the process has measured; of several, the longest.
    pub(super) over: Duration,
    pub(super) servers: BTreeMap<ServerName, OfServer>,
    /// By group and number.
    pub(super) shards: BTreeMap<(String, u32), Spans<Load>>,
    /// The calls and their time in microseconds, by group and table.
    pub(super) tables: BTreeMap<(String, String), (u64, u64)>,
    pub(super) statements: Vec<StatementStatistics>,
    /// What was left out for lack of room.
    pub(super) cut: Cut,
}

/// The numbers of servers, statements and logical shards that are left out.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Cut {
    pub(super) servers: u64,
    pub(super) statements: u64,
    pub(super) shards: u64,
}

/// What is measured of a server.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct OfServer {
    /// As primary, and as replica.
    pub(super) roles: [Option<OfRole>; 2],
    pub(super) incidents: OfIncidents,
    /// By endpoint.
    pub(super) lags: BTreeMap<usize, ReplicaLag>,
}

/// What is measured of a server in one role.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct OfRole {
    pub(super) spans: Spans<Totals>,
    /// Of one process.
    pub(super) verbs: Vec<VerbStatistics>,
    /// By endpoint.
    pub(super) pools: BTreeMap<usize, PoolStatistics>,
}

/// What has happened on a server apart from its calls.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct OfIncidents {
    /// In the order of the fields of `Incidents`.
    pub(super) counts: [u64; 6],
    /// The waits for connections, by bucket of durations.
    pub(super) waits: Durations,
}

impl Figures {
    /// Adds those of another process.
    pub(super) fn add(&mut self, other: Self) {
        self.over = self.over.max(other.over);
        for (name, server) in other.servers {
            self.servers.entry(name).or_default().add(server);
        }
        for (shard, spans) in other.shards {
            self.shards.entry(shard).or_default().add(&spans);
        }
        for (table, (calls, micros)) in other.tables {
            let sum = self.tables.entry(table).or_default();
            sum.0 = sum.0.saturating_add(calls);
            sum.1 = sum.1.saturating_add(micros);
        }
        for statement in other.statements {
            add_statement(&mut self.statements, statement);
        }
        self.cut.servers += other.cut.servers;
        self.cut.statements += other.cut.statements;
        self.cut.shards += other.cut.shards;
    }
}

/// Adds the calls with a fingerprint. A process publishes few statements.
fn add_statement(all: &mut Vec<StatementStatistics>, other: StatementStatistics) {
    let is_same = |own: &&mut StatementStatistics| {
        own.group == other.group && own.verb == other.verb && own.fingerprint == other.fingerprint
    };
    let Some(own) = all.iter_mut().find(is_same) else {
        all.push(other);
        return;
    };
    own.calls = own.calls.saturating_add(other.calls);
    own.busy = own.busy.saturating_add(other.busy);
    own.slow = own.slow.saturating_add(other.slow);
    if other.longest > own.longest {
        own.longest = other.longest;
        own.server = other.server;
        own.shard = other.shard;
    }
}

impl OfServer {
    /// The calls and their time within the last 15 minutes.
    pub(super) fn load(&self) -> Load {
        let mut sum = Load::default();
        for role in self.roles.iter().flatten() {
            sum.add(role.spans.fifteen.counts.load);
        }
        sum
    }

    fn add(&mut self, other: Self) {
        for (own, other) in self.roles.iter_mut().zip(other.roles) {
            let Some(other) = other else { continue };
            own.get_or_insert_default().add(other);
        }
        let counts = self.incidents.counts.iter_mut();
        for (own, other) in counts.zip(other.incidents.counts) {
            *own = own.saturating_add(other);
        }
        let waits = self.incidents.waits.0.iter_mut();
        for (own, other) in waits.zip(other.incidents.waits.0) {
            *own = own.saturating_add(other);
        }
        for (endpoint, lag) in other.lags {
            let own = self.lags.entry(endpoint).or_insert_with(|| lag.clone());
            // Each process measures by itself.
            if lag.lag > own.lag {
                *own = lag;
            }
        }
    }
}

impl OfRole {
    fn add(&mut self, other: Self) {
        self.spans.add(&other.spans);
        for (endpoint, pool) in other.pools {
            let empty = PoolStatistics {
                endpoint,
                ..PoolStatistics::default()
            };
            let own = self.pools.entry(endpoint).or_insert(empty);
            own.max = own.max.saturating_add(pool.max);
            own.size = own.size.saturating_add(pool.size);
            own.in_use = own.in_use.saturating_add(pool.in_use);
            own.waiting = own.waiting.saturating_add(pool.waiting);
        }
    }
}
