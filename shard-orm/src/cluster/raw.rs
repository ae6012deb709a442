//! Connections of the driver, for features that the library does not offer.

use std::fmt;
use std::sync::Arc;

use super::{Address, Cluster};
use crate::connect::{Lease, NamespaceHandle};
use crate::error::{Error, ErrorKind, Result};

/// A driver connection to the primary of one logical shard, borrowed from its pool.
///
/// The tables are in [`namespace`](Self::namespace): on PostgreSQL, MySQL and MariaDB their names
/// must be qualified with it. On drop the connection is closed, since its state is unknown;
/// [`give_back`](Self::give_back) returns it to the pool.
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
    /// Borrows a connection to the primary of one logical shard or named database.
    ///
    /// # Errors
    /// If the shard is unknown, no connection becomes free, or the server is unavailable.
    pub async fn connection(&self, at: Address) -> Result<RawConnection> {
        let handle = self.handle(&at)?;
        let acquired = match handle.writer() {
            Ok(endpoint) => endpoint.acquire().await,
            Err(error) => Err(error),
        };
        let mut lease = acquired.map_err(|error| handle.name_error(error))?;
        // Counts as in use from here on: only `give_back` marks it as clean.
        lease.conn()?;
        Ok(RawConnection { lease, handle })
    }
}

impl RawConnection {
    /// The schema (PostgreSQL), database (MySQL and MariaDB) or file (SQLite) of the shard's
    /// tables.
    #[must_use]
    pub fn namespace(&self) -> &str {
        self.handle.namespace.name()
    }

    /// The driver connection.
    ///
    /// # Errors
    /// [`Unsupported`](ErrorKind::Unsupported) if the shard is not on PostgreSQL.
    #[cfg(feature = "postgres")]
    pub fn postgres(&mut self) -> Result<&mut sqlx::PgConnection> {
        self.lease.conn()?.as_postgres().ok_or_else(other)
    }

    /// The driver connection.
    ///
    /// # Errors
    /// [`Unsupported`](ErrorKind::Unsupported) if the shard is not on MySQL or MariaDB.
    #[cfg(feature = "mysql")]
    pub fn mysql(&mut self) -> Result<&mut sqlx::MySqlConnection> {
        self.lease.conn()?.as_mysql().ok_or_else(other)
    }

    /// The driver connection.
    ///
    /// # Errors
    /// [`Unsupported`](ErrorKind::Unsupported) if the shard is not on SQLite.
    #[cfg(feature = "sqlite")]
    pub fn sqlite(&mut self) -> Result<&mut sqlx::SqliteConnection> {
        self.lease.conn()?.as_sqlite().ok_or_else(other)
    }

    /// Returns the connection to its pool. It must be in its original state: no open transaction,
    /// no changed setting.
    pub fn give_back(mut self) {
        self.lease.settle();
    }
}

fn other() -> Error {
    Error::new(
        ErrorKind::Unsupported,
        "the shard is on another kind of database than this connection",
    )
}

impl fmt::Debug for RawConnection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RawConnection({})", self.handle)
    }
}
