//! Clocks: the wall clock and a monotonic one, in microseconds.
//!
//! Used by `id`, which generates ids by both, and by `lock`, which measures how long a lock is
//! held.

use std::fmt;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// 2025-01-01 00:00:00 UTC, in seconds since 1970.
pub(crate) const EPOCH_SECONDS: u64 = 1_735_689_600;

/// A source of time, in microseconds.
pub trait Clock: fmt::Debug + Send + Sync + 'static {
    /// The time since 2025-01-01 00:00:00 UTC; negative before. May step in either direction.
    fn wall(&self) -> i64;

    /// The time since some moment. Never goes back, and includes time in which the machine is
    /// suspended or the process is stopped.
    fn elapsed(&self) -> i64;
}

/// The clocks of the operating system.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn wall(&self) -> i64 {
        let epoch = UNIX_EPOCH + Duration::from_secs(EPOCH_SECONDS);
        match SystemTime::now().duration_since(epoch) {
            Ok(since) => micros(since),
            Err(before) => micros(before.duration()).saturating_neg(),
        }
    }

    /// `CLOCK_BOOTTIME`: unlike `CLOCK_MONOTONIC`, it includes suspension, during which the
    /// databases' clocks advance.
    #[cfg(target_os = "linux")]
    fn elapsed(&self) -> i64 {
        let now = rustix::time::clock_gettime(rustix::time::ClockId::Boottime);
        now.tv_sec
            .saturating_mul(1_000_000)
            .saturating_add(now.tv_nsec / 1_000)
    }

    #[cfg(not(target_os = "linux"))]
    fn elapsed(&self) -> i64 {
        use std::sync::LazyLock;
        use std::time::Instant;

        static START: LazyLock<Instant> = LazyLock::new(Instant::now);
        micros(START.elapsed())
    }
}

pub(crate) fn micros(time: Duration) -> i64 {
    i64::try_from(time.as_micros()).unwrap_or(i64::MAX)
}
