//! The placement of a logical shard.

use std::sync::Arc;

use super::Namespace;

/// The placement of a logical shard: a server of its group, and a namespace there.
#[derive(Debug, Clone)]
pub struct Placement {
    pub(super) server: usize,
    pub(super) namespace: Arc<Namespace>,
}

impl Placement {
    /// The position of the server in [its group](super::Group::servers).
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
