//! Uniqueness and order under any clock.

#![allow(clippy::unwrap_used)]

use std::collections::HashSet;
use std::sync::atomic::AtomicI64;

use proptest::prelude::*;

use super::*;
use crate::route::{Hash, Pins, Router, RoutingKey};

/// A clock set by the test.
#[derive(Debug, Default)]
struct Told {
    wall: AtomicI64,
    elapsed: AtomicI64,
}

impl Clock for Arc<Told> {
    fn wall(&self) -> i64 {
        self.wall.load(Ordering::Relaxed)
    }

    fn elapsed(&self) -> i64 {
        self.elapsed.load(Ordering::Relaxed)
    }
}

const DAY: i64 = 86_400_000_000;

fn maker() -> (Arc<Told>, Snowflakes<Arc<Told>>) {
    let clock = Arc::new(Told::default());
    clock.wall.store(500 * DAY, Ordering::Relaxed);
    let snowflakes = Snowflakes::with_clock(Layout::default(), 7, Arc::clone(&clock));
    (clock, snowflakes)
}

#[test]
fn a_stopped_clock_allows_one_second_of_ids() {
    let (clock, snowflakes) = maker();
    let mut last = -1;
    let mut made = 0;
    let refusal = loop {
        match snowflakes.try_next(42) {
            Ok(id) => {
                assert!(id > last);
                last = id;
                made += 1;
            }
            Err(refusal) => break refusal,
        }
    };
    // The millisecond itself and 1,000 ahead of the clock, 64 ids each.
    assert_eq!(made, 1_001 * 64);
    assert_eq!(refusal, Refusal::Ahead(Duration::from_millis(1)));
    clock.elapsed.fetch_add(1_000, Ordering::Relaxed);
    assert!(snowflakes.try_next(42).unwrap() > last);
}

#[test]
fn a_clock_step_back_does_not_delay_ids() {
    let (clock, snowflakes) = maker();
    let before = snowflakes.try_next(42).unwrap();
    clock.wall.fetch_sub(10 * DAY, Ordering::Relaxed);
    clock.elapsed.fetch_add(5_000, Ordering::Relaxed);
    let after = snowflakes.try_next(42).unwrap();
    let layout = Layout::default();
    let time = |id| layout.parts(id).unwrap().milliseconds;
    assert_eq!(time(after), time(before) + 5);
}

#[test]
fn a_clock_before_2025_makes_no_ids() {
    let (clock, snowflakes) = maker();
    clock.wall.store(-DAY, Ordering::Relaxed);
    assert_eq!(snowflakes.try_next(42), Err(Refusal::ClockUnset));
}

#[test]
fn the_last_millisecond_makes_no_ids() {
    let (clock, snowflakes) = maker();
    let last = i64::try_from(Layout::default().last_millisecond()).unwrap();
    clock.wall.store((last - 1) * 1_000, Ordering::Relaxed);
    assert!(snowflakes.try_next(42).is_ok());
    clock.wall.store((last + 5) * 1_000, Ordering::Relaxed);
    assert_eq!(snowflakes.try_next(42), Err(Refusal::Exhausted));
}

#[test]
fn a_grant_expires_during_suspension() {
    let (clock, snowflakes) = maker();
    let now = snowflakes.millisecond().unwrap();
    snowflakes.grant(Grant::new(3, Some(30_000_000), u64::MAX), now);
    let layout = Layout::default();
    let parts = layout.parts(snowflakes.try_next(1).unwrap()).unwrap();
    assert_eq!((parts.worker, parts.milliseconds), (3, now + 1));
    // The wall clock does not affect it.
    clock.wall.fetch_sub(DAY, Ordering::Relaxed);
    clock.elapsed.store(29_999_999, Ordering::Relaxed);
    assert!(snowflakes.has_worker());
    assert!(snowflakes.try_next(1).is_ok());
    clock.elapsed.store(30_000_000, Ordering::Relaxed);
    assert!(!snowflakes.has_worker());
    assert_eq!(snowflakes.try_next(1), Err(Refusal::NoWorker));
}

#[test]
fn no_id_is_beyond_the_reserved_millisecond() {
    let (clock, snowflakes) = maker();
    let now = snowflakes.millisecond().unwrap();
    snowflakes.grant(Grant::new(3, None, now + 2), now - 1);
    let mut made = 0;
    while snowflakes.try_next(1).is_ok() {
        made += 1;
    }
    assert_eq!(made, 3 * 64);
    // Like a step of the clock: ids continue when more time is reserved.
    clock.wall.fetch_add(DAY, Ordering::Relaxed);
    assert_eq!(snowflakes.try_next(1), Err(Refusal::NoWorker));
    assert!(!snowflakes.has_worker());
}

#[test]
fn withdrawn_ids_stay_below_the_reported_millisecond() {
    let (_, snowflakes) = maker();
    let snowflakes = Arc::new(snowflakes);
    for _ in 0..200 {
        let now = snowflakes.millisecond().unwrap();
        snowflakes.counter.last.store(0, Ordering::SeqCst);
        snowflakes.grant(Grant::new(3, None, u64::MAX), now - 1);
        let (highest, last) = std::thread::scope(|scope| {
            let maker = scope.spawn(|| {
                let mut highest = 0;
                while let Ok(id) = snowflakes.try_next(1) {
                    highest = id;
                }
                highest
            });
            // Some ids, but not those of the whole second.
            while snowflakes.counter.last.load(Ordering::Relaxed) < (now + 2) << 6 {
                std::hint::spin_loop();
            }
            let last = snowflakes.withdraw();
            (maker.join().unwrap(), last)
        });
        let made = Layout::default().parts(highest).unwrap().milliseconds;
        assert!(made <= last, "{made} {last}");
    }
}

#[test]
fn threads_share_one_ascending_counter() {
    let snowflakes = Snowflakes::with_clock(Layout::new(20, 1, 1).unwrap(), 1, SystemClock);
    let all: Vec<Vec<i64>> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..4)
            .map(|_| {
                scope.spawn(|| {
                    (0..20_000)
                        .map(|key| snowflakes.try_next(key).unwrap())
                        .collect()
                })
            })
            .collect();
        threads
            .into_iter()
            .map(|thread| thread.join().unwrap())
            .collect()
    });
    for ids in &all {
        assert!(ids.is_sorted_by(|a, b| a < b));
    }
    let different: HashSet<i64> = all.into_iter().flatten().collect();
    assert_eq!(different.len(), 80_000);
}

proptest! {
    /// For any wall clock, and however slowly the monotonic clock advances.
    #[test]
    fn ids_ascend_under_any_clock(
        steps in prop::collection::vec((-DAY..DAY, 0_i64..3_000, 0_usize..200), 1..60),
    ) {
        let (clock, snowflakes) = maker();
        let mut last = -1;
        for (step, passed, ids) in steps {
            clock.wall.fetch_add(step, Ordering::Relaxed);
            clock.elapsed.fetch_add(passed, Ordering::Relaxed);
            for _ in 0..ids {
                match snowflakes.try_next(step) {
                    Ok(id) => {
                        prop_assert!(id > last);
                        last = id;
                    }
                    Err(Refusal::Ahead(_)) => break,
                    Err(other) => prop_assert!(false, "{other:?}"),
                }
            }
        }
    }
}

proptest! {
    /// Its shard is among those named by the id, even when each shard is split in two, and in four.
    #[test]
    fn an_id_identifies_its_shard_before_and_after_a_split(
        key in any::<i64>(),
        count in 1_u32..=16_384,
        shard_bits in 0_u32..=20,
        pins in prop::collection::btree_map(any::<i64>(), any::<u32>(), 0..20),
        pin_of_key in prop::option::of(any::<u32>()),
    ) {
        let layout = Layout::new(1, 21 - shard_bits, shard_bits).unwrap();
        let clock = Arc::new(Told::default());
        clock.wall.store(500 * DAY, Ordering::Relaxed);
        let id = Snowflakes::with_clock(layout, 0, clock).try_next(key).unwrap();
        let hashes = layout.hashes(id).unwrap();
        for count in [count, count * 2, count * 4] {
            let pins = pins.iter().map(|(key, shard)| (*key, *shard)).filter(|(pinned, _)| *pinned != key);
            let pins = pins.chain(pin_of_key.map(|shard| (key, shard)));
            let pins = Pins::new(pins.map(|(key, shard)| (key, shard % count))).unwrap();
            let router = Router::new(Arc::new(Hash::new(count).unwrap())).with_pins(pins).unwrap();
            let shards = router.shards_of_hashes(&hashes).unwrap();
            prop_assert!(shards.contains(&router.route(&RoutingKey::new(key)).unwrap()));
            prop_assert!(shards.is_sorted_by(|a, b| a < b));
            // The range of an id is one part of 2^bits, so it touches that part of the shards and
            // those at its ends; pins add theirs.
            let most = (u64::from(count) >> shard_bits) + 2 + 21;
            prop_assert!(shards.len() as u64 <= most);
        }
    }
}
