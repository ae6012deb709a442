//! A soak: 64 tasks on each of PostgreSQL and MariaDB, on pools of four, whose futures are dropped at any wait,
//! whose sessions are killed at any time, and whose answers get lost.
//!
//! At its end every write that was acknowledged is there once, with the right values; of what was cut off or had an
//! unknown outcome, each is there once or not at all; what was refused is not there; transactions are there as a
//! whole. No task was stuck, no connection was open beyond the pools', no transaction and no session is left, and
//! the pools serve as many statements at once as before.
//!
//! Both databases run side by side, for `SHARD_ORM_SOAK_SECONDS` (45 without it, which makes a minute with what
//! comes before and after). `SHARD_ORM_SOAK_SEED` repeats the choices of a run, though not its timing.
//!
//! ```sh
//! SHARD_ORM_SOAK_SECONDS=600 cargo test -p shard-orm-tests --test soak -- --ignored --nocapture
//! ```

mod badges;
mod client;
mod counters;
mod cut;
mod direct;
mod fixture;
mod invariants;
mod killer;
mod link;
mod model;
mod monitor;
mod notes;
mod outcome;
mod parcels;
mod random;
mod run;
mod task;
mod transfers;

use std::env;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use futures_util::future::join_all;

use crate::fixture::{Fixture, LIMIT};
use crate::run::{Counts, Run};

const TASKS: usize = 64;

fn number(variable: &str) -> Option<u64> {
    let text = env::var(variable).ok()?;
    let number = text.parse();
    Some(number.unwrap_or_else(|_| panic!("{variable} is `{text}`, not a number")))
}

/// Lets the tasks work on one database, and gives what was wrong.
async fn soak(fixture: Fixture, seed: u64, time: Duration) -> Vec<String> {
    let run = Arc::new(Run::new(fixture, TASKS).await);
    let end = Instant::now() + time;
    run.fixture.link.lose_responses(seed);
    let helpers = [
        tokio::spawn(killer::kill(Arc::clone(&run), seed)),
        tokio::spawn(monitor::monitor(Arc::clone(&run))),
    ];
    let mut tasks: Vec<_> = (0..TASKS)
        .map(|task| tokio::spawn(task::work(Arc::clone(&run), task, seed, end)))
        .collect();
    let ledgers = tokio::select! {
        ledgers = join_all(tasks.iter_mut()) => Some(ledgers),
        () = given_up(&run, time) => None,
    };
    run.stop();
    run.fixture.link.restore();
    for helper in helpers {
        if let Err(error) = helper.await {
            run.fail(error);
        }
    }
    let Some(ledgers) = ledgers else {
        tasks.iter().for_each(tokio::task::JoinHandle::abort);
        run.fail(format_args!(
            "tasks did not end: {:#?}",
            run.stuck(Duration::ZERO)
        ));
        return run.failures();
    };
    let mut done = Vec::new();
    for ledger in ledgers {
        match ledger {
            Ok(ledger) => done.push(ledger),
            Err(error) => run.fail(error),
        }
    }
    // Without the ledger of a task that panicked, all that it wrote would be reported.
    if done.len() == TASKS {
        invariants::check(&run, done).await;
    }
    println!("{run}");
    if run.failures().is_empty() {
        shows_something(&run, time);
    }
    run.failures()
}

/// Fails a soak in which next to nothing has happened.
fn shows_something(run: &Run, time: Duration) {
    // So few that a slow machine does more.
    let least = time.as_secs().div_ceil(4);
    for (what, seen) in [
        ("acknowledged", Counts::of(&run.counts.done)),
        ("read", Counts::of(&run.counts.read)),
        ("dropped", Counts::of(&run.counts.cut)),
        ("unknown", Counts::of(&run.counts.unknown)),
        ("killed", Counts::of(&run.counts.killed)),
        ("lost", run.fixture.link.lost()),
    ] {
        if seen < least {
            run.fail(format_args!(
                "only {seen} {what}: the soak has shown nothing"
            ));
        }
    }
}

/// Waits until tasks that are still busy are so for too long: after the time is over, or after a failure, as of one
/// that is stuck.
async fn given_up(run: &Run, time: Duration) {
    run.pause(time).await;
    tokio::time::sleep(LIMIT).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "takes a minute of both cores: run by scripts/test, or with --ignored"]
async fn what_was_acknowledged_is_there_once_whatever_is_dropped_or_killed() {
    let time = Duration::from_secs(number("SHARD_ORM_SOAK_SECONDS").unwrap_or(45));
    let seed = number("SHARD_ORM_SOAK_SEED").unwrap_or_else(|| {
        let now = SystemTime::UNIX_EPOCH.elapsed().unwrap();
        now.as_secs() ^ u64::from(now.subsec_nanos())
    });
    println!(
        "SHARD_ORM_SOAK_SECONDS={} SHARD_ORM_SOAK_SEED={seed}",
        time.as_secs()
    );
    let (postgres, mariadb) = tokio::join!(Fixture::postgres(), Fixture::mariadb());
    let (one, other) = tokio::join!(soak(postgres, seed, time), soak(mariadb, seed, time));
    let failures = [one, other].concat();
    assert!(
        failures.is_empty(),
        "with SHARD_ORM_SOAK_SEED={seed}: {failures:#?}"
    );
}
