//! How fast snowflakes are made.
//!
//! Goal: the default layout's own limit of 64,000 ids a second and worker, and far more than that without it.
//! Contenders alternate, round by round; the median of all rounds counts. All ids of a contender are checked to rise.

use std::hint::black_box;
use std::thread;
use std::time::{Duration, Instant};

use shard_orm::id::{Clock, Layout, Refusal, Snowflakes, SystemClock};

/// What the sequence of the default layout has room for, a second.
const LIMIT: f64 = 64_000.0;

const ROUNDS: usize = 21;
const IDS: u64 = 200_000;
const LIMITED_ROUNDS: usize = 3;
const LIMITED_TIME: Duration = Duration::from_secs(2);

fn main() {
    let cores = thread::available_parallelism().map_or(1, usize::from);
    let unlimited = Layout::new(22, 0, 0).unwrap();
    let mut clocks = Vec::new();
    let mut alone = Vec::new();
    let mut together = Vec::new();
    for round in 0..=ROUNDS {
        let ids = Snowflakes::with_clock(unlimited, 0, SystemClock);
        let both = [
            nanos(1, read_clocks),
            nanos(1, || make(&ids)),
            nanos(cores, || make(&ids)),
        ];
        // The first round fills caches.
        if round > 0 {
            clocks.push(both[0]);
            alone.push(both[1]);
            together.push(both[2]);
        }
    }
    println!(
        "\n{:<52}{:>12}{:>16}",
        "snowflakes", "ns an id", "ids a second"
    );
    let line = |what: &str, nanos: f64| println!("{what:<52}{nanos:>12.1}{:>16.0}", 1e9 / nanos);
    line("the two clocks alone, read as often", median(clocks));
    line(
        "without a limit (22 bits of sequence), 1 thread",
        median(alone),
    );
    line(
        &format!("the same counter, {cores} threads, all together"),
        median(together),
    );

    let (mut burst, mut sustained) = (Vec::new(), Vec::new());
    for _ in 0..LIMITED_ROUNDS {
        let (at_once, a_second) = limited();
        burst.push(at_once);
        sustained.push(a_second);
    }
    let sustained = median(sustained);
    line("default layout, 1 thread, after a burst", 1e9 / sustained);
    println!(
        "default layout: {:.0} ids at once, then {:.3} of its limit of {LIMIT:.0} a second",
        median(burst),
        sustained / LIMIT
    );
}

/// Lets so many threads do the same at once; nanoseconds of wall time for each id that one of them makes.
fn nanos(threads: usize, work: impl Fn() + Sync) -> f64 {
    let begun = Instant::now();
    thread::scope(|scope| {
        for _ in 1..threads {
            scope.spawn(&work);
        }
        work();
    });
    begun.elapsed().as_secs_f64() * 1e9 / (IDS as f64 * threads as f64)
}

fn make(ids: &Snowflakes) {
    let mut last = -1;
    for key in 0..IDS.cast_signed() {
        let id = ids.try_next(black_box(key)).unwrap();
        assert!(id > last);
        last = id;
    }
}

fn read_clocks() {
    for _ in 0..IDS {
        black_box((SystemClock.wall(), SystemClock.elapsed()));
    }
}

/// The ids that the default layout gives at once, and how many a second after that.
fn limited() -> (f64, f64) {
    let ids = Snowflakes::with_clock(Layout::default(), 0, SystemClock);
    let (mut last, mut made, mut burst) = (-1, 0_u32, None);
    let mut begun = Instant::now();
    loop {
        match ids.try_next(black_box(42)) {
            Ok(id) => {
                assert!(id > last);
                last = id;
                made += 1;
            }
            Err(Refusal::Ahead(wait)) => {
                if burst.is_none() {
                    burst = Some(made);
                    (made, begun) = (0, Instant::now());
                }
                thread::sleep(wait);
            }
            Err(other) => panic!("{other:?}"),
        }
        if let Some(burst) = burst
            && begun.elapsed() >= LIMITED_TIME
        {
            let a_second = f64::from(made) / begun.elapsed().as_secs_f64();
            return (f64::from(burst), a_second);
        }
    }
}

fn median(mut numbers: Vec<f64>) -> f64 {
    numbers.sort_unstable_by(f64::total_cmp);
    numbers[numbers.len() / 2]
}
