//! Probes of unmonitored servers, made by a health check. They do not affect where statements go.

use std::time::Instant;

use super::Health;
use crate::backend::Observed;
use crate::connect::roles::ProbeResult;

impl Health {
    /// Serializes the probes of concurrent health checks. Returns `None` if another check began its
    /// probes after `asked`.
    pub(in crate::connect) async fn begin_on_demand(
        &self,
        asked: Instant,
    ) -> Option<tokio::sync::MutexGuard<'_, ()>> {
        let turn = self.probing.lock().await;
        let done = self.lock().probes.iter().all(|probe| {
            let began = probe.as_ref().map(|probe| probe.began);
            began.is_some_and(|began| began >= asked)
        });
        (!done).then_some(turn)
    }

    /// Records the result of such a probe.
    pub(in crate::connect) fn note_on_demand(
        &self,
        index: usize,
        began: Instant,
        found: Result<Observed, String>,
    ) {
        let mut state = self.lock();
        let Some(probe) = state.probes.get_mut(index) else {
            return;
        };
        let before = probe.take();
        let failures = before.as_ref().map_or(0, |before| before.failures);
        *probe = Some(ProbeResult {
            began,
            latency: began.elapsed(),
            took_writes: match &found {
                Ok(observed) => observed.writable,
                Err(_) => before.is_some_and(|before| before.took_writes),
            },
            failures: if found.is_ok() {
                0
            } else {
                failures.saturating_add(1)
            },
            found,
        });
    }
}
