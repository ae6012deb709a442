//! The servers that will be full soon.

use futures_util::future::try_join;

use crate::anomaly::{Anomaly, Rules};
use crate::catalog::{Document, ServerEntry};
use crate::cluster::Cluster;
use crate::error::Result;

/// The servers with a capacity that will be full soon by their [sizes](Cluster::server_sizes) of the last days. Reads the
/// sizes and the newest topology from the catalog, with one statement each.
///
/// ```no_run
/// # async fn run(cluster: &shard_orm::Cluster) -> shard_orm::Result<()> {
/// use shard_orm::admin::filling_servers;
/// use shard_orm::statistics::Rules;
///
/// for anomaly in filling_servers(cluster, &Rules::new()).await? {
///     println!("{}: {anomaly}. {}", anomaly.subject, anomaly.advice());
/// }
/// # Ok(())
/// # }
/// ```
///
/// # Errors
/// [`Configuration`](crate::ErrorKind::Configuration) if the cluster has no catalog; the error of the catalog's database,
/// or [`Timeout`](crate::ErrorKind::Timeout) if it does not answer.
pub async fn filling_servers(cluster: &Cluster, rules: &Rules) -> Result<Vec<Anomaly>> {
    let catalog = cluster.catalog()?;
    let (sizes, current) = try_join(cluster.server_sizes(), catalog.current()).await?;
    let document = current.map(|revision| revision.document.parse::<Document>());
    let servers: Vec<ServerEntry> = match document {
        Some(document) => document?.servers(),
        None => Vec::new(),
    };
    let capacity = |group: &str, server: &str| {
        let mut servers = servers.iter();
        let own = servers.find(|own| own.group == group && own.name == server);
        own?.capacity
    };
    Ok(rules.find_all_filling(&sizes, capacity))
}
