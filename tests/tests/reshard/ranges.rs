//! Ranges of keys leave a logical shard, and one of its parts stays where it is.

use std::time::Duration;

use shard_orm::config::StrategyConfig;
use shard_orm::prelude::*;
use shard_orm::reshard::{ChangeKeys, Job, JobState, Pace, Reshard};
use shard_orm::route::mix64;
use shard_orm_tests::behaviours;
use shard_orm_tests::fixture::Fixture;
use shard_orm_tests::sample;
use shard_orm_tests::waiting::eventually;
use tokio::task::JoinHandle;

use crate::everything::sql_at;
use crate::killed::{LEASE, kill_after, kills, run};
use crate::splits::{finish, keys, process_that_never_polls, rows_of, shards};
use crate::staying::{can_stay, create_tables, divide_tables, divide_with_a_stray, isolate};
use crate::writer::{Writer, assert_rows};
use crate::{MOVING, Order, Setting, cluster_of, document, process};

/// The first keys of all logical shards but the first one.
const BOUNDS: [i64; 3] = [1_000, 2_000, 3_000];
/// A key of another range that is pinned to the logical shard that is split.
const PINNED: i64 = 1_500;

/// The cluster of an operator, whose logical shards own ranges of keys.
async fn ranged(fixture: &Fixture, pins: &str) -> Cluster {
    let group =
        format!("[groups.shop]\nstrategy = {{ type = 'range', bounds = {BOUNDS:?} }}\n{pins}");
    let document = document(fixture).replace("[groups.shop]\n", &group);
    cluster_of(fixture, &document).await
}

fn split(reshard: &Reshard, shard: u32, at: &[i64], into: &[&str]) -> ChangeKeys {
    let split = reshard.split_shard("shop", shard, into.iter().copied());
    let split = split.at(at.iter().map(ToString::to_string));
    split.key("user_id").accept_relaxed_durability()
}

/// Runs a job that copies slowly, until it has copied some rows.
async fn copies(reshard: &Reshard, job: u64) -> JoinHandle<Job> {
    let running = tokio::spawn({
        let reshard = reshard.clone();
        async move { reshard.run(job).await.unwrap() }
    });
    eventually("rows are copied", async || {
        let job = reshard.job(job).await.unwrap();
        assert!(job.state <= JobState::Copying, "{job:?}");
        job.copied.rows > 0
    })
    .await;
    running
}

behaviours! { (Order, Setting), 4 shards on 2 servers, |options| options.strategy(StrategyConfig::Range { bounds: BOUNDS.into() });
    async fn a_part_stays_wherever_its_range_is(fixture: &Fixture) {
        let operator = ranged(fixture, "").await;
        let stale = process_that_never_polls(fixture).await;
        let keys = keys(&operator, 20);
        let rows = rows_of(fixture, &operator, &keys, 30).await;
        assert_eq!(Order::scatter().count(&stale).await.unwrap(), 600);
        let reshard = operator.reshard().unwrap();
        // The last range leaves, then the first and the last, and then the first.
        for (shard, at, into, stays, leaving, of_keys) in [
            (MOVING, &[16][..], &["server-0", "server-1"][..], 0, "keys 16..=999", 4),
            (MOVING, &[3, 12], &["server-1", "server-0", "server-1"], 1, "keys min..=2, 12..=15", 7),
            (5, &[5], &["server-1", "server-0"], 1, "keys 3..=4", 2),
        ] {
            let request = split(&reshard, shard, at, into);
            let planned = request.plan().await.unwrap();
            assert!(planned.obstacles.is_empty(), "{planned}");
            let job = request.start().await.unwrap();
            let job = reshard.run(job.id).await.unwrap();
            assert_eq!(job.state, JobState::Holding, "{job:?}");
            if can_stay(fixture) {
                let found = planned.leaving.as_ref().unwrap();
                assert_eq!((found.stays(), found.to_string()), (stays, leaving.to_owned()));
                assert_eq!((planned.rows, job.copied.rows), (of_keys * 30, of_keys * 30));
                let error = reshard.reverse(job.id).await.unwrap_err();
                assert_eq!(error.kind(), ErrorKind::Unsupported, "{error}");
            } else {
                let because = planned.copied_because.as_ref().unwrap();
                assert!(because.contains("its file"), "{because}");
                assert!(job.copied.rows > of_keys * 30);
            }
            assert_eq!(finish(&reshard, &job).await.state, JobState::Finished);
            for (key, rows) in keys.iter().zip(&rows) {
                assert_rows(&operator, *key, rows).await;
                assert_rows(&stale, *key, rows).await;
            }
        }
        let owners: Vec<u32> = [2, 3, 5, 12, 16].map(|key| shards(&operator, &[key])[0]).into();
        assert_eq!(owners, [MOVING, 5, 7, 6, 4]);
        for (shard, of_keys) in [(MOVING, 3), (5, 2), (7, 7), (6, 4), (4, 4)] {
            assert_eq!(Order::on_shard(shard).count(&stale).await.unwrap(), of_keys * 30);
        }
        operator.setup().table::<Order>().run().await.unwrap();
        // A merge undoes it.
        let merge = reshard.merge_shards("shop", [MOVING, 5, 7, 6], "server-1").accept_relaxed_durability();
        let job = merge.start().await.unwrap();
        let job = reshard.run(job.id).await.unwrap();
        assert_eq!(finish(&reshard, &job).await.state, JobState::Finished);
        for (key, rows) in keys.iter().zip(&rows) {
            assert_rows(&stale, *key, rows).await;
        }
    }

    async fn ranges_leave_while_all_parts_are_written(fixture: &Fixture) {
        let operator = ranged(fixture, "").await;
        let application = process(fixture).await;
        let keys = keys(&operator, 10);
        let mut rows = rows_of(fixture, &application, &keys, 60).await;
        let reshard = operator.reshard().unwrap();
        let writers = [1, 4, 7].map(|key| (key, Writer::start(fixture, application.clone(), keys[key])));
        let request = || {
            let into = ["server-1", "server-0", "server-1"];
            split(&reshard, MOVING, &[2, 6], &into).pace(Pace::RowsPerSecond(100))
        };
        let job = request().start().await.unwrap();
        let running = copies(&reshard, job.id).await;
        reshard.abort(job.id).await.unwrap();
        assert_eq!(running.await.unwrap().state, JobState::Aborted);

        let job = request().start().await.unwrap();
        assert_eq!(job.leaving.is_some(), can_stay(fixture));
        let running = copies(&reshard, job.id).await;
        // By statements that the library does not know: from a part that leaves to the one that stays, back, and from one that
        // leaves to the other. Rows are copied in the order of their ids.
        for (from, to) in [(8, 3), (0, 3), (3, 8), (3, 0), (0, 9), (9, 0)] {
            for end in [false, true] {
                let last = rows[from].len() - 1;
                let moved = rows[from].remove(if end { last } else { 0 });
                let raw = format!("UPDATE orders SET user_id = {to} WHERE id = {}", moved.id);
                sql_at(&operator, MOVING, &raw).await;
                rows[to].push(Order { user_id: keys[to], ..moved });
            }
        }
        reshard.throttle(job.id, Pace::Full).await.unwrap();
        let job = running.await.unwrap();
        assert_eq!(job.state, JobState::Holding, "{job:?}");
        assert_eq!(finish(&reshard, &job).await.state, JobState::Finished);
        for (key, writer) in writers {
            rows[key].extend(writer.end().await);
        }
        for (key, rows) in keys.iter().zip(&rows) {
            assert_rows(&application, *key, rows).await;
        }
        let all: usize = rows.iter().map(Vec::len).sum();
        assert_eq!(Order::scatter().count(&application).await.unwrap(), all as u64);
    }

    async fn what_belongs_to_tables_stays_with_the_last_range(fixture: &Fixture) {
        let operator = ranged(fixture, "").await;
        let keys = keys(&operator, 4);
        rows_of(fixture, &operator, &keys, 50).await;
        create_tables(&operator, fixture.dialect).await;
        let reshard = operator.reshard().unwrap();
        let request = split(&reshard, MOVING, &[1], &["server-1", "server-0"]);
        // Rows without a key go with the number of the logical shard.
        let expected = [(MOVING, 50, 2), (4, 150, 0)];
        divide_tables(fixture, &operator, (request, keys[0]), expected).await;
    }

    async fn rows_that_stay_are_never_deleted_with_a_range(fixture: &Fixture) {
        let operator = ranged(fixture, "").await;
        let keys = keys(&operator, 3);
        let rows = rows_of(fixture, &operator, &keys, 20).await;
        create_tables(&operator, fixture.dialect).await;
        let reshard = operator.reshard().unwrap();
        let request = split(&reshard, MOVING, &[2], &["server-1", "server-0"]);
        divide_with_a_stray(fixture, &operator, request, (keys[2], keys[0])).await;
        for (key, rows) in keys.iter().zip(&rows) {
            assert_rows(&operator, *key, rows).await;
        }
    }

    async fn parts_that_stay_lose_nothing_when_runners_are_killed(fixture: &Fixture) {
        let operator = ranged(fixture, "").await;
        let application = process(fixture).await;
        let keys = keys(&operator, 30);
        let mut rows = rows_of(fixture, &application, &keys, 40).await;
        let writers: Vec<Writer> = keys.iter().take(3)
            .map(|key| Writer::start(fixture, application.clone(), *key)).collect();
        let reshard = operator.reshard().unwrap().lease(LEASE);
        let (mut random, mut left, mut next) = (sample::seed(), kills(), 0);
        while left > 0 && next < keys.len() {
            random = mix64(random);
            let servers = if random.is_multiple_of(2) { ["server-0", "server-1"] } else { ["server-1", "server-0"] };
            let request = match random % 3 {
                0 => isolate(&reshard, keys[next], servers[0]),
                _ => split(&reshard, shards(&operator, &[keys[next]])[0], &[keys[next]], &servers),
            };
            let job = match request.start().await {
                Ok(job) => job.id,
                // Its key is the first of its logical shard already, or the only one.
                Err(error) => {
                    assert!(matches!(error.kind(), ErrorKind::Configuration | ErrorKind::Unsupported), "{error}");
                    next += 1;
                    continue;
                }
            };
            loop {
                random = mix64(random);
                let delay = Duration::from_micros(random >> 32 & 0x3fff);
                if left > 0 && kill_after(fixture, job, random % 21, delay).await {
                    left -= 1;
                }
                random = mix64(random);
                let state = reshard.job(job).await.unwrap().state;
                println!("killed in `{state}`");
                match state {
                    state if state.is_over() => break,
                    JobState::Holding => drop(reshard.finish(job).await),
                    state if state.is_before_switch() && random.is_multiple_of(10) => {
                        drop(reshard.abort(job).await);
                    }
                    _ => {}
                }
                if left == 0 {
                    let ended = run(&reshard, job).await;
                    if ended.state == JobState::Holding {
                        drop(reshard.finish(job).await);
                    }
                }
            }
            let ended = reshard.job(job).await.unwrap();
            println!("{ended:?}");
            next += usize::from(ended.state == JobState::Finished);
        }
        for (rows, writer) in rows.iter_mut().zip(writers) {
            rows.extend(writer.end().await);
        }
        for process in [&application, &process(fixture).await] {
            for (key, rows) in keys.iter().zip(&rows) {
                assert_rows(process, *key, rows).await;
            }
            let all: usize = rows.iter().map(Vec::len).sum();
            assert_eq!(Order::scatter().count(process).await.unwrap(), all as u64);
        }
    }
}

behaviours! { (Order, Setting), 4 shards on 2 servers, |options| options.pin(PINNED, MOVING)
    .strategy(StrategyConfig::Range { bounds: BOUNDS.into() });
    async fn a_range_without_its_pinned_keys_does_not_stay(fixture: &Fixture) {
        let operator = ranged(fixture, &format!("pins = {{ {PINNED} = {MOVING} }}\n")).await;
        let keys = [keys(&operator, 4), vec![PINNED]].concat();
        let rows = rows_of(fixture, &operator, &keys, 10).await;
        let reshard = operator.reshard().unwrap();
        let request = |into: [&str; 2]| split(&reshard, MOVING, &[2], &into);
        for (request, because) in [
            (request(["server-1", "server-0"]), "key 1500 is pinned to logical shard 0"),
            (request(["server-1", "server-1"]), "no part is to be on server `server-0`"),
            (request(["server-0", "server-1"]).copy_all(), "asked for"),
        ] {
            let planned = request.plan().await.unwrap();
            assert_eq!(planned.leaving, None);
            let found = planned.copied_because.unwrap();
            assert!(found.contains(because), "{found}");
        }
        // The first part keeps the number to which the key is pinned.
        let job = request(["server-0", "server-1"]).start().await.unwrap();
        assert_eq!(job.leaving.is_some(), can_stay(fixture));
        let job = reshard.run(job.id).await.unwrap();
        assert_eq!(finish(&reshard, &job).await.state, JobState::Finished);
        assert_eq!(shards(&operator, &keys), [MOVING, MOVING, 4, 4, MOVING]);
        for (key, rows) in keys.iter().zip(&rows) {
            assert_rows(&operator, *key, rows).await;
        }
    }
}
