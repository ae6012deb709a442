//! Statements wait while a logical shard changes servers.

use std::time::Duration;

use futures_util::TryStreamExt as _;
use futures_util::future::{FutureExt as _, join_all};
use shard_orm::catalog::Revision;
use shard_orm::migrate::Migrations;
use shard_orm::prelude::*;
use shard_orm_tests::behaviours;
use shard_orm_tests::fixture::{Fixture, RawNamespace};
use shard_orm_tests::relay::Relay;
use tokio::task::JoinHandle;
use tokio::time::timeout;

use crate::{
    Order, Setting, document, initialized, initialized_with, open, process, settings,
    without_password,
};

/// The logical shard that moves from the first server to the second.
pub(crate) const MOVING: u32 = 0;

/// Its namespace, as a move would leave it at the fence, and its new one, without rows.
pub(crate) async fn fenced(fixture: &Fixture) -> RawNamespace {
    let source = fixture.raw_namespace(MOVING);
    let name = fixture.namespace().replace("{shard}", &MOVING.to_string());
    let target = fixture.raw_namespace_on(1, &format!("{name}_g2"));
    source.copy_to(&target).await;
    target
        .set_record("generation = 2, server_name = 'server-1'")
        .await;
    source.set_record("state = 'fenced'").await;
    source
        .run(&format!("DROP TABLE {}", source.table("orders")))
        .await;
    source
}

/// The topology after the move.
pub(crate) fn switched(first: &Revision) -> String {
    let moved = first.document.replace("'0..2'", "'1..2'");
    let moved = moved.replace("'2..4'", "['0..1', '2..4']");
    format!("{moved}\n[groups.shop.generations]\n{MOVING} = 2\n")
}

pub(crate) fn order(fixture: &Fixture) -> Order {
    Order {
        id: fixture.id(),
        user_id: fixture.key_of_shard(MOVING),
    }
}

/// A call of each kind at the moving shard. Those that read find the row that the first one writes, or none yet.
fn calls(fixture: &Fixture, cluster: &Cluster) -> Vec<JoinHandle<shard_orm::Result<()>>> {
    let key = fixture.key_of_shard(MOVING);
    let (one, two, three) = (order(fixture), order(fixture), order(fixture));
    let many: Vec<Order> = (0..3).map(|_| order(fixture)).collect();
    let on = || cluster.clone();
    let (a, b, c, d, e, f, g, h) = (on(), on(), on(), on(), on(), on(), on(), on());
    vec![
        tokio::spawn(async move { one.insert(&a).await.map(drop) }),
        tokio::spawn(async move { Order::on(key).all(&b).await.map(drop) }),
        tokio::spawn(async move { Order::insert_many(&c, many).await.map(drop) }),
        tokio::spawn(async move { Order::scatter().count(&d).await.map(drop) }),
        tokio::spawn(async move {
            let stream = Order::scatter().order_by(Order::ID).stream(&e);
            stream.try_collect::<Vec<_>>().await.map(drop)
        }),
        tokio::spawn(async move {
            let stream = Order::on(key).stream(&f);
            stream.try_collect::<Vec<_>>().await.map(drop)
        }),
        tokio::spawn(async move {
            let tx = g.begin(Order::shard(key)).await?;
            match two.clone().insert(&tx).await {
                Ok(_) => tx.commit().await,
                Err(error) => {
                    assert_eq!(error.kind(), ErrorKind::ShardMoved, "{error}");
                    tx.rollback().await
                }
            }
        }),
        tokio::spawn(async move {
            h.transaction(Order::shard(key), |tx| {
                let three = three.clone();
                async move { three.insert(&tx).await.map(drop) }
            })
            .await
        }),
    ]
}

/// That none of them ends before the switch, and all succeed after it.
pub(crate) async fn wait_for_the_switch(
    fixture: &Fixture,
    cluster: Cluster,
    switch: impl AsyncFnOnce(),
) {
    let mut calls = calls(fixture, &cluster);
    // Inside a transaction nothing waits, so it may end with an error that has been checked.
    let transaction = calls.remove(6);
    let mut all = Box::pin(join_all(calls));
    if let Ok(ended) = timeout(Duration::from_millis(300), &mut all).await {
        panic!("all calls ended at the fence: {ended:?}");
    }
    switch().await;
    for (number, outcome) in all.await.into_iter().enumerate() {
        let outcome = outcome.unwrap();
        outcome.unwrap_or_else(|error| panic!("call {number}: {error}"));
    }
    transaction.await.unwrap().unwrap();
}

/// A process that has written to the moving shard, whose server it reaches through a relay.
async fn behind_a_relay(fixture: &Fixture, lines: &str) -> (Relay, String, Cluster) {
    let (catalog, first) = initialized_with(fixture, &document(fixture, lines)).await;
    let url = without_password(&fixture.server_urls()[0]);
    let relay = Relay::to(&url).await;
    let through = first
        .document
        .replace(&format!("'{url}'"), &format!("'{}'", relay.url(&url)));
    assert_ne!(through, first.document);
    catalog
        .change(&first, &through, "through a relay")
        .await
        .unwrap();
    let brief = settings().switch_wait(Duration::from_millis(50));
    let cluster = Cluster::connect(&process(fixture, brief)).await.unwrap();
    order(fixture).insert(&cluster).await.unwrap();
    (relay, url, cluster)
}

behaviours! { (Order, Setting), 4 shards on 2 servers, |options| options;
    async fn calls_wait_for_the_switch(fixture: &Fixture) {
        let (catalog, first) = initialized(fixture).await;
        let cluster = open(fixture, None).await;
        // Known as it was before.
        Order::scatter().count(&cluster).await.unwrap();
        fenced(fixture).await;
        let catalog = catalog.allow_moves();
        wait_for_the_switch(fixture, cluster.clone(), async || {
            catalog.change(&first, &switched(&first), "moved").await.unwrap();
        })
        .await;
        let found = Order::scatter().count(&cluster).await.unwrap();
        assert!((5..=6).contains(&found), "{found}");
        let key = fixture.key_of_shard(MOVING);
        assert_eq!(cluster.locate(&Order::shard(key)).unwrap().server, "server-1");
    }

    async fn sessions_and_batches_go_on_at_the_new_place(fixture: &Fixture) {
        let (catalog, first) = initialized(fixture).await;
        let cluster = open(fixture, None).await;
        let session = cluster.session();
        order(fixture).insert(&session).await.unwrap();
        let token = session.token();
        fenced(fixture).await;
        // One part of the batch belongs to a shard that stays, and is written at once.
        let staying = Order { id: fixture.id(), user_id: fixture.key_of_shard(3) };
        let batch = vec![order(fixture), staying.clone(), order(fixture)];
        let (by_session, by_token) = (order(fixture), order(fixture));
        let resumed = cluster.resume_session(&token).unwrap();
        let mut all = Box::pin(join_all([
            async { Order::insert_many(&cluster, batch.clone()).await.map(drop) }.boxed(),
            async {
                by_session.clone().insert(&session).await?;
                let found = Order::get(&session, by_session.user_id, by_session.id).await?;
                assert_eq!(found, by_session);
                Ok(())
            }
            .boxed(),
            async {
                by_token.clone().insert(&resumed).await?;
                let later = cluster.resume_session(&resumed.token())?;
                assert_eq!(Order::get(&later, by_token.user_id, by_token.id).await?, by_token);
                Ok(())
            }
            .boxed(),
        ]));
        if let Ok(ended) = timeout(Duration::from_millis(300), &mut all).await {
            panic!("all calls ended at the fence: {ended:?}");
        }
        assert_eq!(Order::on(staying.user_id).all(&cluster).await.unwrap(), vec![staying.clone()]);
        catalog.allow_moves().change(&first, &switched(&first), "moved").await.unwrap();
        for outcome in all.await {
            let outcome: shard_orm::Result<()> = outcome;
            outcome.unwrap();
        }
        let mut found = Order::scatter().all(&cluster).await.unwrap();
        let mut expected = [batch, vec![by_session, by_token]].concat();
        found.sort_by_key(|order| order.id);
        expected.sort_by_key(|order| order.id);
        assert_eq!(found, expected);
    }

    async fn a_process_that_starts_at_the_fence_waits_too(fixture: &Fixture) {
        let (catalog, first) = initialized(fixture).await;
        fenced(fixture).await;
        let cluster = open(fixture, None).await;
        let catalog = catalog.allow_moves();
        wait_for_the_switch(fixture, cluster.clone(), async || {
            catalog.change(&first, &switched(&first), "moved").await.unwrap();
        })
        .await;
        // Even the plain transaction begins at the new place.
        assert_eq!(Order::scatter().count(&cluster).await.unwrap(), 6);
    }

    async fn statements_at_a_tombstone_wait_too(fixture: &Fixture) {
        let (catalog, first) = initialized(fixture).await;
        let cluster = open(fixture, None).await;
        order(fixture).insert(&cluster).await.unwrap();
        Order::scatter().count(&cluster).await.unwrap();
        let source = fenced(fixture).await;
        let (orders, gone) = (source.table("orders"), source.table("gone"));
        let bury = match fixture.dialect {
            Dialect::Postgres => vec![format!("CREATE TYPE {orders} AS (moved int)")],
            Dialect::MySql => vec![
                format!("CREATE TABLE {gone} (moved int)"),
                format!("CREATE VIEW {orders} AS SELECT moved FROM {gone}"),
                format!("DROP TABLE {gone}"),
            ],
            _ => vec![format!("CREATE VIEW {orders} AS SELECT * FROM {gone}")],
        };
        for statement in bury {
            source.run(&statement).await;
        }
        let catalog = catalog.allow_moves();
        wait_for_the_switch(fixture, cluster.clone(), async || {
            catalog.change(&first, &switched(&first), "moved").await.unwrap();
        })
        .await;
        let found = Order::scatter().count(&cluster).await.unwrap();
        assert!((5..=6).contains(&found), "{found}");
    }

    async fn an_aborted_move_lets_the_calls_go_on_where_they_were(fixture: &Fixture) {
        initialized(fixture).await;
        let cluster = open(fixture, None).await;
        let source = fixture.raw_namespace(MOVING);
        source.set_record("state = 'fenced'").await;
        wait_for_the_switch(fixture, cluster.clone(), async || {
            source.set_record("state = 'active'").await;
        })
        .await;
        assert_eq!(Order::scatter().count(&cluster).await.unwrap(), 6);
    }

    async fn the_wait_has_a_limit(fixture: &Fixture) {
        initialized(fixture).await;
        fenced(fixture).await;
        let brief = settings().switch_wait(Duration::from_millis(50));
        let cluster = Cluster::connect(&process(fixture, brief)).await.unwrap();
        let key = fixture.key_of_shard(MOVING);
        let error = Order::on(key).all(&cluster).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::ShardMoved, "{error}");
        assert!(error.is_retryable());
        assert_eq!(error.shard().unwrap().shard, MOVING);
        let error = order(fixture).insert(&cluster).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::ShardMoved, "{error}");
        // Other shards are not concerned.
        assert_eq!(Order::on(fixture.key_of_shard(3)).count(&cluster).await.unwrap(), 0);
    }

    async fn a_namespace_is_looked_at_again_after_a_lost_connection(fixture: &Fixture) {
        if fixture.dialect == Dialect::Sqlite {
            return;
        }
        let (relay, url, cluster) = behind_a_relay(fixture, "").await;
        // As on a standby that was promoted before it had all changes: the tables are there.
        fixture.raw_namespace(MOVING).set_record("state = 'fenced'").await;
        relay.lead_to(&url).await;
        // The read notices the loss, and is sent again.
        let key = fixture.key_of_shard(MOVING);
        let error = Order::on(key).all(&cluster).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::ShardMoved, "{error}");
        let error = order(fixture).insert(&cluster).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::ShardMoved, "{error}");
    }

    async fn a_namespace_is_looked_at_again_after_an_idle_connection_is_gone(fixture: &Fixture) {
        if fixture.dialect == Dialect::Sqlite {
            return;
        }
        // Each connection is pinged before its next use, and the ping finds that it is gone.
        let (relay, url, cluster) = behind_a_relay(fixture, "pool = { ping_after_idle = '0s' }").await;
        fixture.raw_namespace(MOVING).set_record("state = 'fenced'").await;
        relay.lead_to(&url).await;
        let error = order(fixture).insert(&cluster).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::ShardMoved, "{error}");
    }

    async fn setup_leaves_a_fenced_namespace_alone(fixture: &Fixture) {
        let source = fenced(fixture).await;
        let error = fixture.setup_of(&fixture.cluster).run().await.unwrap_err();
        assert!(error.to_string().contains("its record is `fenced`"), "{error}");
        assert_eq!(source.record("state").await.as_deref(), Some("fenced"));
    }

    async fn records_of_earlier_versions_are_upgraded_in_place(fixture: &Fixture) {
        for is_by_migration in [false, true] {
            for shard in 0..4 {
                let namespace = fixture.raw_namespace(shard);
                let record = namespace.table("shard_orm_namespace");
                for column in ["state", "job", "token", "epoch"] {
                    namespace.run(&format!("ALTER TABLE {record} DROP COLUMN {column}")).await;
                }
            }
            let cluster = fixture.another_process().await;
            order(fixture).insert(&cluster).await.unwrap();
            // A connection to SQLite that was open before would not notice that the columns are gone.
            let upgrading = fixture.another_process().await;
            if is_by_migration {
                let file = ("shop/1_notes.sql", "CREATE TABLE notes (id INT PRIMARY KEY)");
                let migrations = Migrations::embedded(&[file]).unwrap();
                upgrading.migrate(&migrations).up().await.unwrap();
            } else {
                fixture.setup_of(&upgrading).run().await.unwrap();
            }
            for shard in 0..4 {
                assert_eq!(fixture.raw_namespace(shard).record("state").await, None);
            }
            order(fixture).insert(&fixture.another_process().await).await.unwrap();
        }
    }

    async fn a_table_that_was_never_there_is_an_error_at_once(fixture: &Fixture) {
        initialized(fixture).await;
        let slow = settings().switch_wait(Duration::from_hours(1));
        let cluster = Cluster::connect(&process(fixture, slow)).await.unwrap();
        let source = fixture.raw_namespace(MOVING);
        source.run(&format!("DROP TABLE {}", source.table("orders"))).await;
        let key = fixture.key_of_shard(MOVING);
        let error = Order::on(key).all(&cluster).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::UndefinedTable, "{error}");
        let error = Order::scatter().count(&cluster).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::UndefinedTable, "{error}");
    }
}
