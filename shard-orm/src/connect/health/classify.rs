//! Updates the health of a server after a probe: the primary, each status, and the next probe.

use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use super::{Health, NO_ENDPOINT, State};
use crate::backend::Observed;
use crate::connect::monitor;
use crate::connect::roles::{self, EndpointStatus, ProbeResult, Verdict};

/// How long replicas are probed closely after a session's write.
const CLOSELY: Duration = Duration::from_secs(1);

impl Health {
    /// Records the result of a probe, and returns the delay until the next one.
    pub(in crate::connect) fn note(
        &self,
        index: usize,
        (began, awaited): (Instant, bool),
        found: Result<Observed, String>,
    ) -> Duration {
        let mut state = self.lock();
        let before = state.probes[index].take();
        let (failures, took_writes) = match (&found, before) {
            (Ok(observed), _) => (0, observed.writable),
            (Err(_), Some(before)) => (before.failures.saturating_add(1), before.took_writes),
            (Err(_), None) => (1, false),
        };
        state.probes[index] = Some(ProbeResult {
            began,
            latency: began.elapsed(),
            found,
            failures,
            took_writes,
        });
        self.decide_primary(&mut state);
        let primary = self.last_primary();
        if index == primary {
            self.note_primary(&mut state, index, began, awaited);
        }
        self.update_statuses(&mut state);
        if !self.is_probed() && state.probes.iter().all(Option::is_some) {
            self.all_probed.store(true, Ordering::Relaxed);
        }
        let next = self.next_probe_in(&state, index, failures);
        drop(state);
        if failures >= roles::ABORT_AFTER {
            self.slots[index].aborted.notify_waiters();
        }
        self.changed.notify_waiters();
        next
    }

    /// Decides which endpoint takes writes.
    fn decide_primary(&self, state: &mut State) {
        let known = self.last_primary();
        let verdict = roles::primary(&state.probes, known, state.verdict);
        if let Verdict::One(index) = verdict {
            if index != known {
                state.history.clear();
                state.wanted = None;
                // Before any statement goes there.
                if let Some(pool) = &self.slots[index].pool {
                    pool.note_promotion();
                }
                self.last_primary.store(index, Ordering::Relaxed);
                tracing::warn!(
                    target: "shard_orm",
                    group = &*self.group,
                    server = &*self.server,
                    from = %self.slots[known].label,
                    to = %self.slots[index].label,
                    "another endpoint has become the primary; writes go to it"
                );
                // The next probe shows its current role.
                self.slots[index].now.notify_one();
            }
            self.primary.store(index, Ordering::Relaxed);
        } else {
            self.primary.store(NO_ENDPOINT, Ordering::Relaxed);
            if state.verdict != verdict {
                tracing::error!(
                    target: "shard_orm",
                    group = &*self.group,
                    server = &*self.server,
                    "writes are refused: {}",
                    self.no_primary_reason(verdict, state)
                );
                // The results may differ in age: probe again to see a change of roles at once.
                self.request_probe();
            }
        }
        state.verdict = verdict;
    }

    fn note_primary(&self, state: &mut State, index: usize, began: Instant, awaited: bool) {
        let observed = state.probes[index]
            .as_ref()
            .and_then(|probe| probe.found.as_ref().ok())
            .filter(|observed| observed.writable);
        let Some(position) = observed.and_then(|observed| observed.position.clone()) else {
            return;
        };
        state.history.note(began, &position);
        if awaited {
            state.wanted = Some((position, Instant::now()));
            for (other, slot) in self.slots.iter().enumerate() {
                if other != index {
                    slot.now.notify_one();
                }
            }
        }
    }

    /// Updates every endpoint's status and logs changes.
    fn update_statuses(&self, state: &mut State) {
        let primary = self.primary.load(Ordering::Relaxed);
        for (index, slot) in self.slots.iter().enumerate() {
            let probe = state.probes[index].as_ref();
            let status = if index == primary && probe.is_some_and(|probe| probe.found.is_ok()) {
                EndpointStatus::Primary
            } else {
                roles::status(probe, &state.history, &self.settings)
            };
            let before = slot.set_status(status);
            if before == status {
                continue;
            }
            let problem = probe.and_then(|probe| probe.found.as_ref().err());
            let problem = problem.map_or(String::new(), |problem| format!(": {problem}"));
            let configured = if index == 0 { "primary" } else { "replica" };
            if matches!(status, EndpointStatus::Primary | EndpointStatus::Serving) {
                tracing::info!(
                    target: "shard_orm",
                    group = &*self.group,
                    server = &*self.server,
                    endpoint = %slot.label,
                    configured,
                    "the endpoint {status}"
                );
            } else {
                tracing::warn!(
                    target: "shard_orm",
                    group = &*self.group,
                    server = &*self.server,
                    endpoint = %slot.label,
                    configured,
                    "the endpoint {status}{problem}"
                );
            }
        }
    }

    /// The delay until the next probe of an endpoint, unless one is requested.
    fn next_probe_in(&self, state: &State, index: usize, failures: u32) -> Duration {
        let interval = self.settings.probe_interval;
        if failures > 0 {
            return interval.min(monitor::AFTER_FAILURE);
        }
        let position = state.probes[index]
            .as_ref()
            .and_then(|probe| probe.found.as_ref().ok())
            .and_then(|observed| observed.position.as_ref());
        let behind = state.wanted.as_ref().is_some_and(|(wanted, since)| {
            since.elapsed() < CLOSELY && position.is_some_and(|position| !position.holds(wanted))
        });
        if behind && index != self.last_primary() {
            return interval.min(monitor::SOON);
        }
        interval
    }
}
