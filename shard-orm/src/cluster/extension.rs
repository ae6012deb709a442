//! State that modules above the cluster keep with it: one value per type.
//!
//! `id` keeps its generators here, and `record` the registered static models.

use std::any::Any;
use std::sync::OnceLock;

use futures_util::future::BoxFuture;

use super::Cluster;

/// A value that belongs to one cluster, created at its first use.
pub(crate) trait Extension: Any + Send + Sync {
    fn create(cluster: &Cluster) -> Self
    where
        Self: Sized;

    /// Runs when the cluster is closed, before its pools are.
    fn close<'a>(&'a self, _cluster: &'a Cluster) -> BoxFuture<'a, ()> {
        Box::pin(std::future::ready(()))
    }
}

/// A list of extensions that only grows, so that a look-up takes no lock.
#[derive(Default)]
pub(super) struct Extensions(OnceLock<Box<Node>>);

struct Node {
    value: Box<dyn Extension>,
    next: Extensions,
}

impl Cluster {
    /// The cluster's value of this type.
    pub(crate) fn extension<T: Extension>(&self) -> &T {
        let mut list = &self.inner.extensions;
        loop {
            let node = list.0.get_or_init(|| {
                Box::new(Node {
                    value: Box::new(T::create(self)),
                    next: Extensions::default(),
                })
            });
            let value: &dyn Any = &*node.value;
            if let Some(found) = value.downcast_ref() {
                return found;
            }
            list = &node.next;
        }
    }

    pub(super) async fn close_extensions(&self) {
        let mut list = &self.inner.extensions;
        while let Some(node) = list.0.get() {
            node.value.close(self).await;
            list = &node.next;
        }
    }
}
