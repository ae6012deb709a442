//! What operations take, and contenders compared by it in rounds that alternate.

#![allow(dead_code, reason = "not every bench compares all of it")]

use std::time::{Duration, Instant};

use nix::sys::resource::{UsageWho, getrusage};
use nix::sys::time::TimeValLike;
use shard_orm::route::mix64;

/// What a round took, for each operation.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Cost {
    /// From the first call to the last answer.
    pub(crate) wall: Duration,
    /// What the client's threads worked.
    pub(crate) cpu: Duration,
    /// How often one of the client's threads gave a processor up.
    pub(crate) switches: f64,
}

impl Cost {
    /// Of so many operations, which are carried out here.
    pub(crate) async fn of(operations: usize, work: impl Future<Output = ()>) -> Self {
        let count = u32::try_from(operations).unwrap();
        let (cpu, switches) = used();
        let begun = Instant::now();
        work.await;
        let wall = begun.elapsed();
        let (cpu_after, switches_after) = used();
        Self {
            wall: wall / count,
            cpu: (cpu_after - cpu) / count,
            switches: (switches_after - switches) as f64 / f64::from(count),
        }
    }
}

/// The processor time of this process so far, and the context switches of its threads.
fn used() -> (Duration, i64) {
    let usage = getrusage(UsageWho::RUSAGE_SELF).unwrap();
    let micros = usage.user_time().num_microseconds() + usage.system_time().num_microseconds();
    let switches = usage.voluntary_context_switches() + usage.involuntary_context_switches();
    (Duration::from_micros(micros.unsigned_abs()), switches)
}

/// The median of the context switches of an operation.
pub(crate) fn switches(costs: &[Cost]) -> f64 {
    median(costs.iter().map(|cost| cost.switches).collect())
}

/// The costs of so many contenders in so many rounds. `run` carries out a round of one of them, warm-up included:
/// the others have been busy meanwhile.
pub(crate) async fn rounds(
    contenders: usize,
    rounds: usize,
    mut run: impl AsyncFnMut(usize) -> Cost,
) -> Vec<Vec<Cost>> {
    let mut costs: Vec<Vec<Cost>> = vec![Vec::new(); contenders];
    for round in 0..=rounds {
        // In another order each time, so that nobody always follows the same one.
        let mut order: Vec<usize> = (0..contenders).collect();
        order.sort_unstable_by_key(|index| mix64((round * 100 + index) as u64));
        for index in order {
            let cost = run(index).await;
            // Statements are prepared in the first round.
            if round > 0 {
                costs[index].push(cost);
            }
        }
    }
    costs
}

/// One measure of one contender.
#[derive(Debug)]
pub(crate) struct Column {
    /// Microseconds.
    pub(crate) median: f64,
    /// The median of its ratios to the base, round by round.
    pub(crate) ratio: f64,
    /// Its best round by the base's best.
    pub(crate) best: f64,
}

impl Column {
    pub(crate) fn new(own: &[Cost], base: &[Cost], of: impl Fn(&Cost) -> Duration) -> Self {
        let micros = |costs: &[Cost]| -> Vec<f64> {
            costs
                .iter()
                .map(|cost| of(cost).as_secs_f64() * 1e6)
                .collect()
        };
        let (own, base) = (micros(own), micros(base));
        let ratios = own.iter().zip(&base).map(|(own, base)| own / base);
        let best = |costs: &[f64]| costs.iter().copied().fold(f64::INFINITY, f64::min);
        Self {
            ratio: median(ratios.collect()),
            best: best(&own) / best(&base),
            median: median(own),
        }
    }
}

fn median(mut numbers: Vec<f64>) -> f64 {
    numbers.sort_unstable_by(f64::total_cmp);
    numbers[numbers.len() / 2]
}
