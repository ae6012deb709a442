//! A driver that fails in the middle of a response: a response without an end is an error.

use futures_util::TryStreamExt as _;
use shard_orm::config::PoolOptions;
use shard_orm::prelude::*;
use shard_orm::sqlx::AssertSqlSafe;
use shard_orm::{Cluster, query::ShardRows};
use shard_orm_tests::servers::MariaDbServer;
use tokio::time::timeout;

use crate::direct::Direct;
use crate::fixture::{Backend, Fixture, LIMIT, Note, note, on, pool_of};

/// A file of SQLite whose table of notes has a column that kills the driver's thread when a statement reads it: the
/// name of its type is not UTF-8.
struct Deadly {
    fixture: Fixture,
    cluster: Cluster,
    direct: Direct,
    before: String,
}

impl Deadly {
    async fn new(pool: PoolOptions) -> Self {
        let fixture = Fixture::new(Backend::Sqlite).await;
        let cluster = fixture.cluster(pool.clone()).await;
        note(1).insert(&cluster).await.unwrap();
        let mut direct = fixture.direct().await;
        let Direct::Sqlite(connection) = &mut direct else {
            panic!("this is SQLite")
        };
        let text = "SELECT sql FROM sqlite_schema WHERE name = 'notes'";
        let before = sqlx::query_scalar(text).fetch_one(connection).await;
        let mut deadly = Self {
            fixture,
            cluster,
            direct,
            before: before.unwrap(),
        };
        let after = "'CREATE TABLE notes (id integer primary key, user_id integer, text text, amount x' \
                     || CAST(x'ff' AS TEXT) || ')'";
        deadly.describe(after).await;
        // Connections that are opened from here on know no other description.
        deadly.cluster.close().await;
        deadly.cluster = Cluster::connect(&deadly.fixture.config(pool))
            .await
            .unwrap();
        deadly
    }

    /// Writes another description of the table, which all connections read anew.
    async fn describe(&mut self, sql: &str) {
        let version = self.direct.number("PRAGMA schema_version").await + 1;
        let text = format!(
            "PRAGMA writable_schema = ON; \
             UPDATE sqlite_schema SET sql = {sql} WHERE name = 'notes'; \
             PRAGMA schema_version = {version}; PRAGMA writable_schema = OFF"
        );
        self.direct.run(&text).await.unwrap();
    }

    /// Takes the deadly column away; everything works on.
    async fn cure(mut self) {
        let before = format!("'{}'", self.before.replace('\'', "''"));
        self.describe(&before).await;
        let cluster = &self.cluster;
        let all = async {
            note(2).insert(cluster).await.unwrap();
            assert_eq!(Note::get(cluster, 0, 2).await.unwrap(), note(2));
            assert_eq!(Note::on(0).count(cluster).await.unwrap(), 2);
            let tx = cluster.begin(Note::shard(0)).await.unwrap();
            note(3).insert(&tx).await.unwrap();
            tx.commit().await.unwrap();
        };
        timeout(LIMIT, all).await.expect("a call waits for ever");
        assert_eq!(self.fixture.copies(&mut self.direct, 3).await, 1);
    }
}

/// The kind of the error that a call has to give within the limit.
async fn kind<T: std::fmt::Debug>(call: impl Future<Output = shard_orm::Result<T>>) -> ErrorKind {
    let outcome = timeout(LIMIT, call).await.expect("a call waits for ever");
    outcome.expect_err("the answer had no end").kind()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_read_without_an_end_is_unavailable() {
    let deadly = Deadly::new(pool_of(3)).await;
    let cluster = &deadly.cluster;
    for _ in 0..5 {
        // One row at most, many rows, and rows one by one.
        let one = kind(Note::find(cluster, 0, 1)).await;
        let none = kind(Note::find(cluster, 0, 99)).await;
        let many = kind(Note::on(0).all(cluster)).await;
        let first = kind(Note::on(0).first(cluster)).await;
        let stream = kind(Note::on(0).stream(cluster).try_collect::<Vec<_>>()).await;
        let scattered = kind(Note::scatter().all(cluster)).await;
        let raw = Note::on_shard_of(0)
            .read(Read::Primary)
            .sql("SELECT amount FROM {notes}");
        let raw = kind(raw.all::<i32>(cluster)).await;
        let all = [one, none, many, first, stream, scattered, raw];
        assert_eq!(all, [ErrorKind::Unavailable; 7]);
    }
    deadly.cure().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_write_without_an_end_has_an_unknown_outcome() {
    let deadly = Deadly::new(pool_of(2)).await;
    let cluster = &deadly.cluster;
    for _ in 0..5 {
        // They may write, for what is known of them.
        let raw = Note::on_shard_of(0).sql("SELECT amount FROM {notes}");
        assert_eq!(
            kind(raw.all::<i32>(cluster)).await,
            ErrorKind::OutcomeUnknown
        );
        let raw = Note::on_shard_of(0).sql("SELECT amount FROM {notes}");
        assert_eq!(
            kind(raw.first::<i32>(cluster)).await,
            ErrorKind::OutcomeUnknown
        );
        let rows = Note::on_shard_of(0).sql("SELECT amount FROM {notes}");
        let rows = rows.reduce(
            cluster,
            async |mut rows: ShardRows<'_, i32>| rows.try_next().await,
            |one, _| one,
        );
        assert_eq!(kind(rows).await, ErrorKind::OutcomeUnknown);
        // The first of several statements had an end.
        let text = "UPDATE {notes} SET amount = 1; SELECT amount FROM {notes}";
        let report = cluster.broadcast("shop").sql(text).execute();
        let report = timeout(LIMIT, report).await.expect("a call waits for ever");
        let shard_0 = report.unwrap().outcomes.into_iter().next().unwrap();
        let error = shard_0.result.unwrap().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::OutcomeUnknown, "{error}");
    }
    deadly.cure().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_transaction_ends_when_its_driver_thread_ends() {
    let deadly = Deadly::new(pool_of(1)).await;
    let cluster = &deadly.cluster;
    for _ in 0..5 {
        let begun = timeout(LIMIT, cluster.begin(Note::shard(0))).await;
        let tx = begun.expect("a call waits for ever").unwrap();
        assert_eq!(kind(Note::find(&tx, 0, 99)).await, ErrorKind::Unavailable);
        assert_eq!(
            kind(Note::on(0).count(&tx)).await,
            ErrorKind::TransactionEnded
        );
        assert_eq!(kind(tx.commit()).await, ErrorKind::TransactionEnded);
        let tx = cluster.begin(Note::shard(0)).await.unwrap();
        let stream = Note::on(0).stream(&tx).try_collect::<Vec<_>>();
        assert_eq!(kind(stream).await, ErrorKind::Unavailable);
        assert_eq!(kind(tx.savepoint()).await, ErrorKind::TransactionEnded);
    }
    deadly.cure().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_packet_of_16_mib_is_not_mistaken_for_the_end_of_rows() {
    let server = MariaDbServer::start_with(&[("max_allowed_packet", "64M")]);
    let server = server.await.unwrap();
    let fixture = Fixture::at_mariadb(server.url()).await;
    let cluster = fixture.cluster(pool_of(1)).await;
    let text = "SELECT REPEAT('x', 16777216), 1 UNION ALL SELECT 'short', 2";
    let report = cluster.broadcast("shop").each_server().sql(text);
    let report = report.all::<(String, i64)>().await.unwrap();
    let rows = report.into_result().unwrap().pop().unwrap();
    let lengths: Vec<(usize, i64)> = rows.iter().map(|row| (row.0.len(), row.1)).collect();
    assert_eq!(lengths, [(16_777_216, 1), (5, 2)]);
    note(1).insert(&cluster).await.unwrap();
    assert_eq!(Note::get(&cluster, 0, 1).await.unwrap(), note(1));
}

async fn select_star_works_after_a_column_is_added(backend: Backend) {
    let fixture = Fixture::new(backend).await;
    let cluster = fixture.cluster(pool_of(3)).await;
    for id in [1, 2] {
        note(id).insert(&cluster).await.unwrap();
    }
    let mut direct = fixture.direct().await;
    let star = || Note::on_shard_of(0).sql("SELECT * FROM {notes} ORDER BY id");
    let read = || {
        Note::on_shard_of(0)
            .read(Read::Primary)
            .sql("SELECT * FROM {notes} ORDER BY id")
    };
    let returning = || Note::on_shard_of(0).sql("UPDATE {notes} SET amount = 7 RETURNING *");
    let has_returning = backend != Backend::MariaDb;
    type Before = (i64, i64, String, i32);
    type After = (i64, i64, String, i32, Option<String>);
    // All connections of the pools have asked.
    let before = || async { star().all::<Before>(&cluster).await };
    let rows = futures_util::future::join_all((0..6).map(|_| before())).await;
    assert!(rows.into_iter().all(|rows| rows.unwrap().len() == 2));
    let reads = (0..6).map(|_| read().all::<Before>(&cluster));
    assert!(
        futures_util::future::join_all(reads)
            .await
            .into_iter()
            .all(|rows| rows.unwrap().len() == 2)
    );
    if has_returning {
        assert_eq!(returning().all::<Before>(&cluster).await.unwrap().len(), 2);
    }
    let notes = fixture.table(0, "notes");
    let text = if backend == Backend::Sqlite {
        "text"
    } else {
        "varchar(20)"
    };
    direct
        .run(&format!("ALTER TABLE {notes} ADD COLUMN remark {text}"))
        .await
        .unwrap();
    for round in 0..10 {
        let all = async {
            let rows = star().all::<After>(&cluster).await;
            assert_eq!(rows.unwrap().len(), 2, "round {round}");
            let rows = read().all::<After>(&cluster).await;
            assert_eq!(rows.unwrap().len(), 2, "round {round}");
            if has_returning {
                assert_eq!(returning().all::<After>(&cluster).await.unwrap().len(), 2);
                assert_eq!(returning().execute(&cluster).await.unwrap(), 2);
            }
            let collected = read().reduce(
                &cluster,
                async |mut rows: ShardRows<'_, After>| {
                    let mut count = 0;
                    while rows.try_next().await?.is_some() {
                        count += 1;
                    }
                    Ok(count)
                },
                |one, other| one + other,
            );
            assert_eq!(collected.await.unwrap(), Some(2));
            note(10 + round).insert(&cluster).await.unwrap();
            Note::on(0)
                .filter(Note::ID.eq(10 + round))
                .delete(&cluster)
                .await
                .unwrap();
        };
        timeout(LIMIT, all).await.expect("a call waits for ever");
    }
    // Another type of what has become of it is told, and is not the end of the rows.
    assert_eq!(
        kind(star().all::<Before>(&cluster)).await,
        ErrorKind::Decode
    );
}

async fn sql_without_a_statement_is_refused(backend: Backend) {
    let fixture = Fixture::new(backend).await;
    let cluster = fixture.cluster(pool_of(1)).await;
    for text in ["", " ; ", "-- only words", "/* of {notes} */ ;"] {
        let nothing = Note::on_shard_of(0).sql(AssertSqlSafe(text));
        assert_eq!(
            kind(nothing.all::<i64>(&cluster)).await,
            ErrorKind::Unsupported
        );
        let nothing = cluster.broadcast("shop").sql(AssertSqlSafe(text)).execute();
        assert_eq!(kind(nothing).await, ErrorKind::Unsupported);
    }
    // A comment in front of a statement is one of many.
    let one = Note::on_shard_of(0).sql("-- one\n/* two */ SELECT COUNT(*) FROM {notes} -- three");
    assert_eq!(one.one::<i64>(&cluster).await.unwrap(), 0);
}

on! { [sqlite postgres mariadb] =>
    select_star_works_after_a_column_is_added
    sql_without_a_statement_is_refused
}
