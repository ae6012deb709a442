//! Calls over many logical shards when some do not respond, and their load on a server.

use std::thread::available_parallelism;
use std::time::Duration;

use futures_util::TryStreamExt as _;
use shard_orm::config::{FanOut, Server};
use shard_orm::prelude::*;
use shard_orm::sea_query::Expr;
use shard_orm::{Cluster, ErrorKind, Filter, error::ShardId};
use shard_orm_tests::servers::PostgresServer;

use crate::direct::Direct;
use crate::fixture::{Backend, Fixture, LIMIT, Note, SHARDS, eventually, note_of, on, pool_of};
use shard_orm_tests::relay::Relay;

on! { [sqlite postgres mariadb] =>
    a_shard_without_its_table_is_named
    a_partial_result_names_the_missing_shard
    a_wrong_query_fails_as_a_whole
    concurrent_calls_share_a_pool_of_one
    an_abandoned_statement_ends_on_the_server
}

on! { [sqlite] =>
    files_that_do_not_respond_do_not_block_others
}

on! { [postgres mariadb] =>
    a_deadline_ends_the_call_and_its_statements
    a_partial_result_skips_a_server_that_is_down
    a_partial_result_skips_late_shards
    concurrency_per_server_is_limited
}

/// A note of each shard.
async fn fill(cluster: &Cluster) {
    for user in 0..i64::from(SHARDS) {
        note_of(user, 10 + user).insert(cluster).await.unwrap();
    }
}

fn shards(numbers: &[u32]) -> Vec<ShardId> {
    let id = |number: &u32| ShardId {
        group: "shop".to_owned(),
        shard: *number,
    };
    numbers.iter().map(id).collect()
}

/// Shard 1 of four loses its table, after it was found to be there.
async fn one_broken(fixture: &Fixture) -> Cluster {
    let cluster = fixture.cluster(pool_of(2).acquire_timeout(LIMIT)).await;
    fill(&cluster).await;
    assert_eq!(Note::scatter().count(&cluster).await.unwrap(), 4);
    let mut direct = fixture.side_of(1).await;
    let table = fixture.table(1, "notes");
    direct.run(&format!("DROP TABLE {table}")).await.unwrap();
    cluster
}

async fn a_shard_without_its_table_is_named(backend: Backend) {
    let fixture = Fixture::new(backend).await;
    let cluster = one_broken(&fixture).await;
    let error = Note::scatter().count(&cluster).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::UndefinedTable);
    assert_eq!(error.shard(), Some(&shards(&[1])[0]), "{error}");
}

async fn a_partial_result_names_the_missing_shard(backend: Backend) {
    let fixture = Fixture::new(backend).await;
    let cluster = one_broken(&fixture).await;
    let rows = Note::scatter()
        .order_by(Note::ID.desc())
        .partial()
        .all(&cluster)
        .await
        .unwrap();
    let ids: Vec<i64> = rows.value.iter().map(|note| note.id).collect();
    assert_eq!(ids, [13, 12, 10]);
    let missing: Vec<_> = rows.missing.iter().map(|one| one.shards.clone()).collect();
    assert_eq!(missing, [shards(&[1])]);
    assert_eq!(rows.missing[0].error.kind(), ErrorKind::UndefinedTable);
    assert!(!rows.is_complete());
    let error = rows.complete().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::UndefinedTable);

    let count = Note::scatter().partial().count(&cluster).await.unwrap();
    assert_eq!((count.value, count.missing.len()), (3, 1));
    let any = Note::scatter().filter(Note::ID.eq(11)).partial();
    let any = any.exists(&cluster).await.unwrap();
    assert_eq!((any.value, any.missing.len()), (false, 1));
    let first = Note::scatter().order_by(Note::ID.asc()).partial();
    let first = first.first(&cluster).await.unwrap();
    assert_eq!(first.value.map(|note| note.id), Some(10));

    // Of shards that are all there, nothing is missing.
    let whole = Note::on_each([0, 2])
        .partial()
        .count(&cluster)
        .await
        .unwrap();
    assert_eq!(whole.complete().unwrap(), 2);
}

async fn a_wrong_query_fails_as_a_whole(backend: Backend) {
    let fixture = Fixture::new(backend).await;
    let cluster = fixture.cluster(pool_of(2)).await;
    fill(&cluster).await;
    // Texts of several shards are not ordered by the client.
    let error = Note::scatter().order_by(Note::TEXT.asc()).partial();
    let error = error.all(&cluster).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unsupported);
    for share in [0.0, 1.0, f64::NAN, -3.0] {
        let error = Note::scatter()
            .hedge(share)
            .all(&cluster)
            .await
            .unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unsupported, "{share}");
    }
    // A moment that each shard would take for itself.
    let late = || Filter::expr(Expr::cust("CURRENT_TIMESTAMP IS NOT NULL"));
    let error = Note::scatter().filter(late()).count(&cluster).await;
    assert_eq!(error.unwrap_err().kind(), ErrorKind::Unsupported);
    assert_eq!(Note::on(0).filter(late()).count(&cluster).await.unwrap(), 1);
    let limited = Note::on(0).deadline(LIMIT).set(Note::AMOUNT, 2);
    let error = limited.update(&cluster).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unsupported);
}

async fn concurrent_calls_share_a_pool_of_one(backend: Backend) {
    let fixture = Fixture::new(backend).await;
    let cluster = fixture.cluster(pool_of(1).acquire_timeout(LIMIT)).await;
    fill(&cluster).await;
    let call = |number: i64| {
        let cluster = cluster.clone();
        async move {
            let ordered = Note::scatter().order_by(Note::ID.desc());
            match number % 4 {
                0 => ordered.all(&cluster).await.unwrap().len(),
                1 => {
                    let rows: Vec<Note> = ordered.stream(&cluster).try_collect().await.unwrap();
                    rows.len()
                }
                2 => {
                    let rows = Note::scatter().stream(&cluster).try_collect::<Vec<_>>();
                    rows.await.unwrap().len()
                }
                _ => usize::try_from(Note::scatter().count(&cluster).await.unwrap()).unwrap(),
            }
        }
    };
    let calls = (0..64).map(|number| tokio::spawn(call(number)));
    for found in futures_util::future::join_all(calls).await {
        assert_eq!(found.unwrap(), 4);
    }
}

/// Keeps readers from a table.
async fn shut(fixture: &Fixture, direct: &mut Direct, shard: u32) {
    let table = fixture.table(shard, "notes");
    match fixture.backend {
        Backend::Sqlite => panic!("readers of SQLite do not wait"),
        Backend::Postgres => {
            direct.run("BEGIN").await.unwrap();
            direct.run(&format!("LOCK TABLE {table}")).await.unwrap();
        }
        Backend::MariaDb => direct
            .run(&format!("LOCK TABLES {table} WRITE"))
            .await
            .unwrap(),
    }
}

async fn open(fixture: &Fixture, direct: &mut Direct) {
    let end = match fixture.backend {
        Backend::MariaDb => "UNLOCK TABLES",
        _ => "ROLLBACK",
    };
    direct.run(end).await.unwrap();
}

async fn an_abandoned_statement_ends_on_the_server(backend: Backend) {
    let fixture = Fixture::new(backend).await;
    let cluster = fixture.cluster(pool_of(2).acquire_timeout(LIMIT)).await;
    fill(&cluster).await;
    let mut direct = fixture.direct().await;
    let endless = match backend {
        Backend::Postgres => "SELECT 1 FROM pg_sleep(1000)",
        Backend::MariaDb => "SELECT SLEEP(1000)",
        // Reads the file all the while.
        Backend::Sqlite => {
            "WITH RECURSIVE n (i) AS (SELECT id FROM {notes} UNION ALL SELECT i + 1 FROM n) \
             SELECT MAX(i) FROM n"
        }
    };
    let call = Note::on_shard_of(0).sql(endless).first::<i64>(&cluster);
    assert!(
        tokio::time::timeout(Duration::from_millis(300), call)
            .await
            .is_err()
    );
    eventually("nothing of the statement is left", async || match backend {
        Backend::Postgres => {
            let running = "SELECT COUNT(*) FROM pg_stat_activity WHERE \
                 datname = current_database() AND state = 'active' AND query LIKE '%1000%' \
                 AND pid <> pg_backend_pid()";
            direct.number(running).await == 0
        }
        Backend::MariaDb => {
            let running = "SELECT COUNT(*) FROM information_schema.processlist \
                 WHERE info LIKE '%SLEEP(1000)' AND id <> CONNECTION_ID()";
            direct.number(running).await == 0
        }
        // Busy while a reader holds an old state of the file.
        Backend::Sqlite => direct.number("PRAGMA wal_checkpoint(TRUNCATE)").await == 0,
    })
    .await;
    assert_eq!(Note::get(&cluster, 0, 10).await.unwrap().id, 10);
}

async fn a_deadline_ends_the_call_and_its_statements(backend: Backend) {
    let fixture = Fixture::new(backend).await;
    let cluster = fixture.cluster(pool_of(4).acquire_timeout(LIMIT)).await;
    fill(&cluster).await;
    assert_eq!(Note::scatter().count(&cluster).await.unwrap(), 4);
    let (mut direct, mut holder) = (fixture.direct().await, fixture.direct().await);
    shut(&fixture, &mut holder, 2).await;
    let deadline = Duration::from_millis(200);
    let error = Note::scatter().deadline(deadline).count(&cluster).await;
    let error = error.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Timeout, "{error}");
    assert_eq!(error.failed_shards(), shards(&[0, 1, 2, 3]));
    let rows = Note::scatter().order_by(Note::ID.asc()).deadline(deadline);
    let error = rows.stream(&cluster).try_next().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Timeout, "{error}");
    let single = Note::on(2).deadline(deadline).all(&cluster).await;
    assert_eq!(single.unwrap_err().kind(), ErrorKind::Timeout);
    // The lock is still held: they end because they were given up.
    eventually("no statement waits any more", async || {
        let waiting = match backend {
            Backend::MariaDb => {
                "SELECT COUNT(*) FROM information_schema.processlist \
                 WHERE state LIKE 'Waiting for table%' AND id <> CONNECTION_ID() AND info LIKE '%notes%'"
            }
            _ => {
                "SELECT COUNT(*) FROM pg_stat_activity \
                 WHERE datname = current_database() AND wait_event_type = 'Lock'"
            }
        };
        direct.number(waiting).await == 0
    })
    .await;
    open(&fixture, &mut holder).await;
    let count = Note::scatter().deadline(LIMIT).count(&cluster).await;
    assert_eq!(count.unwrap(), 4);
}

/// Shards 0 and 1 on one server, 2 and 3 on another, which in truth is the same, behind a relay.
async fn two_servers(fixture: &Fixture) -> (Cluster, Relay) {
    let relay = Relay::to(&fixture.url).await;
    let servers = [
        Server::new("a", fixture.url.clone()).shards(0..2),
        Server::new("b", relay.url(&fixture.url)).shards(2..4),
    ];
    let config = fixture.config_of(servers, pool_of(4).acquire_timeout(LIMIT));
    let cluster = Cluster::connect(&config).await.unwrap();
    cluster.setup().table::<Note>().run().await.unwrap();
    fill(&cluster).await;
    assert_eq!(Note::scatter().count(&cluster).await.unwrap(), 4);
    (cluster, relay)
}

async fn a_partial_result_skips_a_server_that_is_down(backend: Backend) {
    let fixture = Fixture::new(backend).await;
    let (cluster, relay) = two_servers(&fixture).await;
    relay.lose_answers(true);
    let error = Note::scatter().count(&cluster).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unavailable, "{error}");
    assert_eq!(error.failed_shards(), shards(&[2, 3]));
    let rows = Note::scatter().order_by(Note::ID.asc()).partial();
    let rows = rows.all(&cluster).await.unwrap();
    let ids: Vec<i64> = rows.value.iter().map(|note| note.id).collect();
    assert_eq!(ids, [10, 11]);
    assert_eq!(rows.missing.len(), 1);
    assert_eq!(rows.missing[0].shards, shards(&[2, 3]));
    assert_eq!(rows.missing[0].error.kind(), ErrorKind::Unavailable);
    relay.lose_answers(false);
    let rows = Note::scatter().partial().count(&cluster).await.unwrap();
    assert_eq!(rows.complete().unwrap(), 4);
}

async fn a_partial_result_skips_late_shards(backend: Backend) {
    let fixture = Fixture::new(backend).await;
    let (cluster, _relay) = two_servers(&fixture).await;
    let mut holder = fixture.direct().await;
    shut(&fixture, &mut holder, 3).await;
    let rows = Note::scatter()
        .deadline(Duration::from_millis(500))
        .partial();
    let rows = rows.count(&cluster).await.unwrap();
    assert_eq!(rows.value, 2);
    assert_eq!(rows.missing[0].shards, shards(&[2, 3]));
    assert_eq!(rows.missing[0].error.kind(), ErrorKind::Timeout);
    open(&fixture, &mut holder).await;
}

/// As many files are locked as are read at a time, and they come first.
async fn files_that_do_not_respond_do_not_block_others(backend: Backend) {
    let fixture = Fixture::new(backend).await;
    let locked = available_parallelism().map_or(1, usize::from);
    let locked = u32::try_from(locked).unwrap();
    let all = locked + 2;
    let fan_out = FanOut::new().statements_per_server(all.try_into().unwrap());
    let pool = pool_of(2).acquire_timeout(LIMIT).busy_timeout(LIMIT);
    let cluster = fixture.many_namespaces_by(all.into(), pool, fan_out).await;
    let mut holders = Vec::new();
    for shard in 0..locked {
        let mut holder = fixture.side_of(shard).await;
        let lock = "PRAGMA locking_mode = EXCLUSIVE; BEGIN EXCLUSIVE";
        holder.run(lock).await.unwrap();
        holders.push(holder);
    }
    let count = Note::scatter().deadline(Duration::from_secs(2)).partial();
    let count = count.count(&cluster).await.unwrap();
    let mut missing: Vec<_> = count.missing.iter().flat_map(|one| &one.shards).collect();
    missing.sort_by_key(|id| id.shard);
    let expected = shards(&(0..locked).collect::<Vec<_>>());
    assert_eq!(missing, expected.iter().collect::<Vec<_>>());
}

async fn concurrency_per_server_is_limited(backend: Backend) {
    let fixture = Fixture::new(backend).await;
    for limits in [
        FanOut::new().statements_per_server(2),
        FanOut::new().statements(2).statements_per_server(8),
    ] {
        let pool = pool_of(8).acquire_timeout(LIMIT);
        let cluster = fixture.many_namespaces_by(200, pool, limits).await;
        for user in 0..200 {
            note_of(user, user).insert(&cluster).await.unwrap();
        }
        for _ in 0..5 {
            let rows = Note::scatter().order_by(Note::ID.desc()).all(&cluster);
            assert_eq!(rows.await.unwrap().len(), 200);
        }
        // Four statements of 64 shards and less: connections are kept, and count how many ran.
        let mut direct = fixture.direct().await;
        assert!(fixture.sessions(&mut direct).await <= 2);
        Note::scatter().delete_everywhere(&cluster).await.unwrap();
        cluster.close().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_scatters_do_not_exhaust_the_lock_table() {
    // A small lock table: 1,600 locks, of which a scatter over 256 namespaces takes half.
    let settings = [
        ("max_connections", "100"),
        ("max_locks_per_transaction", "16"),
    ];
    let server = PostgresServer::start_with(&settings);
    let server = server.await.unwrap();
    let fixture = Fixture::at_postgres(server.url());
    let pool = pool_of(64).acquire_timeout(LIMIT);
    let cluster = fixture.many_namespaces(256, pool).await;
    note_of(7, 7).insert(&cluster).await.unwrap();
    assert_eq!(Note::scatter().count(&cluster).await.unwrap(), 1);
    // Each call takes the tables before this one, and waits for it with their locks in hand.
    let (mut direct, mut holder) = (fixture.direct().await, fixture.direct().await);
    shut(&fixture, &mut holder, 255).await;
    let call = || {
        let rows = Note::scatter().order_by(Note::ID.asc());
        let cluster = cluster.clone();
        async move { rows.stream(&cluster).try_collect::<Vec<_>>().await }
    };
    let calls: Vec<_> = (0..64).map(|_| tokio::spawn(call())).collect();
    fixture.someone_waits(&mut direct).await;
    // A session of somebody else wants locks of its own, one after another.
    direct.run("BEGIN").await.unwrap();
    for shard in 0..255 {
        let table = fixture.table(shard, "notes");
        let read = format!("SELECT COUNT(*) FROM {table}");
        direct.run(&read).await.unwrap();
    }
    direct.run("ROLLBACK").await.unwrap();
    open(&fixture, &mut holder).await;
    for found in futures_util::future::join_all(calls).await {
        assert_eq!(found.unwrap().unwrap().len(), 1);
    }
}
