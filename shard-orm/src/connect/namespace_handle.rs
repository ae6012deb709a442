//! A namespace with its pools: of a logical shard, of a named database, or of one server's static
//! tables.
//!
//! Held by the `PoolSet` of a topology. Every statement runs through one.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use super::endpoint::{Checkout, Endpoint};
use super::guard::Guard;
use super::health::Health;
use super::latencies::Latencies;
use super::lock_budget::LockBudget;
use super::pool::{Lease, Pool, Refusal};
use super::record::Record;
use super::verify::verify;
use crate::dialect::Dialect;
use crate::error::{Error, ErrorKind, Result, ShardId};
use crate::observe::Observed;
use crate::topology::{Namespace, Read};

/// A namespace with the pools of its server's endpoints.
#[derive(Debug)]
pub(crate) struct NamespaceHandle {
    pub(crate) namespace: Arc<Namespace>,
    pub(crate) server: Arc<str>,
    /// The cluster's name.
    pub(crate) cluster: Arc<str>,
    /// The configured primary, for writes.
    pub(super) writer: Endpoint,
    /// The configured primary, for reads: shares the writer's pool, except on SQLite, where readers
    /// do not wait for the writer.
    pub(super) reader: Endpoint,
    /// The configured replicas.
    pub(super) replicas: Vec<Endpoint>,
    /// The health of the server's endpoints.
    pub(crate) health: Arc<Health>,
    /// The server's response times.
    pub(crate) latencies: Arc<Latencies>,
    /// The server's lock budget.
    pub(crate) locks: Arc<LockBudget>,
    /// The statistics of its calls.
    pub(crate) observed: Observed,
    /// The expected record; `None` for a named database.
    pub(crate) guard: Option<Arc<Guard>>,
    /// The group's read policy.
    pub(super) read: Read,
}

impl NamespaceHandle {
    pub(crate) fn dialect(&self) -> Dialect {
        self.namespace.dialect()
    }

    /// The logical shard.
    pub(crate) fn shard_id(&self) -> ShardId {
        ShardId {
            group: self.namespace.group().to_string(),
            shard: self.namespace.shard(),
        }
    }

    /// The pools of all endpoints.
    pub(super) fn pools(&self) -> impl Iterator<Item = Arc<Pool>> {
        let endpoints = [&self.writer, &self.reader].into_iter();
        let endpoints = endpoints.chain(&self.replicas);
        endpoints.map(|endpoint| Arc::clone(&endpoint.pool))
    }

    /// The pools of one endpoint, the writer's first.
    pub(super) fn pools_of_endpoint(&self, index: usize) -> Vec<Arc<Pool>> {
        let endpoint = self.endpoint(index);
        let reader = self.reading(index);
        let mut pools = vec![Arc::clone(&endpoint.pool)];
        if !Arc::ptr_eq(&endpoint.pool, &reader.pool) {
            pools.push(Arc::clone(&reader.pool));
        }
        pools
    }

    /// The last write that was refused by one endpoint.
    pub(super) fn refusal(&self, index: usize) -> Option<Refusal> {
        self.endpoint(index).pool.refusal()
    }

    /// Checks that an endpoint's file exists and, for the primary, that it is writable. The error
    /// says what is wrong.
    pub(super) async fn probe_file(&self, index: usize) -> Result<(), String> {
        let endpoint = self.endpoint(index);
        let Some(file) = endpoint.pool.file() else {
            return Ok(());
        };
        // Checked by name: an open connection does not notice that its file was deleted.
        if !file.is_file() {
            let never_made = self.namespace.is_static() && !endpoint.was_verified();
            return if never_made {
                Ok(())
            } else {
                Err(format!("the file {} does not exist", file.display()))
            };
        }
        let opened = endpoint.pool.open_dedicated().await;
        let mut conn = opened.map_err(|error| error.to_string())?;
        let probed = if index == 0 {
            conn.check_write_lock().await
        } else {
            conn.ping().await
        };
        probed.map_err(|failure| format!("{}: {}", file.display(), failure.error))?;
        conn.close().await;
        Ok(())
    }

    /// The read policy for queries that do not set one.
    pub(crate) fn policy(&self) -> Read {
        self.read
    }

    /// A connection to an endpoint on which the namespace has been verified.
    pub(super) async fn ready(&self, endpoint: &Endpoint) -> Result<Lease> {
        if endpoint.is_verified() {
            let lease = endpoint.pool.wait().await?;
            // A connection that was opened meanwhile may lead to another server.
            if endpoint.is_verified() {
                return Ok(lease);
            }
        }
        // Boxed: keeps the future of every statement small.
        Box::pin(self.first_use(endpoint)).await
    }

    #[cold]
    async fn first_use(&self, endpoint: &Endpoint) -> Result<Lease> {
        // On the primary a missing file is a namespace that was never created, like a missing
        // schema. On a replica it is an unreachable endpoint.
        if endpoint.index() == 0 && endpoint.pool.file().is_some_and(|file| !file.exists()) {
            return Err(self.missing(endpoint.pool.label()).await);
        }
        let mut is_last = false;
        loop {
            let mut lease = endpoint.acquire().await?;
            let changes = endpoint.pool().history_changes();
            let confirmed = if endpoint.pool().is_confirmed(changes) {
                self.confirmed(endpoint, changes).await?
            } else {
                // Its place in the pool is free while the catalog is asked.
                drop(lease);
                let confirmed = self.confirmed(endpoint, changes).await?;
                lease = endpoint.acquire().await?;
                confirmed
            };
            let losses = endpoint.losses();
            let is_same = endpoint.pool().history_changes() == changes;
            let verified = verify(self, &mut lease, &confirmed).await;
            // Only the record was read, so it is safe to read it again.
            if is_same && (is_last || !lease.is_lost()) {
                verified?;
                endpoint.set_verified(losses);
                return Ok(lease);
            }
            if is_last {
                return Err(Error::new(
                    ErrorKind::Unavailable,
                    format!("{} is failing over; try again", endpoint.label()),
                ));
            }
            is_last = true;
        }
    }

    /// The error for a namespace or database that does not exist.
    async fn missing(&self, label: &str) -> Error {
        let name = self.namespace.name();
        match &self.guard {
            Some(guard) => {
                let shard = Record::expected(self).shard;
                guard.missing(shard, name, label).await
            }
            None => Error::new(
                ErrorKind::UndefinedTable,
                format!(
                    "database `{name}` at {label} does not exist; create it with `cluster.setup()`"
                ),
            ),
        }
    }

    /// The timeout for a connection, and for anything else that a statement waits for.
    pub(crate) fn acquire_timeout(&self) -> Duration {
        self.reader.pool.acquire_timeout()
    }

    /// Verifies this namespace on a connection that was checked out through another namespace of
    /// the same server.
    pub(crate) async fn verify_on(&self, checkout: &mut Checkout<'_>) -> Result<()> {
        let endpoint = self.reading(checkout.endpoint.index());
        if endpoint.is_verified() {
            return Ok(());
        }
        let changes = endpoint.pool().history_changes();
        let losses = endpoint.losses();
        let verified = async {
            let confirmed = self.confirmed(endpoint, changes).await?;
            verify(self, &mut checkout.lease, &confirmed).await
        };
        Box::pin(verified)
            .await
            .map_err(|error| self.name_error(error))?;
        endpoint.set_verified(losses);
        Ok(())
    }

    /// Its record says that it does not serve: it is verified again before it is used.
    pub(crate) fn forget_verified(&self) {
        let endpoints = [&self.writer, &self.reader].into_iter();
        for endpoint in endpoints.chain(&self.replicas) {
            endpoint.forget_verified();
        }
    }

    /// The number of connections that it shares with the other namespaces of its primary; unlimited
    /// where each namespace has connections of its own.
    pub(crate) fn shared_connections(&self) -> usize {
        if self.dialect().capability().file_per_namespace {
            usize::MAX
        } else {
            self.writer.pool.max_connections()
        }
    }

    /// The endpoint at this index, for writes.
    pub(super) fn endpoint(&self, index: usize) -> &Endpoint {
        match index.checked_sub(1) {
            None => &self.writer,
            Some(replica) => self.replicas.get(replica).unwrap_or(&self.writer),
        }
    }

    /// The endpoint at this index, for reads.
    pub(crate) fn reading(&self, index: usize) -> &Endpoint {
        match index {
            0 => &self.reader,
            index => self.endpoint(index),
        }
    }

    /// The endpoint that takes writes.
    ///
    /// # Errors
    /// `ReadOnly` if no endpoint of the server takes writes.
    pub(crate) fn writer(&self) -> Result<&Endpoint> {
        match self.health.primary() {
            Some(index) => Ok(self.endpoint(index)),
            None => Err(self.health.no_primary_error()),
        }
    }

    /// A dedicated connection to the endpoint that takes writes, whose server confirms that it does,
    /// and the server's position, if it tells one.
    ///
    /// # Errors
    /// `ReadOnly` with `rule` if it does not.
    #[cfg(feature = "migrate")]
    pub(crate) async fn open_primary(
        &self,
        rule: &str,
    ) -> Result<(crate::backend::Conn, Option<crate::backend::Position>)> {
        let mut conn = self.writer()?.open_dedicated().await?;
        let mut position = None;
        if self.dialect().capability().servers.is_supported() {
            let observed = crate::backend::observe(&mut conn).await;
            let observed = observed.map_err(|failure| failure.error)?;
            position = observed.position;
            if !observed.writable {
                return Err(Error::new(
                    ErrorKind::ReadOnly,
                    format!(
                        "server `{}` is a replica or read-only; {rule}: name the primary in the \
                         configuration",
                        self.server
                    ),
                ));
            }
        }
        Ok((conn, position))
    }

    /// The endpoints that do not take writes, each of which may come to do so.
    #[cfg(feature = "reshard")]
    pub(crate) fn followers(&self) -> impl Iterator<Item = usize> {
        let primary = self.health.last_primary();
        (0..=self.replicas.len()).filter(move |index| *index != primary)
    }

    /// A connection to the primary for a read that is only compared: of a namespace that may not serve yet.
    #[cfg(feature = "reshard")]
    pub(crate) async fn for_comparison(&self) -> Result<Lease> {
        self.primary_reader().acquire().await
    }

    /// Whether a replica of the server lags.
    #[cfg(feature = "reshard")]
    pub(crate) fn has_lagging_replica(&self) -> bool {
        self.health.has_lagging()
    }

    /// The primary's endpoint for reads. If no endpoint takes writes, the last one that did.
    pub(super) fn primary_reader(&self) -> &Endpoint {
        self.reading(self.health.last_primary())
    }

    /// The endpoint's current role: `primary` or `replica`.
    pub(crate) fn role(&self, endpoint: &Endpoint) -> &'static str {
        if self.is_replica(endpoint) {
            "replica"
        } else {
            "primary"
        }
    }

    pub(crate) fn is_replica(&self, endpoint: &Endpoint) -> bool {
        endpoint.index() != self.health.last_primary()
    }

    /// Whether the SQLite file exists; true on other databases.
    pub(crate) fn has_file(&self) -> bool {
        self.writer.pool.file().is_none_or(std::path::Path::exists)
    }

    /// The file of a SQLite namespace at its primary.
    pub(crate) fn file(&self) -> Option<&std::path::Path> {
        self.writer.pool.file()
    }

    /// Creates the file of a SQLite namespace and its folder, if they do not exist.
    pub(crate) fn create_file(&self) -> Result<()> {
        let Some(file) = self.writer.pool.file() else {
            return Ok(());
        };
        let made = match file.parent() {
            Some(folder) => std::fs::create_dir_all(folder),
            None => Ok(()),
        };
        made.and_then(|()| {
            std::fs::OpenOptions::new()
                .append(true)
                .create(true)
                .open(file)
                .map(drop)
        })
        .map_err(|source| {
            Error::configuration(format!("cannot create the file {}", file.display()))
                .with_source(source)
        })
    }

    /// Adds the shard to an error, if this is a logical shard.
    pub(crate) fn name_error(&self, error: Error) -> Error {
        if self.namespace.is_sharded() {
            error.on_shard(self.namespace.group(), self.namespace.shard())
        } else {
            error
        }
    }
}

impl fmt::Display for NamespaceHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.namespace.is_sharded() {
            write!(
                f,
                "logical shard {} of group `{}`",
                self.namespace.shard(),
                self.namespace.group()
            )
        } else if self.namespace.is_static() {
            write!(
                f,
                "the static tables of group `{}` on server `{}`",
                self.namespace.group(),
                self.server
            )
        } else {
            write!(f, "database `{}`", self.namespace.group())
        }
    }
}
