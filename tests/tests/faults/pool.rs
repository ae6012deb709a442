//! Connections: opened on demand, limited, reused without a ping, and released in time.

use std::time::{Duration, Instant};

use futures_util::future::try_join_all;
use shard_orm::config::Server;
use shard_orm::prelude::*;
use shard_orm::{Cluster, cluster::RawConnection};
use shard_orm_tests::relay::Relay;
use shard_orm_tests::servers::PostgresServer;

use crate::fixture::{
    Backend, Fixture, LIMIT, Note, SHARDS, eventually, note, note_of, on, pool_of,
};

async fn no_connection_is_opened_before_the_first_statement(backend: Backend) {
    let fixture = Fixture::new(backend).await;
    fixture.set_up().await;
    let relay = Relay::to(&fixture.url).await;
    let server = Server::new("a", relay.url(&fixture.url));
    let cluster = Cluster::connect(&fixture.config_at(server, pool_of(3)))
        .await
        .unwrap();
    assert_eq!(relay.opened(), 0);
    Note::on(0).count(&cluster).await.unwrap();
    assert_eq!(relay.opened(), 1);
    let mut direct = fixture.direct().await;
    assert_eq!(fixture.sessions(&mut direct).await, 1);
}

async fn the_server_never_sees_more_connections_than_the_limit(backend: Backend) {
    let fixture = Fixture::new(backend).await;
    let cluster = fixture.cluster(pool_of(3)).await;
    let mut direct = fixture.direct().await;
    let work = async {
        try_join_all((0..40).map(async |id| {
            note_of(id % 4, id).insert(&cluster).await?;
            let tx = cluster.begin(Note::shard(id % 4)).await?;
            Note::get(&tx, id % 4, id).await?;
            tx.commit().await
        }))
        .await
    };
    let mut most = 0;
    let watch = async {
        loop {
            most = most.max(fixture.sessions(&mut direct).await);
        }
    };
    tokio::select! {
        done = work => { done.unwrap(); }
        () = watch => {}
    }
    most = most.max(fixture.sessions(&mut direct).await);
    assert_eq!(most, 3, "limit 3");
}

async fn an_exhausted_pool_fails_at_the_acquire_timeout(backend: Backend) {
    let fixture = Fixture::new(backend).await;
    let limit = Duration::from_millis(500);
    let cluster = fixture.cluster(pool_of(1).acquire_timeout(limit)).await;
    let held = cluster.begin(Note::shard(0)).await.unwrap();
    let begun = Instant::now();
    // SQLite reads by other connections than the writer.
    let error = note(1).insert(&cluster).await.unwrap_err();
    let waited = begun.elapsed();
    assert_eq!(error.kind(), ErrorKind::PoolExhausted, "{error}");
    assert!(waited >= Duration::from_millis(450), "{waited:?}");
    // Without one it is half a minute.
    assert!(waited < LIMIT / 6, "{waited:?}");
    let said = error.to_string();
    for word in ["max_connections", "acquire_timeout", "shop/0"] {
        assert!(said.contains(word), "`{word}` is not in: {said}");
    }
    // A second transaction of the same task would wait for itself.
    let error = cluster.begin(Note::shard(0)).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::PoolExhausted, "{error}");
    held.rollback().await.unwrap();
    note(1).insert(&cluster).await.unwrap();
}

async fn a_waiter_gets_a_returned_connection(backend: Backend) {
    let fixture = Fixture::new(backend).await;
    let cluster = fixture.cluster(pool_of(1)).await;
    let held = cluster.begin(Note::shard(0)).await.unwrap();
    let waiting = tokio::spawn({
        let cluster = cluster.clone();
        async move { note(1).insert(&cluster).await }
    });
    tokio::task::yield_now().await;
    assert!(!waiting.is_finished());
    held.commit().await.unwrap();
    waiting.await.unwrap().unwrap();
}

async fn idle_connections_are_closed_without_any_traffic(backend: Backend) {
    let fixture = Fixture::new(backend).await;
    let pool = pool_of(4).idle_timeout(Duration::from_millis(300));
    let cluster = fixture.cluster(pool).await;
    let mut direct = fixture.direct().await;
    let held = hold(&cluster, 4).await;
    assert_eq!(fixture.sessions(&mut direct).await, 4);
    held.into_iter().for_each(RawConnection::give_back);
    eventually("idle connections are closed", async || {
        fixture.sessions(&mut direct).await == 0
    })
    .await;
    Note::on(0).count(&cluster).await.unwrap();
}

async fn a_reused_idle_connection_is_kept(backend: Backend) {
    let fixture = Fixture::new(backend).await;
    fixture.set_up().await;
    let relay = Relay::to(&fixture.url).await;
    let limit = Duration::from_millis(600);
    let pool = pool_of(4).idle_timeout(limit);
    let config = fixture.config_at(Server::new("a", relay.url(&fixture.url)), pool);
    let cluster = Cluster::connect(&config).await.unwrap();
    eventually("it was never idle for long", async || {
        Note::on(0).count(&cluster).await.unwrap();
        let opened = relay.opened();
        let (begun, mut last, mut longest) = (Instant::now(), Instant::now(), Duration::ZERO);
        while begun.elapsed() < limit * 5 / 2 {
            Note::on(0).count(&cluster).await.unwrap();
            tokio::time::sleep(Duration::from_millis(20)).await;
            longest = longest.max(last.elapsed());
            last = Instant::now();
        }
        // On a busy machine it may have been idle between two uses: that says nothing.
        let is_shown = longest < limit / 2;
        assert!(!is_shown || relay.opened() == opened, "after {longest:?}");
        is_shown
    })
    .await;
}

async fn a_connection_is_replaced_at_the_end_of_its_life(backend: Backend) {
    let fixture = Fixture::new(backend).await;
    fixture.set_up().await;
    let relay = Relay::to(&fixture.url).await;
    let life = Duration::from_millis(200);
    let pool = pool_of(1).max_lifetime(life);
    let config = fixture.config_at(Server::new("a", relay.url(&fixture.url)), pool);
    let cluster = Cluster::connect(&config).await.unwrap();
    let begun = Instant::now();
    // In use all the time: it is never idle for long.
    eventually("it is replaced three times", async || {
        Note::on(0).count(&cluster).await.unwrap();
        tokio::time::sleep(Duration::from_millis(10)).await;
        relay.opened() >= 4
    })
    .await;
    assert_eq!(relay.opened(), 4);
    let lived = begun.elapsed();
    assert!(lived >= life * 3, "four connections within {lived:?}");
}

async fn a_long_idle_connection_is_pinged_before_a_write(backend: Backend) {
    let fixture = Fixture::new(backend).await;
    let pool = pool_of(3).ping_after_idle(Duration::from_millis(1));
    let cluster = fixture.cluster(pool).await;
    let mut direct = fixture.direct().await;
    open(&cluster, 3).await;
    fixture.kill_sessions(&mut direct).await;
    tokio::time::sleep(Duration::from_millis(5)).await;
    // None of the three answers, and the write goes by a fourth.
    note(1).insert(&cluster).await.unwrap();
}

async fn close_waits_for_connections_in_use_and_refuses_new_ones(backend: Backend) {
    let fixture = Fixture::new(backend).await;
    let cluster = fixture.cluster(pool_of(2)).await;
    let tx = cluster.begin(Note::shard(0)).await.unwrap();
    note(1).insert(&tx).await.unwrap();
    let mut closing = [(); 3].map(|()| {
        let cluster = cluster.clone();
        tokio::spawn(async move { cluster.close().await })
    });
    eventually("the cluster takes no more", async || {
        Note::on(0).count(&cluster).await.is_err()
    })
    .await;
    let error = note(2).insert(&cluster).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unavailable, "{error}");
    assert!(error.to_string().contains("closed"), "{error}");
    assert!(closing.iter().all(|closing| !closing.is_finished()));
    tx.commit().await.unwrap();
    for closing in &mut closing {
        tokio::time::timeout(LIMIT, closing).await.unwrap().unwrap();
    }
    let mut direct = fixture.direct().await;
    assert_eq!(fixture.copies(&mut direct, 1).await, 1);
    assert_eq!(fixture.copies(&mut direct, 2).await, 0);
    if backend != Backend::Sqlite {
        eventually("all sessions are gone", async || {
            fixture.sessions(&mut direct).await == 0
        })
        .await;
    }
}

async fn a_statement_is_one_round_trip(backend: Backend) {
    let fixture = Fixture::new(backend).await;
    fixture.set_up().await;
    let relay = Relay::to(&fixture.url).await;
    let config = fixture.config_at(Server::new("a", relay.url(&fixture.url)), pool_of(1));
    let cluster = Cluster::connect(&config).await.unwrap();
    note(1).insert(&cluster).await.unwrap();
    Note::get(&cluster, 0, 1).await.unwrap();
    let warm = relay.sent();
    for _ in 0..25 {
        Note::get(&cluster, 0, 1).await.unwrap();
    }
    assert_eq!(relay.sent() - warm, 25, "messages for 25 reads");
    let tx = cluster.begin(Note::shard(0)).await.unwrap();
    Note::get(&tx, 0, 1).await.unwrap();
    tx.commit().await.unwrap();
    assert_eq!(relay.sent() - warm, 28, "BEGIN, a read, COMMIT");
}

#[tokio::test]
async fn the_log_of_postgres_holds_one_statement_for_each_read() {
    let server = PostgresServer::start_with(&[("log_statement", "all")])
        .await
        .unwrap();
    let fixture = Fixture::at_postgres(server.url());
    let cluster = fixture.cluster(pool_of(1)).await;
    note(1).insert(&cluster).await.unwrap();
    Note::get(&cluster, 0, 1).await.unwrap();
    let lines = || {
        let log = std::fs::read_to_string(server.folder().join("server.log")).unwrap();
        log.lines()
            .filter(|line| line.contains("statement:") || line.contains("execute"))
            .count()
    };
    let before = lines();
    for _ in 0..10 {
        Note::get(&cluster, 0, 1).await.unwrap();
    }
    assert_eq!(lines() - before, 10);
}

/// A counter of the session that serves shard 0, on MariaDB.
async fn session_status(cluster: &Cluster, name: &str) -> i64 {
    use sqlx::Row as _;

    let mut raw = cluster.connection(Note::shard(0)).await.unwrap();
    let query = sqlx::AssertSqlSafe(format!("SHOW SESSION STATUS LIKE '{name}'"));
    let row = sqlx::raw_sql(query)
        .fetch_one(raw.mysql().unwrap())
        .await
        .unwrap();
    raw.give_back();
    row.get::<String, _>(1).parse().unwrap()
}

/// How many statements the connection to shard 0 holds (PostgreSQL), or has prepared (MariaDB).
async fn prepared(cluster: &Cluster, backend: Backend) -> i64 {
    if backend == Backend::MariaDb {
        return session_status(cluster, "Com_stmt_prepare").await;
    }
    let mut raw = cluster.connection(Note::shard(0)).await.unwrap();
    let count = sqlx::query_scalar(
        "SELECT COUNT(*) FROM pg_prepared_statements WHERE NOT statement LIKE '%pg_prepared%'",
    )
    .persistent(false)
    .fetch_one(raw.postgres().unwrap())
    .await
    .unwrap();
    raw.give_back();
    count
}

async fn the_statements_of_many_namespaces_stay_prepared(backend: Backend) {
    // More statements than the driver itself would keep; a namespace of MariaDB costs time to make.
    let namespaces = if backend == Backend::MariaDb { 32 } else { 64 };
    let fixture = Fixture::new(backend).await;
    let cluster = fixture.many_namespaces(namespaces, pool_of(1)).await;
    let each_shard = async || {
        for user in 0..namespaces {
            let mut row = note_of(user, 1);
            row.save(&cluster).await.unwrap();
            row.amount += 1;
            row.update(&cluster).await.unwrap();
            Note::get(&cluster, user, 1).await.unwrap();
            row.delete(&cluster).await.unwrap();
        }
    };
    each_shard().await;
    let warm = prepared(&cluster, backend).await;
    assert!(warm >= 4 * namespaces, "{warm} statements are prepared");
    each_shard().await;
    each_shard().await;
    assert_eq!(prepared(&cluster, backend).await, warm, "prepared again");
}

#[tokio::test]
async fn a_pool_keeps_to_a_quarter_of_the_prepared_statements_of_mariadb() {
    let fixture = Fixture::new(Backend::MariaDb).await;
    let cluster = fixture.cluster(pool_of(100)).await;
    // More statements than a connection may keep.
    for number in 0..200 {
        let text = format!("SELECT id FROM {{notes}} WHERE id = {number}");
        let query = Note::on_shard_of(0).sql(sqlx::AssertSqlSafe(text));
        assert!(query.all::<i64>(&cluster).await.unwrap().is_empty());
        let prepared = session_status(&cluster, "Com_stmt_prepare").await;
        // The server's cap is 16,382 for all clients together.
        assert!(
            prepared * 100 <= 4_096,
            "{prepared} on each of 100 connections"
        );
        // The connection is replaced before: each statement that the driver closes costs 40 ms.
        assert_eq!(session_status(&cluster, "Com_stmt_close").await, 0);
    }
}

#[tokio::test]
async fn a_shared_pool_recovers_from_a_lost_connection() {
    for backend in [Backend::Postgres, Backend::MariaDb] {
        let fixture = Fixture::new(backend).await;
        let cluster = fixture.cluster(pool_of(1)).await;
        let mut direct = fixture.direct().await;
        for user in 0..i64::from(SHARDS) {
            // The first statement of a shard, on a connection that is gone.
            Note::on(user).count(&cluster).await.unwrap();
            fixture.kill_sessions(&mut direct).await;
        }
    }
}

async fn the_first_write_of_a_shard_survives_a_stale_connection(backend: Backend) {
    let fixture = Fixture::new(backend).await;
    let cluster = fixture.cluster(pool_of(1)).await;
    let mut direct = fixture.direct().await;
    Note::on(0).count(&cluster).await.unwrap();
    fixture.kill_sessions(&mut direct).await;
    // Only the namespace's record had been asked for when the loss was found.
    note_of(1, 1).insert(&cluster).await.unwrap();
}

/// Opens so many connections to shard 0, and leaves them idle.
pub(crate) async fn open(cluster: &Cluster, connections: usize) {
    let held = hold(cluster, connections).await;
    held.into_iter().for_each(RawConnection::give_back);
    Note::on(0).count(cluster).await.unwrap();
}

/// Takes so many connections to shard 0.
async fn hold(cluster: &Cluster, connections: usize) -> Vec<RawConnection> {
    let mut held = Vec::new();
    for _ in 0..connections {
        held.push(cluster.connection(Note::shard(0)).await.unwrap());
    }
    held
}

on! { [postgres mariadb] =>
    no_connection_is_opened_before_the_first_statement
    the_server_never_sees_more_connections_than_the_limit
    idle_connections_are_closed_without_any_traffic
    a_reused_idle_connection_is_kept
    a_connection_is_replaced_at_the_end_of_its_life
    a_long_idle_connection_is_pinged_before_a_write
    a_statement_is_one_round_trip
    the_statements_of_many_namespaces_stay_prepared
    the_first_write_of_a_shard_survives_a_stale_connection
}
on! { [sqlite postgres mariadb] =>
    an_exhausted_pool_fails_at_the_acquire_timeout
    a_waiter_gets_a_returned_connection
    close_waits_for_connections_in_use_and_refuses_new_ones
}
