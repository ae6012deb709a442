//! A part that stays has its tables on the replicas of its server before it serves.

use shard_orm::prelude::*;
use shard_orm::reshard::JobState;

use super::bed::{Bed, ROWS, order, run};
use crate::writer::assert_rows;
use crate::{MOVING, Order};

/// The server of a part that stays fails over right after the switch, and the job is finished there.
async fn fails_over(dialect: Dialect) {
    let mut bed = Bed::new(dialect).await;
    let is_moving = |key: &i64| {
        let place = bed.operator.locate(&Order::shard(*key)).unwrap();
        place.shard == Some(MOVING)
    };
    let other = (bed.key + 1..).find(is_moving).unwrap();
    let rows: Vec<Order> = (0..100).map(|id| order(other, 2 * ROWS + id)).collect();
    Order::insert_many(&bed.application, rows.clone())
        .await
        .unwrap();
    let isolated = bed.reshard().isolate("shop", other, "b").unwrap();
    let job = isolated.accept_relaxed_durability().start().await.unwrap();
    assert_eq!(job.leaving.unwrap().keys(), [other..=other]);
    let job = run(&bed.reshard(), job.id).await;
    assert_eq!(job.state, JobState::Holding, "{job:?}");
    assert_eq!(job.copied.rows, 100);
    // Nobody waited for it.
    let place = bed.operator.locate(&Order::shard(bed.key)).unwrap();
    assert_eq!(place.server, "a");
    let count = format!("SELECT count(*) FROM {}.orders", place.namespace);
    assert_eq!(bed.source_standby.number(&count).await.unwrap(), ROWS);

    bed.fail_over().await;
    bed.write(10).await;
    bed.assert_rows().await;
    assert_rows(&bed.application, other, &rows).await;
    bed.reshard().finish(job.id).await.unwrap();
    let job = run(&bed.reshard(), job.id).await;
    assert_eq!(job.state, JobState::Finished, "{job:?}");
    bed.assert_rows().await;
    assert_rows(&bed.application, other, &rows).await;
}

on_both! {
    fails_over, a_part_that_stays_is_on_the_replicas_of_its_server_postgres, a_part_that_stays_is_on_the_replicas_of_its_server_mariadb;
}
