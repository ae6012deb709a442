//! PgBouncer between the library and PostgreSQL: session pooling works, other modes are refused.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use shard_orm::config::{DatabaseOptions, PoolOptions};
use shard_orm::lock::{DatabaseLocks, Guard};
use shard_orm::prelude::*;
use shard_orm::{Cluster, Dialect, Error, ErrorKind};
use shard_orm_tests::database::{PostgresDatabase, fresh_postgres};
use shard_orm_tests::relay::Relay;
use shard_orm_tests::servers::PgBouncer;

use crate::core::{self, Name, Thing, thing};
use crate::support::{config, connect};

async fn pooled(database: &PostgresDatabase, settings: &[(&str, &str)]) -> (PgBouncer, String) {
    let pooler = PgBouncer::start(database.url(), settings)
        .await
        .unwrap_or_else(|e| panic!("{e}"));
    let url = pooler.url(database.url());
    (pooler, url)
}

async fn direct(database: &PostgresDatabase) -> Cluster {
    let cluster = connect(Dialect::Postgres, database.url(), DatabaseOptions::new()).await;
    cluster
        .setup()
        .table::<Thing>()
        .table::<Name>()
        .run()
        .await
        .unwrap();
    cluster
}

fn is_refused(error: &Error) {
    assert_eq!(error.kind(), ErrorKind::Configuration, "{error}");
    assert!(error.to_string().contains("pool_mode = session"), "{error}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_session_pooler_behaves_like_the_server() {
    let database = fresh_postgres().await;
    let settings = [("pool_mode", "session"), ("default_pool_size", "40")];
    let (_pooler, url) = pooled(&database, &settings).await;
    let one = connect(Dialect::Postgres, &url, DatabaseOptions::new()).await;
    let other = connect(Dialect::Postgres, &url, DatabaseOptions::new()).await;
    core::run(&one, &other).await;

    let locks = DatabaseLocks::new(&one, "default").unwrap();
    let guard = Guard::acquire(Arc::new(locks), "only one", Duration::from_secs(60))
        .await
        .unwrap();
    let locks = DatabaseLocks::new(&other, "default").unwrap();
    let second = Guard::acquire_within(
        Arc::new(locks),
        "only one",
        Duration::from_secs(60),
        Duration::ZERO,
    )
    .await;
    assert!(second.unwrap().is_none());
    assert!(guard.unwrap().release().await.unwrap());
}

/// Sessions of the pooler are handed from client to client, one after the other.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_pooler_with_as_many_sessions_as_clients_is_enough() {
    let database = fresh_postgres().await;
    let plain = direct(&database).await;
    let settings = [("pool_mode", "session"), ("default_pool_size", "4")];
    let (_pooler, url) = pooled(&database, &settings).await;
    for _ in 0..3 {
        let pool = PoolOptions::new().max_connections(4);
        let options = DatabaseOptions::new().setting("work_mem", "7MB");
        let mut config = config(Dialect::Postgres, &url, options, pool);
        config = config.pool(PoolOptions::new());
        let cluster = Cluster::connect(&config).await.unwrap();
        let written = join_all((0..16).map(|id| {
            let cluster = &cluster;
            async move {
                thing(id % 2, id).insert(cluster).await.unwrap();
                let asked = Thing::on_shard_of(id % 2).sql("SELECT current_setting('work_mem')");
                asked.one::<String>(cluster).await.unwrap()
            }
        }))
        .await;
        assert!(written.iter().all(|memory| memory == "7MB"), "{written:?}");
        for key in 0..2 {
            let ids = Thing::on(key)
                .order_by(Thing::ID)
                .select(Thing::ID)
                .all(&plain)
                .await
                .unwrap();
            assert_eq!(ids, (0..16).filter(|id| id % 2 == key).collect::<Vec<_>>());
            Thing::on(key).delete(&plain).await.unwrap();
        }
        cluster.close().await;
    }
}

async fn all_writes_are_refused(database: &PostgresDatabase, settings: &[(&str, &str)]) {
    let (_pooler, url) = pooled(database, settings).await;
    let pool = PoolOptions::new().max_connections(4);
    let config = config(Dialect::Postgres, &url, DatabaseOptions::new(), pool);
    let cluster = Cluster::connect(&config).await.unwrap();
    let outcomes = join_all((0..12).map(|id| {
        let cluster = cluster.clone();
        async move { thing(id % 2, id).insert(&cluster).await }
    }))
    .await;
    for outcome in outcomes {
        is_refused(&outcome.expect_err("a write went through the pooler"));
    }
    let locks = DatabaseLocks::new(&cluster, "default").unwrap();
    let lock = Guard::acquire(Arc::new(locks), "a", Duration::from_secs(60)).await;
    is_refused(&lock.expect_err("a lock was taken through the pooler"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_transaction_pooler_is_refused() {
    let database = fresh_postgres().await;
    let plain = direct(&database).await;
    join_all(
        [
            &[("pool_mode", "transaction"), ("default_pool_size", "3")][..],
            &[
                ("pool_mode", "transaction"),
                ("server_reset_query_always", "1"),
            ],
            &[
                ("pool_mode", "transaction"),
                ("server_round_robin", "1"),
                ("min_pool_size", "3"),
            ],
            &[("pool_mode", "statement")],
            // A session would have the statements and settings of the client before.
            &[("pool_mode", "session"), ("server_reset_query", "")],
        ]
        .map(|settings| all_writes_are_refused(&database, settings)),
    )
    .await;
    for key in 0..2 {
        assert_eq!(Thing::on(key).count(&plain).await.unwrap(), 0);
    }
    // No lock of a trial is left over for long: where one is found, it is freed.
    let left = Thing::on_shard_of(0).sql(
        "SELECT COUNT(*) FROM pg_locks WHERE locktype = 'advisory' \
         AND database = (SELECT oid FROM pg_database WHERE datname = current_database())",
    );
    assert!(left.one::<i64>(&plain).await.unwrap() < 20);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_transaction_pooler_added_later_is_refused() {
    let database = fresh_postgres().await;
    let plain = direct(&database).await;
    let (_pooler, pooled) = pooled(&database, &[("pool_mode", "transaction")]).await;
    let relay = Relay::to(database.url()).await;
    let cluster = connect(
        Dialect::Postgres,
        &relay.url(database.url()),
        DatabaseOptions::new(),
    )
    .await;
    for id in 0..4 {
        thing(id % 2, id).insert(&cluster).await.unwrap();
    }
    relay.lead_to(&pooled).await;
    let mut refused = 0;
    for id in 4..20 {
        match thing(id % 2, id).insert(&cluster).await {
            Ok(_) => panic!("a write went through the pooler"),
            // The connections that were there have ended.
            Err(error) if error.kind() == ErrorKind::OutcomeUnknown => {}
            Err(error) => {
                is_refused(&error);
                refused += 1;
            }
        }
    }
    assert!(refused > 0);
    relay.lead_to(database.url()).await;
    Thing::on(1).count(&cluster).await.unwrap();
    for key in 0..2 {
        let ids = Thing::on(key)
            .order_by(Thing::ID)
            .select(Thing::ID)
            .all(&plain)
            .await
            .unwrap();
        assert_eq!(ids, [key, key + 2]);
    }
}
