//! Replicas of the source at the switch: each has the fence before the target serves.

use shard_orm::prelude::*;
use shard_orm::reshard::{Job, JobState, Pace};
use shard_orm::sqlx::{
    AssertSqlSafe, Connection as _, Executor as _, MySqlConnection, PgConnection, raw_sql,
};
use shard_orm_tests::servers::Node;
use shard_orm_tests::waiting::eventually;

use super::bed::{Bed, SLOW, url};
use crate::Order;

/// A transaction on a replica that has read the moving table: the fence cannot be applied there until it ends.
enum Reader {
    Postgres(PgConnection),
    MariaDb(MySqlConnection),
}

impl Reader {
    async fn on(bed: &Bed, replica: &Node) -> Self {
        let url = url(bed.dialect, replica);
        let text = format!("BEGIN; SELECT count(*) FROM {}.orders", namespace(bed));
        let text = raw_sql(AssertSqlSafe(text));
        match bed.dialect {
            Dialect::Postgres => {
                let mut connection = PgConnection::connect(&url).await.unwrap();
                connection.execute(text).await.unwrap();
                Self::Postgres(connection)
            }
            _ => {
                let mut connection = MySqlConnection::connect(&url).await.unwrap();
                connection.execute(text).await.unwrap();
                Self::MariaDb(connection)
            }
        }
    }

    async fn end(self) {
        match self {
            Self::Postgres(connection) => connection.close().await.unwrap(),
            Self::MariaDb(connection) => connection.close().await.unwrap(),
        }
    }
}

/// The namespace of the moving shard at the source.
fn namespace(bed: &Bed) -> String {
    let at = bed.operator.locate(&Order::shard(bed.key)).unwrap();
    assert_eq!(at.server, "a", "it has not moved yet");
    at.namespace
}

/// Waits until the job says that its switch waits, and why.
async fn says(bed: &Bed, job: u64, what: &str) -> Job {
    let mut found = None;
    eventually("the job says why it waits", async || {
        let job = bed.reshard().job(job).await.unwrap();
        assert!(job.state <= JobState::Switching, "{job:?}");
        let is_said = job.message.contains(what);
        found = Some(job);
        is_said
    })
    .await;
    let job = found.unwrap();
    assert_eq!(job.state, JobState::Switching, "{job:?}");
    assert!(job.message.contains("accept-replica-risk"), "{job:?}");
    job
}

/// Writes, and reads what was written, while the switch waits: at the source, at the first attempt.
async fn the_source_serves(bed: &mut Bed, at: usize) {
    let mut row = bed.rows[at].clone();
    row.amount = Some(9);
    row.update(&bed.application).await.unwrap();
    let found = Order::get(&bed.application, bed.key, row.id).await.unwrap();
    assert_eq!(found, row);
    bed.rows[at] = row;
}

/// The number of records of the moving shard that are fenced on the replica of the source.
async fn fenced(bed: &Bed, namespace: &str) -> i64 {
    let count =
        format!("SELECT count(*) FROM {namespace}.shard_orm_namespace WHERE state = 'fenced'");
    bed.source_standby.number(&count).await.unwrap()
}

/// A replica that applies nothing: the source is not closed.
async fn that_stands_still(dialect: Dialect) {
    let mut bed = Bed::new(dialect).await;
    let namespace = namespace(&bed);
    bed.source_standby.pause_replay().await.unwrap();
    let (job, running) = bed.start_with(bed.request().pace(Pace::Full)).await;
    let waiting = says(&bed, job, "has not applied the last changes").await;
    assert!(waiting.message.contains("of server `a`"), "{waiting:?}");
    the_source_serves(&mut bed, 10).await;
    assert_eq!(fenced(&bed, &namespace).await, 0);
    bed.source_standby.resume_replay().await.unwrap();
    let done = running.await.unwrap();
    assert_eq!(done.state, JobState::Holding, "{done:?}");
    assert_eq!(done.message, "");
    assert_eq!(fenced(&bed, &namespace).await, 1);
    bed.assert_rows().await;
}

/// A replica whose reads keep it from applying the fence: the source is opened again, and what is written then arrives.
async fn that_cannot_apply_the_fence(dialect: Dialect) {
    let mut bed = Bed::new(dialect).await;
    let namespace = namespace(&bed);
    let request = bed.request().pace(Pace::RowsPerSecond(SLOW));
    let (job, running) = bed.start_with(request).await;
    bed.until(job, JobState::Copying).await;
    // Keeps the source from being closed, until the replica is read.
    let open = bed.application.begin(Order::shard(bed.key)).await.unwrap();
    Order::on(bed.key).count(&open).await.unwrap();
    bed.reshard().throttle(job, Pace::Full).await.unwrap();
    bed.until(job, JobState::Switching).await;
    bed.source_standby.has_all_of(&bed.source).await.unwrap();
    let reader = Reader::on(&bed, &bed.source_standby).await;
    drop(open);
    says(&bed, job, "did not apply the fence").await;
    for at in 10..20 {
        the_source_serves(&mut bed, at).await;
    }
    assert_eq!(fenced(&bed, &namespace).await, 0);
    reader.end().await;
    let done = running.await.unwrap();
    assert_eq!(done.state, JobState::Holding, "{done:?}");
    assert_eq!(fenced(&bed, &namespace).await, 1);
    bed.assert_rows().await;
    bed.reshard().reverse(job).await.unwrap();
    let done = super::run(&bed.reshard(), job).await;
    assert_eq!(done.state, JobState::Reversed, "{done:?}");
    bed.assert_rows().await;
}

/// A job that waits for a replica is given up.
async fn whose_job_is_aborted(dialect: Dialect) {
    let mut bed = Bed::new(dialect).await;
    bed.source_standby.pause_replay().await.unwrap();
    let (job, running) = bed.start_with(bed.request().pace(Pace::Full)).await;
    says(&bed, job, "has not applied the last changes").await;
    bed.reshard().abort(job).await.unwrap();
    let done = running.await.unwrap();
    assert_eq!(done.state, JobState::Aborted, "{done:?}");
    the_source_serves(&mut bed, 10).await;
    bed.assert_rows().await;
}

/// A replica that is down keeps the job from switching, until it is removed from the topology.
async fn that_is_down(dialect: Dialect) {
    let mut bed = Bed::new(dialect).await;
    bed.source_standby.kill9();
    let (job, running) = bed.start_with(bed.request().pace(Pace::Full)).await;
    says(&bed, job, "does not answer").await;
    the_source_serves(&mut bed, 10).await;
    let replica = url(dialect, &bed.source_standby);
    let remove = |document: &mut shard_orm::catalog::Document| {
        document.remove_replica("shop", "a", &replica)
    };
    let catalog = bed.operator.catalog().unwrap();
    catalog.edit("the replica is gone", remove).await.unwrap();
    let done = running.await.unwrap();
    assert_eq!(done.state, JobState::Holding, "{done:?}");
    bed.assert_rows().await;
}

/// The risk of a replica that applies nothing is accepted: before the move, or while its switch waits.
async fn whose_risk_is_accepted(dialect: Dialect) {
    let bed = Bed::new(dialect).await;
    let from = namespace(&bed);
    bed.source_standby.pause_replay().await.unwrap();
    let request = bed.request().pace(Pace::Full);
    let (job, running) = bed.start_with(request.clone().accept_replica_risk()).await;
    let done = running.await.unwrap();
    assert_eq!(done.state, JobState::Holding, "{done:?}");
    assert!(done.accepts_replica_risk);
    assert_eq!(fenced(&bed, &from).await, 0);
    bed.reshard().reverse(job).await.unwrap();
    let done = super::run(&bed.reshard(), job).await;
    assert_eq!(done.state, JobState::Reversed, "{done:?}");
    let (job, running) = bed.start_with(request).await;
    says(&bed, job, "has not applied the last changes").await;
    bed.reshard().accept_replica_risk(job).await.unwrap();
    let done = running.await.unwrap();
    assert_eq!(done.state, JobState::Holding, "{done:?}");
    assert_eq!(fenced(&bed, &from).await, 0);
    bed.source_standby.resume_replay().await.unwrap();
    bed.assert_rows().await;
}

on_both! {
    that_stands_still, a_switch_waits_for_a_replica_that_stands_still_postgres, a_switch_waits_for_a_replica_that_stands_still_mariadb;
    that_cannot_apply_the_fence, a_source_is_opened_again_for_a_replica_without_the_fence_postgres, a_source_is_opened_again_for_a_replica_without_the_fence_mariadb;
    whose_job_is_aborted, a_switch_that_waits_for_a_replica_is_aborted_postgres, a_switch_that_waits_for_a_replica_is_aborted_mariadb;
    that_is_down, a_switch_waits_for_a_replica_that_is_down_postgres, a_switch_waits_for_a_replica_that_is_down_mariadb;
    whose_risk_is_accepted, a_switch_does_not_wait_for_a_replica_whose_risk_is_accepted_postgres, a_switch_does_not_wait_for_a_replica_whose_risk_is_accepted_mariadb;
}
