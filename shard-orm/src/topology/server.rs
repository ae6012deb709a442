//! A server of a group with its endpoints.

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
    /// Its name, unique in its group.
    #[must_use]
    pub fn name(&self) -> &Arc<str> {
        &self.name
    }

    /// Where writes go.
    #[must_use]
    pub fn primary(&self) -> &Endpoint {
        &self.primary
    }

    /// Where reads may go.
    #[must_use]
    pub fn replicas(&self) -> &[Endpoint] {
        &self.replicas
    }

    /// How its endpoints are watched.
    #[must_use]
    pub fn health(&self) -> &HealthSettings {
        &self.health
    }
}
