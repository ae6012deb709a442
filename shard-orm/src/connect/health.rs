//! What is known of the endpoints of one server at the moment: who takes writes, who serves reads.
//!
//! Read by every statement with one or two atomic loads; written by the monitor after each look.

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
use super::roles::{EndpointStatus, ProbeResult, Verdict};
use crate::backend::Position;
use crate::topology::{self, HealthSettings};

/// Stands for no endpoint.
const NOBODY: usize = usize::MAX;

/// What is known of the endpoints of one server.
pub(crate) struct Health {
    group: Arc<str>,
    server: Arc<str>,
    settings: HealthSettings,
    /// Whether a monitor looks at it; otherwise all is as configured.
    monitored: bool,
    /// Each endpoint has been looked at.
    settled: AtomicBool,
    /// Who takes writes, or `NOBODY`.
    primary: AtomicUsize,
    /// Who took them last: serves the reads that a primary has to serve.
    last_primary: AtomicUsize,
    slots: Vec<Slot>,
    state: Mutex<State>,
    /// Told after each look.
    changed: Notify,
    /// A session has written since the last look at the primary began.
    wrote: AtomicBool,
    turn: AtomicUsize,
    /// Held by who looks at the endpoints of a server that no monitor watches.
    looking: tokio::sync::Mutex<()>,
}

/// One endpoint of a server; the first is the configured primary.
struct Slot {
    label: String,
    weight: u32,
    status: AtomicU8,
    /// Wakes its monitor: look now.
    now: Notify,
    /// Wakes its monitor: look soon.
    soon: Notify,
    /// Told when what the endpoint was asked is given up.
    aborted: Notify,
}

struct State {
    history: History,
    probes: Vec<Option<ProbeResult>>,
    verdict: Verdict,
    /// What the replicas should reach soon, for the sessions that wrote, and since when.
    wanted: Option<(Position, Instant)>,
}

/// All standings, by their number.
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

    /// Gives the standing before.
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
        monitored: bool,
    ) -> Self {
        let slot = |endpoint: &topology::Endpoint, status: EndpointStatus| Slot {
            label: endpoint.label(),
            weight: endpoint.weight(),
            status: AtomicU8::new(status as u8),
            now: Notify::new(),
            soon: Notify::new(),
            aborted: Notify::new(),
        };
        // Replicas that nobody watches are read as they are configured.
        let (at_first, replica) = if monitored {
            (EndpointStatus::Unknown, EndpointStatus::Unknown)
        } else {
            (EndpointStatus::Primary, EndpointStatus::Serving)
        };
        let mut slots = vec![slot(primary, at_first)];
        slots.extend(replicas.iter().map(|endpoint| slot(endpoint, replica)));
        Self {
            group: Arc::clone(group),
            server: Arc::clone(server),
            settings: settings.clone(),
            monitored,
            settled: AtomicBool::new(!monitored),
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
            turn: AtomicUsize::new(0),
            looking: tokio::sync::Mutex::new(()),
        }
    }

    pub(crate) fn group(&self) -> &str {
        &self.group
    }

    pub(crate) fn server(&self) -> &str {
        &self.server
    }

    pub(crate) fn settings(&self) -> &HealthSettings {
        &self.settings
    }

    pub(crate) fn is_monitored(&self) -> bool {
        self.monitored
    }

    pub(crate) fn is_settled(&self) -> bool {
        self.settled.load(Ordering::Relaxed)
    }

    /// How many endpoints it has.
    pub(super) fn endpoints(&self) -> usize {
        self.slots.len()
    }

    /// Who takes writes.
    pub(crate) fn primary(&self) -> Option<usize> {
        match self.primary.load(Ordering::Relaxed) {
            NOBODY => None,
            index => Some(index),
        }
    }

    /// Who took writes last.
    pub(crate) fn last_primary(&self) -> usize {
        self.last_primary.load(Ordering::Relaxed)
    }

    /// How an endpoint stands.
    pub(super) fn status(&self, index: usize) -> EndpointStatus {
        self.slots
            .get(index)
            .map_or(EndpointStatus::Unknown, Slot::status)
    }

    /// Its share of the reads that go to replicas.
    pub(super) fn weight(&self, index: usize) -> u32 {
        self.slots.get(index).map_or(0, |slot| slot.weight)
    }

    /// A number that is another one each time, to choose by.
    pub(super) fn turn(&self) -> usize {
        self.turn.fetch_add(1, Ordering::Relaxed)
    }

    /// Resolves when what this endpoint was asked is to be given up.
    pub(super) fn aborted(&self, index: usize) -> Option<tokio::sync::futures::Notified<'_>> {
        let slot = self.slots.get(index).filter(|_| self.monitored)?;
        Some(slot.aborted.notified())
    }

    /// A session has written to the primary: a position of it will be asked for.
    pub(super) fn wrote(&self) {
        if self.monitored && !self.wrote.swap(true, Ordering::AcqRel) {
            let primary = self.last_primary();
            self.slots[primary.min(self.slots.len() - 1)]
                .soon
                .notify_one();
        }
    }

    /// Has all endpoints looked at now.
    pub(crate) fn request_probe(&self) {
        if self.monitored {
            for slot in &self.slots {
                slot.now.notify_one();
            }
        }
    }

    /// Waits until each endpoint was looked at after this call, at most as long as a look takes.
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

    /// Waits until each endpoint was looked at once, at most as long as a look takes.
    pub(crate) async fn first_probe(&self) {
        self.wait(Instant::now(), |state| {
            state.probes.iter().all(Option::is_some)
        })
        .await;
        // Also when nobody looks any more: the runtime that the cluster was opened in has ended.
        self.settle();
    }

    /// Nobody waits for a first look from here on.
    pub(super) fn settle(&self) {
        self.settled.store(true, Ordering::Relaxed);
    }

    async fn wait(&self, from: Instant, done: impl Fn(&State) -> bool) {
        // A look that is under way ends within one limit, the next one within another.
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

    /// Resolves with the next look at any endpoint that is noted after this call.
    pub(super) fn next_probe(&self) -> tokio::sync::futures::Notified<'_> {
        self.changed.notified()
    }

    /// A look at an endpoint begins now; gives also whether a session waits for what it finds.
    pub(super) fn begin_probe(&self, index: usize) -> (Instant, bool) {
        // Before the clock is read: a write that comes after it asks for another look.
        let awaited = index == self.last_primary() && self.wrote.swap(false, Ordering::AcqRel);
        (Instant::now(), awaited)
    }

    /// The position that covers all that the primary had acknowledged at that instant.
    pub(super) fn position_after(&self, acknowledged: Instant) -> Option<Position> {
        self.lock().history.after(acknowledged).cloned()
    }

    /// Whether a position is of the history that the primary writes now; `None` when that is not
    /// known.
    pub(super) fn is_current(&self, position: &Position) -> Option<bool> {
        let state = self.lock();
        let last = state.history.last()?;
        Some(position.is_of(last))
    }

    /// When the look began by which this endpoint is known to hold a position.
    pub(super) fn holds_since(&self, index: usize, position: &Position) -> Option<Instant> {
        let state = self.lock();
        let probe = state.probes.get(index)?.as_ref()?;
        let own = probe.found.as_ref().ok()?.position.as_ref()?;
        own.holds(position).then_some(probe.began)
    }

    /// Wakes an endpoint's monitor: look now.
    pub(super) fn now(&self, index: usize) -> &Notify {
        &self.slots[index].now
    }

    /// Wakes an endpoint's monitor: look soon.
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
