//! Stored plans: paused, cancelled, killed, and run by another process; a giant shard that is split.

use std::env;
use std::process::{Command, Stdio};
use std::time::Duration;

use shard_orm::Error;
use shard_orm::admin::Rebalance;
use shard_orm::config::ServerState;
use shard_orm::prelude::*;
use shard_orm::reshard::planner::{Action, Cost, Plan, Planner, Splits};
use shard_orm::reshard::{
    Cancel, CarryOut, Gradual, Job, JobState, Mirror, Pace, PlanEvent, PlanState, Reshard,
    StepState, StoredPlan,
};
use shard_orm::route::mix64;
use shard_orm_tests::behaviours;
use shard_orm_tests::fixture::Fixture;
use shard_orm_tests::sample;
use shard_orm_tests::servers::{Signal, signal, spawn};
use shard_orm_tests::waiting::eventually;
use tokio::task::JoinHandle;

use crate::fleet::{Traffic, set_state};
use crate::killed::{JOB, LEASE, NAME, URL, run_as_process};
use crate::splits::keys;
use crate::writer::{Writer, assert_rows, order};
use crate::{Order, Setting, cluster, process};

/// The process that is killed.
#[test]
#[ignore = "run by the other tests of this file as a process"]
fn runner() {
    run_as_process(async |reshard, plan| {
        run(reshard, plan).await;
    });
}

/// Runs a plan once the leases of its former runner are over.
async fn run(reshard: &Reshard, plan: u64) -> StoredPlan {
    loop {
        match reshard.run_plan(plan, |_| {}).await {
            Err(error) if matches!(error.kind(), ErrorKind::Conflict | ErrorKind::Fenced) => {
                let plan = reshard.plan(plan).await.unwrap();
                if plan.state.is_over() {
                    return plan;
                }
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
            outcome => return outcome.unwrap(),
        }
    }
}

fn how() -> CarryOut {
    CarryOut::new().accept_relaxed_durability().key("user_id")
}

/// The tables of rows that the fixture has, by keys of the logical shard that is large.
async fn fill(fixture: &Fixture, application: &Cluster, keys: &[i64], each: i32) -> Vec<Order> {
    let rows = keys.iter().flat_map(|key| {
        let rows = (0..each).map(|amount| order(fixture, *key, amount));
        rows.collect::<Vec<_>>()
    });
    let rows: Vec<Order> = rows.collect();
    Order::insert_many(application, rows.clone()).await.unwrap();
    rows
}

/// Each row is found by its key, and there are no others.
async fn assert_all(cluster: &Cluster, rows: &[Order]) {
    for row in rows {
        let found = Order::get(cluster, row.user_id, row.id).await.unwrap();
        assert_eq!(found, *row);
    }
    let count = Order::scatter().count(cluster).await.unwrap();
    assert_eq!(count, rows.len() as u64);
}

/// Runs a plan in a process of its own, and kills it after some time. False if it has ended before.
async fn kill_after(fixture: &Fixture, plan: u64, delay: Duration) -> bool {
    // It does not outlive the test, however that ends.
    let mut command = Command::new("setpriv");
    command
        .args(["--pdeathsig", "KILL"])
        .arg(env::current_exe().unwrap())
        .args(["--exact", "plans::runner", "--ignored", "--nocapture"])
        .env(NAME, fixture.cluster_name())
        .env(URL, fixture.database_url())
        .env(JOB, plan.to_string())
        .stdin(Stdio::null())
        .stdout(Stdio::null());
    tokio::task::spawn_blocking(move || {
        let mut child = spawn(command).unwrap();
        std::thread::sleep(delay);
        signal(child.id(), Signal::SIGKILL);
        !child.wait().unwrap().success()
    })
    .await
    .unwrap()
}

behaviours! { (Order, Setting), 4 shards on 4 servers, |options| options;
    async fn a_giant_shard_is_split_among_the_servers_while_it_is_written(fixture: &Fixture) {
        let operator = cluster(fixture).await;
        let application = process(fixture).await;
        let all = keys(&operator, 44);
        let rows = fill(fixture, &application, &all[4..], 100).await;
        let planner = Planner::new().cost(Cost::Rows).split(Splits::AboveShare);
        let rebalance = Rebalance::new(&operator).unwrap().planner(planner).how(how());
        // MariaDB counts rows a moment after they are written.
        eventually("the size of the giant is known", async || {
            let plan = rebalance.plan().await.unwrap();
            plan.splits() == 1 && plan.rows > 3_000
        })
        .await;
        let traffic: Vec<Traffic> =
            all[..4].iter().map(|key| Traffic::start(fixture, &application, *key)).collect();
        let plan = rebalance.run(|_| {}).await.unwrap();
        assert_eq!(plan.splits(), 1, "{plan:?}");
        assert!(plan.leftovers.iter().all(|left| !left.message.contains("larger")), "{plan:?}");
        let mut used: Vec<String> = all.iter().map(|key| operator.locate(&Order::shard(*key)).unwrap().server).collect();
        used.sort();
        used.dedup();
        assert_eq!(used.len(), 4, "{used:?}");
        let mut expected = rows;
        for traffic in traffic {
            let written = traffic.end().await;
            assert!(written.len() > 10, "{}", written.len());
            expected.extend(written);
        }
        assert_all(&application, &expected).await;
        let stored = operator.reshard().unwrap().plan(1).await.unwrap();
        assert_eq!((stored.state, stored.done()), (PlanState::Done, stored.steps.len()), "{stored:?}");
    }

    async fn a_plan_goes_on_with_its_record_however_often_its_process_is_killed(fixture: &Fixture) {
        let operator = cluster(fixture).await;
        let application = process(fixture).await;
        let large = keys(&operator, 12);
        let mut rows = fill(fixture, &application, &large, 60).await;
        let others: Vec<i64> = fixture.key_of_each_shard()[1..].to_vec();
        rows.extend(fill(fixture, &application, &others, 100).await);
        set_state(&operator, &["server-3"], ServerState::Draining).await;
        let planner = Planner::new().split(Splits::Into(7));
        let rebalance = Rebalance::new(&operator).unwrap().planner(planner);
        let plan = rebalance.how(how()).plan().await.unwrap();
        assert!(plan.splits() > 0 && plan.moves() > 0, "{plan:?}");
        let reshard = operator.reshard().unwrap().lease(LEASE);
        let short = Duration::from_millis(200);
        let mirror = Mirror::percent(50.0).unwrap().lasting(short);
        let gradual = Gradual::percent([100.0]).unwrap().each(short);
        let careful = how().mirror(mirror).gradual(gradual.clone()).concurrency(2);
        let id = reshard.store_plan(&plan, &careful).await.unwrap();
        let writer = Writer::start(fixture, application.clone(), large[0]);
        let mut random = sample::seed();
        for _ in 0..sample::kills(8) {
            random = mix64(random);
            let delay = Duration::from_millis(100 + random % 1_400);
            if !kill_after(fixture, id, delay).await {
                break;
            }
        }
        let done = run(&reshard, id).await;
        assert_eq!((done.state, done.done()), (PlanState::Done, plan.steps.len()), "{done:?}");
        // Each step was done once.
        let jobs = reshard.jobs().await.unwrap();
        for step in &done.steps {
            let own = jobs.iter().filter(|job| job.step.is_some_and(|own| own.step == step.number));
            let finished: Vec<&Job> = own.filter(|job| job.state == JobState::Finished).collect();
            assert_eq!(finished.len(), 1, "{step:?}");
            let is_move = matches!(step.action, Action::Move { .. });
            assert_eq!(finished[0].mirror, Some(mirror));
            assert_eq!(finished[0].gradual, is_move.then(|| gradual.clone()));
        }
        let own = |row: &Order| row.user_id == large[0];
        let mut expected: Vec<Order> = rows.iter().filter(|row| own(row)).cloned().collect();
        expected.extend(writer.end().await);
        assert_rows(&application, large[0], &expected).await;
        expected.extend(rows.into_iter().filter(|row| !own(row)));
        assert_all(&application, &expected).await;
        let servers = operator.topology().group("shop").unwrap().clone();
        let on_drained = (0..servers.logical_shards()).filter_map(|shard| servers.placement(shard));
        assert!(on_drained.into_iter().all(|own| &**servers.servers()[own.server()].name() != "server-3"));
        let error = reshard.run_plan(id, |_| {}).await.unwrap_err();
        assert!(error.to_string().contains("is `done`"), "{error}");
    }
}

/// A rebalancing whose jobs last until they are told to hurry, in the background.
struct Slow {
    rebalance: Rebalance,
    job: u64,
    running: JoinHandle<Result<Plan, Error>>,
}

impl Slow {
    async fn start(operator: &Cluster) -> Self {
        let how = how().pace(Pace::RowsPerSecond(60));
        let planner = Planner::new().cost(Cost::Shards);
        let rebalance = Rebalance::new(operator).unwrap().planner(planner).how(how);
        let (begun, first) = tokio::sync::oneshot::channel();
        let mut begun = Some(begun);
        let tell = move |event: PlanEvent| {
            if let PlanEvent::Started(job) = event
                && let Some(begun) = begun.take()
            {
                begun.send(job.id).unwrap();
            }
        };
        let running = tokio::spawn({
            let rebalance = rebalance.clone();
            async move { rebalance.run(tell).await }
        });
        let job = first.await.unwrap();
        Self {
            rebalance,
            job,
            running,
        }
    }

    async fn ends_with(self, part: &str) {
        let error = self.running.await.unwrap().unwrap_err();
        assert!(error.to_string().contains(part), "{error}");
    }
}

behaviours! { (Order, Setting), 4 shards on 2 servers, |options| options;
    async fn a_plan_is_paused_resumed_and_cancelled_by_another_operator(fixture: &Fixture) {
        let operator = cluster(fixture).await;
        let mut rows = Vec::new();
        for key in fixture.key_of_each_shard() {
            rows.extend(fill(fixture, &operator, &[key], 500).await);
        }
        let second = process(fixture).await.reshard().unwrap().operator("eve");
        set_state(&operator, &["server-1"], ServerState::Draining).await;

        let slow = Slow::start(&operator).await;
        // The second operator is told.
        let rebalance = slow.rebalance.clone().reshard(second.clone());
        let error = rebalance.run(|_| {}).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Conflict);
        assert!(error.to_string().contains("plan 1 of") && error.to_string().contains("is run by"), "{error}");
        let error = second.run_plan(1, |_| {}).await.unwrap_err();
        assert!(error.to_string().contains("is run by"), "{error}");

        let paused = second.pause_plan(1).await.unwrap();
        assert_eq!(paused.state, PlanState::Paused);
        let job = slow.job;
        slow.ends_with("it is `paused`").await;
        let state = second.job(job).await.unwrap().state;
        assert!(state.is_before_switch(), "{state}");
        let error = second.run_plan(1, |_| {}).await.unwrap_err();
        assert!(error.to_string().contains("plan resume 1"), "{error}");
        let error = rebalance.run(|_| {}).await.unwrap_err();
        assert!(error.to_string().contains("is `paused`"), "{error}");
        let resumed = second.resume_plan(1).await.unwrap();
        assert_eq!((resumed.state, resumed.steps[0].state), (PlanState::Open, StepState::Begun));
        second.throttle(job, Pace::Full).await.unwrap();
        let hurry = second.run_plan(1, drop);
        let hurried = Hurry::all(&second, hurry).await.unwrap();
        assert_eq!((hurried.state, hurried.done()), (PlanState::Done, 2), "{hurried:?}");

        // Cancelled: the job is given up.
        set_state(&operator, &["server-1"], ServerState::Active).await;
        let slow = Slow::start(&operator).await;
        let job = slow.job;
        let cancelled = second.cancel_plan(2, Cancel::Abort).await.unwrap();
        assert!(matches!(cancelled.state, PlanState::Aborting | PlanState::Cancelled), "{cancelled:?}");
        slow.ends_with("it is `cancelled`").await;
        assert_eq!(second.job(job).await.unwrap().state, JobState::Aborted);
        let plan = second.plan(2).await.unwrap();
        assert_eq!((plan.state, plan.steps[0].state), (PlanState::Cancelled, StepState::Undone));

        // Cancelled: the job is brought to its end, and nothing else is begun.
        let slow = Slow::start(&operator).await;
        let job = slow.job;
        second.cancel_plan(3, Cancel::Finish).await.unwrap();
        second.throttle(job, Pace::Full).await.unwrap();
        slow.ends_with("it is `cancelled`").await;
        assert_eq!(second.job(job).await.unwrap().state, JobState::Finished);
        let plan = second.plan(3).await.unwrap();
        let states: Vec<StepState> = plan.steps.iter().map(|step| step.state).collect();
        assert_eq!(states, [StepState::Done, StepState::Waiting], "{plan:?}");
        let error = second.pause_plan(3).await.unwrap_err();
        assert!(error.to_string().contains("plan 3 is `cancelled`"), "{error}");
        let ids: Vec<u64> = second.plans().await.unwrap().iter().map(|plan| plan.id).collect();
        assert_eq!(ids, [3, 2, 1]);
        assert_all(&operator, &rows).await;
    }
}

/// Lets each job of a plan copy as fast as it can.
struct Hurry;

impl Hurry {
    async fn all<T>(reshard: &Reshard, plan: impl Future<Output = T>) -> T {
        let hurry = async {
            loop {
                for job in reshard.jobs().await.unwrap() {
                    if !job.state.is_over() && job.pace != Pace::Full {
                        reshard.throttle(job.id, Pace::Full).await.unwrap();
                    }
                }
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        };
        tokio::select! {
            done = plan => done,
            never = hurry => never,
        }
    }
}
