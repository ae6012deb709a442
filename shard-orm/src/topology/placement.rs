//! Where a logical shard lives.

use std::sync::Arc;

use super::Namespace;

/// Where a logical shard lives: on which of its group's servers, and in which namespace there.
#[derive(Debug, Clone)]
pub struct Placement {
    pub(super) server: usize,
    pub(super) namespace: Arc<Namespace>,
}

impl Placement {
    /// The position of the server among its [group's](super::Group::servers).
    #[must_use]
    pub fn server(&self) -> usize {
        self.server
    }

    /// The namespace.
    #[must_use]
    pub fn namespace(&self) -> &Arc<Namespace> {
        &self.namespace
    }
}
