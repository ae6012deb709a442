//! The supervisors of a cluster in this process, for its metrics.

use std::sync::{Arc, Mutex, PoisonError, Weak};

use super::status::{CopyStatus, Statuses};
use crate::cluster::{Cluster, Extension};

/// The statuses of all supervisors.
#[derive(Debug, Default)]
pub(super) struct Registry(Mutex<Vec<Weak<Statuses>>>);

impl Extension for Registry {
    fn create(_cluster: &Cluster) -> Self {
        Self::default()
    }
}

impl Registry {
    /// Adds a supervisor, for as long as it exists.
    pub(super) fn add(&self, statuses: &Arc<Statuses>) {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.retain(|one| one.strong_count() > 0);
        all.push(Arc::downgrade(statuses));
    }
}

/// The copies that the supervisors of this process keep up to date, or fail to.
pub(crate) fn supervised(cluster: &Cluster) -> Vec<CopyStatus> {
    let registry = cluster.extension::<Registry>().0.lock();
    let all = registry.unwrap_or_else(PoisonError::into_inner);
    let statuses = all.iter().filter_map(Weak::upgrade);
    let copies = statuses.flat_map(|one| one.lock().values().cloned().collect::<Vec<_>>());
    // One that fails has given its lock up until the next round.
    copies
        .filter(|copy| copy.held || copy.failures > 0)
        .collect()
}
