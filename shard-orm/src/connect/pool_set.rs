//! The pools and namespace handles of one topology.

mod builder;
#[cfg(feature = "metrics")]
mod figures;
mod report;
mod spec;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::runtime::Handle;

use self::builder::Builder;
#[cfg(feature = "metrics")]
pub(crate) use self::figures::{PoolFigures, ServerFigures};
pub(crate) use self::report::ServerReport;
pub(crate) use self::spec::statements_of;
use super::confirm::Authority;
use super::guard::Guard;
use super::health::Health;
use super::latencies::Latencies;
use super::lock_budget::LockBudget;
use super::monitor::Monitor;
use super::namespace_handle::NamespaceHandle;
use super::pool::Pool;
use crate::error::Result;
use crate::observe::{Recorder, ServerRecorder};
use crate::topology::Topology;

/// The pools and namespace handles of one topology.
pub(crate) struct PoolSet {
    groups: Vec<GroupPools>,
    databases: HashMap<Arc<str>, DatabasePools>,
    /// All pools, without duplicates.
    pools: Vec<Arc<Pool>>,
    recorder: Arc<Recorder>,
}

/// A group's servers in order, its handles by logical shard, and those of its static tables by
/// server.
struct GroupPools {
    guard: Arc<Guard>,
    servers: Vec<Arc<ServerPools>>,
    /// None for unused logical shards.
    handles: Vec<Option<Arc<NamespaceHandle>>>,
    statics: Vec<Arc<NamespaceHandle>>,
}

struct DatabasePools {
    server: Arc<ServerPools>,
    handle: Arc<NamespaceHandle>,
}

/// One server: its health and its pools, the primary's first. On SQLite there are none, since each
/// namespace has its own.
struct ServerPools {
    health: Arc<Health>,
    latencies: Arc<Latencies>,
    locks: Arc<LockBudget>,
    observed: Arc<ServerRecorder>,
    pools: Vec<Arc<Pool>>,
    /// Ends with the last pool set that has this server.
    monitor: Monitor,
}

impl PoolSet {
    pub(crate) fn new(
        topology: &Topology,
        runtime: &Handle,
        recorder: &Arc<Recorder>,
    ) -> Result<Self> {
        Self::build(topology, runtime, recorder, None)
    }

    /// The pool set of a later topology, which reuses the pools of unchanged servers.
    pub(crate) fn renew(&self, own: &Topology, next: &Topology, runtime: &Handle) -> Result<Self> {
        Self::build(next, runtime, &self.recorder, Some((own, self)))
    }

    fn build(
        topology: &Topology,
        runtime: &Handle,
        recorder: &Arc<Recorder>,
        before: Option<(&Topology, &Self)>,
    ) -> Result<Self> {
        let mut builder = Builder {
            cluster: topology.name().into(),
            runtime,
            recorder,
            pools: Vec::new(),
        };
        let mut groups = Vec::with_capacity(topology.groups().len());
        for group in topology.groups() {
            let before = before.and_then(|(topology, pool_set)| {
                let name = group.name();
                let index = topology
                    .groups()
                    .iter()
                    .position(|one| one.name() == name)?;
                Some((&topology.groups()[index], &pool_set.groups[index]))
            });
            groups.push(builder.group(group, before)?);
        }
        let mut databases = HashMap::new();
        for database in topology.databases() {
            let before = before.and_then(|(topology, pool_set)| {
                let same = topology.database(database.name())? == database;
                pool_set.databases.get(database.name()).filter(|_| same)
            });
            let pools = match before {
                Some(pools) => builder.keep(pools),
                None => builder.database(database)?,
            };
            databases.insert(Arc::clone(database.name()), pools);
        }
        Ok(Self {
            groups,
            databases,
            pools: builder.pools,
            recorder: Arc::clone(recorder),
        })
    }

    pub(crate) fn shard(&self, group: usize, shard: u32) -> Option<Arc<NamespaceHandle>> {
        self.groups[group].handles.get(shard as usize)?.clone()
    }

    /// The handles of the logical shards in use, ascending.
    pub(crate) fn shards(&self, group: usize) -> impl Iterator<Item = &Arc<NamespaceHandle>> {
        self.groups[group].handles.iter().flatten()
    }

    /// The guard of a group.
    pub(crate) fn guard(&self, group: usize) -> &Arc<Guard> {
        &self.groups[group].guard
    }

    /// From now on, servers of another history are used only once this authority was asked.
    pub(crate) fn confirm_by(&self, authority: &Arc<dyn Authority>) {
        for group in &self.groups {
            group.guard.set_authority(authority);
            let pools = group.servers.iter().flat_map(|server| &server.pools);
            pools.for_each(|pool| pool.watch_history());
        }
    }

    /// Compares records with the routing of this topology from now on, which is the one of the pool set.
    pub(crate) fn compare_with(&self, topology: &Topology) {
        for (group, own) in topology.groups().iter().zip(&self.groups) {
            own.guard.set_fingerprint(group.fingerprint());
        }
    }

    /// The handles of a group's static tables, by server.
    pub(crate) fn statics(&self, group: usize) -> &[Arc<NamespaceHandle>] {
        &self.groups[group].statics
    }

    pub(crate) fn database(&self, name: &str) -> Option<Arc<NamespaceHandle>> {
        self.databases
            .get(name)
            .map(|pools| Arc::clone(&pools.handle))
    }

    pub(crate) fn pools(&self) -> impl Iterator<Item = &Arc<Pool>> {
        self.pools.iter()
    }

    /// The pools that `other` does not have.
    pub(crate) fn pools_without(&self, other: &Self) -> Vec<Arc<Pool>> {
        let is_there = |pool: &&Arc<Pool>| !other.pools.iter().any(|one| Arc::ptr_eq(one, pool));
        self.pools.iter().filter(is_there).map(Arc::clone).collect()
    }

    fn servers(&self) -> impl Iterator<Item = &Arc<ServerPools>> {
        let of_groups = self.groups.iter().flat_map(|group| &group.servers);
        of_groups.chain(self.databases.values().map(|database| &database.server))
    }

    /// Ends the monitors of all servers.
    pub(crate) async fn stop_monitor(&self) {
        for server in self.servers() {
            server.monitor.stop().await;
            server.health.mark_probed();
        }
    }

    /// The interval at which idle connections are checked: short enough to close one within one and
    /// a half times its idle timeout.
    pub(crate) fn sweep_period(&self) -> Duration {
        self.pools
            .iter()
            .map(|pool| pool.idle_timeout() / 2)
            .min()
            .unwrap_or(Duration::from_mins(1))
            .max(Duration::from_millis(100))
    }
}
