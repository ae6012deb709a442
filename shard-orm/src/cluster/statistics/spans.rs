//! Counters within windows of time, of one process or added over several.

use std::time::Duration;

use super::window::Window;
use crate::observe::{Load, Totals};

/// Counters that can be added and subtracted.
pub(super) trait Counts: Copy + Default + PartialEq {
    fn load(&self) -> Load;
    fn add(&mut self, other: &Self);
    fn since(&self, before: &Self) -> Self;
    fn window(&self) -> Window;
}

impl Counts for Load {
    fn load(&self) -> Load {
        *self
    }

    fn add(&mut self, other: &Self) {
        Load::add(self, *other);
    }

    fn since(&self, before: &Self) -> Self {
        Load::since(*self, *before)
    }

    fn window(&self) -> Window {
        Window::of_load(*self)
    }
}

impl Counts for Totals {
    fn load(&self) -> Load {
        self.load
    }

    fn add(&mut self, other: &Self) {
        Totals::add(self, other);
    }

    fn since(&self, before: &Self) -> Self {
        Totals::since(*self, before)
    }

    fn window(&self) -> Window {
        if self.durations == Default::default() {
            return Window::of_load(self.load);
        }
        Window::of_totals(self)
    }
}

/// Counters within one window.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(super) struct Span<T> {
    pub(super) over: Duration,
    pub(super) counts: T,
}

/// The windows of one thing that is measured.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(super) struct Spans<T> {
    pub(super) one: Span<T>,
    pub(super) five: Span<T>,
    pub(super) fifteen: Span<T>,
    pub(super) earlier: Span<T>,
    pub(super) total: Span<T>,
}

impl<T: Counts> Span<T> {
    pub(super) fn new(over: Duration, counts: T) -> Self {
        Self { over, counts }
    }

    /// Adds the counters of another process. Its window is not as long as this one: the new length is the one by which
    /// the calls in a second add up.
    pub(super) fn add(&mut self, other: &Self) {
        let rates = self.rate() + other.rate();
        self.counts.add(&other.counts);
        self.over = if rates > 0.0 {
            Duration::try_from_secs_f64(float(self.counts.load().calls) / rates)
                .unwrap_or(self.over)
        } else {
            self.over.max(other.over)
        };
    }

    /// The calls in a second.
    fn rate(&self) -> f64 {
        if self.over.is_zero() {
            return 0.0;
        }
        float(self.counts.load().calls) / self.over.as_secs_f64()
    }
}

impl Span<Load> {
    /// The same without durations.
    pub(super) fn totals(self) -> Span<Totals> {
        let counts = Totals {
            load: self.counts,
            ..Totals::default()
        };
        Span::new(self.over, counts)
    }
}

impl<T: Counts> Spans<T> {
    /// The windows of counters that are `total` by now, since `begun`, and were something else when each began.
    pub(super) fn new(
        total: T,
        begun: Duration,
        begins: [(Duration, Option<T>); 3],
        earlier: Option<(Duration, T, T)>,
    ) -> Self {
        let since = |(over, before): (Duration, Option<T>)| {
            let counts = before.map(|before| total.since(&before));
            Span::new(over, counts.unwrap_or_default())
        };
        let [one, five, fifteen] = begins.map(since);
        let between = |(over, first, last): (Duration, T, T)| Span::new(over, last.since(&first));
        Self {
            one,
            five,
            fifteen,
            earlier: earlier.map(between).unwrap_or_default(),
            total: Span::new(begun, total),
        }
    }

    pub(super) fn add(&mut self, other: &Self) {
        self.one.add(&other.one);
        self.five.add(&other.five);
        self.fifteen.add(&other.fifteen);
        self.earlier.add(&other.earlier);
        self.total.add(&other.total);
    }
}

/// Exact up to 2^53, which no counter reaches.
#[allow(clippy::cast_precision_loss)]
fn float(number: u64) -> f64 {
    number as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn span(seconds: u64, calls: u64) -> Span<Load> {
        let load = Load {
            calls,
            ..Load::default()
        };
        Span::new(Duration::from_secs(seconds), load)
    }

    #[test]
    fn rates_of_windows_of_different_lengths_add_up() {
        let mut sum = span(60, 600);
        sum.add(&span(20, 600));
        sum.add(&span(75, 0));
        sum.add(&span(0, 0));
        assert_eq!(sum.counts.calls, 1_200);
        assert!((sum.rate() - 40.0).abs() < 1e-6, "{sum:?}");
    }

    #[test]
    fn windows_without_calls_are_as_long_as_the_longest() {
        let mut sum = span(60, 0);
        sum.add(&span(70, 0));
        assert_eq!(sum, span(70, 0));
    }
}
