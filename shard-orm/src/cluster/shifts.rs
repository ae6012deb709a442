//! The reads that this process sends to the target of a job in the place of its source, before the switch.
//!
//! `follow` looks for the jobs that ask for it, and how far each target is behind its source. `exec` sends the reads: it asks
//! here for the target of a namespace, which takes one atomic load while there is none.

use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::Cluster;
use crate::catalog::{Findings, Job, JobState};
use crate::connect::{Checkout, Feed, NamespaceHandle};
use crate::error::{Error, ErrorKind, Result};
use crate::random::random;

/// How long what was seen of a target is trusted. It is looked at once a second.
const TRUST: Duration = Duration::from_secs(3);
/// The parts of everything in which shares are given.
const ALL: u64 = 10_000;

/// The targets that serve reads of this process.
#[derive(Default)]
pub(super) struct Shifts {
    are_there: AtomicBool,
    all: Mutex<Vec<Arc<Shifting>>>,
}

/// The target of a job that serves reads of this process.
pub(crate) struct Shifting {
    pub(super) job: Job,
    /// In hundredths of a percent.
    share: AtomicU32,
    pub(crate) target: Arc<NamespaceHandle>,
    /// How far it is behind; `None` if it does not serve.
    feed: Mutex<Option<Feed>>,
    served: AtomicU64,
    fallen_back: AtomicU64,
    reported: AtomicU64,
}

impl Shifts {
    pub(super) fn all(&self) -> Vec<Arc<Shifting>> {
        lock(&self.all).clone()
    }

    /// Sends reads to these from now on.
    pub(super) fn set(&self, all: Vec<Arc<Shifting>>) {
        self.are_there.store(!all.is_empty(), Ordering::Relaxed);
        *lock(&self.all) = all;
    }
}

impl Cluster {
    /// The target that serves a read of this namespace, if it has one and this read is chosen.
    #[inline]
    pub(crate) fn shift_of(&self, handle: &NamespaceHandle) -> Option<Arc<Shifting>> {
        let shifts = &self.inner.shifts;
        if !shifts.are_there.load(Ordering::Relaxed) {
            return None;
        }
        chosen(shifts, handle)
    }

    pub(super) fn shifts(&self) -> &Shifts {
        &self.inner.shifts
    }

    /// Whether reads are sent to targets.
    pub(super) fn is_shifting(&self) -> bool {
        self.inner.shifts.are_there.load(Ordering::Relaxed)
    }
}

#[cold]
fn chosen(shifts: &Shifts, handle: &NamespaceHandle) -> Option<Arc<Shifting>> {
    let all = lock(&shifts.all);
    let shift = all.iter().find(|shift| shift.is_of(handle))?;
    let share = u64::from(shift.share.load(Ordering::Relaxed));
    (random() % ALL < share).then(|| Arc::clone(shift))
}

impl Shifting {
    pub(super) fn new(job: Job, target: Arc<NamespaceHandle>) -> Self {
        Self {
            share: AtomicU32::new(job.share_now()),
            job,
            target,
            feed: Mutex::default(),
            served: AtomicU64::default(),
            fallen_back: AtomicU64::default(),
            reported: AtomicU64::default(),
        }
    }

    /// Whether a namespace is the source of the job.
    fn is_of(&self, handle: &NamespaceHandle) -> bool {
        self.job.reads(
            &handle.server,
            handle.namespace.group(),
            (handle.namespace.shard(), handle.namespace.generation()),
        ) && handle.namespace.is_sharded()
    }

    /// Changes the share of the reads.
    pub(super) fn set(&self, job: &Job) {
        self.share.store(job.share_now(), Ordering::Relaxed);
    }

    /// Looks how far the target is behind. A target that does not answer serves no more.
    pub(super) async fn look(&self, limit: Duration) {
        let looked = tokio::time::timeout(limit, self.target.feed(self.job.id)).await;
        let found = match looked {
            Ok(Ok(feed)) => Some(feed),
            Ok(Err(error)) => {
                tracing::debug!(
                    target: "shard_orm",
                    server = &*self.target.server,
                    error = %error.kind(),
                    "the target of a job serves no reads"
                );
                None
            }
            Err(_) => None,
        };
        *lock(&self.feed) = found;
    }

    /// What is known of the target, if it may serve a read that takes rows as old as this.
    pub(crate) fn feed(&self, max_lag: Duration) -> Option<Feed> {
        let feed = *lock(&self.feed);
        feed.filter(|feed| feed.age() <= TRUST && feed.lag() <= max_lag)
    }

    /// A connection for a read.
    ///
    /// # Errors
    /// `Unavailable` if the target may not serve it.
    pub(crate) async fn connection(&self, max_lag: Duration) -> Result<Checkout<'_>> {
        match self.feed(max_lag) {
            Some(feed) => self.target.for_feed(&feed).await,
            None => Err(Error::new(
                ErrorKind::Unavailable,
                "the target of a job is too far behind its source",
            )),
        }
    }

    /// The target has served a read.
    pub(crate) fn served(&self) {
        self.served.fetch_add(1, Ordering::Relaxed);
    }

    /// The source serves a read that was chosen for the target.
    pub(crate) fn fell_back(&self) {
        self.fallen_back.fetch_add(1, Ordering::Relaxed);
    }

    /// The target has failed: it serves no more until it was looked at again.
    pub(crate) fn failed(&self) {
        *lock(&self.feed) = None;
    }

    /// What was done so far, unless that was reported.
    pub(super) fn to_report(&self) -> Option<Findings> {
        let (served, fallen_back) = (
            self.served.load(Ordering::Relaxed),
            self.fallen_back.load(Ordering::Relaxed),
        );
        let all = served + fallen_back;
        if self.reported.swap(all, Ordering::Relaxed) == all {
            return None;
        }
        Some(Findings {
            served,
            fallen_back,
            ..Findings::default()
        })
    }

    /// A report did not arrive.
    pub(super) fn not_reported(&self) {
        self.reported.store(u64::MAX, Ordering::Relaxed);
    }
}

/// Whether a job lets its target serve reads.
pub(super) fn is_asked_for(job: &Job) -> bool {
    let is_open = matches!(job.state, JobState::Shifting | JobState::Switching);
    is_open && job.share_now() > 0 && job.targets.len() == 1
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // No code that can panic runs under a lock.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
