//! Looks at the endpoints of a server that no monitor watches: made when a health check asks for
//! them, and without an effect on where statements go.

use std::time::Instant;

use super::Watch;
use crate::backend::Observed;
use crate::connect::roles::Look;

impl Watch {
    /// Keeps the looks of several checks apart. None is needed any more when one has begun after
    /// `asked` while this one waited.
    pub(in crate::connect) async fn turn_to_look(
        &self,
        asked: Instant,
    ) -> Option<tokio::sync::MutexGuard<'_, ()>> {
        let turn = self.looking.lock().await;
        let done = self.lock().looks.iter().all(|look| {
            let began = look.as_ref().map(|look| look.began);
            began.is_some_and(|began| began >= asked)
        });
        (!done).then_some(turn)
    }

    /// Notes what such a look found.
    pub(in crate::connect) fn note_asked(
        &self,
        index: usize,
        began: Instant,
        found: Result<Observed, String>,
    ) {
        let mut state = self.lock();
        let Some(look) = state.looks.get_mut(index) else {
            return;
        };
        let before = look.take();
        let failures = before.as_ref().map_or(0, |before| before.failures);
        *look = Some(Look {
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
