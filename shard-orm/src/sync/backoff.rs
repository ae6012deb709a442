//! The pauses before something is tried again.

use std::time::Duration;

use crate::random::fraction;

/// Pauses that double, up to a longest one.
#[derive(Debug, Clone)]
pub(super) struct Backoff {
    first: Duration,
    longest: Duration,
    taken: u32,
}

impl Backoff {
    pub(super) fn new(first: Duration, longest: Duration) -> Self {
        Self {
            first,
            longest: longest.max(first),
            taken: 0,
        }
    }

    /// The next pause, at random at least half its length, so that two clients that wait for each other
    /// diverge.
    pub(super) fn next(&mut self) -> Duration {
        let factor = 1_u32 << self.taken.min(16);
        self.taken = self.taken.saturating_add(1);
        let pause = self.first.saturating_mul(factor).min(self.longest);
        spread(pause.mul_f64(0.75), 1.0 / 3.0)
    }

    /// Begins with the first one again.
    pub(super) fn reset(&mut self) {
        self.taken = 0;
    }
}

/// A time that is randomly longer or shorter by up to this share.
pub(super) fn spread(time: Duration, share: f64) -> Duration {
    time.mul_f64((1.0 + share * (2.0 * fraction() - 1.0)).max(0.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_up_to_the_longest() {
        let (first, longest) = (Duration::from_millis(40), Duration::from_millis(100));
        let mut backoff = Backoff::new(first, longest);
        for most in [40, 80, 100, 100] {
            let most = Duration::from_millis(most);
            let pause = backoff.next();
            assert!(pause >= most / 2 && pause <= most, "{pause:?} of {most:?}");
        }
        backoff.reset();
        assert!(backoff.next() <= first);
    }
}
