//! Where a statement goes: one place, or several of one server at once.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use futures_util::future::BoxFuture;
use tokio::sync::OwnedSemaphorePermit;

use super::statement::Statement;
use super::target::Target;
use crate::backend::quote;
use crate::cluster::Moved;
use crate::connect::{Checkout, Endpoint, LockDemand, NamespaceHandle, WriteMarks};
use crate::error::{Error, Result};
use crate::topology::Read;

/// Where a statement goes.
#[derive(Debug, Clone)]
pub(crate) struct Destination {
    /// Whose connection it takes.
    pub(crate) handle: Arc<NamespaceHandle>,
    /// The other places that it asks, of the same server. Each call holds this, and has none.
    beside: Box<[Arc<NamespaceHandle>]>,
    /// Which endpoint was asked last, for a read that may be asked of two.
    asked: Option<Arc<AtomicUsize>>,
}

/// No endpoint.
const NOBODY: usize = usize::MAX;

impl Destination {
    /// One place.
    pub(crate) fn of(handle: Arc<NamespaceHandle>) -> Self {
        Self {
            handle,
            beside: Box::default(),
            asked: None,
        }
    }

    /// Several places of one server.
    pub(crate) fn of_several(
        handle: Arc<NamespaceHandle>,
        beside: Vec<Arc<NamespaceHandle>>,
    ) -> Self {
        Self {
            handle,
            beside: beside.into_boxed_slice(),
            asked: None,
        }
    }

    /// The same, which remembers the endpoint that it was given.
    pub(crate) fn remembering(mut self) -> Self {
        self.asked = Some(Arc::new(AtomicUsize::new(NOBODY)));
        self
    }

    /// Where its one place is by now, or once it has moved, after a statement failed there that has
    /// done nothing; otherwise the error.
    #[cold]
    pub(crate) fn moved<'a>(
        &'a self,
        target: Target<'a>,
        failed: Error,
        statement: &'a dyn Statement,
    ) -> BoxFuture<'a, Result<Self>> {
        Box::pin(async move {
            let may_follow = self.beside.is_empty()
                && failed.kind().may_have_moved()
                && statement.is_refused_whole();
            if !may_follow {
                return Err(failed);
            }
            let settled = target.settled(&self.handle, &failed).await;
            let handle = match settled.map_err(|error| self.name_error(error))? {
                Some(Moved::Whole(handle)) => handle,
                Some(Moved::Split(_) | Moved::Merged(_)) => {
                    let found = statement.found_by();
                    match found.handle(target.cluster(), &self.handle) {
                        Some(handle) => handle?,
                        None => return Err(self.name_error(Moved::regrouped(&self.handle))),
                    }
                }
                None => return Err(failed),
            };
            if handle.dialect() != self.handle.dialect() && statement.is_of_one_kind() {
                return Err(self.name_error(Moved::to_another_kind(&self.handle)));
            }
            Ok(Self {
                handle,
                beside: Box::default(),
                asked: self.asked.clone(),
            })
        })
    }

    /// Waits until a statement over several namespaces may take the locks that it needs. Awaited
    /// before a connection is: nothing that holds one waits for locks.
    pub(crate) async fn hold_locks(
        &self,
        read: Option<Read>,
        marks: Option<&WriteMarks>,
        statement: &dyn Statement,
    ) -> Result<Option<OwnedSemaphorePermit>> {
        let handle = &self.handle;
        if self.beside.is_empty() || !handle.dialect().capability().shared_lock_table {
            return Ok(None);
        }
        let table = statement.label().table;
        let weighed = LockDemand {
            server: &handle.server,
            table,
            name: &|| quote(handle.dialect(), &handle.namespace.table(table)),
            namespaces: 1 + self.beside.len(),
            tables: statement.tables(),
            limit: handle.acquire_timeout(),
        };
        let connect = async { Ok(self.handle.for_read(read, marks).await?.lease) };
        Box::pin(handle.locks.hold(weighed, connect)).await
    }

    /// A connection for a read, on which all its namespaces have been found.
    pub(crate) async fn for_read(
        &self,
        read: Option<Read>,
        marks: Option<&WriteMarks>,
    ) -> Result<Checkout<'_>> {
        let several = !self.beside.is_empty();
        let checkout = match &self.asked {
            None if !several => return self.handle.for_read(read, marks).await,
            Some(asked) if self.is_for_replicas(read, marks) => {
                let chosen = |index| asked.store(index, Ordering::Relaxed);
                self.handle.for_replica_read(chosen).await?
            }
            _ if several => {
                let read = self.read_of_several(read, marks);
                self.handle.for_read(read, marks).await?
            }
            _ => self.handle.for_read(read, marks).await?,
        };
        self.find_beside(checkout).await
    }

    /// A connection to a replica that was not asked before; `None` when there is none, or when the
    /// read is not one for replicas.
    pub(crate) async fn for_read_elsewhere(
        &self,
        read: Option<Read>,
        marks: Option<&WriteMarks>,
    ) -> Result<Option<Checkout<'_>>> {
        let asked = match &self.asked {
            Some(asked) => asked.load(Ordering::Relaxed),
            None => NOBODY,
        };
        if asked == NOBODY || !self.is_for_replicas(read, marks) {
            return Ok(None);
        }
        match self.handle.for_other_replica(asked).await? {
            Some(checkout) => self.find_beside(checkout).await.map(Some),
            None => Ok(None),
        }
    }

    /// Whether any replica may serve a read of all its places.
    fn is_for_replicas(&self, read: Option<Read>, marks: Option<&WriteMarks>) -> bool {
        match self.read_of_several(read, marks) {
            None => marks.is_none() && self.handle.policy() == Read::Replica,
            Some(read) => read == Read::Replica,
        }
    }

    /// Where a read of all its places goes.
    fn read_of_several(&self, read: Option<Read>, marks: Option<&WriteMarks>) -> Option<Read> {
        match marks {
            // One replica would have to hold what was written to each of them.
            Some(marks) if read.is_none_or(|read| read == Read::Session) => {
                Some(if marks.covers_any(self.handles()) {
                    Read::Primary
                } else {
                    Read::Replica
                })
            }
            _ => read,
        }
    }

    /// A connection for a read that failed on this endpoint's.
    pub(crate) async fn for_read_again(
        &self,
        read: Option<Read>,
        marks: Option<&WriteMarks>,
        failed: &Endpoint,
    ) -> Result<Checkout<'_>> {
        self.find_beside(self.handle.for_read_again(read, marks, failed).await?)
            .await
    }

    async fn find_beside<'p>(&self, mut checkout: Checkout<'p>) -> Result<Checkout<'p>> {
        for handle in &*self.beside {
            handle.verify_on(&mut checkout).await?;
        }
        Ok(checkout)
    }

    /// How many places it asks.
    pub(crate) fn width(&self) -> usize {
        1 + self.beside.len()
    }

    pub(crate) fn handles(&self) -> impl Iterator<Item = &NamespaceHandle> + Clone {
        std::iter::once(&*self.handle).chain(self.beside.iter().map(|handle| &**handle))
    }

    /// Names the shard, where there is but one.
    pub(crate) fn name_error(&self, error: Error) -> Error {
        if self.beside.is_empty() {
            self.handle.name_error(error)
        } else {
            error
        }
    }
}
