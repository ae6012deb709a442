//! Where the tables of one logical shard, or of one named database, are reached.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use super::pool::{Lease, Pool};
use super::verify::{not_set_up, verify};
use crate::dialect::Dialect;
use crate::error::{Error, Result};
use crate::route::mix64;
use crate::topology::{Namespace, Read};

/// The roles of an endpoint.
pub(super) const PRIMARY: &str = "primary";
pub(super) const REPLICA: &str = "replica";

/// One endpoint as seen from one namespace: its pool, and whether the namespace was found there.
#[derive(Debug)]
pub(crate) struct Endpoint {
    pool: Arc<Pool>,
    role: &'static str,
    /// The namespace's record was read there and is right.
    checked: AtomicBool,
}

impl Endpoint {
    pub(super) fn new(pool: Arc<Pool>, role: &'static str) -> Self {
        Self {
            pool,
            role,
            checked: AtomicBool::new(false),
        }
    }

    /// `primary` or `replica`.
    pub(crate) fn role(&self) -> &'static str {
        self.role
    }

    /// A connection, whether or not the namespace is there.
    pub(crate) async fn acquire(&self) -> Result<Lease> {
        self.pool.acquire().await
    }
}

/// Where the tables of one logical shard, or of one named database, are reached.
#[derive(Debug)]
pub(crate) struct Place {
    pub(crate) namespace: Arc<Namespace>,
    pub(crate) server: Arc<str>,
    /// The name of the cluster.
    pub(crate) cluster: Arc<str>,
    /// Takes writes, and what must see them.
    pub(super) writer: Endpoint,
    /// Serves reads of the primary: the writer's own pool, but for SQLite, where readers do not
    /// wait for the writer.
    pub(super) reader: Endpoint,
    pub(super) replicas: Vec<Endpoint>,
    pub(super) turn: AtomicUsize,
    /// The policy of the group.
    pub(super) read: Read,
}

impl Place {
    pub(crate) fn dialect(&self) -> Dialect {
        self.namespace.dialect()
    }

    /// A connection of one of the endpoints, on which the namespace has been found.
    pub(crate) async fn ready(&self, endpoint: &Endpoint) -> Result<Lease> {
        if endpoint.checked.load(Ordering::Relaxed) {
            endpoint.acquire().await
        } else {
            // Boxed: it does not make the future of every statement larger.
            Box::pin(self.first_use(endpoint)).await
        }
    }

    #[cold]
    async fn first_use(&self, endpoint: &Endpoint) -> Result<Lease> {
        // A file that is not there is a namespace that was never made, as a missing schema is. Of
        // a replica it is one that cannot be reached.
        if endpoint.role == PRIMARY && endpoint.pool.file().is_some_and(|file| !file.exists()) {
            return Err(not_set_up(self, endpoint.pool.label()));
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
        endpoint.checked.store(true, Ordering::Relaxed);
        Ok(lease)
    }

    pub(crate) fn writer(&self) -> &Endpoint {
        &self.writer
    }

    /// The endpoint for a read: as asked, or by the group's policy. A server without replicas
    /// serves its reads itself.
    pub(crate) fn reader(&self, read: Option<Read>) -> &Endpoint {
        match read.unwrap_or(self.read) {
            Read::Primary => &self.reader,
            Read::Replica => self.replica().unwrap_or(&self.reader),
        }
    }

    /// The primary's endpoint for reads.
    pub(crate) fn primary_reader(&self) -> &Endpoint {
        &self.reader
    }

    /// The less busy of two replicas chosen at random ("the power of two choices", Mitzenmacher
    /// 1996).
    fn replica(&self) -> Option<&Endpoint> {
        let first = match self.replicas.as_slice() {
            [] => return None,
            [only] => return Some(only),
            several => {
                let count = several.len();
                let turn = self.turn.fetch_add(1, Ordering::Relaxed);
                let random = usize::try_from(mix64(turn as u64) >> 33).unwrap_or(turn);
                let first = random % count;
                let second = (first + 1 + random / count % (count - 1)) % count;
                if several[second].pool.outstanding() < several[first].pool.outstanding() {
                    second
                } else {
                    first
                }
            }
        };
        self.replicas.get(first)
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

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.namespace.is_sharded() {
            write!(
                f,
                "logical shard {} of group `{}`",
                self.namespace.shard(),
                self.namespace.group()
            )
        } else {
            write!(f, "database `{}`", self.namespace.group())
        }
    }
}
