//! The pauses between attempts to get the locks of a migration.

use std::time::{Duration, Instant};

use super::{Context, Stopped};
use crate::error::{Error, ErrorKind};
use crate::migrate::event::Event;
use crate::migrate::session::Session;
use crate::random::fraction;

/// The first and the longest pause.
const PAUSES: (Duration, Duration) = (Duration::from_millis(50), Duration::from_secs(1));
/// How often a wait is reported.
const REPORTS: Duration = Duration::from_secs(1);

/// The attempts to get the locks of one migration.
pub(super) struct Backoff {
    since: Instant,
    pause: Duration,
    reported: Option<Instant>,
}

impl Backoff {
    pub(super) fn new() -> Self {
        Self {
            since: Instant::now(),
            pause: PAUSES.0,
            reported: None,
        }
    }

    /// Pauses before the next attempt. The session has no transaction.
    ///
    /// # Errors
    /// [`Timeout`](ErrorKind::Timeout) with the sessions that are in the way, once the wait has taken
    /// too long.
    pub(super) async fn pause(
        &mut self,
        session: &mut Session,
        context: &Context<'_>,
        line: Option<usize>,
    ) -> Result<(), Stopped> {
        let waited = self.since.elapsed();
        let is_over = waited >= context.lock_wait;
        let is_due = self
            .reported
            .is_none_or(|reported| reported.elapsed() >= REPORTS);
        if is_over || is_due {
            self.reported = Some(Instant::now());
            let blockers = session.blockers().await;
            if is_over {
                let named: Vec<String> = blockers.iter().map(ToString::to_string).collect();
                let named = match named.as_slice() {
                    [] => String::new(),
                    named => format!(" Open: {}.", named.join("; ")),
                };
                let error = Error::new(
                    ErrorKind::Timeout,
                    format!(
                        "other transactions hold locks on the tables, for more than {:?} of attempts; \
                         nothing of this statement was done. End them, or allow a longer wait.{named}",
                        context.lock_wait
                    ),
                );
                return Err(Stopped { error, line });
            }
            (context.notify)(Event::Waiting {
                location: context.location.clone(),
                waited,
                blockers,
            });
        }
        tokio::time::sleep(self.pause.mul_f64(0.5 + fraction() / 2.0)).await;
        self.pause = (self.pause * 3 / 2).min(PAUSES.1);
        Ok(())
    }
}
