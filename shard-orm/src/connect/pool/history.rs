//! Which history the server of a pool has: of one primary between two promotions, or of one server
//! between two starts.
//!
//! Noted for a cluster with a catalog, when a connection is opened and by the monitor. A server of
//! another history may lack the last changes, so that its namespaces are not used before the catalog
//! has confirmed the topology.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use tokio::time::timeout;

use super::Pool;
use crate::backend::{Conn, Position, observe};
use crate::error::Result;
use crate::observe::Event;

/// The history of a pool's server.
#[derive(Debug, Default)]
pub(super) struct History {
    /// Whether the cluster has a catalog.
    watched: AtomicBool,
    /// Counts the changes to another history.
    changes: AtomicU64,
    /// The changes after which the catalog has confirmed the topology.
    confirmed: AtomicU64,
    last: Mutex<Option<Position>>,
}

impl Pool {
    /// Notes the history of each connection from now on.
    pub(in crate::connect) fn watch_history(&self) {
        self.history.watched.store(true, Ordering::Release);
    }

    /// The number of changes to another history.
    pub(in crate::connect) fn history_changes(&self) -> u64 {
        self.history.changes.load(Ordering::Acquire)
    }

    /// Whether the catalog has confirmed the topology after so many changes.
    pub(in crate::connect) fn is_confirmed(&self, changes: u64) -> bool {
        self.history.confirmed.load(Ordering::Acquire) >= changes
    }

    /// The catalog has confirmed the topology after so many changes.
    pub(in crate::connect) fn confirm(&self, changes: u64) {
        self.history.confirmed.fetch_max(changes, Ordering::AcqRel);
    }

    /// Another server of the same cluster has become the primary, to which this pool leads.
    pub(in crate::connect) fn note_promotion(&self) {
        self.observed.count(Event::RoleChanged);
        if self.history.watched.load(Ordering::Acquire) {
            self.history.changes.fetch_add(1, Ordering::AcqRel);
            // Its namespaces are verified anew.
            self.require_pings();
        }
    }

    /// Compares the history to which a position belongs with the last one.
    pub(in crate::connect) fn note_history(&self, position: &Position) {
        if !self.history.watched.load(Ordering::Acquire) {
            return;
        }
        let mut last = self
            .history
            .last
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let differs = last.as_ref().is_some_and(|last| !position.is_of(last));
        *last = Some(position.clone());
        drop(last);
        if differs {
            self.note_promotion();
        }
    }

    /// Opens a connection for the pool, and notes the history of its server. That of a server which
    /// does not tell it is not known.
    pub(super) async fn open_pooled(&self) -> Result<Conn> {
        let mut conn = self.open().await?;
        if self.history.watched.load(Ordering::Acquire) {
            let asked = timeout(self.limits.connect_timeout, observe(&mut conn)).await;
            match asked {
                Ok(Ok(observed)) => {
                    if let Some(position) = &observed.position {
                        self.note_history(position);
                    }
                }
                Ok(Err(failure)) if failure.lost => return Err(failure.error),
                Ok(Err(_)) => {}
                Err(_) => return Err(self.unaccepted()),
            }
        }
        Ok(conn)
    }
}
