//! Several supervisors of the same copies, separated by locks as in several processes.

use std::collections::BTreeSet;
use std::sync::Mutex;
use std::time::Duration;

use serde_json::Value;
use shard_orm::prelude::*;
use shard_orm::sync::Supervisor;
use shard_orm_tests::servers::{RedisServer, Signal};

use crate::fixture::{Fixture, MARIADB, POSTGRES, Pair, Price, SQLITE, eventually, item, moment};
use crate::worker::{Locks, Worker, supervise};
use crate::workload::{Progress, Random, Workload, are_level};

/// Longer than any test takes: what is free before was given back.
const LONG: Duration = Duration::from_mins(10);
/// So long that a holder keeps it on a busy machine.
const SHORT: Duration = Duration::from_secs(3);
/// Two tables on two servers.
const COPIES: usize = 4;

/// Supervisors, each with connections and locks of its own, and what has gone wrong with them.
struct Team(Vec<Supervisor>, Mutex<BTreeSet<String>>);

impl Team {
    async fn begin(fixture: &Fixture, locks: &Locks, ttl: Duration, count: usize) -> Self {
        let mut team = Vec::new();
        for _ in 0..count {
            let cluster = fixture.another_process().await;
            team.push(supervise(&cluster, locks, ttl).await);
        }
        Self(team, Mutex::default())
    }

    /// Which copies each one holds.
    fn held(&self) -> Vec<Vec<bool>> {
        let copies = self.0.iter().flat_map(Supervisor::status);
        let problems = copies.filter_map(|copy| copy.problem);
        self.1.lock().unwrap().extend(problems);
        let held = |one: &Supervisor| one.status().iter().map(|copy| copy.held).collect();
        self.0.iter().map(held).collect()
    }

    /// Whether each copy is held by one, and by no two at a time.
    fn each_is_held_once(&self) -> bool {
        let (first, second) = (self.held(), self.held());
        (0..COPIES).all(|copy| {
            // One that has passed from one to another meanwhile is not held by both in both looks.
            let both = |one: &usize| first[*one][copy] && second[*one][copy];
            let holders = (0..self.0.len()).filter(both).count();
            assert!(
                holders < 2,
                "copy {copy} is held twice: {first:?}, then {second:?}"
            );
            holders == 1
        })
    }

    async fn all_are_held(&self) {
        eventually("each copy is held", async || self.each_is_held_once()).await;
    }

    /// Stops the one that holds most.
    async fn stop_one(&mut self) {
        let held = self.held();
        let most =
            (0..held.len()).max_by_key(|one| held[*one].iter().filter(|held| **held).count());
        self.0.remove(most.unwrap()).stop().await;
    }
}

async fn supervisors_share_copies_and_take_over(pair: Pair, locks: Locks, count: usize) {
    let random = Random::new();
    let fixture = Fixture::new(pair).await;
    fixture.insert(0..100).await;
    let workload = Workload::begin(&fixture, &random);
    let mut team = Team::begin(&fixture, &locks, LONG, count).await;
    let mut progress = Progress::default();
    team.all_are_held().await;
    for _ in 0..10 {
        workload.further(3).await;
        team.each_is_held_once();
        progress.advances(&fixture).await;
    }
    let before = progress.fencing_tokens();
    while team.0.len() > 1 {
        team.stop_one().await;
        team.all_are_held().await;
        workload.further(3).await;
        progress.advances(&fixture).await;
    }
    workload.stop().await;
    are_level(&fixture).await;
    progress.advances(&fixture).await;
    // Whoever holds none begins none, and the last one has begun all.
    assert!(
        before.iter().all(|generation| *generation == 1),
        "{before:?}, {:?}",
        team.1
    );
    let most = i64::try_from(count).unwrap();
    let after = progress.fencing_tokens();
    assert!(
        after
            .iter()
            .all(|generation| (1..=most).contains(generation)),
        "{after:?}, {:?}",
        team.1
    );
    team.stop_one().await;
}

macro_rules! shared {
    ($($test:ident: $pair:ident $locks:ident $count:literal)+) => {
        mod supervisors_share_copies_and_take_over {
            use super::{Locks, MARIADB, POSTGRES, SQLITE};
            $(
                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn $test() {
                    super::supervisors_share_copies_and_take_over($pair, Locks::$locks, $count)
                        .await;
                }
            )+
        }
    };
}

shared! {
    two_by_leases_in_sqlite: SQLITE Lease 2
    two_by_leases_in_postgres: POSTGRES Lease 2
    two_by_leases_in_mariadb: MARIADB Lease 2
    two_by_sessions_of_postgres: POSTGRES Session 2
    two_by_sessions_of_mariadb: MARIADB Session 2
    five_by_leases_in_postgres: POSTGRES Lease 5
    five_by_sessions_of_mariadb: MARIADB Session 5
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_change_is_lost_when_redis_forgets_its_locks() {
    let random = Random::new();
    let mut redis = RedisServer::start().await.unwrap();
    let locks = Locks::Redis(redis.url().to_owned());
    let fixture = Fixture::new(POSTGRES).await;
    fixture.insert(0..100).await;
    let workload = Workload::begin(&fixture, &random);
    let mut team = Team::begin(&fixture, &locks, SHORT, 5).await;
    let mut progress = Progress::default();
    team.all_are_held().await;
    workload.further(10).await;

    // There again at once, and empty: until the holders ask, others may take their locks.
    for _ in 0..2 {
        redis.kill9();
        redis.restart().await.unwrap();
        workload.further(30).await;
        progress.advances(&fixture).await;
    }
    // Away for longer than the locks last: nobody holds any.
    redis.kill9();
    eventually("no copy is held", async || {
        team.held().iter().flatten().all(|held| !held)
    })
    .await;
    progress.advances(&fixture).await;
    let silent = progress.clone();
    workload.further(10).await;
    progress.advances(&fixture).await;
    assert_eq!(progress, silent);
    redis.restart().await.unwrap();
    eventually("each copy is held again", async || {
        (0..COPIES).all(|copy| team.held().iter().any(|one| one[copy]))
    })
    .await;
    team.stop_one().await;
    workload.further(10).await;
    workload.stop().await;
    are_level(&fixture).await;
    team.all_are_held().await;
    progress.advances(&fixture).await;
    assert!(
        progress
            .fencing_tokens()
            .iter()
            .all(|generation| *generation > 1)
    );
}

fn holds_all(copies: &[Value]) -> bool {
    copies.len() == COPIES
        && copies
            .iter()
            .all(|copy| copy["held"] == true && !copy["position"].is_null())
}

async fn change_both_tables(fixture: &Fixture, number: i64) {
    item(number).insert(&fixture.cluster).await.unwrap();
    let price = Price {
        currency: "EUR".to_owned(),
        product: i32::try_from(number).unwrap(),
        amount: number,
        updated_at: moment(number),
    };
    price.insert(&fixture.cluster).await.unwrap();
}

async fn a_process_suspended_beyond_its_lock_commits_nothing(pair: Pair, locks: Locks) {
    let fixture = Fixture::new(pair).await;
    let mut progress = Progress::default();
    change_both_tables(&fixture, 1).await;
    let first = Worker::start(&fixture, &locks, SHORT).await;
    first.until("it holds all", holds_all).await;
    are_level(&fixture).await;
    progress.advances(&fixture).await;
    let before = progress.fencing_tokens();

    // Nothing changes, so no transaction is stopped with it.
    first.signal(Signal::SIGSTOP);
    let second = Team::begin(&fixture, &locks, SHORT, 1).await;
    change_both_tables(&fixture, 2).await;
    second.all_are_held().await;
    are_level(&fixture).await;
    progress.advances(&fixture).await;
    let taken = progress.fencing_tokens();
    assert!(
        taken
            .iter()
            .zip(&before)
            .all(|(now, before)| *now == before + 1),
        "{taken:?}"
    );
    let kept = progress.clone();
    first.signal(Signal::SIGCONT);
    let copies = first
        .until("it has seen that it holds none", |copies| {
            copies.iter().all(|copy| copy["held"] == false)
        })
        .await;
    for copy in &copies {
        // One that was stopped between two statements of its source may find nothing to commit.
        let problem = copy["problem"].as_str().unwrap_or("fenced off: ");
        assert!(problem.starts_with("fenced off: "), "{problem}");
    }
    progress.advances(&fixture).await;
    assert_eq!(progress, kept);
    change_both_tables(&fixture, 3).await;
    are_level(&fixture).await;
    progress.advances(&fixture).await;
    assert_eq!(progress.fencing_tokens(), kept.fencing_tokens());

    // It takes over again when the other one ends, and is killed then: a third one waits for its
    // locks to end.
    let Team(all, _) = second;
    for one in all {
        one.stop().await;
    }
    first.until("it holds all again", holds_all).await;
    change_both_tables(&fixture, 4).await;
    are_level(&fixture).await;
    first.kill().await;
    let third = Team::begin(&fixture, &locks, SHORT, 1).await;
    change_both_tables(&fixture, 5).await;
    are_level(&fixture).await;
    third.all_are_held().await;
    progress.advances(&fixture).await;
    let last = progress.fencing_tokens();
    assert!(
        last.iter()
            .zip(&before)
            .all(|(now, before)| *now == before + 3),
        "{last:?}"
    );
}

macro_rules! stopped {
    ($($test:ident: $pair:ident $locks:ident)+) => {
        mod a_process_suspended_beyond_its_lock_commits_nothing {
            use super::{Locks, MARIADB, POSTGRES};
            $(
                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn $test() {
                    super::a_process_suspended_beyond_its_lock_commits_nothing(
                        $pair,
                        Locks::$locks,
                    )
                    .await;
                }
            )+
        }
    };
}

stopped! {
    by_leases_in_postgres: POSTGRES Lease
    by_leases_in_mariadb: MARIADB Lease
    by_sessions_of_postgres: POSTGRES Session
    by_sessions_of_mariadb: MARIADB Session
}
