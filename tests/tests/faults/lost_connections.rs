//! Lost connections and servers.

use std::time::{Duration, Instant};

use futures_util::future::join_all;
use shard_orm::Cluster;
use shard_orm::config::{PoolOptions, Server};
use shard_orm::prelude::*;
use shard_orm::statistics::Incidents;
use shard_orm_tests::relay::Relay;
use shard_orm_tests::servers::{MariaDbServer, PostgresServer, Signal, signal_tree};
use sqlx::AssertSqlSafe;

use crate::fixture::{Backend, Fixture, LIMIT, Note, eventually, note, note_of, on, pool_of};
use crate::pool::open;

async fn reads_survive_killed_idle_connections(backend: Backend) {
    let fixture = Fixture::new(backend).await;
    let cluster = fixture.cluster(pool_of(5)).await;
    let mut direct = fixture.direct().await;
    note(1).insert(&cluster).await.unwrap();
    for round in 0..20 {
        open(&cluster, 5).await;
        fixture.kill_sessions(&mut direct).await;
        for _ in 0..5 {
            let found = Note::get(&cluster, 0, 1).await;
            assert_eq!(found.unwrap(), note(1), "round {round}");
        }
    }
}

async fn losses_and_retries_are_counted(backend: Backend) {
    let fixture = Fixture::new(backend).await;
    let cluster = fixture.cluster(pool_of(1)).await;
    let mut direct = fixture.direct().await;
    // The namespace is verified for writes and for reads.
    note(1).insert(&cluster).await.unwrap();
    Note::get(&cluster, 0, 1).await.unwrap();
    let before = incidents(&cluster);
    fixture.kill_sessions(&mut direct).await;
    Note::get(&cluster, 0, 1).await.unwrap();
    let read = incidents(&cluster);
    assert_eq!(read.retries - before.retries, 1);
    assert_eq!(read.lost_connections - before.lost_connections, 1);
    // After a loss it is verified again, on a new connection.
    note(2).insert(&cluster).await.unwrap();
    let before = incidents(&cluster);
    fixture.kill_sessions(&mut direct).await;
    note(3).insert(&cluster).await.unwrap_err();
    let written = incidents(&cluster);
    assert_eq!(written.retries, before.retries);
    assert_eq!(written.lost_connections - before.lost_connections, 1);
    assert_eq!(written.unknown_outcomes - before.unknown_outcomes, 1);
    assert_eq!(written.cancelled, 0);
}

/// What has happened on the server of the notes.
fn incidents(cluster: &Cluster) -> Incidents {
    let all = cluster.statistics().incidents;
    all.into_iter().find(|one| one.group == "shop").unwrap()
}

async fn concurrent_reads_survive_killed_connections(backend: Backend) {
    let fixture = Fixture::new(backend).await;
    let cluster = fixture.cluster(pool_of(5)).await;
    let mut direct = fixture.direct().await;
    note(1).insert(&cluster).await.unwrap();
    for _ in 0..5 {
        open(&cluster, 5).await;
        fixture.kill_sessions(&mut direct).await;
        for found in join_all((0..20).map(|_| Note::get(&cluster, 0, 1))).await {
            assert_eq!(found.unwrap(), note(1));
        }
    }
}

async fn streams_survive_a_stale_connection(backend: Backend) {
    use futures_util::TryStreamExt as _;

    let fixture = Fixture::new(backend).await;
    let cluster = fixture.cluster(pool_of(3)).await;
    let mut direct = fixture.direct().await;
    note(1).insert(&cluster).await.unwrap();
    open(&cluster, 3).await;
    fixture.kill_sessions(&mut direct).await;
    let rows: Vec<Note> = Note::on(0).stream(&cluster).try_collect().await.unwrap();
    assert_eq!(rows, [note(1)]);
    // And its siblings are asked before they are used.
    note(2).insert(&cluster).await.unwrap();
}

async fn writes_survive_stale_sibling_connections(backend: Backend) {
    let fixture = Fixture::new(backend).await;
    let cluster = fixture.cluster(pool_of(6)).await;
    let mut direct = fixture.direct().await;
    note(0).insert(&cluster).await.unwrap();
    open(&cluster, 6).await;
    fixture.kill_sessions(&mut direct).await;
    // A read meets the first, and is asked again.
    Note::get(&cluster, 0, 0).await.unwrap();
    let writes = join_all((1..=12).map(async |id| note(id).insert(&cluster).await)).await;
    for write in writes {
        write.unwrap();
    }
    assert_eq!(Note::on(0).count(&cluster).await.unwrap(), 13);
}

async fn a_transaction_begins_despite_a_stale_connection(backend: Backend) {
    let fixture = Fixture::new(backend).await;
    let cluster = fixture.cluster(pool_of(4)).await;
    let mut direct = fixture.direct().await;
    // The shard has been written to before: only BEGIN itself meets the loss.
    note(0).insert(&cluster).await.unwrap();
    open(&cluster, 4).await;
    fixture.kill_sessions(&mut direct).await;
    let tx = cluster.begin(Note::shard(0)).await.unwrap();
    note(1).insert(&tx).await.unwrap();
    tx.commit().await.unwrap();
    assert_eq!(fixture.copies(&mut direct, 1).await, 1);
}

async fn a_write_on_a_lost_connection_is_not_retried(backend: Backend) {
    let fixture = Fixture::new(backend).await;
    let cluster = fixture.cluster(pool_of(1)).await;
    let mut direct = fixture.direct().await;
    note(1).insert(&cluster).await.unwrap();
    fixture.kill_sessions(&mut direct).await;
    let error = note(2).insert(&cluster).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::OutcomeUnknown, "{error}");
    assert!(!error.is_retryable());
    assert_eq!(error.shard().unwrap().to_string(), "shop/0");
    assert_eq!(fixture.copies(&mut direct, 2).await, 0);
    note(3).insert(&cluster).await.unwrap();
}

async fn a_running_write_whose_session_is_killed_is_sent_once(backend: Backend) {
    let fixture = Fixture::new(backend).await;
    let cluster = fixture.cluster(pool_of(2)).await;
    note(1).insert(&cluster).await.unwrap();
    let mut holder = fixture.direct().await;
    let mut direct = fixture.direct().await;
    fixture.lock(&mut holder, 1).await;
    let update = tokio::spawn({
        let cluster = cluster.clone();
        async move {
            let mine = Note::on(0).filter(Note::ID.eq(1));
            mine.increment(Note::AMOUNT, 10).update(&cluster).await
        }
    });
    fixture.someone_waits(&mut direct).await;
    fixture.kill_sessions(&mut direct).await;
    let error = tokio::time::timeout(LIMIT, update)
        .await
        .unwrap()
        .unwrap()
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::OutcomeUnknown, "{error}");
    assert!(error.to_string().contains("read before you write again"));
    holder.run("COMMIT").await.unwrap();
    // It would be carried out now, had it been sent again.
    assert_eq!(fixture.open_transactions(&mut direct).await, 0);
    assert_eq!(fixture.amount(&mut direct, 1).await, 1);
    note(2).insert(&cluster).await.unwrap();
}

async fn a_killed_session_ends_its_transaction(backend: Backend) {
    let fixture = Fixture::new(backend).await;
    let cluster = fixture.cluster(pool_of(2)).await;
    let mut direct = fixture.direct().await;
    let tx = cluster.begin(Note::shard(0)).await.unwrap();
    note(1).insert(&tx).await.unwrap();
    fixture.kill_sessions(&mut direct).await;
    let error = note(2).insert(&tx).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unavailable, "{error}");
    let error = note(3).insert(&tx).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::TransactionEnded, "{error}");
    let error = tx.commit().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::TransactionEnded, "{error}");
    assert_eq!(Note::on(0).count(&cluster).await.unwrap(), 0);
}

async fn a_write_with_a_lost_response_has_an_unknown_outcome(backend: Backend) {
    let fixture = Fixture::new(backend).await;
    fixture.set_up().await;
    let relay = Relay::to(&fixture.url).await;
    let config = fixture.config_at(Server::new("a", relay.url(&fixture.url)), pool_of(2));
    let cluster = Cluster::connect(&config).await.unwrap();
    let mut direct = fixture.direct().await;
    note(0).insert(&cluster).await.unwrap();

    relay.lose_answers(true);
    let error = note(1).insert(&cluster).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::OutcomeUnknown, "{error}");
    relay.lose_answers(false);
    eventually("the row is there once", async || {
        fixture.copies(&mut direct, 1).await == 1
    })
    .await;

    let tx = cluster.begin(Note::shard(0)).await.unwrap();
    note(2).insert(&tx).await.unwrap();
    relay.lose_answers(true);
    let error = tx.commit().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::OutcomeUnknown, "{error}");
    relay.lose_answers(false);
    eventually("what was committed is there", async || {
        fixture.copies(&mut direct, 2).await == 1
    })
    .await;

    // The closure is not run again: it may have happened.
    let runs = std::sync::atomic::AtomicU32::new(0);
    let (relay, runs) = (&relay, &runs);
    let error = cluster
        .transaction(Note::shard(0), |tx| async move {
            runs.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
            note(3).insert(&tx).await?;
            relay.lose_answers(true);
            Ok::<_, shard_orm::Error>(())
        })
        .await
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::OutcomeUnknown, "{error}");
    assert_eq!(runs.load(std::sync::atomic::Ordering::Relaxed), 1);
    relay.lose_answers(false);
    Note::get(&cluster, 0, 0).await.unwrap();
}

async fn a_server_that_does_not_listen_is_unavailable(backend: Backend) {
    let fixture = Fixture::new(backend).await;
    let relay = Relay::to(&fixture.url).await;
    let server = Server::new("a", relay.url(&fixture.url));
    let cluster = Cluster::connect(&fixture.config_at(server, pool_of(2)))
        .await
        .unwrap();
    drop(relay);
    eventually("the port is closed", async || {
        Note::on(0).count(&cluster).await.is_err()
    })
    .await;
    for outcome in [
        Note::on(0).count(&cluster).await.map(drop),
        note(1).insert(&cluster).await.map(drop),
        cluster.begin(Note::shard(0)).await.map(drop),
    ] {
        let error = outcome.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unavailable, "{error}");
        assert_eq!(error.shard().unwrap().to_string(), "shop/0");
    }
}

on! { [postgres mariadb] =>
    reads_survive_killed_idle_connections
    losses_and_retries_are_counted
    concurrent_reads_survive_killed_connections
    streams_survive_a_stale_connection
    writes_survive_stale_sibling_connections
    a_transaction_begins_despite_a_stale_connection
    a_write_on_a_lost_connection_is_not_retried
    a_running_write_whose_session_is_killed_is_sent_once
    a_killed_session_ends_its_transaction
    a_write_with_a_lost_response_has_an_unknown_outcome
    a_server_that_does_not_listen_is_unavailable
}

/// What a cluster says while its server is down, and after.
async fn through_a_crash(fixture: &Fixture, kill: impl FnOnce(), restart: impl AsyncFnOnce()) {
    let pool = PoolOptions::new()
        .max_connections(4)
        .connect_timeout(LIMIT / 6);
    let cluster = fixture.cluster(pool).await;
    let mut acknowledged = vec![1];
    note(1).insert(&cluster).await.unwrap();
    open(&cluster, 4).await;
    let tx = cluster.begin(Note::shard(0)).await.unwrap();
    note(2).insert(&tx).await.unwrap();
    let sleep = match fixture.backend {
        Backend::Postgres => "SELECT 1 FROM pg_sleep(30)",
        _ => "SELECT SLEEP(30)",
    };
    let running = tokio::spawn({
        let cluster = cluster.clone();
        async move { Note::on_shard_of(0).sql(sleep).all::<i32>(&cluster).await }
    });
    let mut direct = fixture.direct().await;
    let asleep = match fixture.backend {
        Backend::Postgres => "SELECT COUNT(*) FROM pg_stat_activity WHERE wait_event = 'PgSleep'",
        _ => "SELECT COUNT(*) FROM information_schema.processlist WHERE state = 'User sleep'",
    };
    eventually("a statement runs", async || {
        direct.number(asleep).await == 1
    })
    .await;
    drop(direct);

    kill();
    let begun = Instant::now();
    let error = running.await.unwrap().unwrap_err();
    // It is in SQL, of which the library does not know whether it writes.
    assert_eq!(error.kind(), ErrorKind::OutcomeUnknown, "{error}");
    for id in 10..20 {
        let error = note(id).insert(&cluster).await.unwrap_err();
        assert!(
            matches!(
                error.kind(),
                ErrorKind::Unavailable | ErrorKind::OutcomeUnknown
            ),
            "{error}"
        );
        let error = Note::get(&cluster, 0, 1).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unavailable, "{error}");
    }
    let error = tx.commit().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::OutcomeUnknown, "{error}");
    // Next to none has waited for a timeout.
    assert!(begun.elapsed() < LIMIT);

    restart().await;
    // The same cluster goes on, with the first statement.
    Note::get(&cluster, 0, 1).await.unwrap();
    for id in 30..40 {
        note(id).insert(&cluster).await.unwrap();
        acknowledged.push(id);
    }
    let mut direct = fixture.direct().await;
    let notes = fixture.table(0, "notes");
    let kept = direct
        .numbers(&format!("SELECT id FROM {notes} ORDER BY id"))
        .await;
    assert_eq!(kept, acknowledged);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cluster_survives_a_crash_of_postgres() {
    let server = PostgresServer::start().await.unwrap();
    let fixture = Fixture::at_postgres(server.url());
    let server = std::cell::RefCell::new(server);
    #[allow(clippy::await_holding_refcell_ref)] // One task, one user at a time.
    let restart = async || server.borrow_mut().restart().await.unwrap();
    through_a_crash(&fixture, || server.borrow_mut().kill9(), restart).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cluster_survives_a_crash_of_mariadb() {
    let server = MariaDbServer::start().await.unwrap();
    let fixture = Fixture::at_mariadb(server.url()).await;
    let server = std::cell::RefCell::new(server);
    #[allow(clippy::await_holding_refcell_ref)] // One task, one user at a time.
    let restart = async || server.borrow_mut().restart().await.unwrap();
    through_a_crash(&fixture, || server.borrow_mut().kill9(), restart).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hanging_server_fails_at_the_connect_timeout() {
    let server = PostgresServer::start().await.unwrap();
    let fixture = Fixture::at_postgres(server.url());
    let pool = pool_of(2)
        .connect_timeout(Duration::from_secs(2))
        .ping_after_idle(Duration::from_millis(1));
    let cluster = fixture.cluster(pool).await;
    open(&cluster, 2).await;
    signal_tree(server.pid().unwrap(), Signal::SIGSTOP);
    tokio::time::sleep(Duration::from_millis(5)).await;
    // Two pings and a connection that is not taken.
    let insert = tokio::time::timeout(LIMIT, note_of(0, 1).insert(&cluster)).await;
    let error = insert.unwrap().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unavailable, "{error}");
    assert!(error.to_string().contains("connect_timeout"), "{error}");
    tokio::time::timeout(LIMIT, cluster.close())
        .await
        .expect("closing waits for a server that hangs");
    signal_tree(server.pid().unwrap(), Signal::SIGCONT);
}

#[tokio::test]
async fn an_interrupted_statement_appears_once_in_the_server_log() {
    let server = PostgresServer::start_with(&[("log_statement", "all")])
        .await
        .unwrap();
    let fixture = Fixture::at_postgres(server.url());
    let cluster = fixture.cluster(pool_of(3)).await;
    open(&cluster, 3).await;
    let mut direct = fixture.direct().await;
    let marker = "INSERT INTO {notes} SELECT 77, 0, 'once', 1 FROM pg_sleep(30)";
    let running = tokio::spawn({
        let cluster = cluster.clone();
        async move {
            let insert = Note::on_shard_of(0).sql(AssertSqlSafe(marker.to_owned()));
            insert.execute(&cluster).await
        }
    });
    eventually("the statement runs", async || {
        direct
            .number("SELECT COUNT(*) FROM pg_stat_activity WHERE wait_event = 'PgSleep'")
            .await
            == 1
    })
    .await;
    fixture.kill_sessions(&mut direct).await;
    let error = running.await.unwrap().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::OutcomeUnknown, "{error}");
    Note::on(0).count(&cluster).await.unwrap();
    let log = std::fs::read_to_string(server.folder().join("server.log")).unwrap();
    let times = log
        .lines()
        .filter(|line| line.contains("execute") && line.contains("'once'"))
        .count();
    assert_eq!(times, 1);
}
