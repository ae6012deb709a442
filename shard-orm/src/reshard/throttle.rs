//! The limit on the rows that a job copies in a second.

use std::sync::Mutex;
use std::sync::PoisonError;
use std::time::Duration;

use tokio::time::Instant;

/// The limit of a job, which an operator may change while it runs.
#[derive(Debug, Default)]
pub(super) struct Throttle {
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    rows_per_second: Option<u64>,
    /// When the next page may begin.
    next: Option<Instant>,
}

impl Throttle {
    /// Sets the limit; `None` for none.
    pub(super) fn set(&self, rows_per_second: Option<u64>) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.rows_per_second = rows_per_second.filter(|rows| *rows > 0);
    }

    /// Waits for as long as these rows take at the limit.
    pub(super) async fn after(&self, rows: u64) {
        let until = {
            let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
            let Some(limit) = state.rows_per_second else {
                state.next = None;
                return;
            };
            let now = Instant::now();
            let begun = state.next.filter(|next| *next > now).unwrap_or(now);
            #[allow(clippy::cast_precision_loss)] // A page has few rows.
            let until = begun + Duration::from_secs_f64(rows as f64 / limit as f64);
            state.next = Some(until);
            until
        };
        tokio::time::sleep_until(until).await;
    }
}
