//! A server of a group and its endpoints.

use std::sync::Arc;

use super::{Endpoint, HealthSettings};

/// A server of a group: one primary and its replicas.
#[derive(Debug, Clone, PartialEq)]
pub struct Server {
    pub(super) name: Arc<str>,
    pub(super) primary: Endpoint,
    pub(super) replicas: Vec<Endpoint>,
    pub(super) health: HealthSettings,
}

impl Server {
    /// The name, unique in its group.
    #[must_use]
    pub fn name(&self) -> &Arc<str> {
        &self.name
    }

    /// The primary, which takes writes.
    #[must_use]
    pub fn primary(&self) -> &Endpoint {
        &self.primary
    }

    /// The replicas, which may serve reads.
    #[must_use]
    pub fn replicas(&self) -> &[Endpoint] {
        &self.replicas
    }

    /// The health settings of its endpoints.
    #[must_use]
    pub fn health(&self) -> &HealthSettings {
        &self.health
    }
}
