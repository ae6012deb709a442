//! The servers that will be full soon.

use futures_util::future::try_join;

use crate::anomaly::{Anomaly, Rules};
use crate::catalog::{Document, ServerEntry};
use crate::cluster::{Cluster, ServerSizes};
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
    let sized = sized_servers(cluster).await?;
    Ok(find_filling(rules, &sized))
}

/// A server with the sizes that it had, and the bytes that it has room for, if that is known.
#[derive(Debug, Clone)]
pub(crate) struct SizedServer {
    pub(crate) sizes: ServerSizes,
    pub(crate) capacity: Option<u64>,
}

/// The servers of the newest topology whose sizes are known.
pub(crate) async fn sized_servers(cluster: &Cluster) -> Result<Vec<SizedServer>> {
    let catalog = cluster.catalog()?;
    let (sizes, current) = try_join(cluster.server_sizes(), catalog.current()).await?;
    let document = current.map(|revision| revision.document.parse::<Document>());
    let servers: Vec<ServerEntry> = match document {
        Some(document) => document?.servers(),
        None => Vec::new(),
    };
    let sized = sizes.into_iter().filter_map(|sizes| {
        let mut servers = servers.iter();
        let own = servers.find(|own| own.group == sizes.group && own.name == sizes.server);
        let capacity = own?.capacity;
        Some(SizedServer { sizes, capacity })
    });
    Ok(sized.collect())
}

pub(crate) fn find_filling(rules: &Rules, servers: &[SizedServer]) -> Vec<Anomaly> {
    let capacity = |group: &str, server: &str| {
        let mut servers = servers.iter();
        let own = servers.find(|own| own.sizes.group == group && own.sizes.server == server);
        own?.capacity
    };
    let sizes: Vec<ServerSizes> = servers.iter().map(|own| own.sizes.clone()).collect();
    rules.find_all_filling(&sizes, capacity)
}
