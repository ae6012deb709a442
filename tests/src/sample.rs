//! How much a test with random choices tries, and what it chooses.

use std::env;

/// How often a test disturbs: as usual, or `SHARD_ORM_KILLS` times.
///
/// # Panics
/// If that is no number.
pub fn kills(usual: u64) -> u64 {
    number("SHARD_ORM_KILLS").unwrap_or(usual)
}

/// Another seed in each process, or `SHARD_ORM_SEED`. It is printed, so that the choices of a test that failed can be
/// repeated.
///
/// # Panics
/// If that is no number.
pub fn seed() -> u64 {
    let seed = number("SHARD_ORM_SEED").unwrap_or_else(|| std::process::id().into());
    println!("SHARD_ORM_SEED={seed}");
    seed
}

fn number(name: &str) -> Option<u64> {
    let given = env::var(name).ok()?;
    Some(given.parse().unwrap())
}
