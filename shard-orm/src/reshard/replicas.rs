//! The replicas of the source, each of which may become its primary: whether they have applied what was committed there.
//!
//! Called by the steps of the switch. A replica that takes over without the fence would accept writes that belong to the
//! target.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use tokio::time::{Instant, timeout_at};

use super::place::{Place, Ticket};
use crate::backend::{Position, observe};
use crate::connect::{NamespaceHandle, State};
use crate::error::Result;

/// The time between two looks at a replica.
const PERIOD: Duration = Duration::from_millis(5);
/// How long it is known which replicas there are.
const KNOWN: Duration = Duration::from_secs(5);
/// The pause after a fence that was opened again because a replica lacked it. It doubles, up to the longest one.
const PAUSES: (Duration, Duration) = (Duration::from_secs(2), Duration::from_mins(1));

/// What a runner knows of the replicas of the source.
#[derive(Default)]
pub(super) struct Replicas {
    found: Vec<Replica>,
    found_at: Option<Instant>,
    /// How often the source was closed in vain, and when it may be closed again.
    vain: u32,
    next: Option<Instant>,
}

struct Replica {
    handle: Arc<NamespaceHandle>,
    endpoint: usize,
    place: Option<Place>,
}

/// What a replica is to have applied.
pub(super) enum Awaited {
    /// Everything up to this position. If the servers do not tell it: the token of the runner.
    Changes(Option<Position>, Ticket),
    /// The fence of this runner.
    Fence(Ticket),
}

/// A replica that did not have in time what was awaited.
pub(super) struct Behind {
    pub(super) label: String,
    pub(super) server: Arc<str>,
    /// Whether it has answered at all.
    pub(super) answers: bool,
}

impl Replicas {
    /// Whether it is to be found out anew which replicas there are.
    pub(super) fn are_outdated(&self) -> bool {
        self.found_at.is_none_or(|at| at.elapsed() > KNOWN)
    }

    /// Notes the replicas of the newest topology.
    pub(super) fn found(&mut self, handle: &Arc<NamespaceHandle>) {
        self.found_at = Some(Instant::now());
        let replica = |endpoint| Replica {
            handle: Arc::clone(handle),
            endpoint,
            place: None,
        };
        self.found = handle.followers().map(replica).collect();
    }

    /// How long the source stays open, after it was closed in vain.
    pub(super) fn pause(&self) -> Duration {
        self.next.map_or(Duration::ZERO, |next| {
            next.saturating_duration_since(Instant::now())
        })
    }

    /// Notes that the source was closed in vain.
    pub(super) fn closed_in_vain(&mut self) {
        self.next = Some(Instant::now() + pause_after(self.vain));
        self.vain += 1;
    }

    /// Waits until all have applied something, and returns the first one that has not within the limit.
    pub(super) async fn until(&mut self, awaited: &Awaited, limit: Duration) -> Option<Behind> {
        let deadline = Instant::now() + limit;
        let waiting = self.found.iter_mut();
        let waiting = waiting.map(|replica| replica.until(awaited, deadline));
        join_all(waiting).await.into_iter().flatten().next()
    }
}

impl Replica {
    async fn until(&mut self, awaited: &Awaited, deadline: Instant) -> Option<Behind> {
        let mut answers = false;
        let waiting = async {
            loop {
                match self.has(awaited).await {
                    Ok(true) => return,
                    Ok(false) => answers = true,
                    // A replica may end statements that keep it from applying changes.
                    Err(_) => {}
                }
                tokio::time::sleep(PERIOD).await;
            }
        };
        let has_it = timeout_at(deadline, waiting).await.is_ok();
        (!has_it).then(|| Behind {
            label: self.handle.reading(self.endpoint).label().to_owned(),
            server: Arc::clone(&self.handle.server),
            answers,
        })
    }

    /// Whether it has applied something by now. The connection is not used again after a failure, nor if this future is
    /// dropped.
    async fn has(&mut self, awaited: &Awaited) -> Result<bool> {
        let mut place = match self.place.take() {
            Some(place) => place,
            None => Place::at(&self.handle, self.endpoint).await?,
        };
        let found = place.standing(None).await?;
        let has_it = match awaited {
            Awaited::Fence(ticket) => {
                found.is_some_and(|found| found.state == State::Fenced && found.is_of(*ticket))
            }
            Awaited::Changes(wanted, ticket) => {
                let seen = observe(&mut place.conn).await;
                let own = seen.map_err(|failure| place.named(failure))?.position;
                match (own, wanted) {
                    (Some(own), Some(wanted)) => own.holds(wanted) && found.is_some(),
                    _ => found.is_some_and(|found| found.is_of(*ticket)),
                }
            }
        };
        self.place = Some(place);
        Ok(has_it)
    }
}

/// The pause after an attempt in vain that so many others came before.
fn pause_after(vain: u32) -> Duration {
    let (first, longest) = PAUSES;
    first.saturating_mul(1 << vain.min(10)).min(longest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_source_that_was_closed_in_vain_stays_open_longer_each_time() {
        let seconds = |vain| pause_after(vain).as_secs();
        assert_eq!([0, 1, 2, 3].map(seconds), [2, 4, 8, 16]);
        assert_eq!([5, 40].map(seconds), [60, 60]);
        let mut replicas = Replicas::default();
        assert_eq!(replicas.pause(), Duration::ZERO);
        replicas.closed_in_vain();
        assert!(replicas.pause() > Duration::from_secs(1));
    }
}
