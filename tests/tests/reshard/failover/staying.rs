//! A part that stays has its tables on the replicas of its server before it serves.

use shard_orm::prelude::*;
use shard_orm::reshard::{JobState, Pace};
use shard_orm::sqlx::{
    AssertSqlSafe, Connection as _, Executor as _, MySqlConnection, PgConnection, raw_sql,
};
use shard_orm_tests::waiting::eventually;

use super::bed::{Bed, ROWS, order, run, url};
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

/// A transaction that has read the record of a namespace, and lets nobody change it.
enum Reader {
    Postgres(PgConnection),
    MySql(MySqlConnection),
}

impl Reader {
    async fn begin(bed: &Bed, namespace: &str) -> Self {
        let url = url(bed.dialect, &bed.target);
        let read = format!("SELECT job FROM {namespace}.shard_orm_namespace");
        let text = |text: String| raw_sql(AssertSqlSafe(text));
        match bed.dialect {
            Dialect::Postgres => {
                let mut connection = PgConnection::connect(&url).await.unwrap();
                let begin = text(format!("BEGIN; {read} FOR SHARE"));
                connection.execute(begin).await.unwrap();
                Self::Postgres(connection)
            }
            _ => {
                let mut connection = MySqlConnection::connect(&url).await.unwrap();
                let begin = text(format!("START TRANSACTION; {read} LOCK IN SHARE MODE"));
                connection.execute(begin).await.unwrap();
                Self::MySql(connection)
            }
        }
    }

    async fn end(self) {
        match self {
            Self::Postgres(connection) => connection.close().await.unwrap(),
            Self::MySql(connection) => connection.close().await.unwrap(),
        }
    }
}

/// The server of a part that stays fails over while its tables are parted from the key, to a standby that lacks the fence
/// and all that came after it.
async fn fails_over_while_it_is_parted(dialect: Dialect) {
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
    bed.source_standby.has_all_of(&bed.source).await.unwrap();
    bed.cut_off().await;
    let isolated = bed.reshard().isolate("shop", other, "b").unwrap();
    let isolated = isolated.accept_relaxed_durability().accept_replica_risk();
    let job = isolated
        .pace(Pace::RowsPerSecond(100))
        .start()
        .await
        .unwrap();
    assert!(job.leaving.is_some(), "{job:?}");
    let (reshard, id) = (bed.reshard(), job.id);
    let running = tokio::spawn(async move { run(&reshard, id).await });
    bed.until(id, JobState::Copying).await;
    // The target of the key cannot be made active.
    let reader = Reader::begin(&bed, "shop_2").await;
    bed.until(id, JobState::Parting).await;
    let stays = format!("SELECT count(*) FROM shop_{MOVING}_g2.orders");
    eventually("the tables are parted", async || {
        bed.source
            .number(&stays)
            .await
            .is_ok_and(|count| count == ROWS)
    })
    .await;
    bed.fail_over().await;
    reader.end().await;
    let done = running.await.unwrap();
    // The source has all rows, and no topology has named a target.
    assert_eq!(done.state, JobState::Aborted, "{done:?}");
    bed.write(10).await;
    bed.assert_rows().await;
    assert_rows(&bed.application, other, &rows).await;
    let place = bed.operator.locate(&Order::shard(other)).unwrap();
    assert_eq!((place.shard, &*place.server), (Some(MOVING), "a"));
}

on_both! {
    fails_over_while_it_is_parted, a_failover_while_a_part_is_parted_postgres, a_failover_while_a_part_is_parted_mariadb;
    fails_over, a_part_that_stays_is_on_the_replicas_of_its_server_postgres, a_part_that_stays_is_on_the_replicas_of_its_server_mariadb;
}
