//! Servers that are killed or cut off while logical shards move, are split and are merged: the source, the target, and
//! that of the catalog. And runners that are cut off from them.

mod application;
mod bed;

use std::time::Duration;

use shard_orm::prelude::*;
use shard_orm::reshard::{Job, JobState, Reshard};
use shard_orm_tests::sample;
use shard_orm_tests::servers::{Signal, signal};

use self::application::{Application, may_pass, rows};
use self::bed::{Bed, NAME, Outage};
use crate::Order;
use crate::killed::{LEASE, Runner, run_as_process};
use crate::regrouped::{Choice, start};

/// Runs a job, however often it takes.
async fn run(reshard: &Reshard, job: u64) -> Job {
    loop {
        match reshard.run(job).await {
            Ok(job) => return job,
            Err(error) => {
                let is_taken = matches!(error.kind(), ErrorKind::Conflict | ErrorKind::Fenced);
                assert!(may_pass(&error) || is_taken, "{error:?}");
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        }
    }
}

/// Asks until the catalog answers.
macro_rules! asked {
    ($call:expr) => {
        loop {
            match $call.await {
                Ok(done) => break Some(done),
                Err(error) if error.kind() == ErrorKind::Conflict => break None,
                Err(error) => assert!(may_pass(&error), "{error:?}"),
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
}

/// Jobs of all kinds, one after the other.
struct Jobs {
    operator: Cluster,
    reshard: Reshard,
    keys: Vec<i64>,
    choice: Choice,
    /// The one that is not over.
    open: Option<u64>,
}

impl Jobs {
    async fn of(bed: &Bed, keys: Vec<i64>, choice: Choice) -> Self {
        let operator = bed.process().await;
        let reshard = operator.reshard().unwrap().lease(LEASE);
        Self {
            operator,
            reshard,
            keys,
            choice,
            open: None,
        }
    }

    /// The job that is not over, or another one.
    async fn next(&mut self) -> u64 {
        loop {
            if let Some(id) = self.open {
                return id;
            }
            let Self {
                reshard,
                operator,
                keys,
                choice,
                ..
            } = self;
            self.open = asked!(start(reshard, operator, keys, choice))
                .flatten()
                .map(|job| job.id);
        }
    }

    /// Decides how a job ends that has come so far.
    async fn decide(&mut self, job: &Job) {
        println!("{job:?}");
        let reshard = &self.reshard;
        match job.state {
            // Of a part that has stayed there are no old rows to go back to.
            JobState::Holding if job.leaving.is_none() && self.choice.next().is_multiple_of(3) => {
                drop(asked!(reshard.reverse(job.id)));
            }
            JobState::Holding => drop(asked!(reshard.finish(job.id))),
            _ => self.open = None,
        }
    }

    /// Ends the job that is not over.
    async fn end(self) {
        let Some(id) = self.open else {
            return;
        };
        let job = run(&self.reshard, id).await;
        if job.state == JobState::Holding {
            asked!(self.reshard.finish(id)).unwrap();
            run(&self.reshard, id).await;
        }
    }
}

/// A process that is cut off.
#[test]
#[ignore = "run by the other tests of this file as a process"]
fn runner() {
    run_as_process(async |reshard, job| {
        run(reshard, job).await;
    });
}

const KEYS: [i64; 7] = [3, 5, 8, 21, 34, 55, 89];

async fn outages_lose_nothing(dialect: Dialect) {
    let mut bed = Bed::start(dialect).await;
    let application = bed.process().await;
    Order::insert_many(&application, rows(&KEYS)).await.unwrap();
    let traffic = Application::start(&application, &KEYS);
    let mut choice = Choice(sample::seed());
    let mut jobs = Jobs::of(&bed, KEYS.to_vec(), Choice(choice.next())).await;
    for _ in 0..sample::kills(5) {
        let id = jobs.next().await;
        let running = tokio::spawn({
            let reshard = jobs.reshard.clone();
            async move { run(&reshard, id).await }
        });
        tokio::time::sleep(Duration::from_millis(choice.next() % 400)).await;
        let which = choice.of(&[0, 1, 2]);
        let away = Duration::from_millis(choice.next() % 512);
        let outage = Outage::of(choice.next());
        println!("server {which}: {outage:?}");
        let (_, job) = tokio::join!(bed.servers[which].suffer(outage, away), running);
        jobs.decide(&job.unwrap()).await;
    }
    jobs.end().await;
    traffic.end(&application).await;
}

async fn runners_that_are_cut_off_lose_nothing(dialect: Dialect) {
    let bed = Bed::start(dialect).await;
    let application = bed.process().await;
    Order::insert_many(&application, rows(&KEYS)).await.unwrap();
    let traffic = Application::start(&application, &KEYS);
    let mut choice = Choice(sample::seed());
    let mut jobs = Jobs::of(&bed, KEYS.to_vec(), Choice(choice.next())).await;
    for round in 0..sample::kills(5) {
        let id = jobs.next().await;
        let steps = choice.next() % 14;
        let mut runner = Runner::start("outages::runner", (NAME, &bed.home), id);
        let (runner, has_reached) = tokio::task::spawn_blocking(move || {
            let has_reached = runner.reaches(steps);
            (runner, has_reached)
        })
        .await
        .unwrap();
        // From some of the servers, or from all of them.
        let from = match (has_reached, round) {
            (false, _) => 0,
            (true, 0) => 0b111,
            (true, _) => 1 + choice.next() % 7,
        };
        println!(
            "runner {} is cut off from {from:03b} after {steps} steps",
            runner.id()
        );
        let relays = bed.servers.iter().map(|server| &server.relay);
        let relays: Vec<_> = relays
            .enumerate()
            .filter(|(number, _)| from >> number & 1 == 1)
            .collect();
        for (_, relay) in &relays {
            relay.hang_for(Some(runner.id()));
        }
        let job = if from & 0b100 == 0 {
            // It keeps its lease, and waits for a server that does not answer.
            tokio::time::sleep(Duration::from_millis(choice.next() % 1_500)).await;
            None
        } else {
            // Another one goes on.
            let limit = LEASE + Duration::from_millis(choice.next() % 1_500);
            tokio::time::timeout(limit, run(&jobs.reshard, id))
                .await
                .ok()
        };
        for (_, relay) in &relays {
            relay.hang_for(None);
        }
        let job = match job {
            Some(job) => job,
            None => run(&jobs.reshard, id).await,
        };
        signal(runner.id(), Signal::SIGTERM);
        tokio::task::spawn_blocking(move || runner.wait())
            .await
            .unwrap();
        jobs.decide(&job).await;
    }
    jobs.end().await;
    traffic.end(&application).await;
    let held = bed.servers.iter().map(|server| server.relay.held());
    assert!(held.sum::<usize>() > 0, "no runner was cut off");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn postgres_servers_that_are_killed_or_cut_off_during_jobs_lose_nothing() {
    outages_lose_nothing(Dialect::Postgres).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn mariadb_servers_that_are_killed_or_cut_off_during_jobs_lose_nothing() {
    outages_lose_nothing(Dialect::MySql).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn runners_that_are_cut_off_from_postgres_lose_nothing() {
    runners_that_are_cut_off_lose_nothing(Dialect::Postgres).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn runners_that_are_cut_off_from_mariadb_lose_nothing() {
    runners_that_are_cut_off_lose_nothing(Dialect::MySql).await;
}
