//! The handle of a program: the current topology and its connections.
//!
//! Every statement asks it for a namespace handle, and keeps that only for one statement.

mod address;
mod catalog;
mod extension;
mod follow;
mod health;
#[cfg(feature = "reshard")]
mod jobs;
mod location;
#[cfg(feature = "reshard")]
mod mirrors;
mod moved;
mod raw;
mod readiness;
mod reconfigure;
mod session;
#[cfg(feature = "reshard")]
mod shifts;
mod single_flight;
mod statics;
#[cfg(feature = "metrics")]
mod statistics;
mod weak;

pub use address::Address;
pub(crate) use address::At;
pub use catalog::Catalog;
#[cfg(feature = "reshard")]
pub(crate) use catalog::operator;
pub(crate) use extension::Extension;
pub use health::{EndpointHealth, ServerHealth};
pub use location::Location;
#[cfg(feature = "reshard")]
pub(crate) use mirrors::Mirroring;
pub(crate) use moved::Moved;
pub use raw::RawConnection;
pub use readiness::{CatalogReadiness, Readiness, ServerReadiness, Serving};
pub use session::Session;
#[cfg(feature = "reshard")]
pub(crate) use shifts::Shifting;
#[cfg(feature = "metrics")]
pub use statistics::{
    FleetProcess, FleetStatistics, GroupStatistics, Incidents, LagBefore, PoolStatistics,
    Published, ReplicaLag, ServerSizes, ServerStatistics, ShardStatistics, StatementStatistics,
    Statistics, TableStatistics, VerbStatistics, Window, Windows,
};
pub(crate) use weak::WeakCluster;

use extension::Extensions;
use follow::Follower;
use reconfigure::Previous;
use single_flight::SingleFlight;

use std::fmt;
use std::path::Path;
use std::sync::{Arc, Mutex, OnceLock};

use arc_swap::ArcSwap;
use tokio::runtime::Handle;

use crate::config::{Config, FanOut, Ids};
use crate::connect::{Guard, NamespaceHandle, PoolSet};
pub(crate) use crate::error::names;
use crate::error::{Error, Result};
use crate::observe::Recorder;
use crate::route::RoutingKey;
use crate::task::restarting;
use crate::topology::Topology;

/// A sharded database: what every query and transaction runs on.
///
/// Cheap to clone; all clones share their connections. Connections are opened on demand. To close
/// them, drop the last clone or call [`close`](Self::close).
///
/// ```no_run
/// # async fn run() -> shard_orm::Result<()> {
/// use shard_orm::Cluster;
///
/// let cluster = Cluster::open("shard-orm.toml").await?;
/// println!("epoch {}", cluster.topology().epoch());
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct Cluster {
    inner: Arc<Inner>,
}

struct Inner {
    /// One load returns a topology and the connections that belong to it.
    state: ArcSwap<State>,
    /// Set at its first use, and never changed after: ids would repeat.
    ids: OnceLock<Ids>,
    runtime: Handle,
    /// Locked while the topology is being changed.
    previous: Mutex<Previous>,
    extensions: Extensions,
    /// Held by `sync` while one caller updates a copy for all that wait for it.
    single_flight: SingleFlight,
    recorder: Arc<Recorder>,
    /// Of a cluster whose topology comes from a catalog.
    follower: Option<Follower>,
    #[cfg(feature = "reshard")]
    mirrors: mirrors::Mirrors,
    #[cfg(feature = "reshard")]
    shifts: shifts::Shifts,
}

struct State {
    topology: Arc<Topology>,
    pool_set: PoolSet,
    fan_out: FanOut,
}

impl Cluster {
    /// Opens the cluster of a TOML file; see [`Config::from_file`].
    ///
    /// With a [catalog](crate::catalog), reads the topology from it, or from the local copy if the
    /// catalog does not answer in time. Without one, returns without waiting: connections are opened
    /// on demand, and those that monitor servers with replicas in the background.
    ///
    /// # Errors
    /// [`Configuration`](crate::ErrorKind::Configuration) with all problems of the file, or of the
    /// topology in the catalog. The catalog's error if there is no local copy.
    pub async fn open(path: impl AsRef<Path>) -> Result<Self> {
        Self::connect(&Config::from_file(path)?).await
    }

    /// Opens the cluster of a configuration; see [`open`](Self::open).
    ///
    /// ```
    /// # async fn run() -> shard_orm::Result<()> {
    /// use shard_orm::Cluster;
    /// use shard_orm::config::{Config, Group, Server};
    ///
    /// let config = Config::new("shop").group(
    ///     "shop",
    ///     Group::new(16)
    ///         .namespace("shop_{shard}")
    ///         .server(Server::new("a", "sqlite://data/a"))
    ///         .server(Server::new("b", "sqlite://data/b")),
    /// );
    /// let cluster = Cluster::connect(&config).await?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// [`Configuration`](crate::ErrorKind::Configuration) with all problems.
    pub async fn connect(config: &Config) -> Result<Self> {
        let runtime = Handle::try_current().map_err(|source| {
            Error::configuration(
                "a cluster needs tokio: open it within a tokio runtime, as in an `async fn` under \
                 `#[tokio::main]`",
            )
            .with_source(source)
        })?;
        let topology = Arc::new(config.topology()?);
        let recorder = Arc::<Recorder>::default();
        recorder.set_slow_call(config.slow_call);
        let pool_set = PoolSet::new(&topology, &runtime, &recorder)?;
        let cluster = Self {
            inner: Arc::new(Inner {
                state: ArcSwap::from_pointee(State {
                    topology,
                    pool_set,
                    fan_out: config.fan_out.clone(),
                }),
                ids: OnceLock::new(),
                runtime: runtime.clone(),
                previous: Mutex::new(Previous::new(config)),
                extensions: Extensions::default(),
                single_flight: SingleFlight::default(),
                recorder,
                follower: Follower::new(config),
                #[cfg(feature = "reshard")]
                mirrors: mirrors::Mirrors::default(),
                #[cfg(feature = "reshard")]
                shifts: shifts::Shifts::default(),
            }),
        };
        cluster.sweep_idle(&runtime);
        #[cfg(feature = "metrics")]
        cluster.keep_windows(&runtime);
        cluster.follow_catalog().await?;
        Ok(cluster)
    }

    /// The current topology: groups, servers and placements.
    #[must_use]
    pub fn topology(&self) -> Arc<Topology> {
        Arc::clone(&self.inner.state.load().topology)
    }

    /// Stops lending connections, and waits until those in use have been returned.
    ///
    /// Later statements fail with [`Unavailable`](crate::ErrorKind::Unavailable). An open
    /// transaction keeps this waiting: use a timeout.
    pub async fn close(&self) {
        self.close_extensions().await;
        self.stop_following().await;
        let retired = self.close_changes();
        let state = self.inner.state.load_full();
        state.pool_set.stop_monitor().await;
        let pools = state.pool_set.pools().chain(&retired);
        futures_util::future::join_all(pools.map(|pool| pool.close())).await;
    }

    /// The handle of the logical shard that owns a key.
    pub(crate) fn handle_of_key(
        &self,
        group: &str,
        key: &RoutingKey<'_>,
    ) -> Result<Arc<NamespaceHandle>> {
        let state = self.inner.state.load();
        let index = state.group(group)?;
        let shard = state.topology.groups()[index].router().route(key)?;
        state
            .pool_set
            .shard(index, shard)
            .ok_or_else(|| no_such_shard(group, shard))
    }

    /// The handle of a logical shard.
    pub(crate) fn handle_of_shard(&self, group: &str, shard: u32) -> Result<Arc<NamespaceHandle>> {
        let state = self.inner.state.load();
        let index = state.group(group)?;
        state
            .pool_set
            .shard(index, shard)
            .ok_or_else(|| no_such_shard(group, shard))
    }

    /// The handle of a named database.
    pub(crate) fn handle_of_database(&self, name: &str) -> Result<Arc<NamespaceHandle>> {
        let state = self.inner.state.load();
        state.pool_set.database(name).ok_or_else(|| {
            Error::configuration(format!(
                "unknown database `{name}`; the configuration has {}",
                names(
                    state
                        .topology
                        .databases()
                        .iter()
                        .map(|database| &**database.name())
                )
            ))
        })
    }

    /// The current handle of the same namespace, if it still exists.
    pub(crate) fn current_handle(&self, handle: &NamespaceHandle) -> Option<Arc<NamespaceHandle>> {
        let namespace = &handle.namespace;
        let state = self.inner.state.load();
        if namespace.is_sharded() {
            let index = state.group(namespace.group()).ok()?;
            state.pool_set.shard(index, namespace.shard())
        } else if namespace.is_static() {
            let index = state.group(namespace.group()).ok()?;
            let mut handles = state.pool_set.statics(index).iter();
            handles
                .find(|one| one.server == handle.server)
                .map(Arc::clone)
        } else {
            state.pool_set.database(namespace.group())
        }
    }

    /// The handle of an address.
    pub(crate) fn handle(&self, address: &Address) -> Result<Arc<NamespaceHandle>> {
        self.handle_at(address.home(), address.at())
    }

    fn handle_at(&self, home: &str, at: &At) -> Result<Arc<NamespaceHandle>> {
        match at {
            At::Key { region, key } => self.handle_of_key(
                home,
                &RoutingKey {
                    region: region.as_deref(),
                    key: *key,
                },
            ),
            At::Shard(shard) => self.handle_of_shard(home, *shard),
            At::Database => self.handle_of_database(home),
            At::Server(of) => self.statics_beside(&self.handle_at(home, of)?),
            At::ServerOfName(server) => self.statics_of_server(home, server),
            At::Invalid(reason) => Err(Error::new(crate::ErrorKind::NoShardForKey, reason.clone())),
        }
    }

    /// The handles of a group's logical shards in use, ascending.
    pub(crate) fn handles_of_group(&self, group: &str) -> Result<Vec<Arc<NamespaceHandle>>> {
        let state = self.inner.state.load();
        let index = state.group(group)?;
        Ok(state.pool_set.shards(index).cloned().collect())
    }

    /// The handles of the logical shards that own keys with a hash in this range; `None` if the
    /// group is not routed by the hash.
    pub(crate) fn handles_of_hashes(
        &self,
        group: &str,
        hashes: &std::ops::RangeInclusive<u64>,
    ) -> Result<Option<Vec<Arc<NamespaceHandle>>>> {
        let state = self.inner.state.load();
        let index = state.group(group)?;
        let router = state.topology.groups()[index].router();
        let Some(shards) = router.shards_of_hashes(hashes) else {
            return Ok(None);
        };
        let handle = |shard| {
            let handle = state.pool_set.shard(index, shard);
            handle.ok_or_else(|| no_such_shard(group, shard))
        };
        shards
            .into_iter()
            .map(handle)
            .collect::<Result<_>>()
            .map(Some)
    }

    /// The guard of a group.
    pub(crate) fn guard_of_group(&self, group: &str) -> Result<Arc<Guard>> {
        let state = self.inner.state.load();
        let index = state.group(group)?;
        Ok(Arc::clone(state.pool_set.guard(index)))
    }

    /// The concurrency limits of calls over several logical shards.
    pub(crate) fn fan_out(&self) -> FanOut {
        self.inner.state.load().fan_out.clone()
    }

    /// The configuration of generated ids.
    pub(crate) fn ids_config(&self) -> &Ids {
        self.inner.ids.get_or_init(|| self.configured_ids())
    }

    /// The runtime on which the cluster was opened.
    pub(crate) fn runtime(&self) -> &Handle {
        &self.inner.runtime
    }

    /// Closes idle connections periodically, while the cluster exists.
    fn sweep_idle(&self, runtime: &Handle) {
        let inner = Arc::downgrade(&self.inner);
        let period = self.inner.state.load().pool_set.sweep_period();
        let sweep = move || {
            let inner = inner.clone();
            async move {
                loop {
                    tokio::time::sleep(period).await;
                    let Some(inner) = inner.upgrade() else { return };
                    let state = inner.state.load_full();
                    for pool in state.pool_set.pools() {
                        pool.sweep().await;
                    }
                }
            }
        };
        runtime.spawn(restarting("the sweep of idle connections", sweep));
    }
}

impl State {
    fn group(&self, name: &str) -> Result<usize> {
        // A configuration has few groups: a scan is cheaper than a hash.
        self.topology
            .groups()
            .iter()
            .position(|group| group.name() == name)
            .ok_or_else(|| {
                Error::configuration(format!(
                    "unknown group `{name}`; the configuration has {}",
                    names(self.topology.groups().iter().map(|group| group.name()))
                ))
            })
    }
}

#[cold]
fn no_such_shard(group: &str, shard: u32) -> Error {
    Error::new(
        crate::ErrorKind::NoShardForKey,
        format!("group `{group}` has no logical shard {shard}"),
    )
}

impl fmt::Debug for Cluster {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Cluster")
            .field("topology", &self.inner.state.load().topology.name())
            .finish_non_exhaustive()
    }
}
