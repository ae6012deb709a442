//! The sizes of servers over days: measured once in an hour by one of the processes, and kept in the catalog.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use futures_util::future::join_all;

use crate::catalog::Store;
use crate::cluster::Cluster;
use crate::connect::NamespaceHandle;
use crate::connect::sizes::{Named, bytes_on_server};
use crate::error::{Error, ErrorKind, Result};

/// The longest time in which the size of one server is read.
const LIMIT: Duration = Duration::from_secs(30);
/// The shortest period, and the one of processes that do not measure by themselves.
const SHORTEST: Duration = Duration::from_millis(100);
const HOUR: Duration = Duration::from_hours(1);

/// The sizes of a server over time, from [`Cluster::server_sizes`].
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct ServerSizes {
    /// The group.
    pub group: String,
    /// The server.
    pub server: String,
    /// When the bytes of its logical shards were measured, and what they were; the oldest first.
    pub samples: Vec<(SystemTime, u64)>,
}

impl Cluster {
    /// The sizes of the servers of all groups, from the catalog: the last 400 of each, of at most 14 days. Sends one
    /// statement. A server has no sample of a period in which it did not answer.
    ///
    /// One of the processes that [report](crate::config::Catalog::heartbeat) measures them in each
    /// [period](crate::config::Catalog::sizes), by default an hour. If none does, call
    /// [`measure_server_sizes`](Self::measure_server_sizes).
    ///
    /// ```no_run
    /// # async fn run(cluster: shard_orm::Cluster) -> shard_orm::Result<()> {
    /// use shard_orm::statistics::Trend;
    ///
    /// for server in cluster.server_sizes().await? {
    ///     if let Some(trend) = Trend::of(&server.samples) {
    ///         println!("{}: {:.0} bytes more each day", server.server, trend.bytes_per_day);
    ///     }
    /// }
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// [`Configuration`](ErrorKind::Configuration) if the cluster has no catalog; the error of the catalog's database,
    /// or [`Timeout`](ErrorKind::Timeout) if it does not answer.
    pub async fn server_sizes(&self) -> Result<Vec<ServerSizes>> {
        let (handle, timeout) = self.catalog_of_sizes()?;
        let measured = Store::within(timeout, Store::new(&handle).sizes()).await?;
        let mut all: BTreeMap<(String, String), Vec<(SystemTime, u64)>> = BTreeMap::new();
        for one in measured {
            for (name, bytes) in one.sizes {
                all.entry(name).or_default().push((one.at, bytes));
            }
        }
        let servers = all.into_iter();
        let sizes = servers.map(|((group, server), samples)| ServerSizes {
            group,
            server,
            samples,
        });
        Ok(sizes.collect())
    }

    /// Measures the servers of all groups and keeps their sizes in the catalog, unless a process has done so within the
    /// [period](crate::config::Catalog::sizes). Returns whether this call has measured.
    ///
    /// Sends two statements to the catalog if another process has measured, and otherwise three more, and one to the
    /// primary of each server; on PostgreSQL, also one for each logical shard whose tables were never analyzed. On
    /// SQLite, the sizes of files are read. A server that does not answer within 30 s is left out.
    ///
    /// # Errors
    /// As [`server_sizes`](Self::server_sizes); [`UndefinedTable`](ErrorKind::UndefinedTable) if the catalog is not
    /// initialized.
    pub async fn measure_server_sizes(&self) -> Result<bool> {
        let (handle, timeout) = self.catalog_of_sizes()?;
        let store = Store::new(&handle);
        let period = period_at(SystemTime::now(), self.period_of_sizes());
        if !Store::within(timeout, store.begin_sizes(period)).await? {
            return Ok(false);
        }
        let servers = self.handles_by_server();
        let sized = servers.into_iter().map(|(name, namespaces)| async move {
            let bytes = tokio::time::timeout(LIMIT, bytes_on_server(&namespaces)).await;
            match bytes {
                Ok(Ok(bytes)) => Some((name, bytes)),
                Ok(Err(error)) => {
                    not_measured(&name, error.kind());
                    None
                }
                Err(_) => {
                    not_measured(&name, ErrorKind::Timeout);
                    None
                }
            }
        });
        let sizes = join_all(sized).await.into_iter().flatten().collect();
        Store::within(timeout, store.keep_sizes(period, &sizes)).await?;
        Ok(true)
    }

    fn catalog_of_sizes(&self) -> Result<(Arc<NamespaceHandle>, Duration)> {
        let Some(follower) = self.follower() else {
            return Err(Error::configuration(
                "the cluster has no catalog, in which the sizes of servers are kept",
            ));
        };
        let options = follower.options();
        let handle = self.handle_of_database(&options.database)?;
        Ok((handle, options.timeout))
    }

    fn period_of_sizes(&self) -> Duration {
        let own = self.follower().and_then(|one| one.options().sizes);
        own.unwrap_or(HOUR)
    }

    /// The namespaces of logical shards, by group and server.
    fn handles_by_server(&self) -> BTreeMap<(String, String), Vec<Named>> {
        let state = self.inner.state.load_full();
        let mut servers: BTreeMap<_, Vec<Named>> = BTreeMap::new();
        for index in 0..state.topology.groups().len() {
            for handle in state.pool_set.shards(index) {
                let namespace = &handle.namespace;
                let server = (namespace.group().to_string(), handle.server.to_string());
                servers.entry(server).or_default().push(Named {
                    name: namespace.name().to_string(),
                    handle: Arc::clone(handle),
                });
            }
        }
        servers
    }
}

fn not_measured((group, server): &(String, String), error: ErrorKind) {
    tracing::debug!(
        target: "shard_orm", %group, %server, %error,
        "the size of a server was not measured"
    );
}

/// The number of the period that a time is in. Processes whose clocks differ measure more often, and nothing else.
fn period_at(time: SystemTime, period: Duration) -> i64 {
    let since = time
        .duration_since(SystemTime::UNIX_EPOCH)
        .unwrap_or_default();
    let periods = since.as_millis() / period.max(SHORTEST).as_millis();
    i64::try_from(periods).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_period_ends_where_the_next_one_begins() {
        let at = |minutes: u64| SystemTime::UNIX_EPOCH + Duration::from_mins(minutes);
        assert_eq!(period_at(at(59), HOUR), 0);
        assert_eq!(period_at(at(60), HOUR), 1);
        assert_eq!(period_at(at(24 * 60 + 61), HOUR), 25);
        assert_eq!(period_at(at(1), Duration::ZERO), 600);
    }
}
