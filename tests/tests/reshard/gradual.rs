//! The target of a job serves reads that take rows of a replica before the switch, a share at a time.

use std::time::{Duration, Instant};

use shard_orm::prelude::*;
use shard_orm::reshard::{Gradual, Job, JobState, Reshard};
use shard_orm_tests::behaviours;
use shard_orm_tests::fixture::{Fixture, RawNamespace};
use shard_orm_tests::servers::{Signal, signal};
use shard_orm_tests::waiting::eventually;
use tokio::task::JoinHandle;

use crate::killed::{LEASE, Runner, run};
use crate::splits::{keys, rows_of};
use crate::writer::order;
use crate::{MOVING, Order, Setting, cluster_of, document, process, relayed};

/// A target that is further behind serves no reads.
const MAX_LAG: &str = "[groups.shop.health]\nmax_lag = '1s'\n";
/// The value of a row that was changed at the target alone, by which its answers are told apart.
const THERE: i32 = 77;

/// All reads, for longer than a test takes.
fn all() -> Gradual {
    Gradual::percent([100.0])
        .unwrap()
        .each(Duration::from_hours(1))
}

/// A row of the logical shard that moves, and an application that reads it.
struct Bed {
    application: Cluster,
    reshard: Reshard,
    job: Job,
    row: Order,
    target: RawNamespace,
}

impl Bed {
    /// Creates the job.
    async fn new(fixture: &Fixture, document: &str, gradual: Gradual) -> Self {
        let operator = cluster_of(fixture, document).await;
        let application = process(fixture).await;
        let row = order(fixture, fixture.key_of_shard(MOVING), 1);
        row.clone().insert(&application).await.unwrap();
        let reshard = operator.reshard().unwrap().lease(LEASE);
        let request = reshard
            .move_shard("shop", MOVING, "server-1")
            .accept_relaxed_durability();
        let job = request.gradual(gradual).start().await.unwrap();
        let name = fixture.namespace().replace("{shard}", &format!("{MOVING}"));
        let target = fixture.raw_namespace_on(1, &format!("{name}_g2"));
        Self {
            application,
            reshard,
            job,
            row,
            target,
        }
    }

    fn run(&self) -> JoinHandle<Job> {
        let (reshard, job) = (self.reshard.clone(), self.job.id);
        tokio::spawn(async move { run(&reshard, job).await })
    }

    async fn reaches(&self, state: JobState) {
        eventually(state.name(), async || {
            self.reshard.job(self.job.id).await.unwrap().state == state
        })
        .await;
    }

    /// Changes the row at the target alone.
    async fn change_at_target(&self, amount: i32) {
        let (orders, id) = (self.target.table("orders"), self.row.id);
        self.target
            .run(&format!(
                "UPDATE {orders} SET amount = {amount} WHERE id = {id}"
            ))
            .await;
    }

    /// What a read with this policy finds.
    async fn read(&self, read: Read) -> i32 {
        let on = self.application.read_from(read);
        Order::get(on, self.row.user_id, self.row.id)
            .await
            .unwrap()
            .amount
            .unwrap()
    }

    /// Waits until the target serves.
    async fn until_served(&self) {
        self.change_at_target(THERE).await;
        eventually("the target serves", async || {
            self.read(Read::Replica).await == THERE
        })
        .await;
    }
}

behaviours! { (Order, Setting), 4 shards on 2 servers, |options| options;
    async fn only_reads_of_replicas_are_served_by_the_target(fixture: &Fixture) {
        let bed = Bed::new(fixture, &document(fixture), all()).await;
        let running = bed.run();
        bed.reaches(JobState::Shifting).await;
        bed.until_served().await;
        let (key, id) = (bed.row.user_id, bed.row.id);
        for _ in 0..20 {
            assert_eq!(bed.read(Read::Replica).await, THERE);
            assert_eq!(bed.read(Read::Primary).await, 1);
            assert_eq!(bed.read(Read::Session).await, 1);
            assert_eq!(Order::get(&bed.application, key, id).await.unwrap(), bed.row);
            let session = bed.application.session();
            assert_eq!(Order::get(&session, key, id).await.unwrap(), bed.row);
        }
        let tx = bed.application.begin(Order::shard(key)).await.unwrap();
        assert_eq!(Order::get(&tx, key, id).await.unwrap(), bed.row);
        tx.commit().await.unwrap();
        // Any read of the logical shard.
        let there = Order::on(key).filter(Order::AMOUNT.eq(THERE));
        assert_eq!(there.count(bed.application.read_from(Read::Replica)).await.unwrap(), 1);
        // Reads go there only while the job keeps it level.
        bed.reshard.abort(bed.job.id).await.unwrap();
        let job = running.await.unwrap();
        assert_eq!(job.state, JobState::Aborted, "{job:?}");
        assert_eq!(bed.read(Read::Replica).await, 1);
    }

    async fn reads_are_shifted_step_by_step(fixture: &Fixture) {
        let steps = Gradual::percent([50.0, 100.0]).unwrap().each(Duration::from_millis(800));
        let bed = Bed::new(fixture, &document(fixture), steps).await;
        let running = bed.run();
        // All reads succeed, at whichever place.
        while !running.is_finished() {
            assert_eq!(bed.read(Read::Replica).await, 1);
            assert_eq!(bed.read(Read::Primary).await, 1);
        }
        let job = running.await.unwrap();
        assert_eq!((job.state, job.copied.shifted.step), (JobState::Holding, 2), "{job:?}");
        assert!(job.copied.shifted.served > 0, "{job:?}");
        let events = bed.application.catalog().unwrap().events(100).await.unwrap();
        for share in ["serves 50% of", "serves 100% of"] {
            let told = events.iter().filter(|event| event.message.contains(share));
            assert_eq!(told.count(), 1, "{events:?}");
        }
    }

    async fn a_target_that_lags_serves_no_reads(fixture: &Fixture) {
        let document = format!("{}{MAX_LAG}", document(fixture));
        let bed = Bed::new(fixture, &document, all()).await;
        let running = bed.run();
        bed.reaches(JobState::Shifting).await;
        bed.until_served().await;
        // Nothing is applied any more.
        bed.reshard.pause(bed.job.id).await.unwrap();
        assert_eq!(running.await.unwrap().state, JobState::Shifting);
        eventually("the source serves again", async || bed.read(Read::Replica).await == 1).await;
        for _ in 0..20 {
            assert_eq!(bed.read(Read::Replica).await, 1);
        }
        bed.reshard.resume(bed.job.id).await.unwrap();
        let running = bed.run();
        eventually("the target serves again", async || bed.read(Read::Replica).await == THERE).await;
        bed.reshard.abort(bed.job.id).await.unwrap();
        assert_eq!(running.await.unwrap().state, JobState::Aborted);
    }

    async fn reads_leave_a_target_before_it_is_removed(fixture: &Fixture) {
        let bed = Bed::new(fixture, &document(fixture), all()).await;
        let running = bed.run();
        bed.reaches(JobState::Shifting).await;
        bed.until_served().await;
        bed.reshard.abort(bed.job.id).await.unwrap();
        let mut last = THERE;
        while !running.is_finished() {
            // What the target had, until the source serves again; nothing else, and no error.
            let found = bed.read(Read::Replica).await;
            assert!(found == 1 || found == THERE, "{found}");
            last = found;
        }
        assert_eq!((running.await.unwrap().state, last), (JobState::Aborted, 1));
        let events = bed.application.catalog().unwrap().events(100).await.unwrap();
        assert!(events.iter().any(|event| event.message.contains("serves 0% of")), "{events:?}");
        rows_of(fixture, &bed.application, &keys(&bed.application, 2), 1).await;
        let request = bed.reshard.split_shard("shop", MOVING, ["server-0", "server-1"]);
        let request = request.key("user_id").accept_relaxed_durability().gradual(all());
        let error = request.start().await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unsupported, "{error}");
        assert!(error.to_string().contains("gradual"), "{error}");
    }

    async fn another_runner_goes_on_with_a_gradual_switch(fixture: &Fixture) {
        let steps = Gradual::percent([1.0, 100.0]).unwrap().each(Duration::from_secs(2));
        let bed = Bed::new(fixture, &document(fixture), steps).await;
        let (name, url) = (fixture.cluster_name(), fixture.database_url());
        let runner = Runner::start("killed::runner", (name, url), bed.job.id);
        bed.reaches(JobState::Shifting).await;
        signal(runner.id(), Signal::SIGKILL);
        tokio::task::spawn_blocking(move || runner.wait()).await.unwrap();
        let running = bed.run();
        while !running.is_finished() {
            assert_eq!(bed.read(Read::Replica).await, 1);
        }
        let job = running.await.unwrap();
        assert_eq!((job.state, job.copied.shifted.step), (JobState::Holding, 2), "{job:?}");
        assert_eq!(bed.read(Read::Replica).await, 1);
    }

    async fn reads_fall_back_from_a_target_that_is_silent(fixture: &Fixture) {
        let Some((relay, document)) = relayed(fixture).await else {
            return;
        };
        let bed = Bed::new(fixture, &document, all()).await;
        let running = bed.run();
        bed.reaches(JobState::Shifting).await;
        bed.until_served().await;
        relay.hang(true);
        let begun = Instant::now();
        eventually("the source serves again", async || bed.read(Read::Replica).await == 1).await;
        assert!(begun.elapsed() < Duration::from_secs(10), "{:?}", begun.elapsed());
        for _ in 0..20 {
            assert_eq!(bed.read(Read::Replica).await, 1);
        }
        relay.hang(false);
        eventually("the target serves again", async || bed.read(Read::Replica).await == THERE).await;
        bed.reshard.abort(bed.job.id).await.unwrap();
        assert_eq!(running.await.unwrap().state, JobState::Aborted);
    }

    async fn reads_go_back_to_the_source_when_the_target_is_killed(fixture: &Fixture) {
        let Some((relay, document)) = relayed(fixture).await else {
            return;
        };
        let steps = Gradual::percent([100.0]).unwrap().each(Duration::from_secs(3));
        let bed = Bed::new(fixture, &document, steps).await;
        let running = bed.run();
        bed.reaches(JobState::Shifting).await;
        bed.until_served().await;
        // All connections end, and nobody listens there.
        relay.lead_to("tcp://127.0.0.1:1").await;
        for amount in 2..30 {
            let changed = Order { amount: Some(amount), ..bed.row.clone() };
            changed.update(&bed.application).await.unwrap();
            assert_eq!(bed.read(Read::Replica).await, amount);
            assert_eq!(bed.read(Read::Primary).await, amount);
        }
        let job = bed.reshard.job(bed.job.id).await.unwrap();
        assert!(job.owner.is_some() && job.state == JobState::Shifting, "{job:?}");
        relay.lead_to(&fixture.server_urls()[1]).await;
        // The job goes on by itself. Until the target has caught up, a read from replicas may return the row that it had before.
        while !running.is_finished() {
            let found = bed.read(Read::Replica).await;
            assert!(found == 29 || found == THERE, "{found}");
            assert_eq!(bed.read(Read::Primary).await, 29);
        }
        let job = running.await.unwrap();
        assert_eq!(job.state, JobState::Holding, "{job:?}");
        assert_eq!(bed.read(Read::Replica).await, 29);
        let place = bed.application.locate(&Order::shard(bed.row.user_id)).unwrap();
        assert_eq!(place.server, "server-1");
    }
}
