//! An unsharded database and its endpoints.

use std::sync::Arc;

use super::{Endpoint, HealthSettings};
use crate::dialect::Dialect;

/// An unsharded database: one primary and its replicas.
#[derive(Debug, Clone, PartialEq)]
pub struct Database {
    pub(super) name: Arc<str>,
    pub(super) primary: Endpoint,
    pub(super) replicas: Vec<Endpoint>,
    pub(super) health: HealthSettings,
}

impl Database {
    /// The name.
    #[must_use]
    pub fn name(&self) -> &Arc<str> {
        &self.name
    }

    /// The SQL dialect.
    #[must_use]
    pub fn dialect(&self) -> Dialect {
        self.primary.dialect()
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
