//! Targets that fail over while a logical shard moves there.

use shard_orm::prelude::*;
use shard_orm::reshard::{JobState, Pace};
use shard_orm_tests::waiting::eventually;

use super::bed::{Bed, run};
use crate::Order;

/// The target fails over while rows are copied, to a standby that lacks the last ones.
async fn of_the_target_while_rows_are_copied(dialect: Dialect) {
    let mut bed = Bed::new(dialect).await;
    let (job, running) = bed.start().await;
    bed.until(job, JobState::Copying).await;
    bed.target_standby.has_all_of(&bed.target).await.unwrap();
    bed.cut(&bed.target_standby).await;
    let before = bed.reshard().job(job).await.unwrap().copied.rows;
    bed.write(10).await;
    eventually("rows are copied that the standby lacks", async || {
        bed.reshard().job(job).await.unwrap().copied.rows > before
    })
    .await;
    bed.fail_over_target().await;
    bed.write(11).await;
    let done = running.await.unwrap();
    assert_eq!(done.state, JobState::Holding, "{done:?}");
    assert!(done.copied.failovers > 0, "{done:?}");
    bed.assert_rows().await;
    bed.reshard().finish(job).await.unwrap();
    assert_eq!(run(&bed.reshard(), job).await.state, JobState::Finished);
    bed.assert_rows().await;
}

/// The target fails over to a standby that has nothing of the job, and the job is aborted.
async fn of_the_target_to_nothing(dialect: Dialect) {
    let mut bed = Bed::new(dialect).await;
    bed.cut(&bed.target_standby).await;
    let (job, running) = bed.start().await;
    bed.until(job, JobState::Copying).await;
    bed.fail_over_target().await;
    bed.write(10).await;
    bed.reshard().abort(job).await.unwrap();
    // What ends it is either the abort, or the namespace that has gone.
    let _ = running.await;
    assert_eq!(run(&bed.reshard(), job).await.state, JobState::Aborted);
    bed.assert_rows().await;
    bed.write(11).await;
    bed.assert_rows().await;
}

/// The target fails over after the switch, to a standby that lacks the last writes: what it has counts, as for every
/// server that fails over, and the shard goes back with that.
async fn of_the_target_after_the_switch(dialect: Dialect) {
    let mut bed = Bed::new(dialect).await;
    let (job, running) = bed.start().await;
    let done = running.await.unwrap();
    assert_eq!(done.state, JobState::Holding, "{done:?}");
    bed.write(10).await;
    bed.target_standby.has_all_of(&bed.target).await.unwrap();
    bed.cut(&bed.target_standby).await;
    let kept = bed.rows[11].clone();
    bed.write(11).await;
    bed.fail_over_target().await;
    bed.rows[11] = kept;
    bed.write(12).await;
    bed.assert_rows().await;
    bed.reshard().reverse(job).await.unwrap();
    let done = run(&bed.reshard(), job).await;
    assert_eq!(done.state, JobState::Reversed, "{done:?}");
    bed.write(13).await;
    bed.assert_rows().await;
}

/// The target fails over to a standby that lacks the switch: the rows of the source are still there.
async fn of_the_target_without_the_switch(dialect: Dialect) {
    let mut bed = Bed::new(dialect).await;
    let (job, running) = bed.start().await;
    bed.until(job, JobState::Copying).await;
    let open = bed.application.begin(Order::shard(bed.key)).await.unwrap();
    Order::on(bed.key).count(&open).await.unwrap();
    bed.reshard().throttle(job, Pace::Full).await.unwrap();
    bed.until(job, JobState::Switching).await;
    bed.target_standby.has_all_of(&bed.target).await.unwrap();
    bed.cut(&bed.target_standby).await;
    drop(open);
    let done = running.await.unwrap();
    assert_eq!(done.state, JobState::Holding, "{done:?}");
    bed.fail_over_target().await;
    bed.reshard().reverse(job).await.unwrap();
    let done = run(&bed.reshard(), job).await;
    assert_eq!(done.state, JobState::Reversed, "{done:?}");
    bed.write(10).await;
    bed.assert_rows().await;
}

on_both! {
    of_the_target_while_rows_are_copied, a_failover_of_the_target_while_rows_are_copied_postgres, a_failover_of_the_target_while_rows_are_copied_mariadb;
    of_the_target_to_nothing, a_failover_of_the_target_to_nothing_postgres, a_failover_of_the_target_to_nothing_mariadb;
    of_the_target_after_the_switch, a_failover_of_the_target_after_the_switch_postgres, a_failover_of_the_target_after_the_switch_mariadb;
    of_the_target_without_the_switch, a_failover_of_the_target_without_the_switch_postgres, a_failover_of_the_target_without_the_switch_mariadb;
}
