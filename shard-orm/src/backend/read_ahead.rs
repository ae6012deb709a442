//! Reads the rows of a SQLite stream ahead of their consumer, in runs.
//!
//! Called by `conn`. The driver reads in a thread of its own and passes its rows through a channel
//! of 50. A consumer that takes one row at a time finds the channel full, and the thread sleeps and
//! wakes once per row: a merge of many files spends most of its time on that. A run is read without
//! a pause, as fast as the thread provides its rows.

use std::collections::VecDeque;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use futures_util::Stream;
use tokio::time::{Sleep, sleep};

use super::run::Run;

/// The maximum number of rows in a run. Each run is twice as long as the one before, so the first row
/// of a result is returned at once, and no more rows are read ahead than were consumed.
const MOST: usize = 512;

/// The maximum size of the strings and byte strings in a run.
const BYTES: usize = 128 << 10;

/// How long the first row of a run waits for the run to be complete.
const PATIENCE: Duration = Duration::from_millis(2);

/// A stream of runs that reads ahead of its consumer. The inner stream yields each row with its size.
pub(super) struct ReadAhead<S, T, E> {
    rows: S,
    /// The rows of the run that is being read.
    run: VecDeque<T>,
    /// The number of rows in a complete run.
    length: usize,
    /// The size of the run.
    bytes: usize,
    state: State<E>,
}

/// The phase of a run.
enum State<E> {
    /// The run is being read. After its first wait, a timer limits the rest.
    Reading(Option<Pin<Box<Sleep>>>),
    /// The inner stream has ended, with this failure if there is one.
    Ended(Option<E>),
}

impl<S, T, E> ReadAhead<S, T, E> {
    pub(super) fn new(rows: S) -> Self {
        Self {
            rows,
            run: VecDeque::new(),
            length: 1,
            bytes: 0,
            state: State::Reading(None),
        }
    }
}

impl<S, T, E> ReadAhead<S, T, E>
where
    S: Stream<Item = Result<(T, usize), E>> + Unpin,
{
    /// Reads until the run is complete or its first row has waited long enough.
    fn poll_run(&mut self, context: &mut Context<'_>) -> Poll<()> {
        let State::Reading(patience) = &mut self.state else {
            return Poll::Ready(());
        };
        self.run.reserve(self.length);
        while self.run.len() < self.length && self.bytes < BYTES {
            match Pin::new(&mut self.rows).poll_next(context) {
                Poll::Ready(Some(Ok((row, bytes)))) => {
                    self.run.push_back(row);
                    self.bytes = self.bytes.saturating_add(bytes);
                }
                Poll::Ready(end) => {
                    self.state = State::Ended(end.and_then(Result::err));
                    return Poll::Ready(());
                }
                Poll::Pending if self.run.is_empty() => return Poll::Pending,
                Poll::Pending => {
                    let patience = patience.get_or_insert_with(|| Box::pin(sleep(PATIENCE)));
                    ready!(patience.as_mut().poll(context));
                    break;
                }
            }
        }
        if self.run.len() == self.length {
            self.length = (2 * self.length).min(MOST);
        }
        self.state = State::Reading(None);
        Poll::Ready(())
    }
}

impl<S: Unpin, T, E> Unpin for ReadAhead<S, T, E> {}

impl<S, T, E> Stream for ReadAhead<S, T, E>
where
    S: Stream<Item = Result<(T, usize), E>> + Unpin,
{
    type Item = Result<Run<T>, E>;

    fn poll_next(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let ahead = self.get_mut();
        ready!(ahead.poll_run(context));
        if !ahead.run.is_empty() {
            ahead.bytes = 0;
            let run = std::mem::take(&mut ahead.run);
            return Poll::Ready(Some(Ok(Run::Many(run))));
        }
        Poll::Ready(match &mut ahead.state {
            State::Ended(failure) => failure.take().map(Err),
            // A run has at least one row.
            State::Reading(_) => None,
        })
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use futures_util::{FutureExt, StreamExt, TryStreamExt, stream};

    use super::*;

    /// Numbers of this size, which counts how many were read.
    fn numbers(
        count: usize,
        bytes: usize,
        read: &mut usize,
    ) -> impl Stream<Item = Result<(usize, usize), &'static str>> + Unpin {
        stream::iter(0..count).map(move |number| {
            *read = number + 1;
            Ok((number, bytes))
        })
    }

    #[test]
    fn all_rows_come_in_their_order_and_end_once() {
        for count in [0, 1, 2, 3, MOST, 5 * MOST] {
            for bytes in [0, BYTES / 3, BYTES, usize::MAX] {
                let mut read = 0;
                let runs = ReadAhead::new(numbers(count, bytes, &mut read)).fuse();
                let runs = runs.try_collect::<Vec<_>>().now_or_never().unwrap();
                let all = runs.unwrap().into_iter().flatten();
                assert!(all.eq(0..count), "{count} rows of {bytes} bytes");
            }
        }
    }

    #[test]
    fn no_more_rows_are_read_ahead_than_were_consumed() {
        for (bytes, most) in [(0, MOST), (BYTES / 4, 4)] {
            for asked in [1, 2, 3, 7, 8, 1_000, 3_000] {
                let mut read = 0;
                let mut runs = ReadAhead::new(numbers(10_000, bytes, &mut read));
                let mut consumed = 0;
                while consumed < asked {
                    let run = runs.next().now_or_never().flatten();
                    consumed += run.unwrap().unwrap().len();
                }
                drop(runs);
                assert!(
                    read >= asked && read - asked < asked.min(most),
                    "{read} of {asked}"
                );
            }
        }
    }

    #[test]
    fn a_failure_comes_after_the_rows_before_it() {
        let failed = stream::iter([Ok((1, 0)), Ok((2, 0)), Ok((3, 0)), Err("broken off")]);
        let runs = ReadAhead::new(failed).collect::<Vec<_>>().now_or_never();
        let rows = runs.unwrap().into_iter().flat_map(|run| match run {
            Ok(run) => run.map(Ok).collect(),
            Err(failure) => vec![Err(failure)],
        });
        let rows: Vec<Result<i32, &str>> = rows.collect();
        assert_eq!(rows, [Ok(1), Ok(2), Ok(3), Err("broken off")]);
    }

    #[tokio::test]
    async fn a_row_does_not_wait_for_a_run_that_stalls() {
        let rows = stream::iter([Ok::<_, ()>((1, 0)), Ok((2, 0))]).chain(stream::pending());
        let mut runs = ReadAhead::new(rows);
        for row in [1, 2] {
            let run = runs.next().await.unwrap().unwrap();
            assert_eq!(run.collect::<Vec<_>>(), [row]);
        }
    }
}
