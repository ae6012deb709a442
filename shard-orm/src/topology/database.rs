//! An unsharded database with its endpoints.

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
    /// Its name.
    #[must_use]
    pub fn name(&self) -> &Arc<str> {
        &self.name
    }

    /// The SQL that it speaks.
    #[must_use]
    pub fn dialect(&self) -> Dialect {
        self.primary.dialect()
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
