//! The change from one topology to the next, while statements run.

use std::sync::{Arc, MutexGuard, PoisonError, Weak};

use super::{Cluster, State};
use crate::config::Config;
use crate::connect::Pool;
use crate::error::{Error, ErrorKind, Result};
use crate::task::kept;

/// What the next change is made from, and what the last ones have left.
pub(super) struct Previous {
    config: Config,
    /// Pools that are in use until what began under their topology is done.
    retired: Vec<Weak<Pool>>,
    /// The cluster was closed: there is no next change.
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
    /// Goes on by another configuration: one load of it gives each later statement the new
    /// servers. Asks no server, and moves no row.
    ///
    /// For servers that are added, replicas that come and go, other limits of pools, and logical
    /// shards whose rows were brought to another server. Bring them there first: a namespace is
    /// looked at before it is used, and one that is missing, or says that it is another shard's,
    /// serves nothing. Take the old one away, or nothing keeps a process that has not been told
    /// yet from writing to it.
    ///
    /// A statement that finds its namespace gone, or its server, is planned again when the topology
    /// says another place meanwhile; of one over several logical shards, only the part that was
    /// there. A transaction stays where it was begun. Servers that are described as before keep
    /// their connections, and those of the others are closed as they come back.
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
    /// [`Configuration`](crate::ErrorKind::Configuration), and nothing is changed, when something
    /// is wrong in it, or when a key would be looked for elsewhere: a group keeps its number of
    /// logical shards, strategy, pins and template of namespaces. The cluster keeps its name and
    /// `[ids]` too. [`Unavailable`](ErrorKind::Unavailable) when it was closed.
    pub fn reconfigure(&self, config: &Config) -> Result<()> {
        let inner = &self.inner;
        let mut former = self.former();
        if former.closed {
            return Err(Error::new(
                ErrorKind::Unavailable,
                "the cluster was closed, so it goes on by no configuration; open another one",
            ));
        }
        let topology = config.topology()?;
        former.config.check_change(config)?;
        let before = inner.state.load_full();
        let topology = topology.after(before.topology.epoch());
        let pool_set = before
            .pool_set
            .renew(&before.topology, &topology, &inner.runtime)?;
        let retired = before.pool_set.pools_without(&pool_set);
        inner.state.store(Arc::new(State {
            topology: Arc::new(topology),
            pool_set,
            fan_out: config.fan_out.clone(),
        }));
        former.config = config.clone();
        former.retired.retain(|pool| pool.strong_count() > 0);
        former.retired.extend(retired.iter().map(Arc::downgrade));
        for pool in retired {
            let retire = move || Arc::clone(&pool).retire();
            inner.runtime.spawn(kept("the end of a pool", retire));
        }
        Ok(())
    }

    /// Changes the topology no more, and gives the pools of former ones that are still in use.
    pub(super) fn end_changes(&self) -> Vec<Arc<Pool>> {
        let mut former = self.former();
        former.closed = true;
        former.retired.iter().filter_map(Weak::upgrade).collect()
    }

    fn former(&self) -> MutexGuard<'_, Previous> {
        // What is in it is changed after all that can fail.
        self.inner
            .former
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}
