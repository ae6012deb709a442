//! The statistics of servers, logical shards, tables and statements, as data.

use std::time::Duration;

use super::window::{Window, Windows};
use crate::connect::PoolFigures;

/// The statistics of the calls of this process, from [`Cluster::statistics`](crate::Cluster::statistics), or of all
/// processes, in [`FleetStatistics`](super::FleetStatistics).
#[derive(Debug, Clone, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct Statistics {
    /// How long the cluster has been open; of several processes, the longest time.
    #[cfg_attr(
        feature = "serde",
        serde(rename = "over_seconds", serialize_with = "crate::units::seconds_of")
    )]
    pub over: Duration,
    /// The servers of the groups and the named databases, in each role in which they serve.
    pub servers: Vec<ServerStatistics>,
    /// The groups and the named databases: the calls to all their servers together.
    pub groups: Vec<GroupStatistics>,
    /// What else has happened on each of these servers.
    pub incidents: Vec<Incidents>,
    /// The replicas that are monitored.
    pub replicas: Vec<ReplicaLag>,
    /// The logical shards, by group and number.
    pub shards: Vec<ShardStatistics>,
    /// The tables, the one with the most time first. Estimated; see [`StatementStatistics`].
    pub tables: Vec<TableStatistics>,
    /// The statements, the one with the most time first: at most 500 of one process.
    pub statements: Vec<StatementStatistics>,
}

/// The calls to one server in one role.
#[derive(Debug, Clone, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct ServerStatistics {
    /// The group, or the named database.
    pub group: String,
    /// The server.
    pub server: String,
    /// `primary` or `replica`, of all replicas together.
    pub role: &'static str,
    /// Its calls.
    pub windows: Windows,
    /// Its calls by verb, since it was added; empty for several processes.
    pub verbs: Vec<VerbStatistics>,
    /// The pools of its endpoints.
    pub pools: Vec<PoolStatistics>,
}

/// The calls to all servers of a group, in all roles.
#[derive(Debug, Clone, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct GroupStatistics {
    /// The group, or the named database.
    pub group: String,
    /// Its calls. Quantiles are those of all calls.
    pub windows: Windows,
}

/// What has happened on one server apart from its calls, since it was added.
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct Incidents {
    /// The group, or the named database.
    pub group: String,
    /// The server.
    pub server: String,
    /// Calls whose futures were dropped before their end.
    pub cancelled: u64,
    /// Statements and transactions that the library sent again.
    pub retries: u64,
    /// Connections that were lost while they were used.
    pub lost_connections: u64,
    /// Writes and commits whose response was lost.
    pub unknown_outcomes: u64,
    /// How often another endpoint has become the primary.
    pub role_changes: u64,
    /// Reads that went to the primary in the place of a replica.
    pub primary_reads: u64,
    /// How often a call had to wait for a connection: for a free one, a new one, or a ping.
    pub waits: u64,
    /// The duration within which 99 of 100 of these waits ended.
    #[cfg_attr(
        feature = "serde",
        serde(rename = "wait_p99_seconds", serialize_with = "crate::units::seconds")
    )]
    pub wait_p99: Option<Duration>,
}

/// The calls of one verb.
#[derive(Debug, Clone, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct VerbStatistics {
    /// As in spans: `select`, `insert`, ..; and `commit`, and `stream`, which takes as long as its reader.
    pub verb: &'static str,
    /// Its calls.
    pub total: Window,
}

/// The connections to one endpoint; on SQLite, to all its files.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct PoolStatistics {
    /// The position among the server's endpoints; 0 is the configured primary.
    pub endpoint: usize,
    /// The most connections.
    pub max: u64,
    /// The open connections.
    pub size: u64,
    /// The connections in use or being opened.
    pub in_use: u64,
    /// The calls that wait for one to become free.
    pub waiting: u64,
}

impl From<&PoolFigures> for PoolStatistics {
    fn from(figures: &PoolFigures) -> Self {
        Self {
            endpoint: figures.endpoint,
            max: figures.max,
            size: figures.size,
            in_use: figures.in_use,
            waiting: figures.waiting,
        }
    }
}

/// How far a replica is behind its primary, and was some minutes ago.
///
/// Of several processes, as the one says that has measured the most.
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct ReplicaLag {
    /// The group, or the named database.
    pub group: String,
    /// The server.
    pub server: String,
    /// The position among the server's endpoints; 0 is the configured primary.
    pub endpoint: usize,
    /// How long ago the primary was first seen beyond the replica's position.
    #[cfg_attr(
        feature = "serde",
        serde(rename = "lag_seconds", serialize_with = "crate::units::seconds_of")
    )]
    pub lag: Duration,
    /// The lag when the windows of 1, 5 and 15 minutes began.
    pub before: [LagBefore; 3],
}

/// The lag of a replica some time ago.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct LagBefore {
    /// How long ago that was: shorter than the window in the beginning.
    #[cfg_attr(
        feature = "serde",
        serde(rename = "ago_seconds", serialize_with = "crate::units::seconds_of")
    )]
    pub ago: Duration,
    /// The lag at that time.
    #[cfg_attr(
        feature = "serde",
        serde(rename = "lag_seconds", serialize_with = "crate::units::seconds_of")
    )]
    pub lag: Duration,
}

/// The calls to one logical shard, wherever it was.
#[derive(Debug, Clone, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct ShardStatistics {
    /// The group.
    pub group: String,
    /// The logical shard.
    pub shard: u32,
    /// Its server.
    pub server: String,
    /// Its calls. Of a call over several logical shards of a server, each has an equal share of the
    /// rows and of the time.
    pub windows: Windows,
}

/// An estimate of the calls with one table.
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct TableStatistics {
    /// The group, or the named database.
    pub group: String,
    /// The table; empty for statements that name none.
    pub table: String,
    /// The estimated number of calls.
    pub calls: u64,
    /// The estimated sum of their durations.
    #[cfg_attr(
        feature = "serde",
        serde(rename = "busy_seconds", serialize_with = "crate::units::seconds_of")
    )]
    pub busy: Duration,
}

/// The calls with one fingerprint: estimated from one of 512, and from all that were slow.
///
/// The first call of each duration is among those that are seen, so that after a few calls the
/// estimates are far too high.
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct StatementStatistics {
    /// The group, or the named database.
    pub group: String,
    /// The table; empty for statements that name none.
    pub table: String,
    /// The verb.
    pub verb: String,
    /// The SQL with `?` in the place of each value, and without the namespace; at most 2,000 bytes.
    pub fingerprint: String,
    /// The estimated number of calls.
    pub calls: u64,
    /// The estimated sum of their durations.
    #[cfg_attr(
        feature = "serde",
        serde(rename = "busy_seconds", serialize_with = "crate::units::seconds_of")
    )]
    pub busy: Duration,
    /// The number of calls that took at least as long as [`slow_call`](crate::config::Config::slow_call):
    /// all of them, not an estimate.
    pub slow: u64,
    /// The longest call that was seen.
    #[cfg_attr(
        feature = "serde",
        serde(
            rename = "longest_seconds",
            serialize_with = "crate::units::seconds_of"
        )
    )]
    pub longest: Duration,
    /// The server of that call.
    pub server: String,
    /// The logical shard of that call, the first one of several.
    pub shard: u32,
}
