//! An endpoint: one database server process, a primary or a replica.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::PoolSettings;
use crate::config::{Address, DatabaseOptions};
use crate::dialect::Dialect;

/// The connection data of a primary or a replica. Its `Debug` output omits the password.
#[derive(Clone, PartialEq)]
pub struct Endpoint(Arc<Inner>);

#[derive(PartialEq)]
struct Inner {
    address: Address,
    dialect: Dialect,
    path: Option<PathBuf>,
    identity: String,
    options: DatabaseOptions,
    pool: PoolSettings,
    weight: u32,
}

impl Endpoint {
    pub(super) fn new(
        address: Address,
        location: crate::config::Location,
        options: DatabaseOptions,
        pool: PoolSettings,
        weight: u32,
    ) -> Self {
        Self(Arc::new(Inner {
            address,
            dialect: location.dialect,
            path: location.path,
            identity: location.identity,
            options,
            pool,
            weight,
        }))
    }

    /// The URL as configured, with its password. For SQLite, use [`path`](Self::path).
    pub(crate) fn url(&self) -> &str {
        self.0.address.url()
    }

    /// The URL without password and parameters, which may be shown.
    #[must_use]
    pub fn label(&self) -> String {
        self.0.address.label()
    }

    /// The SQL dialect.
    #[must_use]
    pub fn dialect(&self) -> Dialect {
        self.0.dialect
    }

    /// For SQLite: the file of a named database, or the folder of a group's server, joined with its
    /// base folder.
    #[must_use]
    pub fn path(&self) -> Option<&Path> {
        self.0.path.as_deref()
    }

    /// For SQLite: the file of a namespace on this server.
    #[must_use]
    pub fn namespace_file(&self, namespace: &str) -> Option<PathBuf> {
        let folder = self.0.path.as_ref()?;
        Some(folder.join(format!("{namespace}.db")))
    }

    /// Equal for endpoints that are the same database, regardless of user and parameters. Contains
    /// no password.
    pub(crate) fn identity(&self) -> &str {
        &self.0.identity
    }

    /// The session options of its connections.
    pub(crate) fn options(&self) -> &DatabaseOptions {
        &self.0.options
    }

    /// Its weight for reads from replicas. It is 1 for a primary, which serves such reads once it
    /// has become a replica.
    #[must_use]
    pub fn weight(&self) -> u32 {
        self.0.weight
    }

    /// The limits of its pool.
    #[must_use]
    pub fn pool(&self) -> &PoolSettings {
        &self.0.pool
    }
}

impl fmt::Debug for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.label())
    }
}
