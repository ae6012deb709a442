//! The configuration of an unsharded database.

use super::{Address, DatabaseOptions, HealthOptions, PoolOptions, Replica};

/// An unsharded database: one primary and its replicas.
///
/// ```
/// use shard_orm::config::Database;
///
/// let database = Database::new("postgres://app@10.0.0.1/main")
///     .replica("postgres://app@10.0.0.2/main");
/// ```
#[derive(Debug, Clone)]
pub struct Database {
    pub(crate) primary: Address,
    pub(crate) replicas: Vec<Replica>,
    pub(crate) options: DatabaseOptions,
    pub(crate) pool: PoolOptions,
    pub(crate) health: HealthOptions,
}

impl Database {
    /// A database at this URL; for SQLite, `sqlite://` and the path of a file.
    pub fn new(primary: impl Into<String>) -> Self {
        Self {
            primary: Address::new(primary),
            replicas: Vec::new(),
            options: DatabaseOptions::new(),
            pool: PoolOptions::new(),
            health: HealthOptions::new(),
        }
    }

    /// Adds a replica: its URL, or a [`Replica`] with its weight.
    #[must_use]
    pub fn replica(mut self, replica: impl Into<Replica>) -> Self {
        self.replicas.push(replica.into());
        self
    }

    /// Sets the session options of its connections.
    #[must_use]
    pub fn options(mut self, options: DatabaseOptions) -> Self {
        self.options = options;
        self
    }

    /// Sets pool options, which override those of the cluster.
    #[must_use]
    pub fn pool(mut self, pool: PoolOptions) -> Self {
        self.pool = pool;
        self
    }

    /// Sets health options, which override those of the cluster.
    #[must_use]
    pub fn health(mut self, health: HealthOptions) -> Self {
        self.health = health;
        self
    }
}
