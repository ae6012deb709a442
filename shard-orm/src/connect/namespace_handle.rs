//! Where the tables of one logical shard, of one named database, or the static tables of one
//! server are reached.

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
use crate::topology::{Namespace, Read};

/// Where the tables of one logical shard, or of one named database, are reached.
#[derive(Debug)]
pub(crate) struct NamespaceHandle {
    pub(crate) namespace: Arc<Namespace>,
    pub(crate) server: Arc<str>,
    /// The name of the cluster.
    pub(crate) cluster: Arc<str>,
    /// The configured primary, as it is written to.
    pub(super) writer: Endpoint,
    /// The configured primary, as it is read: the writer's own pool, but for SQLite, where readers
    /// do not wait for the writer.
    pub(super) reader: Endpoint,
    /// The configured replicas.
    pub(super) replicas: Vec<Endpoint>,
    /// What is known of the server's endpoints.
    pub(crate) health: Arc<Health>,
    /// How long the server's answers take.
    pub(crate) latencies: Arc<Latencies>,
    /// The server's locks.
    pub(crate) locks: Arc<LockBudget>,
    /// What its record is compared with; none for a named database.
    pub(crate) guard: Option<Arc<Guard>>,
    /// The policy of the group.
    pub(super) read: Read,
}

impl NamespaceHandle {
    pub(crate) fn dialect(&self) -> Dialect {
        self.namespace.dialect()
    }

    /// The logical shard that it is.
    pub(crate) fn shard_id(&self) -> ShardId {
        ShardId {
            group: self.namespace.group().to_string(),
            shard: self.namespace.shard(),
        }
    }

    /// The pools of its endpoints.
    pub(super) fn pools(&self) -> impl Iterator<Item = Arc<Pool>> {
        let endpoints = [&self.writer, &self.reader].into_iter();
        let endpoints = endpoints.chain(&self.replicas);
        endpoints.map(|endpoint| Arc::clone(&endpoint.pool))
    }

    /// The pools of one of its endpoints, that which is written to first.
    pub(super) fn pools_of_endpoint(&self, index: usize) -> Vec<Arc<Pool>> {
        let endpoint = self.endpoint(index);
        let reader = self.reading(index);
        let mut pools = vec![Arc::clone(&endpoint.pool)];
        if !Arc::ptr_eq(&endpoint.pool, &reader.pool) {
            pools.push(Arc::clone(&reader.pool));
        }
        pools
    }

    /// The last write that the pool for writes to one of its endpoints saw refused.
    pub(super) fn refusal(&self, index: usize) -> Option<Refusal> {
        self.endpoint(index).pool.refusal()
    }

    /// Whether the file of an endpoint is there and, of the primary's, may be written to; says what
    /// is wrong.
    pub(super) async fn probe_file(&self, index: usize) -> Result<(), String> {
        let endpoint = self.endpoint(index);
        let Some(file) = endpoint.pool.file() else {
            return Ok(());
        };
        // Looked for by its name: a connection to a file that was deleted notices nothing.
        if !file.is_file() {
            let never_made = self.namespace.is_static() && !endpoint.is_verified();
            return if never_made {
                Ok(())
            } else {
                Err(format!("the file {} is not there", file.display()))
            };
        }
        let opened = endpoint.pool.open_dedicated().await;
        let mut conn = opened.map_err(|error| error.to_string())?;
        let probed = if index == 0 {
            conn.try_to_write().await
        } else {
            conn.ping().await
        };
        probed.map_err(|failure| format!("{}: {}", file.display(), failure.error))?;
        conn.close().await;
        Ok(())
    }

    /// Where queries read that do not say it themselves.
    pub(crate) fn policy(&self) -> Read {
        self.read
    }

    /// A connection of one of the endpoints, on which the namespace has been found.
    pub(super) async fn ready(&self, endpoint: &Endpoint) -> Result<Lease> {
        if endpoint.is_verified() {
            endpoint.pool.wait().await
        } else {
            // Boxed: it does not make the future of every statement larger.
            Box::pin(self.first_use(endpoint)).await
        }
    }

    #[cold]
    async fn first_use(&self, endpoint: &Endpoint) -> Result<Lease> {
        // A file that is not there is a namespace that was never made, as a missing schema is. Of
        // a replica it is one that cannot be reached.
        if endpoint.index() == 0 && endpoint.pool.file().is_some_and(|file| !file.exists()) {
            return Err(self.missing(endpoint.pool.label()).await);
        }
        let mut lease = endpoint.acquire().await?;
        let mut verified = verify(self, &mut lease).await;
        if lease.is_lost() {
            // Only the record has been asked for, which may be asked again.
            drop(lease);
            lease = endpoint.acquire().await?;
            verified = verify(self, &mut lease).await;
        }
        verified?;
        endpoint.set_verified();
        Ok(lease)
    }

    /// The error for a namespace, or a database, that does not exist.
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

    /// How long a statement waits for a connection, and for whatever else it needs.
    pub(crate) fn acquire_timeout(&self) -> Duration {
        self.reader.pool.acquire_timeout()
    }

    /// Finds this namespace on a connection that another place of the same server was given.
    pub(crate) async fn verify_on(&self, checkout: &mut Checkout<'_>) -> Result<()> {
        let endpoint = self.reading(checkout.endpoint.index());
        if endpoint.is_verified() {
            return Ok(());
        }
        Box::pin(verify(self, &mut checkout.lease))
            .await
            .map_err(|error| self.name_error(error))?;
        endpoint.set_verified();
        Ok(())
    }

    /// The number of connections that it shares with the other namespaces of its primary; unlimited
    /// where each namespace has connections of its own.
    pub(crate) fn shared_connections(&self) -> usize {
        if self.dialect().capability().file_per_namespace {
            usize::MAX
        } else {
            self.writer.pool.most()
        }
    }

    /// The endpoint of this index, for writes.
    pub(super) fn endpoint(&self, index: usize) -> &Endpoint {
        match index.checked_sub(1) {
            None => &self.writer,
            Some(replica) => self.replicas.get(replica).unwrap_or(&self.writer),
        }
    }

    /// The endpoint of this index, for reads.
    pub(crate) fn reading(&self, index: usize) -> &Endpoint {
        match index {
            0 => &self.reader,
            index => self.endpoint(index),
        }
    }

    /// Where writes go.
    ///
    /// # Errors
    /// `ReadOnly` when no endpoint of the server takes them.
    pub(crate) fn writer(&self) -> Result<&Endpoint> {
        match self.health.primary() {
            Some(index) => Ok(self.endpoint(index)),
            None => Err(self.health.no_primary_error()),
        }
    }

    /// The primary's endpoint for reads; with no endpoint that takes writes, the one that took
    /// them last.
    pub(super) fn primary_reader(&self) -> &Endpoint {
        self.reading(self.health.last_primary())
    }

    /// `primary` or `replica`, as it is at the moment.
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

    /// Whether its file exists; on other databases there is none that could be missing.
    pub(crate) fn has_file(&self) -> bool {
        self.writer.pool.file().is_none_or(std::path::Path::exists)
    }

    /// Makes the file of a SQLite namespace, and its folder, where they are not there yet.
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
            Error::configuration(format!("the file {} cannot be made", file.display()))
                .with_source(source)
        })
    }

    /// Names the shard in an error, where there is one.
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
