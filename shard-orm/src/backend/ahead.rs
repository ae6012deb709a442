//! Rows of SQLite, taken from the driver in runs.
//!
//! Called by `conn` and `response`. The driver's thread hands its rows on through a channel of 50.
//! Where a row is taken only when the one before has been dealt with, the thread fills the channel
//! and then sleeps and wakes for each row: a merge of many files spent most of its time on that.

use std::collections::VecDeque;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use futures_util::Stream;

/// Rows that are handed on as they come; a short result is not worth a run.
const SINGLY: u16 = 16;

/// The rows of one run: a channel of the driver's.
const RUN: usize = 50;

/// A stream that takes what is ready in runs.
pub(super) struct Ahead<S: Stream> {
    rows: S,
    /// Rows that are still handed on as they come; `None` for all.
    singly: Option<u16>,
    // Boxed, so that short results have no room for it in their futures.
    run: Option<Box<Run<S::Item>>>,
}

/// Rows that were taken and not handed on yet.
struct Run<T> {
    rows: VecDeque<T>,
    ended: bool,
}

impl<S: Stream + Unpin> Ahead<S> {
    /// In runs.
    pub(super) fn in_runs(rows: S) -> Self {
        Self::new(rows, Some(SINGLY))
    }

    /// Each row when it is asked for.
    pub(super) fn singly(rows: S) -> Self {
        Self::new(rows, None)
    }

    fn new(rows: S, singly: Option<u16>) -> Self {
        Self {
            rows,
            singly,
            run: None,
        }
    }

    fn poll_run(&mut self, context: &mut Context<'_>) -> Poll<Option<S::Item>> {
        let run = self.run.get_or_insert_with(|| {
            Box::new(Run {
                rows: VecDeque::with_capacity(RUN),
                ended: false,
            })
        });
        if let Some(row) = run.rows.pop_front() {
            return Poll::Ready(Some(row));
        }
        if run.ended {
            return Poll::Ready(None);
        }
        let first = ready!(Pin::new(&mut self.rows).poll_next(context));
        run.ended = first.is_none();
        while !run.ended && run.rows.len() < RUN {
            match Pin::new(&mut self.rows).poll_next(context) {
                Poll::Ready(Some(row)) => run.rows.push_back(row),
                Poll::Ready(None) => run.ended = true,
                Poll::Pending => break,
            }
        }
        Poll::Ready(first)
    }
}

impl<S: Stream + Unpin> Stream for Ahead<S> {
    type Item = S::Item;

    #[inline]
    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<S::Item>> {
        match &mut self.singly {
            Some(0) => return self.poll_run(context),
            Some(left) => *left -= 1,
            None => {}
        }
        Pin::new(&mut self.rows).poll_next(context)
    }
}

#[cfg(test)]
mod tests {
    use futures_util::{FutureExt, StreamExt, stream};

    use super::*;

    #[test]
    fn all_rows_come_in_their_order_and_end_once() {
        let singly = usize::from(SINGLY);
        for count in [0, 1, singly, singly + 1, singly + RUN, 1_000] {
            for ahead in [Ahead::in_runs, Ahead::singly] {
                let rows = ahead(stream::iter(0..count)).fuse();
                let all: Option<Vec<usize>> = rows.collect().now_or_never();
                assert_eq!(all, Some((0..count).collect()));
            }
        }
    }
}
