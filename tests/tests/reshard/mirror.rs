//! Reads of applications are sent to both ends of a job before its switch, and compared.

use std::time::{Duration, Instant};

use shard_orm::prelude::*;
use shard_orm::reshard::{Job, JobState, Mirror, Reshard};
use shard_orm_tests::behaviours;
use shard_orm_tests::fixture::{Fixture, RawNamespace};
use shard_orm_tests::servers::{Signal, signal};
use shard_orm_tests::waiting::eventually;
use tokio::task::JoinHandle;

use crate::killed::{LEASE, Runner, run};
use crate::splits::{keys, rows_of};
use crate::writer::{Writer, assert_rows, order};
use crate::{MOVING, Order, Setting, cluster, cluster_of, process, relayed};

/// All reads, for longer than a test takes.
fn all() -> Mirror {
    Mirror::percent(100.0)
        .unwrap()
        .lasting(Duration::from_hours(1))
}

/// All reads, for so short a time that the job goes on to its switch.
fn a_moment() -> Mirror {
    all().lasting(Duration::from_millis(1))
}

/// Begins to move the logical shard with a mirror, and waits until it is mirrored.
async fn begin(
    operator: &Cluster,
    mirror: Mirror,
) -> (Reshard, Job, JoinHandle<shard_orm::Result<Job>>) {
    let reshard = operator.reshard().unwrap();
    let request = reshard
        .move_shard("shop", MOVING, "server-1")
        .accept_relaxed_durability();
    let job = request.mirror(mirror).start().await.unwrap();
    let (own, id) = (reshard.clone(), job.id);
    let running = tokio::spawn(async move { own.run(id).await });
    until(&reshard, job.id, "reads are mirrored", |job| {
        job.state == JobState::Mirroring
    })
    .await;
    (reshard, job, running)
}

async fn until(reshard: &Reshard, job: u64, what: &str, holds: impl Fn(&Job) -> bool) {
    eventually(what, async || holds(&reshard.job(job).await.unwrap())).await;
}

/// Reads until a read was compared, and returns how many reads that took.
async fn read_until_compared(
    reshard: &Reshard,
    job: u64,
    application: &Cluster,
    own: &Order,
) -> u64 {
    let before = reshard.job(job).await.unwrap().copied.mirrored.compared;
    let mut reads = 0;
    eventually("a read is compared", async || {
        assert_eq!(
            &Order::get(application, own.user_id, own.id).await.unwrap(),
            own
        );
        reads += 1;
        reshard.job(job).await.unwrap().copied.mirrored.compared > before
    })
    .await;
    reads
}

/// The namespace to which the logical shard moves first.
fn target(fixture: &Fixture) -> RawNamespace {
    let name = fixture.namespace().replace("{shard}", &format!("{MOVING}"));
    fixture.raw_namespace_on(1, &format!("{name}_g2"))
}

/// An operator, an application, and the one row of the logical shard that moves.
async fn with_one_order(fixture: &Fixture) -> (Cluster, Cluster, Order) {
    let (operator, application) = (cluster(fixture).await, process(fixture).await);
    let own = order(fixture, fixture.key_of_shard(MOVING), 1);
    own.clone().insert(&application).await.unwrap();
    (operator, application, own)
}

behaviours! { (Order, Setting), 4 shards on 2 servers, |options| options;
    async fn a_row_that_was_changed_at_the_target_holds_the_job(fixture: &Fixture) {
        let operator = cluster(fixture).await;
        let application = process(fixture).await;
        let key = fixture.key_of_shard(MOVING);
        let rows: Vec<Order> = (0..20).map(|amount| order(fixture, key, amount)).collect();
        Order::insert_many(&application, rows.clone()).await.unwrap();
        let (reshard, job, running) = begin(&operator, all()).await;
        let (changed, removed) = (&rows[3], &rows[5]);
        let target = target(fixture);
        let orders = target.table("orders");
        target.run(&format!("UPDATE {orders} SET amount = 77 WHERE id = {}", changed.id)).await;
        target.run(&format!("DELETE FROM {orders} WHERE id = {}", removed.id)).await;
        eventually("the rows are found", async || {
            // The caller gets what the source has.
            assert_eq!(&Order::get(&application, key, changed.id).await.unwrap(), changed);
            let found = Order::on(key).all(&application).await.unwrap();
            assert_eq!(found.len(), rows.len());
            reshard.job(job.id).await.unwrap().copied.mirrored.differing.len() == 2
        })
        .await;
        reshard.mirror(job.id, a_moment()).await.unwrap();
        let error = running.await.unwrap().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Conflict, "{error}");
        let held = reshard.job(job.id).await.unwrap();
        assert_eq!((held.state, &held.owner), (JobState::Mirroring, &None), "{held:?}");
        assert_eq!(operator.locate(&Order::shard(key)).unwrap().server, "server-0");
        let events = operator.catalog().unwrap().events(100).await.unwrap();
        for id in [changed.id, removed.id] {
            let named = format!("table `orders`, primary key {id}");
            assert!(error.to_string().contains(&named), "{error}");
            assert!(held.message.contains(&named), "{held:?}");
            let mut found = held.copied.mirrored.differing.iter();
            assert!(found.any(|row| row.table == "orders" && row.key == id.to_string()), "{held:?}");
            let told = events.iter().filter(|event| event.message.contains(&named));
            assert_eq!(told.count(), 1, "{events:?}");
        }

        // Run again, the rows are compared first.
        let error = reshard.run(job.id).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Conflict, "{error}");
        let amount = changed.amount.unwrap();
        target.run(&format!("UPDATE {orders} SET amount = {amount} WHERE id = {}", changed.id)).await;
        let Order { id, user_id, code, amount } = removed;
        let (code, amount) = (format!("'{code}'"), amount.unwrap());
        target.run(&format!("INSERT INTO {orders} (id, user_id, code, amount) VALUES ({id}, {user_id}, {code}, {amount})")).await;
        let job = reshard.run(job.id).await.unwrap();
        assert_eq!(job.state, JobState::Holding, "{job:?}");
        assert!(job.copied.mirrored.differing.is_empty(), "{job:?}");
        assert_rows(&application, key, &rows).await;
    }

    async fn reads_of_a_busy_shard_do_not_differ(fixture: &Fixture) {
        let (operator, application, own) = with_one_order(fixture).await;
        let key = own.user_id;
        let writer = Writer::start(fixture, application.clone(), key);
        let (reshard, job, running) = begin(&operator, all()).await;
        for _ in 0..3 {
            read_until_compared(&reshard, job.id, &application, &own).await;
            // The rows that are written now.
            Order::on(key).order_by(Order::ID.desc()).limit(50).all(&application).await.unwrap();
        }
        reshard.mirror(job.id, a_moment()).await.unwrap();
        let job = running.await.unwrap().unwrap();
        assert_eq!(job.state, JobState::Holding, "{job:?}");
        let mirrored = &job.copied.mirrored;
        assert!(mirrored.compared > 0 && mirrored.differing.is_empty(), "{mirrored:?}");
        let mut expected = writer.end().await;
        expected.push(own);
        assert_rows(&application, key, &expected).await;
    }

    async fn only_plain_reads_of_whole_rows_are_mirrored(fixture: &Fixture) {
        let (operator, application, own) = with_one_order(fixture).await;
        let key = own.user_id;
        let (reshard, job, running) = begin(&operator, all()).await;
        let reads = read_until_compared(&reshard, job.id, &application, &own).await;
        let others = 100 + reads;
        for _ in 0..others {
            let session = application.session();
            Order::get(&session, key, own.id).await.unwrap();
            assert_eq!(Order::on(key).count(&application).await.unwrap(), 1);
            assert!(Order::on(key).exists(&application).await.unwrap());
        }
        let tx = application.begin(Order::shard(key)).await.unwrap();
        for _ in 0..others {
            Order::get(&tx, key, own.id).await.unwrap();
        }
        tx.commit().await.unwrap();
        // None of these is reported later.
        let last = read_until_compared(&reshard, job.id, &application, &own).await;
        reshard.mirror(job.id, a_moment()).await.unwrap();
        let job = running.await.unwrap().unwrap();
        let mirrored = &job.copied.mirrored;
        assert!(mirrored.compared + mirrored.skipped <= reads + last, "{mirrored:?}, {reads}, {last}");
    }

    async fn another_runner_goes_on_with_a_mirror(fixture: &Fixture) {
        let (operator, application, own) = with_one_order(fixture).await;
        let key = own.user_id;
        let reshard = operator.reshard().unwrap().lease(LEASE);
        let request = reshard.move_shard("shop", MOVING, "server-1").accept_relaxed_durability();
        let job = request.mirror(all()).start().await.unwrap();
        let (name, url) = (fixture.cluster_name(), fixture.database_url());
        let runner = Runner::start("killed::runner", (name, url), job.id);
        until(&reshard, job.id, "reads are mirrored", |job| job.state == JobState::Mirroring).await;
        read_until_compared(&reshard, job.id, &application, &own).await;
        signal(runner.id(), Signal::SIGKILL);
        tokio::task::spawn_blocking(move || runner.wait()).await.unwrap();
        // What is found while nobody runs it is looked at by the next one.
        let target = target(fixture);
        let orders = target.table("orders");
        target.run(&format!("UPDATE {orders} SET amount = 77 WHERE id = {}", own.id)).await;
        let (second, id) = (reshard.clone(), job.id);
        let running = tokio::spawn(async move { run(&second, id).await });
        eventually("the row is found", async || {
            Order::get(&application, key, own.id).await.unwrap();
            !reshard.job(job.id).await.unwrap().copied.mirrored.differing.is_empty()
        })
        .await;
        target.run(&format!("UPDATE {orders} SET amount = 1 WHERE id = {}", own.id)).await;
        reshard.mirror(job.id, a_moment()).await.unwrap();
        let job = running.await.unwrap();
        assert_eq!(job.state, JobState::Holding, "{job:?}");
        assert!(job.copied.mirrored.differing.is_empty(), "{job:?}");
    }

    async fn a_silent_target_delays_no_read(fixture: &Fixture) {
        let Some((relay, document)) = relayed(fixture).await else {
            return;
        };
        let operator = cluster_of(fixture, &document).await;
        let application = process(fixture).await;
        let key = fixture.key_of_shard(MOVING);
        let own = order(fixture, key, 1);
        own.clone().insert(&application).await.unwrap();
        let (reshard, job, running) = begin(&operator, all()).await;
        read_until_compared(&reshard, job.id, &application, &own).await;
        relay.hang(true);
        let begun = Instant::now();
        for _ in 0..200 {
            assert_eq!(Order::get(&application, key, own.id).await.unwrap(), own);
        }
        // A read at the target is given up after five seconds.
        assert!(begun.elapsed() < Duration::from_secs(4), "{:?}", begun.elapsed());
        relay.hang(false);
        until(&reshard, job.id, "reads were skipped", |job| job.copied.mirrored.skipped > 0).await;
        reshard.abort(job.id).await.unwrap();
        assert_eq!(running.await.unwrap().unwrap().state, JobState::Aborted);
    }

    async fn an_aborted_job_leaves_no_mirror(fixture: &Fixture) {
        let (operator, application, own) = with_one_order(fixture).await;
        let key = own.user_id;
        let (reshard, job, running) = begin(&operator, all()).await;
        read_until_compared(&reshard, job.id, &application, &own).await;
        reshard.abort(job.id).await.unwrap();
        // While the target is removed.
        eventually("the job is aborted", async || {
            assert_eq!(Order::get(&application, key, own.id).await.unwrap(), own);
            reshard.job(job.id).await.unwrap().state == JobState::Aborted
        })
        .await;
        let job = running.await.unwrap().unwrap();
        assert_eq!(job.state, JobState::Aborted);
        let error = reshard.clone_shard("shop", MOVING, "server-1").accept_relaxed_durability();
        let error = error.mirror(all()).start().await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unsupported, "{error}");
        assert!(error.to_string().contains("mirror"), "{error}");
    }

    async fn reads_by_a_key_are_mirrored_where_a_split_will_have_it(fixture: &Fixture) {
        let operator = cluster(fixture).await;
        let application = process(fixture).await;
        let keys = keys(&operator, 6);
        let rows = rows_of(fixture, &application, &keys, 1).await.concat();
        let reshard = operator.reshard().unwrap();
        let split = reshard.split_shard("shop", MOVING, ["server-0", "server-1"]);
        let split = split.key("user_id").accept_relaxed_durability().mirror(all());
        let job = split.start().await.unwrap();
        let (own, id) = (reshard.clone(), job.id);
        let running = tokio::spawn(async move { own.run(id).await });
        until(&reshard, job.id, "reads are mirrored", |job| job.state == JobState::Mirroring).await;
        for row in &rows {
            read_until_compared(&reshard, job.id, &application, row).await;
        }
        // In the part on the other server.
        let part = &job.targets[1];
        let name = fixture.namespace().replace("{shard}", &part.shard.to_string());
        let name = match part.generation {
            1 => name,
            later => format!("{name}_g{later}"),
        };
        let target = fixture.raw_namespace_on(1, &name);
        let orders = target.table("orders");
        target.run(&format!("UPDATE {orders} SET amount = 77")).await;
        let there = target.text(&format!("SELECT MIN(code) FROM {orders}")).await.unwrap();
        let there = rows.iter().find(|row| row.code == there).unwrap();
        eventually("the row is found", async || {
            Order::get(&application, there.user_id, there.id).await.unwrap();
            let job = reshard.job(job.id).await.unwrap();
            let mut found = job.copied.mirrored.differing.iter();
            found.any(|row| row.key == there.id.to_string())
        })
        .await;
        reshard.abort(job.id).await.unwrap();
        assert_eq!(running.await.unwrap().unwrap().state, JobState::Aborted);
    }

    async fn reads_by_a_key_are_mirrored_where_a_merge_will_have_it(fixture: &Fixture) {
        let operator = cluster(fixture).await;
        let application = process(fixture).await;
        let keys = [1, 2].map(|shard| fixture.key_of_shard(shard));
        let rows = rows_of(fixture, &application, &keys, 2).await.concat();
        let reshard = operator.reshard().unwrap();
        let merge = reshard.merge_shards("shop", [1, 2], "server-1").key("user_id");
        let merge = merge.accept_relaxed_durability().mirror(all());
        let job = merge.start().await.unwrap();
        let (own, id) = (reshard.clone(), job.id);
        let running = tokio::spawn(async move { own.run(id).await });
        until(&reshard, id, "reads are mirrored", |job| job.state == JobState::Mirroring).await;
        for row in &rows {
            read_until_compared(&reshard, id, &application, row).await;
        }
        let mirrored = reshard.job(id).await.unwrap().copied.mirrored;
        assert!(mirrored.differing.is_empty(), "{mirrored:?}");
        // A row of the second source that differs at the target holds the job.
        let name = fixture.namespace().replace("{shard}", "1");
        let target = fixture.raw_namespace_on(1, &format!("{name}_g{}", job.targets[0].generation));
        let (orders, there) = (target.table("orders"), &rows[2]);
        assert_eq!(there.user_id, keys[1]);
        target.run(&format!("UPDATE {orders} SET amount = 77 WHERE id = {}", there.id)).await;
        eventually("the row is found", async || {
            assert_eq!(&Order::get(&application, there.user_id, there.id).await.unwrap(), there);
            let job = reshard.job(id).await.unwrap();
            let mut found = job.copied.mirrored.differing.iter();
            found.any(|row| row.key == there.id.to_string())
        })
        .await;
        reshard.mirror(id, a_moment()).await.unwrap();
        let error = running.await.unwrap().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Conflict, "{error}");
        // Corrected, it goes on.
        target.run(&format!("UPDATE {orders} SET amount = 0 WHERE id = {}", there.id)).await;
        let job = reshard.run(id).await.unwrap();
        assert_eq!(job.state, JobState::Holding, "{job:?}");
        for (key, rows) in keys.iter().zip(rows.chunks(2)) {
            assert_rows(&application, *key, rows).await;
        }
    }
}
