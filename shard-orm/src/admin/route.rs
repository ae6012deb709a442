//! The location of a key.

use super::key::Key;
use crate::cluster::{Cluster, names};
use crate::error::{Error, Result};
use crate::topology::Group;

/// The location of a key.
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct RoutedKey {
    /// The shard group.
    pub group: String,
    /// The region and the key.
    #[cfg_attr(feature = "serde", serde(flatten))]
    pub key: Key,
    /// The logical shard.
    pub shard: u32,
    /// Whether a pin, and not the strategy, decides.
    pub pinned: bool,
    /// The server of the logical shard.
    pub server: String,
    /// Its schema (PostgreSQL), database (MySQL and MariaDB) or file (SQLite).
    pub namespace: String,
}

/// The logical shard, server and namespace of a key. Sends nothing.
///
/// ```
/// # async fn run() -> shard_orm::Result<()> {
/// use shard_orm::Cluster;
/// use shard_orm::admin::{Key, route};
/// use shard_orm::config::{Config, Group, Server};
///
/// let group = Group::new(4).server(Server::new("a", "sqlite://data/a")).pin(42, 3);
/// let cluster = Cluster::connect(&Config::new("shop").group("shop", group)).await?;
/// let routed = route(&cluster, "shop", &Key::new(42))?;
/// assert_eq!((routed.shard, &*routed.namespace), (3, "shop_3"));
/// assert!(routed.pinned);
/// # Ok(())
/// # }
/// ```
///
/// # Errors
/// [`Configuration`](crate::ErrorKind::Configuration) for an unknown group;
/// [`NoShardForKey`](crate::ErrorKind::NoShardForKey) if no logical shard owns the key.
pub fn route(cluster: &Cluster, group: &str, key: &Key) -> Result<RoutedKey> {
    let topology = cluster.topology();
    let group = find(topology.groups(), group)?;
    let shard = group.router().route(&key.routing_key())?;
    let Some(placement) = group.placement(shard) else {
        return Err(Error::configuration(format!(
            "group `{}` has no placement for logical shard {shard}",
            group.name()
        )));
    };
    let server = group.servers().get(placement.server());
    Ok(RoutedKey {
        group: group.name().to_owned(),
        key: key.clone(),
        shard,
        pinned: group.router().pins().get(key.key).is_some(),
        server: server.map_or_else(String::new, |server| server.name().to_string()),
        namespace: placement.namespace().name().to_string(),
    })
}

/// The group of this name.
pub(super) fn find<'t>(groups: &'t [Group], name: &str) -> Result<&'t Group> {
    let found = groups.iter().find(|group| group.name() == name);
    found.ok_or_else(|| {
        Error::configuration(format!(
            "unknown group `{name}`; the configuration has {}",
            names(groups.iter().map(Group::name))
        ))
    })
}
