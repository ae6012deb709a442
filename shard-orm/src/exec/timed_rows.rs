//! The rows of a stream, whose reader takes time too: how long the database was waited for, and how long the rows took
//! to convert.
//!
//! Called by `stream`, if somebody wants to know. To read the clock before and after each row takes longer than to read
//! some of them. So of rows that come one by one, and need not be waited for, the first ones are timed and one in
//! [`SAMPLE`] of the others, for which these stand. Runs of several rows are all timed.

use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use futures_util::{Stream, StreamExt};

use crate::backend::Run;
use crate::observe::Running;

/// Of rows that come one by one, so many are timed in the beginning, and later one of so many.
const FIRST: u32 = 16;
const SAMPLE: u32 = 32;

/// How long the rows of a stream took to convert, in microseconds.
#[derive(Debug, Default)]
pub(super) struct Converting(AtomicU64);

impl Converting {
    pub(super) fn micros(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// A stream of runs that is timed. What it has noted it adds to the call when it is dropped.
pub(super) struct TimedRows<'c, S> {
    runs: S,
    /// `None` if nobody wants to know.
    noted: Option<(&'c Running, &'c Converting)>,
    /// When the wait at hand began.
    since: Option<Instant>,
    waited: Duration,
    converting: Duration,
    sample: Sample,
}

/// The rows that came one by one without a wait.
#[derive(Default)]
struct Sample {
    timed: u32,
    took: Duration,
    others: u32,
    /// Of a run of several rows the next one is timed too.
    several: bool,
}

impl Sample {
    fn takes_next(&self) -> bool {
        let later = self.timed.checked_sub(FIRST);
        self.several || later.is_none_or(|later| self.others / SAMPLE > later)
    }

    /// The time of all of them.
    fn all(&self) -> Duration {
        match self.timed {
            0 => Duration::ZERO,
            timed => self.took + (self.took / timed).saturating_mul(self.others),
        }
    }
}

impl<'c, S> TimedRows<'c, S> {
    pub(super) fn new(runs: S, noted: Option<(&'c Running, &'c Converting)>) -> Self {
        Self {
            runs,
            noted,
            since: None,
            waited: Duration::ZERO,
            converting: Duration::ZERO,
            sample: Sample::default(),
        }
    }
}

impl<T, E, S> Stream for TimedRows<'_, S>
where
    S: Stream<Item = Result<Run<T>, E>> + Unpin,
{
    type Item = S::Item;

    fn poll_next(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<S::Item>> {
        let own = self.get_mut();
        if own.noted.is_none() {
            return own.runs.poll_next_unpin(context);
        }
        let since = own.since.take();
        let begun = (since.is_some() || own.sample.takes_next()).then(Instant::now);
        if let (Some(begun), Some(since)) = (begun, since) {
            own.waited += begun.saturating_duration_since(since);
        }
        let polled = own.runs.poll_next_unpin(context);
        let several = match &polled {
            Poll::Pending => {
                let now = Instant::now();
                // Some rows of a run may have come.
                own.converting += begun.map_or(Duration::ZERO, |begun| now - begun);
                own.since = Some(now);
                return polled;
            }
            Poll::Ready(next) => matches!(next, Some(Ok(run)) if run.len() > 1),
        };
        own.sample.several = several;
        match begun.map(|begun| begun.elapsed()) {
            None => own.sample.others = own.sample.others.saturating_add(1),
            Some(took) if several || since.is_some() => own.converting += took,
            Some(took) => {
                own.sample.timed = own.sample.timed.saturating_add(1);
                own.sample.took += took;
            }
        }
        polled
    }
}

impl<S> Drop for TimedRows<'_, S> {
    fn drop(&mut self) {
        let Some((running, converting)) = self.noted else {
            return;
        };
        // A stream that was given up has waited until now.
        let rest = self.since.map_or(Duration::ZERO, |since| since.elapsed());
        running.add_awaited(micros(self.waited + rest));
        let took = micros(self.converting + self.sample.all());
        converting.0.fetch_add(took, Ordering::Relaxed);
    }
}

fn micros(time: Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_rows_are_timed_and_some_of_the_others() {
        let mut sample = Sample::default();
        let mut timed = Vec::new();
        for row in 0..1_000 {
            if sample.takes_next() {
                timed.push(row);
                sample.timed += 1;
                sample.took += Duration::from_micros(3);
            } else {
                sample.others += 1;
            }
        }
        assert!(timed[..16].iter().copied().eq(0..16), "{timed:?}");
        assert_eq!(timed[16..19], [48, 81, 114]);
        assert_eq!(sample.all(), Duration::from_micros(3_000));
    }
}
