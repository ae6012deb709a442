//! Replaces the topology while statements run.

use std::sync::{Arc, MutexGuard, PoisonError, Weak};

use super::{Cluster, State};
use crate::config::{Config, Ids};
use crate::connect::Pool;
use crate::error::{Error, ErrorKind, Result};
use crate::task::restarting;

/// The previous configuration, and the pools that earlier changes retired.
pub(super) struct Previous {
    config: Config,
    /// Pools still in use by calls that began under their topology.
    retired: Vec<Weak<Pool>>,
    /// Whether the cluster was closed: no further change is possible.
    closed: bool,
}

impl Previous {
    pub(super) fn new(config: &Config) -> Self {
        Self {
            config: config.clone(),
            retired: Vec::new(),
            closed: false,
        }
    }
}

impl Cluster {
    /// Replaces the configuration: every later statement uses the new servers. Sends nothing, and
    /// moves no rows.
    ///
    /// Use it to add servers, add or remove replicas, change pool limits, or switch logical shards
    /// whose rows have been moved to another server. Move the rows first: a namespace is verified
    /// before use, and one that is missing, or that belongs to another shard, is refused. Then
    /// remove the old namespace, or processes with the old configuration can still write to it.
    ///
    /// A statement whose namespace or server is gone is planned again if the topology now has
    /// another location; for a statement over several logical shards, only the affected part. A
    /// transaction stays where it began. Unchanged servers keep their connections; those of other
    /// servers are closed when they are returned.
    ///
    /// ```
    /// # async fn run(cluster: shard_orm::Cluster) -> shard_orm::Result<()> {
    /// use shard_orm::config::Config;
    ///
    /// let before = cluster.topology().epoch();
    /// cluster.reconfigure(&Config::from_file("shard-orm.toml")?)?;
    /// assert_eq!(cluster.topology().epoch(), before + 1);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// [`Configuration`](crate::ErrorKind::Configuration), without any change, if there is a
    /// problem in it, or if it would route a key elsewhere: the number of logical shards, strategy,
    /// pins and namespace template of a group cannot change, and neither can the cluster's name and
    /// `[ids]`; and if the topology comes from a catalog. [`Unavailable`](ErrorKind::Unavailable) if
    /// the cluster was closed.
    pub fn reconfigure(&self, config: &Config) -> Result<()> {
        if self.follower().is_some() {
            return Err(Error::configuration(
                "the topology of this cluster comes from its catalog; change it there, with \
                 `cluster.catalog()` or the command `shard-orm`",
            ));
        }
        self.replace(config, None)
    }

    /// Replaces the configuration: by one of the catalog, with its epoch, or by the next one.
    pub(super) fn replace(&self, config: &Config, of_catalog: Option<u64>) -> Result<()> {
        let inner = &self.inner;
        let mut previous = self.previous();
        if previous.closed {
            return Err(Error::new(
                ErrorKind::Unavailable,
                "the cluster was closed and cannot be reconfigured; open another one",
            ));
        }
        let topology = config.topology()?;
        let before = inner.state.load_full();
        let topology = match of_catalog {
            Some(epoch) => {
                self.check_ids(config)?;
                topology.with_epoch(epoch)
            }
            None => {
                previous.config.check_change(config)?;
                topology.with_epoch(before.topology.epoch() + 1)
            }
        };
        let pool_set = before
            .pool_set
            .renew(&before.topology, &topology, &inner.runtime)?;
        if of_catalog.is_some() {
            pool_set.confirm_by(&self.authority());
        }
        pool_set.compare_with(&topology);
        let retired = before.pool_set.pools_without(&pool_set);
        inner.state.store(Arc::new(State {
            topology: Arc::new(topology),
            pool_set,
            fan_out: config.fan_out.clone(),
        }));
        inner.recorder.set_slow_call(config.slow_call);
        previous.config = config.clone();
        previous.retired.retain(|pool| pool.strong_count() > 0);
        previous.retired.extend(retired.iter().map(Arc::downgrade));
        for pool in retired {
            let retire = move || Arc::clone(&pool).retire();
            inner.runtime.spawn(restarting("the end of a pool", retire));
        }
        Ok(())
    }

    /// The ids of the configuration in use.
    pub(super) fn configured_ids(&self) -> Ids {
        self.previous().config.ids.clone()
    }

    /// Refuses a topology of the catalog with other ids than this process generates: two layouts, or
    /// two databases of sequences, repeat each other's ids.
    fn check_ids(&self, config: &Config) -> Result<()> {
        match self.inner.ids.get() {
            Some(ids) if *ids != config.ids => Err(Error::configuration(
                "its `[ids]` differ from those with which this process has begun to generate ids; \
                 restart the process, or correct `[ids]` in the catalog",
            )),
            _ => Ok(()),
        }
    }

    /// Prevents further changes, and returns the retired pools that are still in use.
    pub(super) fn close_changes(&self) -> Vec<Arc<Pool>> {
        let mut previous = self.previous();
        previous.closed = true;
        previous.retired.iter().filter_map(Weak::upgrade).collect()
    }

    /// Whether the cluster was closed.
    pub(super) fn is_closed(&self) -> bool {
        self.previous().closed
    }

    fn previous(&self) -> MutexGuard<'_, Previous> {
        // It is changed only after everything that can fail.
        self.inner
            .previous
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}
