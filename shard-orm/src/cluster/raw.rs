//! A connection of the driver, for what the library does not offer.

use std::fmt;
use std::sync::Arc;

use super::{Address, Cluster};
use crate::connect::{Lease, NamespaceHandle};
use crate::error::{Error, ErrorKind, Result};

/// A connection of the driver to the primary of one logical shard, borrowed from its pool.
///
/// Tables stand in [`namespace`](Self::namespace): on PostgreSQL, MySQL and MariaDB their names
/// have to be qualified with it. Dropped, the connection is closed, since what it was told is not
/// known; [`give_back`](Self::give_back) returns it to the pool.
///
/// ```no_run
/// # use shard_orm::prelude::*;
/// # #[derive(ShardModel)]
/// # #[shard(group = "shop", table = "orders")]
/// # struct Order {
/// #     #[shard(primary_key)]
/// #     id: i64,
/// #     #[shard(key)]
/// #     user_id: i64,
/// # }
/// # #[cfg(feature = "sqlite")]
/// # async fn run(cluster: &Cluster) -> Result<(), Box<dyn std::error::Error>> {
/// use shard_orm::sqlx;
///
/// let mut raw = cluster.connection(Order::shard(42)).await?;
/// sqlx::query("VACUUM").execute(raw.sqlite()?).await?;
/// raw.give_back();
/// # Ok(())
/// # }
/// ```
pub struct RawConnection {
    lease: Lease,
    handle: Arc<NamespaceHandle>,
}

impl Cluster {
    /// Borrows a connection to the primary of one logical shard, or of one named database.
    ///
    /// # Errors
    /// When the shard is unknown, no connection comes free, or the server is unavailable.
    pub async fn connection(&self, at: Address) -> Result<RawConnection> {
        let handle = self.handle(&at)?;
        let acquired = match handle.writer() {
            Ok(endpoint) => endpoint.acquire().await,
            Err(error) => Err(error),
        };
        let mut lease = acquired.map_err(|error| handle.name_error(error))?;
        // In use from here on: only `give_back` makes it clean.
        lease.conn()?;
        Ok(RawConnection { lease, handle })
    }
}

impl RawConnection {
    /// The name of the schema (PostgreSQL), database (MySQL and MariaDB) or file (SQLite) in
    /// which the shard's tables stand.
    #[must_use]
    pub fn namespace(&self) -> &str {
        self.handle.namespace.name()
    }

    /// The driver's connection.
    ///
    /// # Errors
    /// [`Unsupported`](ErrorKind::Unsupported) when the shard is not on PostgreSQL.
    #[cfg(feature = "postgres")]
    pub fn postgres(&mut self) -> Result<&mut sqlx::PgConnection> {
        self.lease.conn()?.as_postgres().ok_or_else(other)
    }

    /// The driver's connection.
    ///
    /// # Errors
    /// [`Unsupported`](ErrorKind::Unsupported) when the shard is not on MySQL or MariaDB.
    #[cfg(feature = "mysql")]
    pub fn mysql(&mut self) -> Result<&mut sqlx::MySqlConnection> {
        self.lease.conn()?.as_mysql().ok_or_else(other)
    }

    /// The driver's connection.
    ///
    /// # Errors
    /// [`Unsupported`](ErrorKind::Unsupported) when the shard is not on SQLite.
    #[cfg(feature = "sqlite")]
    pub fn sqlite(&mut self) -> Result<&mut sqlx::SqliteConnection> {
        self.lease.conn()?.as_sqlite().ok_or_else(other)
    }

    /// Returns the connection to its pool. It must be as it came: no open transaction, no changed
    /// setting.
    pub fn give_back(mut self) {
        self.lease.settle();
    }
}

fn other() -> Error {
    Error::new(
        ErrorKind::Unsupported,
        "the shard is on another database than this connection's",
    )
}

impl fmt::Debug for RawConnection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RawConnection({})", self.handle)
    }
}
