//! How fast a job copies rows.
//!
//! At a gentle pace the copy goes on bit by bit faster, and at once slower when it harms short statements at one of the
//! ends: additive increase and multiplicative decrease, as of a connection's window in Jacobson's "Congestion avoidance
//! and control" (1988). The harm is how much longer a statement takes while a page is copied than between two pages,
//! times the share of the time in which pages are copied. It goes slower too while many more statements run on a server
//! than before the copy.

mod felt;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use self::felt::Felt;
use super::crowd::{Crowd, Crowded};
use super::mover::End;
use crate::catalog::Pace;

/// The pages into which the rows of a second are divided, and the rows of the smallest page.
const PAGES_PER_SECOND: u64 = 25;
const FEWEST: u64 = 100;
/// The rows of the largest page at a gentle pace.
const GENTLE_PAGE: u64 = 500;

/// The rows of a table's first page, and how long a page may take. Rows may be of any size: pages grow while they are short.
const FIRST_PAGE: u64 = 200;
const LONG: Duration = Duration::from_millis(500);

/// How long a copy waits before it looks at what operators want.
const PATIENCE: Duration = Duration::from_millis(200);

/// The first rate of a gentle pace, and the least one, in rows per second.
const FIRST: f64 = 20_000.0;
const LEAST: f64 = 5_000.0;
/// How the rate changes after each look.
const INCREASE: f64 = 2_000.0;
const DECREASE: f64 = 0.7;
/// The time between two looks.
const WINDOW: Duration = Duration::from_millis(500);
/// The harm from which on a copy becomes slower.
const HARM: f64 = 0.05;

/// The pace of a job, which an operator may change while it runs.
#[derive(Debug)]
pub(super) struct Throttle {
    state: Mutex<State>,
    /// Odd while a page is copied.
    pages: AtomicU64,
}

#[derive(Debug)]
struct State {
    pace: Pace,
    /// When the next page may begin.
    next: Option<Instant>,
    /// The most rows of the next page.
    size: u64,
    /// The rate of a gentle pace.
    rate: f64,
    looked: Instant,
    felt: [Felt; 2],
    /// By the name of the server.
    crowds: BTreeMap<Arc<str>, Crowd>,
    slowed: Option<Slowed>,
}

/// Short statements that took longer while rows were copied, so that the copy became slower.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Slowed {
    pub(super) end: End,
    /// How long they took while a page was copied, and between two pages.
    pub(super) copying: Duration,
    pub(super) between: Duration,
    /// The rate before.
    until: f64,
}

impl Throttle {
    pub(super) fn new(pace: Pace) -> Self {
        Self {
            state: Mutex::new(State {
                pace,
                next: None,
                size: FIRST_PAGE,
                rate: FIRST,
                looked: Instant::now(),
                felt: Default::default(),
                crowds: BTreeMap::new(),
                slowed: None,
            }),
            pages: AtomicU64::new(0),
        }
    }

    /// Sets the pace.
    pub(super) fn set(&self, pace: Pace) {
        let mut state = self.lock();
        if state.pace != pace {
            state.pace = pace;
            state.next = None;
        }
    }

    pub(super) fn is_gentle(&self) -> bool {
        self.lock().pace == Pace::Gentle
    }

    pub(super) fn is_full(&self) -> bool {
        self.lock().pace == Pace::Full
    }

    /// Another table's rows may be larger.
    pub(super) fn begin_table(&self) {
        self.lock().size = FIRST_PAGE;
    }

    /// The number of rows to copy at a time: as many as pass soon, or so few that the pages of a second are spread over it.
    pub(super) fn page(&self, most: u64) -> u64 {
        let state = self.lock();
        let most = most.min(state.size);
        // A long page is felt by whoever comes meanwhile, however rare it is.
        let most = match state.pace {
            Pace::Gentle => most.min(GENTLE_PAGE),
            Pace::RowsPerSecond(_) | Pace::Full => most,
        };
        match state.limit() {
            #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
            Some(limit) => (limit as u64 / PAGES_PER_SECOND).max(FEWEST).min(most),
            None => most,
        }
    }

    /// Waits until the next page may begin, but not for long: false if it may not yet.
    pub(super) async fn turn(&self) -> bool {
        let next = self.lock().next;
        let Some(next) = next.filter(|next| *next > Instant::now()) else {
            return true;
        };
        let patience = Instant::now() + PATIENCE;
        tokio::time::sleep_until(next.min(patience)).await;
        next <= patience
    }

    /// Copies a page, for whose rows the next one waits.
    pub(super) async fn paced<E>(
        &self,
        page: impl Future<Output = Result<u64, E>>,
    ) -> Result<u64, E> {
        let begun = Instant::now();
        self.pages.fetch_add(1, Ordering::Relaxed);
        let copied = page.await;
        self.pages.fetch_add(1, Ordering::Relaxed);
        if let Ok(rows) = &copied {
            self.lock().copied(*rows, begun.elapsed());
        }
        copied
    }

    /// A mark of the page at hand, for [`felt`](Self::felt).
    pub(super) fn mark(&self) -> u64 {
        self.pages.load(Ordering::Relaxed)
    }

    /// Notes how long a short statement took that began at this mark.
    pub(super) fn felt(&self, end: End, mark: u64, took: Duration) {
        let is_between = mark.is_multiple_of(2) && self.mark() == mark;
        let mut state = self.lock();
        let felt = &mut state.felt[end as usize];
        if is_between {
            felt.between_pages.push(took.as_secs_f64());
        } else {
            felt.while_copying.push(took.as_secs_f64());
        }
        if state.looked.elapsed() >= WINDOW {
            state.look();
        }
    }

    /// Notes how many statements ran on a server before the copy.
    pub(super) fn counted_before(&self, server: &Arc<str>, numbers: &mut [u64]) {
        let crowd = Crowd::before(numbers);
        self.lock().crowds.insert(Arc::clone(server), crowd);
    }

    /// Notes how many statements run on a server.
    pub(super) fn counted(&self, server: &str, number: u64) {
        if let Some(crowd) = self.lock().crowds.get_mut(server) {
            crowd.add(number);
        }
    }

    /// The server to whose statements a gentle copy gives way, and the rows that it copies in a second.
    pub(super) fn crowded(&self) -> Option<(Arc<str>, Crowded, u64)> {
        let state = self.lock();
        if state.pace != Pace::Gentle {
            return None;
        }
        let mut crowds = state.crowds.iter();
        let (server, crowded) =
            crowds.find_map(|(server, crowd)| Some((Arc::clone(server), crowd.crowded()?)))?;
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // Some thousands.
        Some((server, crowded, state.rate as u64))
    }

    /// The most rows in a second that an operator has set.
    pub(super) fn set_by_operator(&self) -> Option<u64> {
        match self.lock().pace {
            Pace::RowsPerSecond(rows) => Some(rows),
            Pace::Gentle | Pace::Full => None,
        }
    }

    /// The statements for which a gentle copy became slower, until it is as fast as before, and the rows that it copies
    /// in a second.
    pub(super) fn slowed(&self) -> Option<(Slowed, u64)> {
        let state = self.lock();
        let slowed = state.slowed.filter(|_| state.pace == Pace::Gentle)?;
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // Some thousands.
        Some((slowed, state.rate as u64))
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// The most rows in a second.
    fn limit(&self) -> Option<f64> {
        match self.pace {
            Pace::Gentle => Some(self.rate),
            #[allow(clippy::cast_precision_loss)] // Nobody notices.
            Pace::RowsPerSecond(rows) => Some(rows as f64),
            Pace::Full => None,
        }
    }

    /// Notes when the next page may begin, and how large it may be, after one of so many rows.
    fn copied(&mut self, rows: u64, took: Duration) {
        if took > LONG {
            self.size = (self.size / 2).max(1);
        } else if took < LONG / 4 && rows >= self.size {
            self.size *= 2;
        }
        #[allow(clippy::cast_precision_loss)] // A page has few rows.
        let next = self.limit().map(|limit| {
            let now = Instant::now();
            let due = self.next.filter(|next| *next > now).unwrap_or(now);
            due + Duration::from_secs_f64(rows as f64 / limit)
        });
        self.next = next;
    }

    /// Changes the rate by what was felt since the last look.
    fn look(&mut self) {
        self.looked = Instant::now();
        let [source, target] = &mut self.felt;
        let (source, target) = (source.harm(), target.harm());
        let (end, worst) = match source.share >= target.share {
            true => (End::Source, source),
            false => (End::Target, target),
        };
        let harm = worst.share;
        let mut is_crowded = false;
        for crowd in self.crowds.values_mut() {
            is_crowded |= crowd.look();
        }
        if harm > HARM {
            let until = self.slowed.map_or(self.rate, |slowed| slowed.until);
            self.slowed = Some(Slowed {
                end,
                copying: Duration::from_secs_f64(worst.copying),
                between: Duration::from_secs_f64(worst.between),
                until,
            });
        } else {
            self.slowed = self.slowed.filter(|slowed| self.rate < slowed.until);
        }
        self.rate = if harm > HARM || is_crowded {
            (self.rate * DECREASE).max(LEAST)
        } else {
            self.rate + INCREASE
        };
        tracing::trace!(target: "shard_orm", harm, is_crowded, rate = self.rate, "the pace of a copy");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The rate after statements that take so many milliseconds while a page is copied, and one between pages.
    fn rate_after(milliseconds: u64) -> f64 {
        let throttle = Throttle::new(Pace::Gentle);
        let between = throttle.mark();
        for _ in 0..10 {
            throttle.felt(End::Source, between, Duration::from_millis(1));
            let took = Duration::from_millis(milliseconds);
            throttle.felt(End::Source, between + 1, took);
        }
        throttle.lock().look();
        throttle.lock().rate
    }

    #[test]
    fn a_gentle_copy_is_slower_while_it_does_harm() {
        assert!(rate_after(1) > FIRST);
        assert!(rate_after(3) < FIRST);
    }

    #[test]
    fn a_copy_says_for_what_it_became_slower_until_it_is_as_fast_as_before() {
        let throttle = Throttle::new(Pace::Gentle);
        let look = |millis: u64| {
            let between = throttle.mark();
            for _ in 0..10 {
                throttle.felt(End::Target, between, Duration::from_millis(1));
                throttle.felt(End::Target, between + 1, Duration::from_millis(millis));
            }
            throttle.lock().look();
            throttle.slowed()
        };
        assert_eq!(look(1), None);
        let before = throttle.lock().rate;
        let Some((slowed, rate)) = look(3) else {
            panic!("it is not slower")
        };
        assert_eq!(
            (slowed.end, slowed.copying),
            (End::Target, Duration::from_millis(3))
        );
        assert!(rate < 20_000);
        assert!(look(1).is_some());
        for _ in 0..20 {
            look(1);
        }
        assert!(throttle.lock().rate > before);
        assert_eq!(throttle.slowed(), None);
        look(3);
        throttle.set(Pace::RowsPerSecond(7));
        assert_eq!(
            (throttle.slowed(), throttle.set_by_operator()),
            (None, Some(7))
        );
    }

    #[test]
    fn a_gentle_copy_is_slower_while_many_more_statements_run() {
        let throttle = Throttle::new(Pace::Gentle);
        let server: Arc<str> = "b".into();
        throttle.counted_before(&server, &mut [2, 2, 2]);
        let rate_after = |number: u64| {
            for _ in 0..5 {
                throttle.counted(&server, number);
            }
            throttle.lock().look();
            throttle.lock().rate
        };
        assert!(rate_after(4) > FIRST);
        assert_eq!(throttle.crowded(), None);
        let before = throttle.lock().rate;
        assert!(rate_after(40) < before);
        let crowded = throttle
            .crowded()
            .map(|(name, crowd, _)| (name, crowd.before));
        assert_eq!(crowded, Some((Arc::clone(&server), 2)));
        for _ in 0..20 {
            rate_after(40);
        }
        assert!((rate_after(40) - LEAST).abs() < 1.0);
        assert!(rate_after(2) > LEAST);
        assert_eq!(throttle.crowded(), None);
    }

    /// A throttle after so many pages, each of which took so long.
    fn after(pace: Pace, pages: usize, took: Duration) -> Throttle {
        let throttle = Throttle::new(pace);
        for _ in 0..pages {
            let rows = throttle.page(20_000);
            throttle.lock().copied(rows, took);
        }
        throttle
    }

    #[test]
    fn pages_grow_while_they_are_short() {
        let full = after(Pace::Full, 1, Duration::from_millis(1));
        assert_eq!(full.page(20_000), 2 * FIRST_PAGE);
        let full = after(Pace::Full, 30, Duration::from_millis(1));
        assert_eq!(full.page(20_000), 20_000);
        full.begin_table();
        assert_eq!(full.page(20_000), FIRST_PAGE);
        for pace in [Pace::Full, Pace::Gentle, Pace::RowsPerSecond(1)] {
            let slow = after(pace, 30, Duration::from_secs(1));
            assert_eq!(slow.page(20_000), 1);
        }
    }

    #[test]
    fn pages_follow_the_pace() {
        let page = |pace| after(pace, 30, Duration::from_millis(1)).page(20_000);
        assert_eq!(page(Pace::RowsPerSecond(25_000)), 1_000);
        assert_eq!(page(Pace::RowsPerSecond(1)), FEWEST);
        assert_eq!(page(Pace::Gentle), GENTLE_PAGE);
    }
}
