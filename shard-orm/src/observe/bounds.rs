//! The upper bounds of buckets, in microseconds and in counts.

/// The buckets of durations: 50 microseconds to a minute, in steps of at most two thirds. A bucket has
/// the values up to its bound and above the one before; one more has what is longer.
pub(crate) const DURATIONS: [u64; 37] = [
    50, 70, 100, 150, 200, 300, 500, 700, 1_000, 1_500, 2_000, 3_000, 5_000, 7_000, 10_000, 15_000,
    20_000, 30_000, 50_000, 70_000, 100_000, 150_000, 200_000, 300_000, 500_000, 700_000,
    1_000_000, 1_500_000, 2_000_000, 3_000_000, 5_000_000, 7_000_000, 10_000_000, 15_000_000,
    20_000_000, 30_000_000, 60_000_000,
];

/// The buckets of numbers of rows, statements and the like.
pub(crate) const COUNTS: [u64; 20] = [
    0, 1, 2, 5, 10, 20, 50, 100, 200, 500, 1_000, 2_000, 5_000, 10_000, 20_000, 50_000, 100_000,
    200_000, 500_000, 1_000_000,
];
