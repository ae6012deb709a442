//! Tables that are altered, and sessions that are reset, while the program runs.

use futures_util::TryStreamExt as _;
use futures_util::future::join_all;
use shard_orm::Cluster;
use shard_orm::prelude::*;
use shard_orm::sqlx::AssertSqlSafe;

use crate::fixture::{Backend, Fixture, Note, note, on, pool_of};

/// How many connections the pools have.
const CONNECTIONS: u32 = 3;

/// Each verb once, with rows of its own.
async fn each_verb(cluster: &Cluster, id: i64) {
    let own = || Note::on(0).filter(Note::ID.eq(id));
    note(id).insert(cluster).await.unwrap();
    assert_eq!(Note::get(cluster, 0, id).await.unwrap(), note(id));
    assert_eq!(own().all(cluster).await.unwrap(), [note(id)]);
    let rows: Vec<Note> = own().stream(cluster).try_collect().await.unwrap();
    assert_eq!(rows, [note(id)]);
    let changed = Note {
        amount: 2,
        ..note(id)
    };
    changed.update(cluster).await.unwrap();
    changed.save(cluster).await.unwrap();
    assert_eq!(
        own()
            .increment(Note::AMOUNT, 1)
            .update(cluster)
            .await
            .unwrap(),
        1
    );
    let scattered = Note::scatter()
        .filter(Note::ID.eq(id))
        .all(cluster)
        .await
        .unwrap();
    assert_eq!(scattered[0].amount, 3);
    let sums = own().select(Note::TEXT).all(cluster).await.unwrap();
    assert_eq!(sums, [format!("note {id}")]);
    let raw = Note::on_shard_of(0).sql(AssertSqlSafe(format!(
        "SELECT text FROM {{notes}} WHERE id = {id}"
    )));
    assert_eq!(
        raw.all::<String>(cluster).await.unwrap(),
        [format!("note {id}")]
    );
    let more = Note::insert_many(cluster, vec![note(id + 1), note(id + 2)])
        .await
        .unwrap();
    assert_eq!(more.len(), 2);
    let tx = cluster.begin(Note::shard(0)).await.unwrap();
    tx.rollback().await.unwrap();
    assert_eq!(
        Note::on(0)
            .filter(Note::ID.ge(id))
            .filter(Note::ID.lt(id + 3))
            .delete(cluster)
            .await
            .unwrap(),
        3
    );
}

/// Statements that give the altered column, prepared on each connection of the pool.
async fn prepare_everywhere(cluster: &Cluster) {
    note(1).save(cluster).await.unwrap();
    each_verb(cluster, 10).await;
    for _ in 0..3 {
        let reads = (0..2 * CONNECTIONS).map(|_| Note::get(cluster, 0, 1));
        for read in join_all(reads).await {
            assert_eq!(read.unwrap(), note(1));
        }
    }
}

/// What changes the table under the statements that read it.
async fn alter(fixture: &Fixture, round: usize) {
    let notes = fixture.table(0, "notes");
    let length = 100 + round;
    let text = match fixture.backend {
        // It has no lengths.
        Backend::Sqlite => format!("ALTER TABLE {notes} ADD COLUMN more_{round} text"),
        Backend::Postgres => {
            format!("ALTER TABLE {notes} ALTER COLUMN text TYPE varchar({length})")
        }
        Backend::MariaDb => {
            format!("ALTER TABLE {notes} MODIFY COLUMN text varchar({length}) NOT NULL")
        }
    };
    fixture.direct().await.run(&text).await.unwrap();
}

async fn calls_survive_an_altered_table(backend: Backend) {
    let fixture = Fixture::new(backend).await;
    let cluster = fixture.cluster(pool_of(CONNECTIONS)).await;
    prepare_everywhere(&cluster).await;
    for round in 0..3 {
        alter(&fixture, round).await;
        // All connections at once, and one after the other.
        let reads = (0..CONNECTIONS).map(|_| Note::get(&cluster, 0, 1));
        for read in join_all(reads).await {
            assert_eq!(read.unwrap(), note(1), "round {round}");
        }
        for id in 0..4 {
            each_verb(&cluster, 100 + 10 * id).await;
        }
    }
}

async fn streams_survive_an_altered_table(backend: Backend) {
    let fixture = Fixture::new(backend).await;
    let cluster = fixture.cluster(pool_of(1)).await;
    note(1).insert(&cluster).await.unwrap();
    for round in 0..3 {
        let rows: Vec<Note> = Note::on(0).stream(&cluster).try_collect().await.unwrap();
        assert_eq!(rows, [note(1)]);
        let rows: Vec<Note> = Note::scatter()
            .stream(&cluster)
            .try_collect()
            .await
            .unwrap();
        assert_eq!(rows, [note(1)]);
        alter(&fixture, round).await;
    }
}

async fn a_transaction_is_retried_once_after_an_altered_table(backend: Backend) {
    let fixture = Fixture::new(backend).await;
    let cluster = fixture.cluster(pool_of(CONNECTIONS)).await;
    note(1).insert(&cluster).await.unwrap();
    for round in 0..3 {
        // Prepared on each connection that writes.
        let mut open = Vec::new();
        for _ in 0..if backend == Backend::Sqlite {
            1
        } else {
            CONNECTIONS
        } {
            let tx = cluster.begin(Note::shard(0)).await.unwrap();
            Note::get(&tx, 0, 1).await.unwrap();
            open.push(tx);
        }
        for tx in open {
            tx.commit().await.unwrap();
        }
        alter(&fixture, round).await;
        let tx = cluster.begin(Note::shard(0)).await.unwrap();
        match Note::get(&tx, 0, 1).await {
            Ok(found) => {
                assert_eq!(found, note(1));
                // An open one would keep the table from being altered.
                tx.commit().await.unwrap();
            }
            Err(error) => {
                assert_eq!(backend, Backend::Postgres, "{error}");
                assert!(error.is_retryable(), "{error}");
                let error = tx.commit().await.unwrap_err();
                assert_eq!(error.kind(), ErrorKind::TransactionEnded, "{error}");
            }
        }
        // From here on each transaction works, on whichever connection.
        for _ in 0..2 * CONNECTIONS {
            let tx = cluster.begin(Note::shard(0)).await.unwrap();
            assert_eq!(Note::get(&tx, 0, 1).await.unwrap(), note(1));
            tx.rollback().await.unwrap();
        }
        alter(&fixture, 10 + round).await;
        let runs = std::sync::atomic::AtomicU32::new(0);
        let found = cluster.transaction(Note::shard(0), |tx| {
            runs.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
            async move { Note::get(&tx, 0, 1).await }
        });
        assert_eq!(found.await.unwrap(), note(1));
        assert!(runs.into_inner() <= 2);
    }
}

async fn a_recreated_table_is_found(backend: Backend) {
    let fixture = Fixture::new(backend).await;
    let cluster = fixture.cluster(pool_of(CONNECTIONS)).await;
    prepare_everywhere(&cluster).await;
    let mut direct = fixture.direct().await;
    for _ in 0..3 {
        let notes = fixture.table(0, "notes");
        direct.run(&format!("DROP TABLE {notes}")).await.unwrap();
        let error = Note::get(&cluster, 0, 1).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::UndefinedTable, "{error}");
        let setup = cluster.setup().table::<Note>().create_missing("shop", [0]);
        setup.run().await.unwrap();
        assert_eq!(Note::find(&cluster, 0, 1).await.unwrap(), None);
        prepare_everywhere(&cluster).await;
    }
}

async fn a_reset_session_stays_usable(backend: Backend) {
    let fixture = Fixture::new(backend).await;
    let cluster = fixture.cluster(pool_of(1)).await;
    note(1).insert(&cluster).await.unwrap();
    for reset in ["DISCARD ALL", "DEALLOCATE ALL"] {
        let reset = || {
            cluster
                .broadcast("shop")
                .each_server()
                .sql(AssertSqlSafe(reset))
                .execute()
        };
        for _ in 0..2 {
            assert_eq!(Note::get(&cluster, 0, 1).await.unwrap(), note(1));
            assert!(reset().await.unwrap().is_done());
            assert_eq!(Note::get(&cluster, 0, 1).await.unwrap(), note(1));
            let raised = Note::on(0).increment(Note::AMOUNT, 1);
            assert_eq!(raised.update(&cluster).await.unwrap(), 1);
            assert!(reset().await.unwrap().is_done());
            // A write is sent again as well, and carried out once.
            let lowered = Note::on(0).increment(Note::AMOUNT, -1);
            assert_eq!(lowered.update(&cluster).await.unwrap(), 1);
            assert!(reset().await.unwrap().is_done());
            let rows: Vec<Note> = Note::on(0).stream(&cluster).try_collect().await.unwrap();
            assert_eq!(rows, [note(1)]);
        }
    }
}

async fn a_stale_plan_inside_a_procedure_is_not_retried(backend: Backend) {
    let fixture = Fixture::new(backend).await;
    let cluster = fixture.cluster(pool_of(1)).await;
    note(1).insert(&cluster).await.unwrap();
    let notes = fixture.table(0, "notes");
    let mut direct = fixture.direct().await;
    // It commits a part, and then fails as a plan does that is out of date.
    let procedure = format!(
        "CREATE PROCEDURE half() LANGUAGE plpgsql AS $$ BEGIN \
         UPDATE {notes} SET amount = amount + 1; COMMIT; \
         RAISE EXCEPTION 'prepared statement does not exist' USING ERRCODE = '26000'; END $$"
    );
    direct.run(&procedure).await.unwrap();
    let error = Note::on_shard_of(0)
        .sql("CALL half()")
        .execute(&cluster)
        .await
        .unwrap_err();
    assert!(!error.is_retryable(), "{error}");
    assert_eq!(fixture.amount(&mut direct, 1).await, 2);
}

on! { [sqlite postgres mariadb] =>
    calls_survive_an_altered_table
    streams_survive_an_altered_table
    a_transaction_is_retried_once_after_an_altered_table
    a_recreated_table_is_found
}

on! { [postgres] =>
    a_reset_session_stays_usable
    a_stale_plan_inside_a_procedure_is_not_retried
}
