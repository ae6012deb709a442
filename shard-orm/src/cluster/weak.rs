//! A weak reference to a cluster, for background tasks.

use std::sync::{Arc, Weak};

use super::{Cluster, Inner};

impl Cluster {
    pub(crate) fn downgrade(&self) -> WeakCluster {
        WeakCluster(Arc::downgrade(&self.inner))
    }
}

/// A reference that does not keep the cluster open.
#[derive(Clone)]
pub(crate) struct WeakCluster(Weak<Inner>);

impl WeakCluster {
    pub(crate) fn upgrade(&self) -> Option<Cluster> {
        self.0.upgrade().map(|inner| Cluster { inner })
    }
}
