//! How many relations the statements over several logical shards hold locked on one PostgreSQL
//! server.
//!
//! A statement locks each table that it reads, and each index of it: one over 64 namespaces some
//! hundreds. All sessions of a server share one table of locks, and when it is full, whoever wants
//! another one fails. So the statements of one process take no more than a quarter of it.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::{OnceCell, OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;

use super::pool::Lease;
use crate::error::{Error, ErrorKind, Result};

/// The share of the server's locks that one process takes: one in so many.
const SHARE: u32 = 4;

/// The locks of one server that statements over several of its namespaces may hold.
#[derive(Debug, Default)]
pub(crate) struct LockBudget {
    /// Known from the first such statement on.
    room: OnceCell<Room>,
    /// How many relations a table stands for in each namespace: itself, its partitions, their
    /// indexes.
    relations: Mutex<HashMap<Box<str>, u32>>,
}

#[derive(Debug)]
struct Room {
    free: Arc<Semaphore>,
    all: u32,
}

/// A statement that is to be weighed.
pub(crate) struct LockDemand<'a> {
    pub(crate) server: &'a str,
    pub(crate) table: &'a str,
    /// The table's qualified name in one of the namespaces.
    pub(crate) name: &'a (dyn Fn() -> String + Sync),
    /// How many namespaces are read.
    pub(crate) namespaces: usize,
    /// How many tables of each; the first stands for all.
    pub(crate) tables: usize,
    /// How long it may wait.
    pub(crate) limit: Duration,
}

impl LockBudget {
    /// Waits until a statement has room, which it has until the permit is dropped.
    ///
    /// `connect` gives a connection to the server; it is asked for before any other is held.
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
                    "statements over several logical shards held the {} locks of server `{}` that \
                     one process takes (a quarter of its lock table) for {limit:?}; raise its \
                     `max_locks_per_transaction`, or run fewer such statements at a time",
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

    /// Asks how many locks the server has, and for how many relations a table stands.
    #[cold]
    async fn ask(&self, statement: &LockDemand<'_>, lease: &mut Lease) -> Result<(&Room, u32)> {
        let name = (statement.name)();
        let answer = lease.conn()?.lock_room(&name).await;
        let (all, relations) = match answer {
            Ok(answer) => {
                lease.settle();
                answer
            }
            Err(failure) => {
                if failure.lost {
                    lease.lost();
                } else {
                    lease.settle();
                }
                return Err(failure.error);
            }
        };
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

/// What a semaphore of the runtime counts without doubt.
const MOST: u32 = 100_000_000;
