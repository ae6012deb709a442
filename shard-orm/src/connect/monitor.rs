//! Probes the endpoints of a server, each in its own task and on its own connection.
//!
//! Started when a cluster is opened. The tasks end when it is closed or dropped.

use std::pin::pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::future::{Either, select};
use tokio::runtime::Handle;
use tokio::sync::watch as signal;
use tokio::task::JoinHandle;
use tokio::time::{timeout, timeout_at};

use super::health::Health;
use super::pool::Pool;
use crate::backend::{Failure, Observed, Probe};
use crate::random::fraction;
use crate::task::catch_panic;

/// The longest delay of a probe that is requested by a session's write; writes within it share one
/// probe.
pub(super) const SOON: Duration = Duration::from_millis(15);
/// The delay before the next probe of an endpoint that did not answer.
pub(super) const AFTER_FAILURE: Duration = Duration::from_millis(250);
/// The shortest interval between two probes.
const PAUSE: Duration = Duration::from_millis(3);

/// The tasks that probe all endpoints.
pub(crate) struct Monitor {
    /// Dropping it ends the tasks too.
    stop: signal::Sender<bool>,
    tasks: Vec<JoinHandle<()>>,
}

impl Monitor {
    /// Starts a task for each endpoint.
    pub(super) fn start(
        runtime: &Handle,
        endpoints: impl IntoIterator<Item = (Arc<Health>, usize, Arc<Pool>)>,
    ) -> Self {
        let (stop, stopped) = signal::channel(false);
        let tasks = endpoints
            .into_iter()
            .map(|(health, index, pool)| {
                let mut stopped = stopped.clone();
                let monitor = EndpointMonitor {
                    health,
                    index,
                    pool,
                    probe: None,
                };
                runtime.spawn(async move {
                    let mut monitor = monitor;
                    {
                        let stopped = pin!(stopped.wait_for(|stop| *stop));
                        let _ended = select(stopped, pin!(monitor.run())).await;
                    }
                    monitor.close().await;
                })
            })
            .collect();
        Self { stop, tasks }
    }

    /// Ends the tasks and waits until their connections are closed.
    pub(crate) async fn stop(&self) {
        // Fails only if all tasks have ended.
        let _ = self.stop.send(true);
        while self.tasks.iter().any(|task| !task.is_finished()) {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }
}

/// The probing of one endpoint.
struct EndpointMonitor {
    health: Arc<Health>,
    index: usize,
    pool: Arc<Pool>,
    probe: Option<Probe>,
}

impl EndpointMonitor {
    /// Probes until it is dropped.
    async fn run(&mut self) {
        let limit = self.health.settings().probe_timeout;
        loop {
            let begun = self.health.begin_probe(self.index);
            let probe = catch_panic("the probe of an endpoint", timeout(limit, self.probe()));
            let found = match probe.await {
                Ok(Ok(found)) => found,
                Ok(Err(_)) => {
                    self.probe = None;
                    Err(format!("no answer within {limit:?} (`probe_timeout`)"))
                }
                Err(panicked) => {
                    self.probe = None;
                    Err(panicked.message().to_owned())
                }
            };
            if let Ok(Observed {
                position: Some(position),
                ..
            }) = &found
            {
                self.pool.note_history(position);
            }
            let next = self.health.note(self.index, begun, found);
            self.sleep_until_due(begun.0, next).await;
        }
    }

    /// Probes the endpoint once.
    async fn probe(&mut self) -> Result<Observed, String> {
        if let Some(probe) = self.probe.take() {
            match self.ask(probe).await {
                // The kept connection may have ended long ago, because the server was restarted or
                // its address leads elsewhere. Only a new connection shows the current state. The
                // pool's connections are as old, and are pinged before use.
                Err(failure) if failure.lost => self.pool.require_pings(),
                answer => return answer.map_err(|failure| failure.error.to_string()),
            }
        }
        let opened = self.pool.open_dedicated().await;
        let probe = Probe::new(opened.map_err(|error| error.to_string())?);
        let answer = self.ask(probe).await;
        answer.map_err(|failure| failure.error.to_string())
    }

    /// Probes on this connection, and keeps it if it answers.
    async fn ask(&mut self, mut probe: Probe) -> Result<Observed, Failure> {
        let observed = probe.observe().await?;
        self.probe = Some(probe);
        Ok(observed)
    }

    /// Waits until the next probe is due or requested.
    async fn sleep_until_due(&self, began: Instant, next: Duration) {
        let mut due = Instant::now() + spread(next);
        while Instant::now() < due {
            let now = pin!(self.health.now(self.index).notified());
            let soon = pin!(self.health.soon(self.index).notified());
            match timeout_at(due.into(), select(now, soon)).await {
                Err(_) => return,
                Ok(Either::Left(_)) => due = due.min(began + PAUSE),
                Ok(Either::Right(_)) => due = due.min(began + SOON),
            }
        }
    }

    async fn close(self) {
        if let Some(probe) = self.probe {
            // Does not wait for a server that does not answer.
            let _ = timeout(Duration::from_secs(1), probe.close()).await;
        }
    }
}

/// Shortens a duration by up to a tenth, so that many processes do not probe at the same moment.
fn spread(time: Duration) -> Duration {
    time.mul_f64(1.0 - 0.1 * fraction())
}
