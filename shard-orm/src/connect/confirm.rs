//! Confirms the topology after a server of another history has answered.
//!
//! A standby that was promoted, or a server that was restarted, may lack the last changes, such as the
//! fence of a namespace whose rows have a new place: record and tables say that it serves. The catalog
//! knows better, and is read before such a namespace is used.

use futures_util::future::BoxFuture;

use super::NamespaceHandle;
use super::endpoint::Endpoint;
use super::record::Record;
use crate::error::{Error, ErrorKind, Result};

/// Knows the latest topology: the cluster, by its catalog.
pub(crate) trait Authority: Send + Sync {
    /// Reads the catalog, and uses its topology.
    fn look(&self) -> BoxFuture<'_, Result<()>>;

    /// Whether the topology in use has this namespace at this place.
    fn is_current(&self, handle: &NamespaceHandle) -> bool;

    /// The epoch in use.
    fn epoch(&self) -> u64;
}

/// Whether the topology in use is the latest.
pub(super) enum Confirmed {
    /// It is, or the server is the one that it was.
    Yes,
    /// The catalog was not read, for this reason, while this epoch was in use.
    No { epoch: u64, problem: Error },
}

impl Confirmed {
    /// Refuses a namespace whose record may be older than the topology, if nothing has confirmed that.
    pub(super) fn check(
        &self,
        handle: &NamespaceHandle,
        label: &str,
        found: &Record,
    ) -> Result<()> {
        let Self::No { epoch, problem } = self else {
            return Ok(());
        };
        let recorded = found.epoch.and_then(|epoch| u64::try_from(epoch).ok());
        if recorded.unwrap_or(0) >= *epoch {
            return Ok(());
        }
        Err(Error::new(
            ErrorKind::Unavailable,
            format!(
                "{label} was restarted, or another server has taken its place, so that it may lack the \
                 last changes; namespace `{}` is not used before the catalog was read, which failed: \
                 {}. Bring the catalog back, or restart this process to trust the server",
                handle.namespace.name(),
                problem.message()
            ),
        ))
    }
}

impl NamespaceHandle {
    /// Confirms that the topology still has this namespace, after so many changes of the history of an
    /// endpoint's server.
    ///
    /// # Errors
    /// `ShardMoved` if the topology has another place for it by now.
    pub(super) async fn confirmed(&self, endpoint: &Endpoint, changes: u64) -> Result<Confirmed> {
        let guard = self.guard.as_ref().filter(|_| changes > 0);
        let Some(authority) = guard.and_then(|guard| guard.authority()) else {
            return Ok(Confirmed::Yes);
        };
        let mut confirmed = Confirmed::Yes;
        if !endpoint.pool().is_confirmed(changes) {
            match authority.look().await {
                Ok(()) => endpoint.pool().confirm(changes),
                Err(problem) => {
                    let epoch = authority.epoch();
                    confirmed = Confirmed::No { epoch, problem };
                }
            }
        }
        // A statement may have begun before the topology changed.
        if authority.is_current(self) {
            return Ok(confirmed);
        }
        Err(Error::new(
            ErrorKind::ShardMoved,
            format!(
                "namespace `{}` is not on {} any more, by the topology of the catalog",
                self.namespace.name(),
                endpoint.label()
            ),
        ))
    }
}
