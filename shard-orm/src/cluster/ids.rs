//! What makes a cluster's ids, and the weak handle of the task that renews its worker.

use std::ops::RangeInclusive;
use std::sync::{Arc, Weak};

use super::{Cluster, Inner};
use crate::connect::NamespaceHandle;
use crate::error::Result;
use crate::id::{Generators, Layout};

impl Cluster {
    /// What the bits of this cluster's snowflakes mean, as configured.
    ///
    /// ```no_run
    /// # fn run(cluster: &shard_orm::Cluster, id: i64) {
    /// if let Some(parts) = cluster.id_layout().parts(id) {
    ///     println!("made at {:?} by worker {}", parts.time, parts.worker);
    /// }
    /// # }
    /// ```
    #[must_use]
    pub fn id_layout(&self) -> Layout {
        self.inner.generators.layout()
    }

    /// Where the rows of a group are whose key's hash lies in this range; `None` when the group is
    /// not routed by the hash.
    pub(crate) fn handles_of_hashes(
        &self,
        group: &str,
        hashes: &RangeInclusive<u64>,
    ) -> Result<Option<Vec<Arc<NamespaceHandle>>>> {
        let state = self.inner.state.load();
        let index = state.group(group)?;
        let router = state.topology.groups()[index].router();
        let Some(shards) = router.shards_of_hashes(hashes) else {
            return Ok(None);
        };
        let handle = |shard| {
            let handle = state.links.shard(index, shard);
            handle.ok_or_else(|| super::beyond(group, shard))
        };
        shards
            .into_iter()
            .map(handle)
            .collect::<Result<_>>()
            .map(Some)
    }

    pub(crate) fn generators(&self) -> &Generators {
        &self.inner.generators
    }

    pub(crate) fn downgrade(&self) -> WeakCluster {
        WeakCluster(Arc::downgrade(&self.inner))
    }
}

/// A cluster that a task does not keep from being dropped.
#[derive(Clone)]
pub(crate) struct WeakCluster(Weak<Inner>);

impl WeakCluster {
    pub(crate) fn upgrade(&self) -> Option<Cluster> {
        self.0.upgrade().map(|inner| Cluster { inner })
    }
}
