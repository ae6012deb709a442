//! Statements that were prepared before, or while, a move changes their tables.

use shard_orm::prelude::*;
use shard_orm::reshard::JobState;
use shard_orm_tests::behaviours;
use shard_orm_tests::fixture::Fixture;
use shard_orm_tests::waiting::eventually;

use crate::writer::order;
use crate::{MOVING, Order, Setting, cluster, process};

/// Waits until the creation of a trigger waits for its table. On SQLite a writer waits for another one, and nothing shows
/// it.
async fn until_a_trigger_waits(fixture: &Fixture) {
    let namespace = fixture.raw_namespace(MOVING);
    let question = match fixture.dialect {
        Dialect::Sqlite => return,
        Dialect::Postgres => "SELECT CAST(COUNT(*) AS TEXT) FROM pg_stat_activity WHERE datname = current_database() \
             AND wait_event_type = 'Lock' AND query LIKE '%TRIGGER%'"
            .to_owned(),
        Dialect::MySql => {
            let name = namespace.table("orders");
            let name = name.split('.').next().unwrap();
            format!(
                "SELECT CAST(COUNT(*) AS CHAR) FROM information_schema.processlist WHERE db = '{name}' \
                 AND state LIKE 'Waiting for table metadata lock' AND info LIKE 'CREATE TRIGGER%'"
            )
        }
    };
    eventually("a trigger waits for its table", async || {
        namespace.text(&question).await.unwrap() != "0"
    })
    .await;
}

behaviours! { (Order, Setting), 4 shards on 2 servers, |options| options;
    async fn a_statement_that_is_prepared_while_triggers_are_created_knows_them(fixture: &Fixture) {
        let operator = cluster(fixture).await;
        let application = process(fixture).await;
        let key = fixture.key_of_shard(MOVING);
        let rows: Vec<Order> = (0..40).map(|amount| order(fixture, key, amount)).collect();
        Order::insert_many(&application, rows.clone()).await.unwrap();
        let reshard = operator.reshard().unwrap();
        let request = reshard.move_shard("shop", MOVING, "server-1").accept_relaxed_durability();
        let job = request.start().await.unwrap().id;

        // It holds the table, and prepares its further statements while the capture waits for it.
        let tx = application.begin(Order::shard(key)).await.unwrap();
        order(fixture, key, 100).insert(&tx).await.unwrap();
        let running = tokio::spawn({
            let reshard = reshard.clone();
            async move { reshard.run(job).await }
        });
        until_a_trigger_waits(fixture).await;
        rows[0].clone().delete(&tx).await.unwrap();
        let mut changed = rows[1].clone();
        changed.amount = None;
        changed.update(&tx).await.unwrap();
        tx.commit().await.unwrap();
        for row in &rows[2..] {
            let tx = application.begin(Order::shard(key)).await.unwrap();
            match row.clone().delete(&tx).await {
                Ok(()) => tx.commit().await.unwrap(),
                Err(error) => assert_eq!(error.kind(), ErrorKind::ShardMoved, "{error:?}"),
            }
        }
        let job = running.await.unwrap().unwrap();
        assert_eq!(job.state, JobState::Holding, "{job:?}");
        assert_eq!(Order::on(key).count(&application).await.unwrap(), 2);
    }
}
