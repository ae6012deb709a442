//! An unsharded database, as it is described.

use super::{Address, DatabaseOptions, PoolOptions};

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
    pub(crate) replicas: Vec<Address>,
    pub(crate) options: DatabaseOptions,
    pub(crate) pool: PoolOptions,
}

impl Database {
    /// A database at this URL; for SQLite, `sqlite://` and the path of a file.
    pub fn new(primary: impl Into<String>) -> Self {
        Self {
            primary: Address::new(primary),
            replicas: Vec::new(),
            options: DatabaseOptions::new(),
            pool: PoolOptions::new(),
        }
    }

    /// Adds a replica at this URL.
    #[must_use]
    pub fn replica(mut self, url: impl Into<String>) -> Self {
        self.replicas.push(Address::new(url));
        self
    }

    /// Sets what each connection is told when it opens.
    #[must_use]
    pub fn options(mut self, options: DatabaseOptions) -> Self {
        self.options = options;
        self
    }

    /// Sets pool options, over those of the whole cluster.
    #[must_use]
    pub fn pool(mut self, pool: PoolOptions) -> Self {
        self.pool = pool;
        self
    }
}
