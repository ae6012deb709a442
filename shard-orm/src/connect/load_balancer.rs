//! Chooses the endpoint for a statement, and another one when the first does not answer.
//!
//! Called by `exec` and `transaction` for every connection.

use std::time::Instant;

use tokio::time::timeout_at;

use super::endpoint::{Checkout, Endpoint};
use super::namespace_handle::NamespaceHandle;
use super::roles::EndpointStatus;
use super::write_marks::{EligibleReplicas, WriteMarks};
use crate::error::{Error, ErrorKind, Result};
use crate::observe::Event;
use crate::route::mix64;
use crate::topology::{Fallback, Read};

impl NamespaceHandle {
    /// A connection for a write.
    ///
    /// If the primary is unreachable, all endpoints are probed, and the write follows to an
    /// endpoint that has become the primary.
    ///
    pub(crate) async fn for_write(&self) -> Result<Checkout<'_>> {
        let endpoint = self.writer();
        if let Some(checkout) = endpoint.ok().and_then(|endpoint| self.at_once(endpoint)) {
            return Ok(checkout);
        }
        // Waiting paths are boxed, here and below: this keeps the future of every statement small.
        Box::pin(self.wait_for(Self::writer)).await
    }

    /// Waits for a connection. If the endpoint is unreachable, all endpoints are probed, and the call
    /// follows to the one that is chosen then.
    async fn wait_for(&self, choose: fn(&Self) -> Result<&Endpoint>) -> Result<Checkout<'_>> {
        self.wait_until_probed().await;
        let (before, failed) = match choose(self) {
            Ok(endpoint) => match self.serve(endpoint).await {
                Err(error) if self.may_have_moved(&error) => (Some(endpoint.index()), error),
                checkout => return checkout,
            },
            Err(error) => (None, error),
        };
        self.health.probe_now().await;
        let endpoint = choose(self)?;
        if before == Some(endpoint.index()) {
            return Err(failed);
        }
        self.serve(endpoint).await
    }

    /// Whether another endpoint takes writes, after one was refused as by a read-only server.
    #[cold]
    pub(crate) async fn has_new_primary(&self, refused_by: usize) -> bool {
        if !self.health.is_monitored() {
            return false;
        }
        self.health.probe_now().await;
        self.health
            .primary()
            .is_some_and(|primary| primary != refused_by)
    }

    /// A connection to the primary, for a read.
    pub(crate) async fn for_primary_read(&self) -> Result<Checkout<'_>> {
        match self.at_once(self.primary_reader()) {
            Some(checkout) => Ok(checkout),
            None => Box::pin(self.wait_for(|handle| Ok(handle.primary_reader()))).await,
        }
    }

    /// A connection for a read, by the requested or the group's policy. `marks` are those of the
    /// reading session.
    pub(crate) async fn for_read(
        &self,
        read: Option<Read>,
        marks: Option<&WriteMarks>,
    ) -> Result<Checkout<'_>> {
        let read = read.unwrap_or(match marks {
            Some(_) => Read::Session,
            None => self.policy(),
        });
        let any_replica = match (read, marks) {
            (Read::Replica, _) => true,
            (Read::Session, Some(marks)) => match marks.eligible_replicas(self) {
                (EligibleReplicas::Any, _) => true,
                (EligibleReplicas::None, _) => {
                    self.count_primary_read(Event::SessionStatics);
                    false
                }
                _ => return Box::pin(self.for_session_read(marks)).await,
            },
            // Without a session, earlier writes are unknown.
            (Read::Primary | Read::Session, _) => false,
        };
        if any_replica && !self.replicas.is_empty() {
            self.for_replica_read(|_| {}).await
        } else {
            self.for_primary_read().await
        }
    }

    /// A connection to retry a read that failed on `failed`: to the primary, unless `fallback`
    /// forbids that.
    pub(crate) async fn for_read_again(
        &self,
        read: Option<Read>,
        marks: Option<&WriteMarks>,
        failed: &Endpoint,
    ) -> Result<Checkout<'_>> {
        if !self.is_replica(failed) {
            // A primary that drops its connections may have failed over, and its address may now
            // lead to a replica.
            self.health.probe_now().await;
            self.for_primary_read().await
        } else if self.health.settings().fallback == Fallback::Refuse {
            self.for_read(read, marks).await
        } else {
            self.for_primary_read().await
        }
    }

    /// A connection to a replica, or to the primary if no replica is available. `chosen` is told
    /// the endpoint before any wait.
    pub(crate) async fn for_replica_read(&self, chosen: impl Fn(usize)) -> Result<Checkout<'_>> {
        if self.replicas.is_empty() {
            return self.for_primary_read().await;
        }
        self.wait_until_probed().await;
        let Some(endpoint) = self.replica(|_| true) else {
            return Box::pin(self.without_replica(None)).await;
        };
        chosen(endpoint.index());
        match self.at_once(endpoint) {
            Some(checkout) => Ok(checkout),
            None => Box::pin(self.wait_for_replica(endpoint)).await,
        }
    }

    async fn wait_for_replica<'p>(&'p self, endpoint: &'p Endpoint) -> Result<Checkout<'p>> {
        match self.serve(endpoint).await {
            Err(error) if is_missing(&error) => self.without_replica(Some(error)).await,
            checkout => checkout,
        }
    }

    /// A connection to another replica than this one, if one is available.
    pub(crate) async fn for_other_replica(&self, than: usize) -> Result<Option<Checkout<'_>>> {
        match self.replica(|index| index != than) {
            Some(endpoint) => self.serve(endpoint).await.map(Some),
            None => Ok(None),
        }
    }

    /// Falls back to the primary for a read that no replica could serve, unless `fallback` forbids
    /// that.
    #[cold]
    async fn without_replica(&self, failed: Option<Error>) -> Result<Checkout<'_>> {
        if let Some(error) = &failed {
            self.health.request_probe();
            tracing::warn!(
                target: "shard_orm",
                server = &*self.server,
                "a replica did not serve a read: {}", error.kind()
            );
        }
        if self.health.settings().fallback == Fallback::Refuse {
            return Err(failed.unwrap_or_else(|| self.health.no_replica_error()));
        }
        self.count_primary_read(Event::NoReplica);
        self.for_primary_read().await
    }

    /// A connection to the first replica known to hold the session's writes to this namespace, or
    /// to the primary if none catches up in time.
    async fn for_session_read(&self, marks: &WriteMarks) -> Result<Checkout<'_>> {
        let begun = Instant::now();
        self.wait_until_probed().await;
        let until = Instant::now() + self.health.settings().session_wait;
        loop {
            // Registered before the marks are read, so that a probe which ends in between is not
            // missed.
            let probe = self.health.next_probe();
            if let (EligibleReplicas::Known, Some(position)) = marks.eligible_replicas(self) {
                let since = |index| self.health.holds_since(index, &position);
                let holder = self.replica(|index| since(index).is_some());
                if let Some((endpoint, known)) =
                    holder.and_then(|endpoint| Some((endpoint, since(endpoint.index())?)))
                {
                    match self.serve(endpoint).await {
                        // A restarted server may have come back at an earlier position. Only a
                        // connection that is older than the probe proves that it has not.
                        Ok(mut checkout) if checkout.lease.was_open_at(known) => {
                            checkout.lease.has_waited_since(begun);
                            return Ok(checkout);
                        }
                        Ok(_) => {}
                        Err(error) if is_missing(&error) => self.health.request_probe(),
                        Err(error) => return Err(error),
                    }
                    break;
                }
            }
            if Instant::now() >= until || timeout_at(until.into(), probe).await.is_err() {
                break;
            }
        }
        self.count_primary_read(Event::SessionBehind);
        let mut checkout = self.for_primary_read().await?;
        checkout.lease.has_waited_since(begun);
        Ok(checkout)
    }

    /// Counts a read that the primary serves in the place of a replica.
    fn count_primary_read(&self, reason: Event) {
        if !self.replicas.is_empty() {
            self.observed.count(reason);
        }
    }

    /// A connection to this endpoint without waiting, if one is available.
    fn at_once<'p>(&'p self, endpoint: &'p Endpoint) -> Option<Checkout<'p>> {
        if !self.health.is_probed() {
            return None;
        }
        let lease = endpoint.at_once()?;
        Some(Checkout { lease, endpoint })
    }

    async fn serve<'p>(&'p self, endpoint: &'p Endpoint) -> Result<Checkout<'p>> {
        let lease = self.ready(endpoint).await?;
        Ok(Checkout { lease, endpoint })
    }

    /// Waits for the first probe of the server: until then only the configured roles are known.
    async fn wait_until_probed(&self) {
        if !self.health.is_probed() {
            Box::pin(self.health.first_probe()).await;
        }
    }

    /// Whether an error may mean that another endpoint has become the primary.
    fn may_have_moved(&self, error: &Error) -> bool {
        error.kind() == ErrorKind::Unavailable && self.health.is_monitored()
    }

    /// A replica that is available, whatever namespaces it has.
    pub(crate) fn any_replica(&self) -> Option<&Endpoint> {
        self.replica(|_| true)
    }

    /// Picks two replicas at random, in proportion to their weights, and returns the less busy one
    /// for its weight ("the power of two choices", Mitzenmacher 1996).
    fn replica(&self, also: impl Fn(usize) -> bool) -> Option<&Endpoint> {
        let serving = |index: &usize| {
            *index != self.health.last_primary()
                && self.health.status(*index) == EndpointStatus::Serving
                && also(*index)
        };
        if let Some(chosen) = self.choose(serving) {
            return Some(chosen);
        }
        if self.health.settings().fallback == Fallback::Refuse {
            // No other replica is available, and one that did not answer may have recovered.
            return self.choose(|index| {
                *index != self.health.last_primary()
                    && self.health.status(*index) == EndpointStatus::Unreachable
                    && also(*index)
            });
        }
        None
    }

    fn choose(&self, fits: impl Fn(&usize) -> bool) -> Option<&Endpoint> {
        let weight = |index: usize| u64::from(self.health.weight(index));
        let candidates =
            || (0..=self.replicas.len()).filter(|index| weight(*index) > 0 && fits(index));
        let mut total = 0;
        let mut count = 0;
        for index in candidates() {
            total += weight(index);
            count += 1;
        }
        let pick = |random: u64, without: Option<usize>| {
            let left = total - without.map_or(0, weight);
            let mut at = random % left.max(1);
            candidates()
                .filter(|index| Some(*index) != without)
                .find(|index| {
                    let own = weight(*index);
                    let here = at < own;
                    at = at.saturating_sub(own);
                    here
                })
        };
        let random = mix64(self.health.next_turn() as u64);
        let first = match count {
            0 => return None,
            1 => candidates().next()?,
            _ => pick(random >> 32, None)?,
        };
        let busy = |index: usize| {
            let endpoint = self.endpoint(index);
            u64::try_from(endpoint.outstanding()).unwrap_or(u64::MAX)
        };
        let chosen = match pick(random & 0xffff_ffff, Some(first)).filter(|_| count > 1) {
            Some(second)
                if busy(second).saturating_mul(weight(first))
                    < busy(first).saturating_mul(weight(second)) =>
            {
                second
            }
            _ => first,
        };
        // The configured primary may have become a replica.
        Some(self.reading(chosen))
    }
}

/// Whether an error means that a replica is unreachable, or has not replicated the namespace yet.
fn is_missing(error: &Error) -> bool {
    matches!(
        error.kind(),
        ErrorKind::Unavailable | ErrorKind::UndefinedTable
    )
}
