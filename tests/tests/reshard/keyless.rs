//! Rows without a shard key that are written while logical shards are merged, or after a split: they are never mixed.

use std::slice::from_ref;
use std::time::Duration;

use shard_orm::prelude::*;
use shard_orm::reshard::{ChangeKeys, Job, JobState, Mirror, Reshard};
use shard_orm_tests::behaviours;
use shard_orm_tests::fixture::Fixture;
use shard_orm_tests::waiting::eventually;
use tokio::task::JoinHandle;

use crate::everything::attempt;
use crate::splits::finish;
use crate::{MOVING, Order, Setting, cluster, process};

/// Rows of a logical shard, and of no key.
#[derive(Debug, Clone, PartialEq, ShardModel)]
#[shard(group = "shop", isolated, table = "audits")]
struct Audit {
    #[shard(primary_key)]
    id: i64,
    text: String,
}

fn audit(id: i64, text: &str) -> Audit {
    Audit {
        id,
        text: text.to_owned(),
    }
}

async fn audits(cluster: &Cluster, shard: u32) -> Vec<Audit> {
    let rows = Audit::on(shard).order_by(Audit::ID.asc());
    rows.all(cluster).await.unwrap()
}

/// The cluster of an operator, with the table.
async fn with_audits(fixture: &Fixture) -> (Cluster, Reshard) {
    let operator = cluster(fixture).await;
    let setup = operator.setup().table::<Order>().table::<Audit>();
    setup.run().await.unwrap();
    let reshard = operator.reshard().unwrap();
    (operator, reshard)
}

/// The logical shards 1 and 2, which are on different servers, become one.
fn merge(reshard: &Reshard) -> ChangeKeys {
    let merge = reshard.merge_shards("shop", [1, 2], "server-1");
    merge.keep("audits").accept_relaxed_durability()
}

fn run(reshard: &Reshard, job: u64) -> JoinHandle<shard_orm::Result<Job>> {
    let reshard = reshard.clone();
    tokio::spawn(async move { reshard.run(job).await })
}

async fn until(reshard: &Reshard, job: u64, state: JobState) {
    eventually(state.name(), async || {
        reshard.job(job).await.unwrap().state == state
    })
    .await;
}

/// Whether an error names the table and the logical shard with the rows.
fn assert_named(error: &shard_orm::Error, shard: u32) {
    assert_eq!(error.kind(), ErrorKind::Conflict, "{error}");
    let shard = format!("rows in logical shard {shard}");
    let text = error.to_string();
    assert!(
        text.contains("`audits`") && text.contains(&shard),
        "{error}"
    );
}

behaviours! { (Order, Setting), 4 shards on 2 servers, |options| options;
    async fn rows_without_a_key_that_are_written_after_the_plan_stop_a_merge(fixture: &Fixture) {
        let (operator, reshard) = with_audits(fixture).await;
        let kept = audit(1, "kept").insert(&operator, 1).await.unwrap();
        let mirror = Mirror::percent(100.0).unwrap().lasting(Duration::from_hours(1));
        let job = merge(&reshard).mirror(mirror).start().await.unwrap();
        // Before the copy, with the same primary key.
        let early = audit(1, "early").insert(&operator, 2).await.unwrap();
        let error = reshard.run(job.id).await.unwrap_err();
        assert_named(&error, 2);
        assert!(error.to_string().contains("run the job again"), "{error}");
        early.delete(&operator, 2).await.unwrap();
        // After it.
        let running = run(&reshard, job.id);
        until(&reshard, job.id, JobState::Mirroring).await;
        let late = audit(1, "late").insert(&operator, 2).await.unwrap();
        let more = audit(2, "more").insert(&operator, 1).await.unwrap();
        reshard.mirror(job.id, mirror.lasting(Duration::from_millis(1))).await.unwrap();
        assert_named(&running.await.unwrap().unwrap_err(), 2);
        // Both serve.
        assert_eq!(audits(&operator, 1).await, [kept.clone(), more.clone()]);
        assert_eq!(audits(&operator, 2).await, from_ref(&late));
        late.delete(&operator, 2).await.unwrap();
        let job = reshard.run(job.id).await.unwrap();
        assert_eq!(job.state, JobState::Holding, "{job:?}");
        assert_eq!(audits(&operator, 1).await, [kept.clone(), more.clone()]);
        // And back: they stay with the number.
        let third = audit(3, "third").insert(&operator, 1).await.unwrap();
        reshard.reverse(job.id).await.unwrap();
        let job = reshard.run(job.id).await.unwrap();
        assert_eq!(job.state, JobState::Reversed, "{job:?}");
        assert_eq!(audits(&operator, 1).await, [kept, more, third]);
        assert!(audits(&operator, 2).await.is_empty());
    }

    async fn rows_without_a_key_that_are_written_just_before_the_switch_are_kept(fixture: &Fixture) {
        let (operator, reshard) = with_audits(fixture).await;
        let application = process(fixture).await;
        let kept = audit(1, "kept").insert(&operator, 1).await.unwrap();
        let mirror = Mirror::percent(100.0).unwrap().lasting(Duration::from_hours(1));
        let job = merge(&reshard).mirror(mirror).start().await.unwrap();
        let running = run(&reshard, job.id);
        until(&reshard, job.id, JobState::Mirroring).await;
        // The second source cannot be closed until this ends.
        let key = fixture.key_of_shard(2);
        let tx = application.begin(Order::shard(key)).await.unwrap();
        let late = audit(1, "late").insert(&tx, 2).await.unwrap();
        reshard.mirror(job.id, mirror.lasting(Duration::from_millis(1))).await.unwrap();
        eventually("the first source is closed", async || {
            attempt(&operator, 1, "SELECT id FROM audits").await.is_err()
        })
        .await;
        tx.commit().await.unwrap();
        let job = running.await.unwrap().unwrap();
        assert_eq!(job.state, JobState::Aborted, "{job:?}");
        assert!(job.message.contains("`audits` has no shard key"), "{job:?}");
        assert_eq!(audits(&application, 1).await, from_ref(&kept));
        assert_eq!(audits(&application, 2).await, from_ref(&late));
        // Without them, it is merged.
        late.delete(&application, 2).await.unwrap();
        let job = merge(&reshard).start().await.unwrap();
        let job = reshard.run(job.id).await.unwrap();
        assert_eq!(finish(&reshard, &job).await.state, JobState::Finished);
        assert_eq!(audits(&application, 1).await, [kept]);
    }

    async fn rows_without_a_key_in_a_new_part_forbid_the_way_back(fixture: &Fixture) {
        let (operator, reshard) = with_audits(fixture).await;
        let application = process(fixture).await;
        let kept = audit(1, "kept").insert(&operator, MOVING).await.unwrap();
        let split = reshard.split_shard("shop", MOVING, ["server-0", "server-1"]);
        let split = split.at(["2000000000000000"]).accept_relaxed_durability();
        let job = split.start().await.unwrap();
        let job = reshard.run(job.id).await.unwrap();
        assert_eq!(job.state, JobState::Holding, "{job:?}");
        assert_eq!((audits(&operator, MOVING).await, audits(&operator, 4).await), (vec![kept.clone()], vec![]));
        // Rows of a part are its own, and flow nowhere.
        let own = audit(1, "own").insert(&operator, 4).await.unwrap();
        let more = audit(2, "more").insert(&operator, MOVING).await.unwrap();
        assert_eq!(reshard.run(job.id).await.unwrap().state, JobState::Holding);
        reshard.reverse(job.id).await.unwrap();
        let error = reshard.run(job.id).await.unwrap_err();
        assert_named(&error, 4);
        assert!(error.to_string().contains("or finish it"), "{error}");
        assert_eq!(reshard.job(job.id).await.unwrap().state, JobState::Holding);
        assert_eq!(audits(&application, 4).await, from_ref(&own));
        own.delete(&application, 4).await.unwrap();

        // A writer of SQLite keeps the runner from taking its place there.
        if fixture.dialect == Dialect::Sqlite {
            let job = reshard.run(job.id).await.unwrap();
            assert_eq!(job.state, JobState::Reversed, "{job:?}");
            assert_eq!(audits(&application, MOVING).await, [kept, more]);
            return;
        }
        // One that is written when one of the parts is closed already.
        let key = (0..).find(|key| operator.locate(&Order::shard(*key)).unwrap().shard == Some(4)).unwrap();
        let tx = application.begin(Order::shard(key)).await.unwrap();
        let late = audit(1, "late").insert(&tx, 4).await.unwrap();
        let running = run(&reshard, job.id);
        eventually("the first part is closed", async || {
            attempt(&operator, MOVING, "SELECT id FROM audits").await.is_err()
        })
        .await;
        tx.commit().await.unwrap();
        assert_named(&running.await.unwrap().unwrap_err(), 4);
        assert_eq!(reshard.job(job.id).await.unwrap().state, JobState::Holding);
        // Both serve, and take writes.
        assert_eq!(audits(&application, 4).await, from_ref(&late));
        late.delete(&application, 4).await.unwrap();
        let last = audit(3, "last").insert(&application, MOVING).await.unwrap();
        let job = reshard.run(job.id).await.unwrap();
        assert_eq!(job.state, JobState::Reversed, "{job:?}");
        assert_eq!(audits(&application, MOVING).await, [kept, more, last]);
    }
}
