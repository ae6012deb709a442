//! Waits for the switch of a logical shard that changes servers.
//!
//! Called after a statement failed because its namespace, or a table in it, is not there. The record
//! of the namespace decides: only one that is not active means that the shard has moved.
//!
//! The caller may hold the only connection of a pool, and the catalog may hang: nothing here waits for
//! a connection of the namespace's pool, or longer than the configured time.

use std::collections::HashMap;
use std::pin::pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures_util::future::{Either, select};
use tokio::time::{Instant, timeout, timeout_at};

use crate::cluster::{Cluster, Moved};
use crate::connect::{NamespaceHandle, State, read_beside};
use crate::error::{Error, ErrorKind, Result};

/// The first pause between two looks at the catalog, which grows by a half each time, and the longest.
const PAUSES: (Duration, Duration) = (Duration::from_millis(5), Duration::from_millis(250));

/// What the record of a namespace says.
#[derive(Debug, Clone, Copy)]
enum Recorded {
    Active,
    NotActive,
    /// There is none, or it cannot be read.
    Unknown,
    /// Its server does not answer.
    Unreachable,
}

/// The last record of each namespace that was looked at, and when the look began. Locked during a
/// look, which all that wait for it share.
#[derive(Debug, Default)]
pub(super) struct Records(Mutex<HashMap<Place, Arc<LastRecord>>>);

/// A server and a namespace.
type Place = (Arc<str>, Arc<str>);

type LastRecord = tokio::sync::Mutex<Option<(Instant, Recorded)>>;

impl Cluster {
    /// Where a statement that failed in a namespace is to run again: where the rows of its logical shard are by
    /// now, or once they have moved. `None` if the namespace has not moved, so that the error stands. Nothing of
    /// the statement was done.
    ///
    /// # Errors
    /// `ShardMoved` if the switch does not end within the configured time.
    pub(crate) async fn settled(
        &self,
        handle: &Arc<NamespaceHandle>,
        failed: &Error,
    ) -> Result<Option<Moved>> {
        if let Some(now) = self.moved_to(handle) {
            return Ok(Some(now));
        }
        let is_sign = matches!(
            failed.kind(),
            ErrorKind::UndefinedTable | ErrorKind::ShardMoved
        );
        let Some(follower) = self.follower().filter(|_| is_sign) else {
            return Ok(None);
        };
        let until = Instant::now() + follower.options.switch_wait;
        let (mut pause, longest) = PAUSES;
        // A namespace that was not active a moment ago may serve again: its move was aborted.
        let mut was_refused = failed.kind() == ErrorKind::ShardMoved;
        let mut was_fenced = false;
        let mut look = None;
        loop {
            let mut changed = pin!(follower.signals.waiting.notified());
            // A look that takes long goes on meanwhile: the move may be aborted, which the record
            // says. One that fails is followed by another until the time is up.
            let pending =
                look.get_or_insert_with(|| self.begin_look(Some(self.topology().epoch())));
            let patience = until.min(Instant::now() + longest);
            if timeout_at(patience, pending).await.is_ok() {
                look = None;
            }
            if let Some(now) = self.moved_to(handle) {
                return Ok(Some(now));
            }
            // A new topology tells as much, and may be there before a connection to the old place.
            let recorded = pin!(follower.records.of(handle, until));
            let recorded = match select(changed.as_mut(), recorded).await {
                Either::Left(_) if Instant::now() < until => continue,
                Either::Left(_) => Recorded::Unreachable,
                Either::Right((recorded, _)) => recorded,
            };
            match recorded {
                Recorded::Active => {
                    return Ok(was_refused.then(|| Moved::Whole(Arc::clone(handle))));
                }
                Recorded::NotActive => (was_fenced, was_refused) = (true, true),
                // Without any sign of a move, a missing namespace is an error of its own.
                Recorded::Unknown if !was_fenced && failed.kind() != ErrorKind::ShardMoved => {
                    return Ok(None);
                }
                Recorded::Unknown | Recorded::Unreachable => {}
            }
            if Instant::now() + pause > until {
                if !was_fenced && failed.kind() != ErrorKind::ShardMoved {
                    return Err(Error::new(
                        ErrorKind::Unavailable,
                        format!(
                            "server `{}` has no such table in namespace `{}`, and went away before it could be \
                             asked whether that has moved; try again",
                            handle.server,
                            handle.namespace.name()
                        ),
                    ));
                }
                return Err(Error::new(
                    ErrorKind::ShardMoved,
                    format!(
                        "namespace `{}` on server `{}` has moved, and the catalog has no new place for \
                         it after {:?}; try again, and see `shard-orm catalog history`",
                        handle.namespace.name(),
                        handle.server,
                        follower.options.switch_wait
                    ),
                ));
            }
            let _ = timeout(pause, changed).await;
            pause = (pause * 3 / 2).min(longest);
        }
    }

    /// Whether the record of a namespace says that it does not serve its logical shard. False without
    /// a catalog.
    pub(crate) async fn is_fenced(&self, handle: &NamespaceHandle) -> bool {
        let Some(follower) = self.follower() else {
            return false;
        };
        let until = Instant::now() + follower.options.switch_wait;
        matches!(
            follower.records.of(handle, until).await,
            Recorded::NotActive
        )
    }

    /// Where the rows of a namespace are by now, if that is another one.
    pub(crate) fn moved_to(&self, handle: &Arc<NamespaceHandle>) -> Option<Moved> {
        let now = self.current_handle(handle);
        match now {
            Some(now) if Arc::ptr_eq(&now, handle) => None,
            Some(now) if now.namespace.keys() == handle.namespace.keys() => Some(Moved::Whole(now)),
            _ => self.divided(handle),
        }
    }

    /// The namespaces of a logical shard whose keys have other owners by now.
    fn divided(&self, handle: &NamespaceHandle) -> Option<Moved> {
        let keys = handle.namespace.keys();
        let mut parts = self.handles_of_group(handle.namespace.group()).ok()?;
        parts.retain(|part| part.namespace.keys().overlaps(keys));
        let are_own = |part: &Arc<NamespaceHandle>| keys.contains(part.namespace.keys());
        match parts.is_empty() {
            true => None,
            false if parts.iter().all(are_own) => Some(Moved::Split(parts)),
            false => Some(Moved::Merged(parts)),
        }
    }
}

/// Whether a server did not answer.
fn is_away(error: &Error) -> bool {
    matches!(error.kind(), ErrorKind::Unavailable | ErrorKind::Timeout)
}

impl Records {
    /// Reads the record on the primary, whether or not the namespace is verified.
    async fn of(&self, handle: &NamespaceHandle, until: Instant) -> Recorded {
        if handle.guard.is_none() {
            return Recorded::Active;
        }
        let asked = Instant::now();
        let last = {
            let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            let key = (
                Arc::clone(&handle.server),
                Arc::clone(handle.namespace.name()),
            );
            Arc::clone(all.entry(key).or_default())
        };
        let read = async {
            let mut last = last.lock().await;
            if let Some((begun, found)) = *last
                && begun > asked
            {
                return found;
            }
            let begun = Instant::now();
            let found = match read_beside(handle).await {
                Ok(Some(record)) if record.state() == State::Active => Recorded::Active,
                Ok(Some(_)) => {
                    // The next transaction waits for the switch before it begins.
                    handle.forget_verified();
                    Recorded::NotActive
                }
                Err(error) if is_away(&error) => Recorded::Unreachable,
                Ok(None) | Err(_) => Recorded::Unknown,
            };
            *last = Some((begun, found));
            found
        };
        timeout_at(until, read)
            .await
            .unwrap_or(Recorded::Unreachable)
    }
}
