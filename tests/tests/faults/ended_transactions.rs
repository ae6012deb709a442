//! Transactions that failed or were ended by the database: they refuse further statements, and commit nothing.

use shard_orm::Error;
use shard_orm::prelude::*;

use crate::fixture::{Backend, Fixture, Note, note, note_of, on, pool_of};

async fn a_savepoint_recovers_from_a_failed_statement(backend: Backend) {
    let fixture = Fixture::new(backend).await;
    let cluster = fixture.cluster(pool_of(1)).await;
    note(1).insert(&cluster).await.unwrap();
    let tx = cluster.begin(Note::shard(0)).await.unwrap();
    note(2).insert(&tx).await.unwrap();
    let point = tx.savepoint().await.unwrap();
    let error = note(1).insert(&tx).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unique, "{error}");
    point.rollback().await.unwrap();
    note(3).insert(&tx).await.unwrap();
    tx.commit().await.unwrap();
    assert_eq!(Note::on(0).count(&cluster).await.unwrap(), 3);
}

async fn commit_fails_after_a_failed_statement(backend: Backend) {
    let fixture = Fixture::new(backend).await;
    let cluster = fixture.cluster(pool_of(1)).await;
    note(1).insert(&cluster).await.unwrap();
    let tx = cluster.begin(Note::shard(0)).await.unwrap();
    note(2).insert(&tx).await.unwrap();
    note(1).insert(&tx).await.unwrap_err();
    let next = note(3).insert(&tx).await.map_err(|error| error.kind());
    let committed = tx.commit().await.map_err(|error| error.kind());
    let kept = Note::on(0).count(&cluster).await.unwrap();
    if backend == Backend::Postgres {
        // The server answers such a COMMIT with a rollback.
        assert_eq!(next.unwrap_err(), ErrorKind::TransactionEnded);
        assert_eq!(committed.unwrap_err(), ErrorKind::TransactionEnded);
        assert_eq!(kept, 1);
    } else {
        // The statement alone was undone.
        next.unwrap();
        committed.unwrap();
        assert_eq!(kept, 3);
    }
}

async fn a_deadlock_victim_refuses_further_statements(backend: Backend) {
    let fixture = Fixture::new(backend).await;
    let cluster = fixture.cluster(pool_of(2)).await;
    for id in [1, 2] {
        note(id).insert(&cluster).await.unwrap();
    }
    let bump = async |tx: &Tx, id: i64| {
        let row = Note::on(0).filter(Note::ID.eq(id));
        row.increment(Note::AMOUNT, 1).update(tx).await
    };
    let first = cluster.begin(Note::shard(0)).await.unwrap();
    let second = cluster.begin(Note::shard(0)).await.unwrap();
    bump(&first, 1).await.unwrap();
    bump(&second, 2).await.unwrap();
    let (one, two) = tokio::join!(
        async {
            let outcome = bump(&first, 2).await;
            (outcome, first)
        },
        async {
            let outcome = bump(&second, 1).await;
            if outcome.is_err() {
                // Its locks are free with the error; the other goes on.
                note(7).insert(&second).await.unwrap_err();
            }
            (outcome, second)
        }
    );
    let mut committed = 0;
    for (outcome, tx) in [one, two] {
        match outcome {
            Ok(_) => {
                tx.commit().await.unwrap();
                committed += 1;
            }
            Err(error) => {
                assert_eq!(error.kind(), ErrorKind::Deadlock, "{error}");
                assert!(error.is_retryable());
                // MariaDB has rolled the whole transaction back, and would take this one by itself.
                let error = note(8).insert(&tx).await.unwrap_err();
                assert_eq!(error.kind(), ErrorKind::TransactionEnded, "{error}");
                let error = tx.commit().await.unwrap_err();
                assert_eq!(error.kind(), ErrorKind::TransactionEnded, "{error}");
            }
        }
    }
    assert_eq!(committed, 1);
    let mut direct = fixture.direct().await;
    assert_eq!(fixture.amount(&mut direct, 1).await, 2);
    assert_eq!(fixture.amount(&mut direct, 2).await, 2);
    assert_eq!(Note::on(0).count(&cluster).await.unwrap(), 2);
}

#[tokio::test]
async fn a_transaction_rolled_back_by_sqlite_refuses_further_statements() {
    let fixture = Fixture::new(Backend::Sqlite).await;
    let cluster = fixture.cluster(pool_of(1)).await;
    note(1).insert(&cluster).await.unwrap();
    let tx = cluster.begin(Note::shard(0)).await.unwrap();
    note(2).insert(&tx).await.unwrap();
    // The file may not grow any more: such a failure can end the whole transaction.
    let full = Note::on_shard_of(0).sql("PRAGMA max_page_count = 1");
    full.all::<i64>(&tx).await.unwrap();
    let mut failure = None;
    for id in 10..2_000 {
        let long = Note {
            text: format!("{id:0>60}"),
            ..note(id)
        };
        if let Err(error) = long.insert(&tx).await {
            failure = Some(error);
            break;
        }
    }
    let error = failure.expect("the file is full");
    assert_eq!(error.kind(), ErrorKind::StorageFull, "{error}");
    let error = tx.commit().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::TransactionEnded, "{error}");
    assert_eq!(Note::on(0).count(&cluster).await.unwrap(), 1);
}

#[tokio::test]
async fn a_rollback_by_lock_timeout_on_mariadb_keeps_nothing() {
    use shard_orm_tests::servers::MariaDbServer;

    let settings = [
        ("innodb-rollback-on-timeout", "1"),
        ("innodb-lock-wait-timeout", "1"),
    ];
    let server = MariaDbServer::start_with(&settings).await.unwrap();
    let fixture = Fixture::at_mariadb(server.url()).await;
    let cluster = fixture.cluster(pool_of(1)).await;
    note(1).insert(&cluster).await.unwrap();
    let mut direct = fixture.direct().await;
    fixture.lock(&mut direct, 1).await;
    let tx = cluster.begin(Note::shard(0)).await.unwrap();
    note(2).insert(&tx).await.unwrap();
    let error = note(1).delete(&tx).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Timeout, "{error}");
    // The server has undone the first row, and would keep this one.
    let error = note(3).insert(&tx).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::TransactionEnded, "{error}");
    let error = tx.commit().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::TransactionEnded, "{error}");
    direct.run("ROLLBACK").await.unwrap();
    assert_eq!(Note::on(0).count(&cluster).await.unwrap(), 1);
}

async fn an_ended_transaction_is_reported(backend: Backend) {
    let fixture = Fixture::new(backend).await;
    let cluster = fixture.cluster(pool_of(1)).await;
    for commit in [true, false] {
        let tx = cluster.begin(Note::shard(0)).await.unwrap();
        let other = tx.clone();
        if commit {
            tx.commit().await.unwrap();
        } else {
            tx.rollback().await.unwrap();
        }
        for error in [
            note(1).insert(&other).await.unwrap_err(),
            other.savepoint().await.unwrap_err(),
            other.clone().commit().await.unwrap_err(),
            other.clone().rollback().await.unwrap_err(),
        ] {
            assert_eq!(error.kind(), ErrorKind::TransactionEnded, "{error}");
        }
    }
    assert_eq!(Note::on(0).count(&cluster).await.unwrap(), 0);
}

#[tokio::test]
async fn a_deferred_constraint_that_fails_at_the_commit_is_named() {
    let fixture = Fixture::new(Backend::Postgres).await;
    let cluster = fixture.cluster(pool_of(1)).await;
    let mut direct = fixture.direct().await;
    let notes = fixture.table(0, "notes");
    direct.run(&format!(
        "ALTER TABLE {notes} ADD CONSTRAINT late_text UNIQUE (text) DEFERRABLE INITIALLY DEFERRED; \
         CREATE TABLE shop_0.amounts (amount int PRIMARY KEY); \
         INSERT INTO shop_0.amounts VALUES (1); \
         ALTER TABLE {notes} ADD CONSTRAINT late_amount FOREIGN KEY (amount) \
         REFERENCES shop_0.amounts DEFERRABLE INITIALLY DEFERRED"
    ))
    .await
    .unwrap();
    note_of(0, 1).insert(&cluster).await.unwrap();

    let same_text = Note {
        text: "note 1".into(),
        ..note_of(4, 2)
    };
    let other_amount = Note {
        amount: 9,
        ..note(3)
    };
    for (row, kind, constraint) in [
        (same_text, ErrorKind::Unique, "late_text"),
        (other_amount, ErrorKind::ForeignKey, "late_amount"),
    ] {
        let tx = cluster.begin(Note::shard(0)).await.unwrap();
        row.clone().insert(&tx).await.unwrap();
        let error = tx.commit().await.unwrap_err();
        assert_eq!(error.kind(), kind, "{error}");
        assert_eq!(error.constraint(), Some(constraint));
        let outcome: Result<(), Error> = cluster
            .transaction(Note::shard(0), |tx| {
                let row = row.clone();
                async move { row.insert(&tx).await.map(drop) }
            })
            .await;
        assert_eq!(outcome.unwrap_err().kind(), kind);
        assert_eq!(Note::on_each([0, 4]).count(&cluster).await.unwrap(), 1);
    }
}

on! { [sqlite postgres mariadb] =>
    a_savepoint_recovers_from_a_failed_statement
    commit_fails_after_a_failed_statement
    an_ended_transaction_is_reported
}
on! { [postgres mariadb] =>
    a_deadlock_victim_refuses_further_statements
}
