//! Limits the table locks that scatter statements hold on one PostgreSQL server.
//!
//! A statement locks each table that it reads and each of its indexes; over 64 namespaces, that is
//! several hundred locks. All sessions of a server share one lock table, and when it is full, any
//! session that needs another lock fails. The statements of one process therefore use at most a
//! quarter of it.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::{OnceCell, OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;

use super::pool::Lease;
use crate::error::{Error, ErrorKind, Result};

/// The divisor for the share of the server's locks that one process uses.
const SHARE: u32 = 4;

/// The lock budget of one server for scatter statements.
#[derive(Debug, Default)]
pub(crate) struct LockBudget {
    /// Read from the server before the first such statement.
    room: OnceCell<Room>,
    /// The number of relations behind a table in each namespace: the table, its partitions and
    /// their indexes.
    relations: Mutex<HashMap<Box<str>, u32>>,
}

#[derive(Debug)]
struct Room {
    free: Arc<Semaphore>,
    all: u32,
}

/// The lock demand of a statement.
pub(crate) struct LockDemand<'a> {
    pub(crate) server: &'a str,
    pub(crate) table: &'a str,
    /// The qualified name of the table in one of the namespaces.
    pub(crate) name: &'a (dyn Fn() -> String + Sync),
    /// The number of namespaces that are read.
    pub(crate) namespaces: usize,
    /// The number of tables in each; the first is representative.
    pub(crate) tables: usize,
    /// The longest wait.
    pub(crate) limit: Duration,
}

impl LockBudget {
    /// Waits until the statement's locks fit the budget, and reserves them until the permit is
    /// dropped.
    ///
    /// `connect` opens a connection to the server. It is awaited before any other connection is
    /// held.
    pub(crate) async fn hold(
        &self,
        statement: LockDemand<'_>,
        connect: impl Future<Output = Result<Lease>>,
    ) -> Result<Option<OwnedSemaphorePermit>> {
        let known = self.relations_of(statement.table);
        let (room, relations) = match (self.room.get(), known) {
            (Some(room), Some(relations)) => (room, relations),
            _ => self.ask(&statement, &mut connect.await?).await?,
        };
        let locks = statement
            .namespaces
            .saturating_mul(statement.tables)
            .saturating_mul(usize::try_from(relations).unwrap_or(usize::MAX));
        let locks = u32::try_from(locks).unwrap_or(u32::MAX).min(room.all);
        let limit = statement.limit;
        match timeout(limit, Arc::clone(&room.free).acquire_many_owned(locks)).await {
            // Never closed.
            Ok(permit) => Ok(permit.ok()),
            Err(_) => Err(Error::new(
                ErrorKind::PoolExhausted,
                format!(
                    "scatter statements held all {} locks of server `{}` that one process uses (a \
                     quarter of its lock table) for {limit:?}; raise `max_locks_per_transaction` \
                     on the server, or run fewer such statements at a time",
                    room.all, statement.server,
                ),
            )),
        }
    }

    fn relations_of(&self, table: &str) -> Option<u32> {
        let relations = self.relations.lock();
        let relations = relations.unwrap_or_else(PoisonError::into_inner);
        relations.get(table).copied()
    }

    /// Reads the number of locks of the server, and the number of relations behind a table.
    #[cold]
    async fn ask(&self, statement: &LockDemand<'_>, lease: &mut Lease) -> Result<(&Room, u32)> {
        let name = (statement.name)();
        let answer = lease.conn()?.lock_room(&name).await;
        let (all, relations) = lease.finish(answer)?;
        let all = u32::try_from(all.max(0)).unwrap_or(u32::MAX) / SHARE;
        let all = all.clamp(1, MOST);
        let relations = u32::try_from(relations).unwrap_or(u32::MAX).max(1);
        self.relations
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .insert(statement.table.into(), relations);
        let room = self
            .room
            .get_or_init(|| async {
                Room {
                    free: Arc::new(Semaphore::new(all as usize)),
                    all,
                }
            })
            .await;
        Ok((room, relations))
    }
}

/// An upper bound that a tokio semaphore supports.
const MOST: u32 = 100_000_000;
