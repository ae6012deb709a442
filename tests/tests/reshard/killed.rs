//! Runners that are killed in the middle of a job.

use std::env;
use std::io::{BufRead as _, BufReader, Lines};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::Duration;

use futures_util::future::join;
use shard_orm::config::{self, Config, Database};
use shard_orm::prelude::*;
use shard_orm::reshard::{JobState, Reshard};
use shard_orm::route::mix64;
use shard_orm_tests::behaviours;
use shard_orm_tests::fixture::{DATABASE, Fixture};
use shard_orm_tests::sample;
use shard_orm_tests::servers::{Signal, signal, spawn};

use crate::writer::{Writer, assert_rows, order};
use crate::{MOVING, Order, Setting, cluster, process};

pub(crate) const NAME: &str = "SHARD_ORM_TEST_CLUSTER";
pub(crate) const URL: &str = "SHARD_ORM_TEST_URL";
pub(crate) const JOB: &str = "SHARD_ORM_TEST_JOB";
/// In a line that is written for each step.
const STEP: &str = "next step";

/// How long a killed runner keeps its job.
pub(crate) const LEASE: Duration = Duration::from_secs(1);

/// The process that is killed.
#[test]
#[ignore = "run by the other tests of this file as a process"]
fn runner() {
    run_as_process(async |reshard, job| {
        run(reshard, job).await;
    });
}

/// What a process does that is told its job, or its plan, by its environment.
pub(crate) fn run_as_process(run: impl AsyncFnOnce(&Reshard, u64)) {
    tracing_subscriber::fmt()
        .with_max_level(tracing::Level::DEBUG)
        .init();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async {
        let catalog = config::Catalog::new(DATABASE).heartbeat(None);
        let config = Config::new(env::var(NAME).unwrap())
            .database(DATABASE, Database::new(env::var(URL).unwrap()))
            .catalog(catalog);
        let cluster = Cluster::connect(&config).await.unwrap();
        let reshard = cluster.reshard().unwrap().lease(LEASE);
        run(&reshard, env::var(JOB).unwrap().parse().unwrap()).await;
    });
}

/// Runs a job once its former runner's lease is over.
pub(crate) async fn run(reshard: &Reshard, job: u64) -> shard_orm::reshard::Job {
    loop {
        match reshard.run(job).await {
            // Another runner has it.
            Err(error) if matches!(error.kind(), ErrorKind::Conflict | ErrorKind::Fenced) => {
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
            outcome => return outcome.unwrap(),
        }
    }
}

/// A process that runs a job.
pub(crate) struct Runner {
    child: Child,
    /// Kept until it ends: else it could not write any more.
    lines: Lines<BufReader<ChildStdout>>,
}

impl Runner {
    /// Runs a job by one of the ignored tests.
    pub(crate) fn start(test: &str, (name, url): (&str, &str), job: u64) -> Self {
        // It does not outlive the test, however that ends.
        let mut command = Command::new("setpriv");
        command
            .args(["--pdeathsig", "KILL"])
            .arg(env::current_exe().unwrap())
            .args(["--exact", test, "--ignored", "--nocapture"])
            .env(NAME, name)
            .env(URL, url)
            .env(JOB, job.to_string())
            .stdin(Stdio::null())
            .stdout(Stdio::piped());
        let mut child = spawn(command).unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        Self { child, lines }
    }

    /// Waits until it has begun so many steps. False if it has ended before.
    pub(crate) fn reaches(&mut self, mut steps: u64) -> bool {
        for line in self.lines.by_ref() {
            if line.unwrap().contains(STEP) {
                if steps == 0 {
                    return true;
                }
                steps -= 1;
            }
        }
        false
    }

    /// The process.
    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// Waits until it ends, however that is.
    pub(crate) fn wait(mut self) {
        self.lines.by_ref().for_each(drop);
        self.child.wait().unwrap();
    }

    /// Waits until it ends by itself, in good order.
    fn end(mut self) {
        self.lines.by_ref().for_each(drop);
        let status = self.child.wait().unwrap();
        assert!(status.success(), "a runner has ended: {status}");
    }
}

/// Lets a process run a job, and sends it a signal some time after so many steps. `None` if it ended before.
async fn signal_after(
    fixture: &Fixture,
    job: u64,
    steps: u64,
    delay: Duration,
    sent: Signal,
) -> Option<Runner> {
    let (name, url) = (
        fixture.cluster_name().to_owned(),
        fixture.database_url().to_owned(),
    );
    let reached = tokio::task::spawn_blocking(move || {
        let mut runner = Runner::start("killed::runner", (&name, &url), job);
        if runner.reaches(steps) {
            std::thread::sleep(delay);
            signal(runner.child.id(), sent);
            Some(runner)
        } else {
            runner.end();
            None
        }
    });
    reached.await.unwrap()
}

/// Lets a process run a job, and kills it some time after so many steps. False if it ended before.
pub(crate) async fn kill_after(fixture: &Fixture, job: u64, steps: u64, delay: Duration) -> bool {
    let killed = signal_after(fixture, job, steps, delay, Signal::SIGKILL).await;
    let is_killed = killed.is_some();
    if let Some(mut runner) = killed {
        runner.child.wait().unwrap();
    }
    is_killed
}

/// How many runners are killed.
pub(crate) fn kills() -> u64 {
    sample::kills(14)
}

/// Jobs that take one logical shard back and forth between two servers, and whose runners are killed.
pub(crate) struct Kills {
    pub(crate) shard: u32,
    pub(crate) servers: [&'static str; 2],
    pub(crate) seed: u64,
    pub(crate) left: u64,
}

impl Kills {
    /// Nothing is lost.
    pub(crate) async fn happen(self, fixture: &Fixture, operator: &Cluster) {
        let application = process(fixture).await;
        let reshard = operator.reshard().unwrap().lease(LEASE);
        let key = fixture.key_of_shard(self.shard);
        let first: Vec<Order> = (0..1_000)
            .map(|amount| order(fixture, key, amount))
            .collect();
        Order::insert_many(&application, first.clone())
            .await
            .unwrap();
        let writer = Writer::start(fixture, application.clone(), key);
        let (mut random, mut left) = (self.seed, self.left);
        let [mut here, mut there] = self.servers;
        while left > 0 {
            let request = reshard.move_shard("shop", self.shard, there);
            let request = request.accept_relaxed_durability();
            let job = request.start().await.unwrap().id;
            loop {
                random = mix64(random);
                let delay = Duration::from_micros(random >> 32 & 0x3fff);
                if left > 0 && kill_after(fixture, job, random % 12, delay).await {
                    left -= 1;
                }
                let state = reshard.job(job).await.unwrap().state;
                random = mix64(random);
                match state {
                    JobState::Finished => {
                        std::mem::swap(&mut here, &mut there);
                        break;
                    }
                    JobState::Aborted | JobState::Reversed => break,
                    JobState::Holding if random.is_multiple_of(2) => {
                        drop(reshard.finish(job).await);
                    }
                    JobState::Holding => drop(reshard.reverse(job).await),
                    state if state.is_before_switch() && random.is_multiple_of(8) => {
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
            println!("{:?}", reshard.job(job).await.unwrap());
        }
        let expected = [first, writer.end().await].concat();
        assert_rows(&application, key, &expected).await;
        assert_eq!(operator.locate(&Order::shard(key)).unwrap().server, here);
    }
}

behaviours! { (Order, Setting), 4 shards on 2 servers, |options| options;
    async fn jobs_whose_runners_are_killed_lose_nothing(fixture: &Fixture) {
        let operator = cluster(fixture).await;
        Kills { shard: MOVING, servers: ["server-0", "server-1"], seed: sample::seed(), left: kills() }
            .happen(fixture, &operator)
            .await;
    }

    async fn a_runner_that_wakes_up_beside_its_successor_changes_nothing(fixture: &Fixture) {
        let operator = cluster(fixture).await;
        let application = process(fixture).await;
        let reshard = operator.reshard().unwrap().lease(LEASE);
        let key = fixture.key_of_shard(MOVING);
        let first: Vec<Order> = (0..500).map(|amount| order(fixture, key, amount)).collect();
        Order::insert_many(&application, first.clone()).await.unwrap();
        let writer = Writer::start(fixture, application.clone(), key);
        let mut random = sample::seed();
        let (mut here, mut there) = ("server-0", "server-1");
        for round in 0..kills().div_ceil(4) {
            let request = reshard.move_shard("shop", MOVING, there).accept_relaxed_durability();
            let job = request.start().await.unwrap().id;
            random = mix64(random);
            let delay = Duration::from_micros(random >> 32 & 0x3fff);
            let stopped = signal_after(fixture, job, random % 14, delay, Signal::SIGSTOP).await;
            // Its successor goes on once the lease is over, and waits where the other one holds a lock.
            let successor = tokio::spawn({
                let reshard = reshard.clone();
                async move {
                    match round % 3 {
                        0 => drop(reshard.abort(job).await),
                        1 => {
                            run(&reshard, job).await;
                            drop(reshard.reverse(job).await);
                        }
                        _ => {
                            run(&reshard, job).await;
                            drop(reshard.finish(job).await);
                        }
                    }
                    run(&reshard, job).await
                }
            });
            random = mix64(random);
            tokio::time::sleep(LEASE + Duration::from_millis(random % 1_500)).await;
            if let Some(runner) = stopped {
                signal(runner.child.id(), Signal::SIGCONT);
                tokio::task::spawn_blocking(move || runner.end()).await.unwrap();
            }
            let mut ended = successor.await.unwrap();
            if ended.state == JobState::Holding {
                reshard.finish(job).await.unwrap();
                ended = run(&reshard, job).await;
            }
            println!("{ended:?}");
            if ended.state == JobState::Finished {
                std::mem::swap(&mut here, &mut there);
            }
        }
        let expected = [first, writer.end().await].concat();
        assert_rows(&application, key, &expected).await;
        assert_eq!(operator.locate(&Order::shard(key)).unwrap().server, here);
    }
}

behaviours! { (Order, Setting), 4 shards on 4 servers, |options| options;
    async fn two_jobs_at_once_whose_runners_are_killed_lose_nothing(fixture: &Fixture) {
        let operator = cluster(fixture).await;
        let (seed, left) = (sample::seed(), kills() / 2);
        let one = Kills { shard: 0, servers: ["server-0", "server-1"], seed, left };
        let two = Kills { shard: 2, servers: ["server-2", "server-3"], seed: mix64(seed), left };
        join(one.happen(fixture, &operator), two.happen(fixture, &operator)).await;
    }
}
