//! The location of rows, for people and for planning.

use std::fmt;

use super::{Address, Cluster};
use crate::connect::NamespaceHandle;
use crate::error::Result;

/// The current location of a logical shard or a named database.
///
/// Do not cache it: a later topology may differ.
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct Location {
    /// The group, or the named database.
    pub group: String,
    /// The logical shard; `None` for a named database and for the static tables of a server.
    pub shard: Option<u32>,
    /// The server.
    pub server: String,
    /// The schema (PostgreSQL), database (MySQL and MariaDB) or file (SQLite).
    pub namespace: String,
}

impl Cluster {
    /// The location of an address. Sends nothing.
    ///
    /// ```
    /// # use shard_orm::prelude::*;
    /// # #[derive(ShardModel)]
    /// # #[shard(group = "shop", table = "orders")]
    /// # struct Order {
    /// #     #[shard(primary_key)]
    /// #     id: i64,
    /// #     #[shard(key)]
    /// #     user_id: i64,
    /// # }
    /// # async fn run(cluster: &Cluster) -> shard_orm::Result<()> {
    /// let location = cluster.locate(&Order::shard(42))?;
    /// println!("{location}"); // shop/3 on server a, namespace shop_3
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// [`NoShardForKey`](crate::ErrorKind::NoShardForKey) if no logical shard owns the key;
    /// [`Configuration`](crate::ErrorKind::Configuration) if the group or database is unknown.
    pub fn locate(&self, at: &Address) -> Result<Location> {
        let handle = self.handle(at)?;
        Ok(Location::of(&handle))
    }
}

impl Location {
    pub(crate) fn of(handle: &NamespaceHandle) -> Self {
        let namespace = &handle.namespace;
        Self {
            group: namespace.group().to_string(),
            shard: namespace.is_sharded().then(|| namespace.shard()),
            server: handle.server.to_string(),
            namespace: namespace.name().to_string(),
        }
    }
}

impl fmt::Display for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.shard {
            Some(shard) => write!(
                f,
                "{}/{shard} on server {}, namespace {}",
                self.group, self.server, self.namespace
            ),
            None if self.namespace != self.group => write!(
                f,
                "the static tables of {} on server {}, namespace {}",
                self.group, self.server, self.namespace
            ),
            None => write!(f, "database {}", self.group),
        }
    }
}
