//! The mirrors of this process: while a job asks for it, a share of the reads of its logical shards is sent to its
//! target too.
//!
//! `follow` looks for such jobs with each look at the catalog, and reports what was found. `exec` sends the reads: it asks
//! here for the mirror of a namespace, which takes one atomic load while there is none.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::Cluster;
use crate::catalog::{DifferingRow, Findings, Job, Mirror};
use crate::connect::NamespaceHandle;
use crate::error::{Error, Result};
use crate::random::random;
use crate::route::{Router, RoutingKey};

/// How many reads are sent to the target at a time: they take few connections from its own calls.
const RUNNING: usize = 2;
/// How many reads may wait or be under way. Further ones are skipped.
const WAITING: usize = 64;
/// How many rows that differed are kept for the runner of the job.
const KEPT: usize = 100;

/// The mirrors of a process.
#[derive(Default)]
pub(super) struct Mirrors {
    are_there: AtomicBool,
    all: Mutex<Vec<Arc<Mirroring>>>,
}

/// The mirror of a job in this process.
pub(crate) struct Mirroring {
    pub(super) job: Job,
    mirror: Mutex<Mirror>,
    /// Where the keys are once the job has switched.
    router: Router,
    targets: Vec<Arc<NamespaceHandle>>,
    running: Semaphore,
    waiting: Arc<Semaphore>,
    found: Mutex<Found>,
}

#[derive(Default)]
struct Found {
    findings: Findings,
    last: u64,
    rows: VecDeque<(u64, DifferingRow)>,
    is_reported: bool,
}

impl Mirrors {
    pub(super) fn all(&self) -> Vec<Arc<Mirroring>> {
        lock(&self.all).clone()
    }

    /// Mirrors the reads of these from now on.
    pub(super) fn set(&self, all: Vec<Arc<Mirroring>>) {
        self.are_there.store(!all.is_empty(), Ordering::Relaxed);
        *lock(&self.all) = all;
    }
}

impl Cluster {
    /// The mirror of a read in this namespace, if it has one and this read is chosen.
    #[inline]
    pub(crate) fn mirror_of(&self, handle: &NamespaceHandle) -> Option<Arc<Mirroring>> {
        let mirrors = &self.inner.mirrors;
        if !mirrors.are_there.load(Ordering::Relaxed) {
            return None;
        }
        chosen(mirrors, handle)
    }

    /// Whether reads are mirrored.
    pub(super) fn is_mirroring(&self) -> bool {
        self.inner.mirrors.are_there.load(Ordering::Relaxed)
    }

    pub(super) fn mirrors(&self) -> &Mirrors {
        &self.inner.mirrors
    }
}

#[cold]
fn chosen(mirrors: &Mirrors, handle: &NamespaceHandle) -> Option<Arc<Mirroring>> {
    let all = lock(&mirrors.all);
    let mirror = all.iter().find(|mirror| mirror.is_of(handle))?;
    let share = *lock(&mirror.mirror);
    share.has(random()).then(|| Arc::clone(mirror))
}

impl Mirroring {
    pub(super) fn new(
        job: Job,
        mirror: Mirror,
        router: Router,
        targets: Vec<Arc<NamespaceHandle>>,
    ) -> Self {
        Self {
            job,
            mirror: Mutex::new(mirror),
            router,
            targets,
            running: Semaphore::new(RUNNING),
            waiting: Arc::new(Semaphore::new(WAITING)),
            found: Mutex::default(),
        }
    }

    /// Changes the share of the reads.
    pub(super) fn set(&self, mirror: Mirror) {
        *lock(&self.mirror) = mirror;
    }

    /// Whether a namespace is a source of the job.
    fn is_of(&self, handle: &NamespaceHandle) -> bool {
        let namespace = &handle.namespace;
        let number = (namespace.shard(), namespace.generation());
        namespace.is_sharded() && self.job.reads(&handle.server, namespace.group(), number)
    }

    /// Where the rows of a key are at the target.
    pub(crate) fn target_of_key(&self, key: &RoutingKey<'_>) -> Option<&Arc<NamespaceHandle>> {
        let shard = self.router.route(key).ok()?;
        let mut targets = self.targets.iter();
        targets.find(|target| target.namespace.shard() == shard)
    }

    /// Where all rows of the logical shard are at the target; `None` if it is split or merged.
    pub(crate) fn target_of_all(&self) -> Option<&Arc<NamespaceHandle>> {
        match (self.job.sources.as_slice(), self.targets.as_slice()) {
            ([_], [target]) => Some(target),
            _ => None,
        }
    }

    /// A place for one more read; `None`, and the read is skipped, if too many wait.
    pub(crate) fn admit(&self) -> Option<OwnedSemaphorePermit> {
        let place = Arc::clone(&self.waiting).try_acquire_owned().ok();
        if place.is_none() {
            self.skip();
        }
        place
    }

    /// Waits until a read may be sent.
    pub(crate) async fn turn(&self) -> Result<tokio::sync::SemaphorePermit<'_>> {
        let turn = self.running.acquire().await;
        turn.map_err(|_| Error::decode("a mirror that was closed"))
    }

    /// A read that was chosen is not compared.
    pub(crate) fn skip(&self) {
        let mut found = lock(&self.found);
        found.findings.skipped += 1;
        found.is_reported = false;
    }

    /// A read was compared, and these rows of it differ.
    pub(crate) fn compared(&self, rows: Vec<DifferingRow>) {
        let mut found = lock(&self.found);
        found.findings.compared += 1;
        found.is_reported = false;
        for row in rows {
            found.last += 1;
            let number = found.last;
            // What was seen last counts: the runner looks at it after that.
            found.rows.retain(|(_, own)| *own != row);
            if found.rows.len() == KEPT {
                found.rows.pop_front();
            }
            found.rows.push_back((number, row));
        }
    }

    /// What was found so far, unless that was reported.
    pub(super) fn to_report(&self) -> Option<Findings> {
        let mut found = lock(&self.found);
        if std::mem::replace(&mut found.is_reported, true) {
            return None;
        }
        Some(Findings {
            rows: found.rows.iter().cloned().collect(),
            ..found.findings.clone()
        })
    }

    /// A report did not arrive.
    pub(super) fn not_reported(&self) {
        lock(&self.found).is_reported = false;
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // No code that can panic runs under a lock.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
