//! Shows the traffic while the logical shards move.

use std::error::Error;
use std::io;
use std::pin::pin;
use std::time::{Duration, Instant};

use shard_orm::ErrorKind;
use shard_orm::reshard::{Job, Reshard};
use tokio::time::{Interval, MissedTickBehavior, interval};

use crate::screen::Screen;
use crate::signals::Interrupt;
use crate::traffic::Traffic;

/// The time from one line to the next.
const PERIOD: Duration = Duration::from_millis(500);

/// The traffic, with the screen that shows it.
pub(crate) struct Watch {
    pub(crate) screen: Screen,
    pub(crate) traffic: Traffic,
    interrupt: Interrupt,
    reshard: Reshard,
    lines: Interval,
    begun: Instant,
    /// When the last line was printed.
    printed: Instant,
}

impl Watch {
    /// Starts with the heading of its lines. The traffic has just begun.
    pub(crate) fn new(
        mut screen: Screen,
        traffic: Traffic,
        interrupt: &Interrupt,
        reshard: &Reshard,
    ) -> io::Result<Self> {
        screen.columns()?;
        let mut lines = interval(PERIOD);
        lines.set_missed_tick_behavior(MissedTickBehavior::Delay);
        // Otherwise the first tick would come at once.
        lines.reset();
        let begun = Instant::now();
        Ok(Self {
            screen,
            traffic,
            interrupt: interrupt.clone(),
            reshard: reshard.clone(),
            lines,
            begun,
            printed: begun,
        })
    }

    /// How long the traffic has been watched.
    pub(crate) fn elapsed(&self) -> Duration {
        self.begun.elapsed()
    }

    /// Watches the traffic alone, until the program is interrupted.
    pub(crate) async fn alone(&mut self, time: Duration) -> Result<(), Box<dyn Error>> {
        let mut end = pin!(tokio::time::sleep(time));
        loop {
            tokio::select! {
                () = &mut end => return Ok(()),
                () = self.interrupt.requested() => return Ok(()),
                _ = self.lines.tick() => self.line(None).await?,
            }
        }
    }

    /// Watches the traffic until a run of a job ends. An interruption aborts the job. Once its switch is
    /// decided it cannot be aborted, and is completed instead.
    pub(crate) async fn job(
        &mut self,
        job: u64,
        run: impl Future<Output = shard_orm::Result<Job>>,
    ) -> Result<Job, Box<dyn Error>> {
        let mut run = pin!(run);
        let mut is_aborted = false;
        loop {
            tokio::select! {
                ended = &mut run => return Ok(ended?),
                () = self.interrupt.requested(), if !is_aborted => {
                    is_aborted = true;
                    match self.reshard.abort(job).await {
                        Err(error) if error.kind() != ErrorKind::Conflict => return Err(error.into()),
                        _ => {}
                    }
                }
                _ = self.lines.tick() => self.line(Some(job)).await?,
            }
        }
    }

    async fn line(&mut self, job: Option<u64>) -> Result<(), Box<dyn Error>> {
        let job = match job {
            Some(job) => Some(self.reshard.job(job).await?),
            None => None,
        };
        let calls = self.traffic.sample();
        let took = self.printed.elapsed();
        self.printed = Instant::now();
        let at = self.begun.elapsed();
        self.screen.line((at, took), &calls, job.as_ref())?;
        Ok(())
    }
}
