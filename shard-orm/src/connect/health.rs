//! Health of the endpoints of one server: which one takes writes, and which serve reads.
//!
//! Read by every statement with one or two atomic loads; written by the monitor after each probe.

mod abort;
mod classify;
mod on_demand;
mod report;

use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use tokio::sync::Notify;
use tokio::time::timeout_at;

pub(crate) use self::report::EndpointReport;

use super::history::History;
use super::pool::Pool;
use super::roles::{EndpointStatus, ProbeResult, Verdict};
use crate::backend::Position;
use crate::topology::{self, HealthSettings};

/// The index that stands for no endpoint.
const NO_ENDPOINT: usize = usize::MAX;

/// The health of one server's endpoints.
pub(crate) struct Health {
    group: Arc<str>,
    server: Arc<str>,
    settings: HealthSettings,
    /// Whether a monitor probes the endpoints; if not, the configured roles apply.
    monitored: bool,
    /// Whether every endpoint has been probed.
    all_probed: AtomicBool,
    /// The endpoint that takes writes, or `NO_ENDPOINT`.
    primary: AtomicUsize,
    /// The last endpoint that took writes: serves the reads that need a primary.
    last_primary: AtomicUsize,
    slots: Vec<Slot>,
    state: Mutex<State>,
    /// Notified after each probe.
    changed: Notify,
    /// Whether a session has written since the last probe of the primary began.
    wrote: AtomicBool,
    next_turn: AtomicUsize,
    /// Held while the endpoints of an unmonitored server are probed.
    probing: tokio::sync::Mutex<()>,
}

/// One endpoint of a server; index 0 is the configured primary.
struct Slot {
    label: String,
    weight: u32,
    status: AtomicU8,
    /// Requests a probe now.
    now: Notify,
    /// Requests a probe soon.
    soon: Notify,
    /// Notified when pending requests to the endpoint are aborted.
    aborted: Notify,
    /// On SQLite there is none.
    pool: Option<Arc<Pool>>,
}

struct State {
    history: History,
    probes: Vec<Option<ProbeResult>>,
    verdict: Verdict,
    /// The position that sessions wait for the replicas to reach, and since when.
    wanted: Option<(Position, Instant)>,
}

/// All statuses, by discriminant.
const STATUSES: [EndpointStatus; 9] = [
    EndpointStatus::Unknown,
    EndpointStatus::Primary,
    EndpointStatus::Serving,
    EndpointStatus::Lagging,
    EndpointStatus::Unreachable,
    EndpointStatus::TakesWrites,
    EndpointStatus::Foreign,
    EndpointStatus::Fenced,
    EndpointStatus::Full,
];

impl Slot {
    fn status(&self) -> EndpointStatus {
        let number = usize::from(self.status.load(Ordering::Relaxed));
        STATUSES
            .get(number)
            .copied()
            .unwrap_or(EndpointStatus::Unknown)
    }

    /// Returns the previous status.
    fn set_status(&self, status: EndpointStatus) -> EndpointStatus {
        let before = self.status();
        self.status.store(status as u8, Ordering::Relaxed);
        before
    }
}

impl Health {
    pub(super) fn new(
        group: &Arc<str>,
        server: &Arc<str>,
        settings: &HealthSettings,
        primary: &topology::Endpoint,
        replicas: &[topology::Endpoint],
        pools: &[Arc<Pool>],
        monitored: bool,
    ) -> Self {
        let slot = |endpoint: &topology::Endpoint, status: EndpointStatus, index: usize| Slot {
            label: endpoint.label(),
            weight: endpoint.weight(),
            status: AtomicU8::new(status as u8),
            now: Notify::new(),
            soon: Notify::new(),
            aborted: Notify::new(),
            pool: pools.get(index).map(Arc::clone),
        };
        // Replicas of an unmonitored server are read as configured.
        let (at_first, replica) = if monitored {
            (EndpointStatus::Unknown, EndpointStatus::Unknown)
        } else {
            (EndpointStatus::Primary, EndpointStatus::Serving)
        };
        let mut slots = vec![slot(primary, at_first, 0)];
        slots.extend(
            (1..)
                .zip(replicas)
                .map(|(index, endpoint)| slot(endpoint, replica, index)),
        );
        Self {
            group: Arc::clone(group),
            server: Arc::clone(server),
            settings: settings.clone(),
            monitored,
            all_probed: AtomicBool::new(!monitored),
            primary: AtomicUsize::new(0),
            last_primary: AtomicUsize::new(0),
            state: Mutex::new(State {
                history: History::default(),
                probes: vec![None; slots.len()],
                verdict: Verdict::One(0),
                wanted: None,
            }),
            slots,
            changed: Notify::new(),
            wrote: AtomicBool::new(false),
            next_turn: AtomicUsize::new(0),
            probing: tokio::sync::Mutex::new(()),
        }
    }

    pub(crate) fn group(&self) -> &str {
        &self.group
    }

    pub(crate) fn server(&self) -> &str {
        &self.server
    }

    #[cfg(feature = "metrics")]
    pub(super) fn shared_group(&self) -> &Arc<str> {
        &self.group
    }

    #[cfg(feature = "metrics")]
    pub(super) fn shared_server(&self) -> &Arc<str> {
        &self.server
    }

    pub(crate) fn settings(&self) -> &HealthSettings {
        &self.settings
    }

    pub(crate) fn is_monitored(&self) -> bool {
        self.monitored
    }

    pub(crate) fn is_probed(&self) -> bool {
        self.all_probed.load(Ordering::Relaxed)
    }

    /// The number of endpoints.
    pub(super) fn endpoints(&self) -> usize {
        self.slots.len()
    }

    /// The endpoint that takes writes.
    pub(crate) fn primary(&self) -> Option<usize> {
        match self.primary.load(Ordering::Relaxed) {
            NO_ENDPOINT => None,
            index => Some(index),
        }
    }

    /// The last endpoint that took writes.
    pub(crate) fn last_primary(&self) -> usize {
        self.last_primary.load(Ordering::Relaxed)
    }

    /// The status of an endpoint.
    pub(super) fn status(&self, index: usize) -> EndpointStatus {
        self.slots
            .get(index)
            .map_or(EndpointStatus::Unknown, Slot::status)
    }

    /// Whether a replica lags.
    #[cfg(feature = "reshard")]
    pub(super) fn has_lagging(&self) -> bool {
        let mut slots = self.slots.iter();
        slots.any(|slot| slot.status() == EndpointStatus::Lagging)
    }

    /// The weight of an endpoint for reads from replicas.
    pub(super) fn weight(&self, index: usize) -> u32 {
        self.slots.get(index).map_or(0, |slot| slot.weight)
    }

    /// A number that differs on each call, as a seed for choices.
    pub(super) fn next_turn(&self) -> usize {
        self.next_turn.fetch_add(1, Ordering::Relaxed)
    }

    /// Resolves when pending requests to this endpoint are aborted.
    pub(super) fn aborted(&self, index: usize) -> Option<tokio::sync::futures::Notified<'_>> {
        let slot = self.slots.get(index).filter(|_| self.monitored)?;
        Some(slot.aborted.notified())
    }

    /// Records a session's write to the primary, and requests a probe of its position.
    pub(super) fn wrote(&self) {
        if self.monitored && !self.wrote.swap(true, Ordering::AcqRel) {
            let primary = self.last_primary();
            self.slots[primary.min(self.slots.len() - 1)]
                .soon
                .notify_one();
        }
    }

    /// Requests a probe of every endpoint now.
    pub(crate) fn request_probe(&self) {
        if self.monitored {
            for slot in &self.slots {
                slot.now.notify_one();
            }
        }
    }

    /// Waits until every endpoint has been probed after this call, at most for two probe timeouts.
    pub(crate) async fn probe_now(&self) {
        if !self.monitored {
            return;
        }
        let asked = Instant::now();
        self.request_probe();
        self.wait(asked, |state| {
            state
                .probes
                .iter()
                .all(|probe| probe.as_ref().is_some_and(|probe| probe.began >= asked))
        })
        .await;
    }

    /// Waits until every endpoint has been probed once, at most for two probe timeouts.
    pub(crate) async fn first_probe(&self) {
        self.wait(Instant::now(), |state| {
            state.probes.iter().all(Option::is_some)
        })
        .await;
        // Also without a monitor: the runtime on which the cluster was opened may have ended.
        self.mark_probed();
    }

    /// Ends all waits for a first probe.
    pub(super) fn mark_probed(&self) {
        self.all_probed.store(true, Ordering::Relaxed);
    }

    async fn wait(&self, from: Instant, done: impl Fn(&State) -> bool) {
        // A running probe ends within one timeout, the next one within another.
        let until = from + self.settings.probe_timeout * 2;
        loop {
            let changed = self.changed.notified();
            if done(&self.lock()) {
                return;
            }
            if timeout_at(until.into(), changed).await.is_err() {
                return;
            }
        }
    }

    /// Resolves with the next probe of any endpoint that ends after this call.
    pub(super) fn next_probe(&self) -> tokio::sync::futures::Notified<'_> {
        self.changed.notified()
    }

    /// Begins a probe of an endpoint; also returns whether a session waits for its result.
    pub(super) fn begin_probe(&self, index: usize) -> (Instant, bool) {
        // Before the clock is read: a later write requests another probe.
        let awaited = index == self.last_primary() && self.wrote.swap(false, Ordering::AcqRel);
        (Instant::now(), awaited)
    }

    /// The position that covers everything the primary had acknowledged at that instant.
    pub(super) fn position_after(&self, acknowledged: Instant) -> Option<Position> {
        self.lock().history.after(acknowledged).cloned()
    }

    /// Whether a position belongs to the current primary's history; `None` if that is unknown.
    pub(super) fn is_current(&self, position: &Position) -> Option<bool> {
        let state = self.lock();
        let last = state.history.last()?;
        Some(position.is_of(last))
    }

    /// When the probe began that proved that this endpoint holds a position.
    pub(super) fn holds_since(&self, index: usize, position: &Position) -> Option<Instant> {
        let state = self.lock();
        let probe = state.probes.get(index)?.as_ref()?;
        let own = probe.found.as_ref().ok()?.position.as_ref()?;
        own.holds(position).then_some(probe.began)
    }

    /// The signal for a probe now.
    pub(super) fn now(&self, index: usize) -> &Notify {
        &self.slots[index].now
    }

    /// The signal for a probe soon.
    pub(super) fn soon(&self, index: usize) -> &Notify {
        &self.slots[index].soon
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // No code that can panic runs under the lock.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Health {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Watch")
            .field("group", &self.group)
            .field("server", &self.server)
            .field("primary", &self.primary())
            .finish_non_exhaustive()
    }
}
