//! Pseudo-random choices from a seed.

use shard_orm::route::mix64;

/// A sequence of numbers: SplitMix64 of Steele, Lea and Flood, 2014.
#[derive(Debug)]
pub(crate) struct Random(u64);

impl Random {
    /// The sequence of one task of a run.
    pub(crate) fn new(seed: u64, task: u64) -> Self {
        Self(mix64(seed ^ mix64(task + 1)))
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        mix64(self.0)
    }

    /// A number below this bound.
    pub(crate) fn below(&mut self, bound: usize) -> usize {
        let bound = u64::try_from(bound).unwrap();
        usize::try_from(self.next() % bound).unwrap()
    }

    /// A number below this bound.
    pub(crate) fn up_to(&mut self, bound: u32) -> u32 {
        u32::try_from(self.next() % u64::from(bound)).unwrap()
    }

    /// True in so many of a hundred cases.
    pub(crate) fn percent(&mut self, share: u32) -> bool {
        self.up_to(100) < share
    }

    pub(crate) fn pick<'a, T>(&mut self, all: &'a [T]) -> &'a T {
        &all[self.below(all.len())]
    }
}
