//! Assigns logical shards to servers, in contiguous runs by weight.

use std::ops::Range;

/// A run of shards for each server, in order. Together the runs hold all shards, each in proportion
/// to its weight.
///
/// The largest remainder method: each server gets the integer part of its share, and the remaining
/// shards go to the largest fractions, one each; equal fractions go to the first server. All runs
/// are empty if all weights are 0.
pub(super) fn by_weight(shards: u32, weights: &[u32]) -> Vec<Range<u32>> {
    let total: u64 = weights.iter().map(|weight| u64::from(*weight)).sum();
    if total == 0 {
        return vec![0..0; weights.len()];
    }
    let product = |weight: u32| u64::from(shards) * u64::from(weight);
    let mut counts: Vec<u64> = weights.iter().map(|w| product(*w) / total).collect();
    let left = u64::from(shards).saturating_sub(counts.iter().sum());
    let mut by_fraction: Vec<usize> = (0..weights.len()).collect();
    by_fraction.sort_by_key(|at| std::cmp::Reverse(product(weights[*at]) % total));
    for (_, at) in (0..left).zip(by_fraction) {
        counts[at] += 1;
    }
    let mut next = 0;
    counts
        .into_iter()
        .map(|count| {
            let first = next;
            // The counts sum to `shards`, so each fits.
            next += u32::try_from(count).unwrap_or(0);
            first..next
        })
        .collect()
}

/// A problem of explicit runs.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Fault {
    /// The run at this position is empty.
    Empty(usize),
    /// The run at this position exceeds the last shard.
    Beyond(usize),
    /// The run at the second position holds a shard of the run at the first.
    Overlap(usize, usize),
    /// No run holds these shards.
    Missing(Range<u32>),
}

/// All problems that keep these runs from holding each shard exactly once.
pub(super) fn faults(shards: u32, runs: &[Range<u32>]) -> Vec<Fault> {
    let mut faults = Vec::new();
    let mut order: Vec<usize> = Vec::new();
    for (at, run) in runs.iter().enumerate() {
        if run.is_empty() {
            faults.push(Fault::Empty(at));
            continue;
        }
        if run.end > shards {
            faults.push(Fault::Beyond(at));
        }
        order.push(at);
    }
    order.sort_by_key(|at| runs[*at].start);
    let mut next = 0;
    let mut furthest = None;
    for at in order {
        let run = &runs[at];
        match furthest {
            Some(before) if run.start < next => faults.push(Fault::Overlap(before, at)),
            _ if run.start > next && next < shards => {
                faults.push(Fault::Missing(next..run.start.min(shards)));
            }
            _ => {}
        }
        if run.end > next {
            next = run.end;
            furthest = Some(at);
        }
    }
    if next < shards {
        faults.push(Fault::Missing(next..shards));
    }
    faults
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{Fault, by_weight, faults};

    proptest! {
        #[test]
        fn runs_hold_each_shard_once_in_shares_by_weight(
            shards in 1_u32..=65_536,
            weights in prop::collection::vec(0_u32..1_000, 1..20),
        ) {
            let runs = by_weight(shards, &weights);
            prop_assert_eq!(runs.len(), weights.len());
            let total: u32 = weights.iter().sum();
            if total == 0 {
                prop_assert!(runs.iter().all(|run| run.is_empty()));
                return Ok(());
            }
            let mut next = 0;
            for (run, weight) in runs.iter().zip(&weights) {
                prop_assert_eq!(run.start, next);
                next = run.end;
                let exact = f64::from(shards) * f64::from(*weight) / f64::from(total);
                prop_assert!((f64::from(run.end - run.start) - exact).abs() < 1.0);
                prop_assert!(*weight > 0 || run.is_empty());
            }
            prop_assert_eq!(next, shards);
            prop_assert!(total == 0 || faults(shards, &filled(&runs)).is_empty());
        }

        #[test]
        fn faults_are_found_exactly_if_a_shard_is_not_assigned_once(
            shards in 1_u32..12,
            runs in prop::collection::vec((0_u32..12, 0_u32..14), 0..5),
        ) {
            let runs: Vec<_> = runs.into_iter().map(|(from, to)| from..to).collect();
            let held = |shard| runs.iter().filter(|run| run.contains(&shard)).count();
            let right = (0..shards).all(|shard| held(shard) == 1)
                && (shards..20).all(|shard| held(shard) == 0)
                && runs.iter().all(|run| !run.is_empty());
            prop_assert_eq!(faults(shards, &runs).is_empty(), right);
        }
    }

    fn filled(runs: &[std::ops::Range<u32>]) -> Vec<std::ops::Range<u32>> {
        runs.iter().filter(|run| !run.is_empty()).cloned().collect()
    }

    #[test]
    fn the_remainder_goes_to_the_largest_fractions() {
        assert_eq!(by_weight(10, &[1, 1, 1]), [0..4, 4..7, 7..10]);
        assert_eq!(by_weight(16, &[2, 1, 0, 1]), [0..8, 8..12, 12..12, 12..16]);
        assert_eq!(by_weight(5, &[u32::MAX, u32::MAX]), [0..3, 3..5]);
    }

    #[test]
    fn each_fault_is_named() {
        assert_eq!(
            faults(10, &[0..4, 3..6, 5..5, 8..11]),
            [
                Fault::Empty(2),
                Fault::Beyond(3),
                Fault::Overlap(0, 1),
                Fault::Missing(6..8)
            ]
        );
        assert_eq!(faults(4, &[]), [Fault::Missing(0..4)]);
    }
}
