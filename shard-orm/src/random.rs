//! Random numbers for tokens, choices and pauses, from the standard library alone.

use std::hash::{BuildHasher, RandomState};
use std::sync::atomic::{AtomicU64, Ordering};

/// A random number: the standard library seeds its hashers from the operating system.
pub(crate) fn random() -> u64 {
    static COUNT: AtomicU64 = AtomicU64::new(0);
    RandomState::new().hash_one((std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed)))
}

/// A random number from 0 to 1.
pub(crate) fn fraction() -> f64 {
    let bits = u32::try_from(random() >> 32).unwrap_or(u32::MAX);
    f64::from(bits) / f64::from(u32::MAX)
}
