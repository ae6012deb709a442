//! What is wrong with a cluster, and how to mend it.

mod budget;
mod catalog;
mod endpoints;
mod finding;
#[cfg(feature = "migrate")]
mod migrations;
mod namespaces;
mod statics;

use std::time::Duration;

use futures_util::future::join_all;

pub use self::budget::ConnectionBudget;
pub use self::finding::{CheckReport, Finding, Severity, findings_of_configuration};
#[cfg(feature = "migrate")]
pub use self::migrations::check_migrations;
use super::look::{Seen, look};
use super::servers::{ServerAt, servers};
use super::status::{Size, named, of_files, sizes};
use crate::cluster::Cluster;
use crate::connect::Lease;
use crate::error::Result;

/// The options of [`check`](check()).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct CheckOptions {
    /// The number of processes that open this cluster at the same time, each with its own pools.
    pub processes: u32,
    /// The largest difference of a server's clock from that of this machine.
    pub clock_difference: Duration,
    /// The longest time since a copy of a static table last caught up with its source.
    pub sync_age: Duration,
}

impl Default for CheckOptions {
    /// One process, one second, one hour.
    fn default() -> Self {
        Self {
            processes: 1,
            clock_difference: Duration::from_secs(1),
            sync_age: Duration::from_hours(1),
        }
    }
}

impl CheckOptions {
    /// The defaults.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets the number of processes. With a [catalog](crate::catalog), those that it lists count if
    /// they are more.
    #[must_use]
    pub fn processes(mut self, processes: u32) -> Self {
        self.processes = processes.max(1);
        self
    }

    /// Sets the largest difference of clocks.
    #[must_use]
    pub fn clock_difference(mut self, difference: Duration) -> Self {
        self.clock_difference = difference;
        self
    }

    /// Sets the longest time since a copy last caught up with its source.
    #[must_use]
    pub fn sync_age(mut self, age: Duration) -> Self {
        self.sync_age = age;
        self
    }
}

/// A server as it was seen: each of its endpoints, and the sizes of its namespaces.
struct Looked {
    server: ServerAt,
    endpoints: Vec<Result<Seen>>,
    /// `None` if they could not be read.
    sizes: Option<Vec<Size>>,
}

/// Checks a cluster, and reports everything that is wrong at once. Changes nothing.
///
/// Every endpoint is reached, and asked for its role, version, clock and limits; the namespaces of
/// each group are surveyed as by [`Cluster::setup`]; the copies of static tables are asked when they
/// last caught up with their sources; and the [catalog](crate::catalog), if there is one, which
/// processes follow it. A server that does not answer is a finding.
///
/// ```
/// # async fn run(cluster: &shard_orm::Cluster) -> shard_orm::Result<()> {
/// use shard_orm::admin::{CheckOptions, check};
///
/// let report = check(cluster, CheckOptions::new().processes(12)).await?;
/// for finding in &report.findings {
///     println!("{finding}");
/// }
/// # Ok(())
/// # }
/// ```
///
/// # Errors
/// If the configuration was changed meanwhile.
pub async fn check(cluster: &Cluster, options: CheckOptions) -> Result<CheckReport> {
    let servers = servers(cluster)?;
    let looked = join_all(servers.into_iter().map(look_at)).await;
    let mut report = CheckReport::default();
    for one in &looked {
        endpoints::check(one, options, &mut report);
    }
    endpoints::check_versions(&looked, &mut report);
    let listed = catalog::listed(cluster).await;
    let (catalog_database, processes) = match &listed {
        Some(listed) => (Some(&*listed.database), listed.processes),
        None => (None, 0),
    };
    let of_all = options.processes(options.processes.max(processes));
    budget::check(&looked, of_all, catalog_database, &mut report);
    let topology = cluster.topology();
    for group in topology.groups() {
        let is_reached = looked.iter().all(|one| {
            one.server.is_database
                || one.server.group != group.name()
                || one.endpoints.iter().any(Result::is_ok)
        });
        // A server that was not reached is a finding already, and a survey needs all.
        if !is_reached {
            continue;
        }
        if let Some(presence) = namespaces::check(cluster, group, &mut report).await {
            statics::check(&presence, options, &mut report).await;
        }
    }
    catalog::check(cluster, &mut report).await;
    report.finish();
    Ok(report)
}

async fn look_at(server: ServerAt) -> Looked {
    let looks = (0..server.endpoints.len()).map(|endpoint| look(&server, endpoint));
    let (mut endpoints, mut lease) = (Vec::new(), None);
    for looked in join_all(looks).await {
        endpoints.push(looked.map(|(own, seen)| {
            if seen.observed.writable {
                lease = lease.take().or(own);
            }
            seen
        }));
    }
    let sizes = read_sizes(&server, lease).await.ok();
    Looked {
        server,
        endpoints,
        sizes,
    }
}

async fn read_sizes(server: &ServerAt, mut lease: Option<Lease>) -> Result<Vec<Size>> {
    let named = named(server, lease.as_mut()).await?;
    let found = match &mut lease {
        Some(lease) => sizes(&named, lease).await?,
        None => of_files(&named),
    };
    Ok(found.into_values().collect())
}
