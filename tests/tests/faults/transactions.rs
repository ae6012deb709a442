//! Guarantees of a transaction: its shard, its isolation, its savepoints, and its end.

use std::time::{Duration, Instant};

use shard_orm::prelude::*;
use shard_orm::{Address, Error};

use crate::fixture::{
    Backend, Fixture, Job, LIMIT, Note, Setting, eventually, note, note_of, on, pool_of,
};

async fn commit_keeps_and_rollback_undoes(backend: Backend) {
    let fixture = Fixture::new(backend).await;
    let cluster = fixture.cluster(pool_of(2)).await;
    let mut direct = fixture.direct().await;
    let tx = cluster.begin(Note::shard(0)).await.unwrap();
    note(1).insert(&tx).await.unwrap();
    assert_eq!(
        fixture.copies(&mut direct, 1).await,
        0,
        "seen before the commit"
    );
    tx.commit().await.unwrap();
    assert_eq!(fixture.copies(&mut direct, 1).await, 1);

    let tx = cluster.begin(Note::shard(0)).await.unwrap();
    note(2).insert(&tx).await.unwrap();
    note(1).delete(&tx).await.unwrap();
    tx.rollback().await.unwrap();
    assert_eq!(fixture.copies(&mut direct, 1).await, 1);
    assert_eq!(fixture.copies(&mut direct, 2).await, 0);

    let tx = cluster.begin(Note::shard(0)).await.unwrap();
    note(3).insert(&tx).await.unwrap();
    drop(tx);
    note(4).insert(&cluster).await.unwrap();
    assert_eq!(fixture.copies(&mut direct, 3).await, 0);
    assert_eq!(fixture.copies(&mut direct, 4).await, 1);
}

async fn a_dropped_transaction_frees_its_locks_at_once(backend: Backend) {
    let fixture = Fixture::new(backend).await;
    let cluster = fixture.cluster(pool_of(2)).await;
    note(1).insert(&cluster).await.unwrap();
    let mut direct = fixture.direct().await;
    let mut quickest = Duration::MAX;
    for _ in 0..5 {
        let tx = cluster.begin(Note::shard(0)).await.unwrap();
        Note::on(0)
            .filter(Note::ID.eq(1))
            .set(Note::AMOUNT, 50)
            .update(&tx)
            .await
            .unwrap();
        drop(tx);
        // Nothing uses the pool meanwhile.
        let begun = Instant::now();
        fixture.lock(&mut direct, 1).await;
        quickest = quickest.min(begun.elapsed());
        direct.run("ROLLBACK").await.unwrap();
    }
    // Of several, as the machine may be busy.
    assert!(quickest < Duration::from_millis(700), "{quickest:?}");
    assert_eq!(fixture.amount(&mut direct, 1).await, 1);
}

async fn a_row_of_another_shard_is_refused_before_anything_is_sent(backend: Backend) {
    let fixture = Fixture::new(backend).await;
    let cluster = fixture.cluster(pool_of(3)).await;
    let tx = cluster.begin(Note::shard(0)).await.unwrap();
    let (here, there) = (note_of(4, 1), note_of(1, 2));
    here.clone().insert(&tx).await.unwrap();
    let setting = Setting {
        name: "a".into(),
        value: 1,
    };
    let job = Job {
        name: "a".into(),
        done: false,
    };
    let all = vec![here.clone(), there.clone()];
    let refused: Vec<(&str, Error)> = vec![
        ("insert", there.clone().insert(&tx).await.unwrap_err()),
        ("update", there.update(&tx).await.unwrap_err()),
        ("save", there.save(&tx).await.unwrap_err()),
        ("delete", there.delete(&tx).await.unwrap_err()),
        ("reload", there.reload(&tx).await.unwrap_err()),
        ("get", Note::get(&tx, 1, 2).await.unwrap_err()),
        ("find", Note::find(&tx, 1, 2).await.unwrap_err()),
        ("on", Note::on(1).all(&tx).await.unwrap_err()),
        ("count", Note::on(1).count(&tx).await.unwrap_err()),
        ("delete on", Note::on(1).delete(&tx).await.unwrap_err()),
        ("on_each", Note::on_each([0, 1]).all(&tx).await.unwrap_err()),
        (
            "insert_many",
            Note::insert_many(&tx, all).await.unwrap_err(),
        ),
        (
            "sql",
            Note::on_shard_of(1)
                .sql("SELECT id FROM {notes}")
                .all::<i64>(&tx)
                .await
                .unwrap_err(),
        ),
        (
            "isolated",
            Job::get(&tx, 1, "a".to_owned()).await.unwrap_err(),
        ),
        (
            "isolated insert",
            job.clone().insert(&tx, 1).await.unwrap_err(),
        ),
        ("database", setting.clone().insert(&tx).await.unwrap_err()),
        ("database all", Setting::query().all(&tx).await.unwrap_err()),
    ];
    for (call, error) in refused {
        assert_eq!(error.kind(), ErrorKind::CrossShard, "{call}: {error}");
    }
    // Nothing was sent: the transaction goes on, and takes what belongs to its shard.
    job.insert(&tx, 0).await.unwrap();
    Note::insert_many(&tx, vec![note_of(4, 8), note_of(8, 9)])
        .await
        .unwrap();
    assert_eq!(Note::on_each([0, 4, 8]).count(&tx).await.unwrap(), 3);
    tx.commit().await.unwrap();
    assert_eq!(Note::get(&cluster, 4, 1).await.unwrap(), here);

    let tx = cluster.begin(Setting::database()).await.unwrap();
    setting.insert(&tx).await.unwrap();
    let error = note(1).insert(&tx).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::CrossShard, "{error}");
    assert_eq!(error.shard().unwrap().to_string(), "shop/0");
    tx.commit().await.unwrap();
    assert_eq!(Setting::query().count(&cluster).await.unwrap(), 1);
}

async fn the_isolation_level_is_the_one_that_was_asked_for(backend: Backend) {
    let fixture = Fixture::new(backend).await;
    let cluster = fixture.cluster(pool_of(1)).await;
    let level = async |tx: &Tx| -> String {
        let sql = match backend {
            Backend::Postgres => "SHOW transaction_isolation",
            // The level of the transaction under way is nowhere to be read but here.
            _ => {
                "SELECT trx_isolation_level FROM information_schema.innodb_trx \
                 WHERE trx_mysql_thread_id = CONNECTION_ID()"
            }
        };
        let mut found = String::new();
        // The table of transactions is read anew after a tenth of a second without readers.
        eventually("the transaction is listed", async || {
            tokio::time::sleep(Duration::from_millis(110)).await;
            let level = Note::on_shard_of(0)
                .sql(sql)
                .first::<String>(tx)
                .await
                .unwrap();
            found = level.unwrap_or_default();
            !found.is_empty()
        })
        .await;
        found.to_lowercase()
    };
    for (isolation, words) in [
        (Isolation::ReadCommitted, "read committed"),
        (Isolation::RepeatableRead, "repeatable read"),
        (Isolation::Serializable, "serializable"),
    ] {
        let options = TxOptions::new().isolation(isolation);
        let tx = cluster.begin_with(Note::shard(0), &options).await.unwrap();
        Note::on(0).for_update().all(&tx).await.unwrap();
        assert_eq!(level(&tx).await, words);
        tx.commit().await.unwrap();
    }
    // It holds for that transaction alone.
    let usual = match backend {
        Backend::Postgres => "read committed",
        _ => "repeatable read",
    };
    let tx = cluster.begin(Note::shard(0)).await.unwrap();
    Note::on(0).for_update().all(&tx).await.unwrap();
    assert_eq!(level(&tx).await, usual);
    tx.commit().await.unwrap();
}

async fn a_repeatable_read_sees_one_state(backend: Backend) {
    let fixture = Fixture::new(backend).await;
    let cluster = fixture.cluster(pool_of(3)).await;
    let options = TxOptions::new()
        .isolation(Isolation::RepeatableRead)
        .read_only();
    let tx = cluster.begin_with(Note::shard(0), &options).await.unwrap();
    assert_eq!(Note::on(0).count(&tx).await.unwrap(), 0);
    note(1).insert(&cluster).await.unwrap();
    assert_eq!(Note::on(0).count(&tx).await.unwrap(), 0);
    tx.commit().await.unwrap();
    assert_eq!(Note::on(0).count(&cluster).await.unwrap(), 1);
}

async fn a_read_only_transaction_refuses_writes(backend: Backend) {
    let fixture = Fixture::new(backend).await;
    let cluster = fixture.cluster(pool_of(1)).await;
    note(1).insert(&cluster).await.unwrap();
    let options = TxOptions::new().read_only();
    let tx = cluster.begin_with(Note::shard(0), &options).await.unwrap();
    assert_eq!(Note::get(&tx, 0, 1).await.unwrap(), note(1));
    let error = note(2).insert(&tx).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ReadOnly, "{error}");
    drop(tx);
    // What comes next may write again.
    note(3).insert(&cluster).await.unwrap();
    let tx = cluster.begin(Note::shard(0)).await.unwrap();
    note(4).insert(&tx).await.unwrap();
    tx.commit().await.unwrap();
}

async fn a_savepoint_undoes_what_came_after_it(backend: Backend) {
    let fixture = Fixture::new(backend).await;
    let cluster = fixture.cluster(pool_of(1)).await;
    let tx = cluster.begin(Note::shard(0)).await.unwrap();
    note(1).insert(&tx).await.unwrap();
    let _outer = tx.savepoint().await.unwrap();
    note(2).insert(&tx).await.unwrap();
    let inner = tx.savepoint().await.unwrap();
    note(3).insert(&tx).await.unwrap();
    inner.rollback().await.unwrap();
    note(4).insert(&tx).await.unwrap();
    let kept = tx.savepoint().await.unwrap();
    note(5).insert(&tx).await.unwrap();
    kept.release().await.unwrap();
    assert_eq!(Note::on(0).count(&tx).await.unwrap(), 4);
    let undone = tx.savepoint().await.unwrap();
    note(6).insert(&tx).await.unwrap();
    undone.rollback().await.unwrap();
    tx.commit().await.unwrap();
    let mut ids = Note::on(0).select(Note::ID).all(&cluster).await.unwrap();
    ids.sort_unstable();
    assert_eq!(ids, [1, 2, 4, 5]);

    let tx = cluster.begin(Note::shard(0)).await.unwrap();
    let outer_again = tx.savepoint().await.unwrap();
    note(10).insert(&tx).await.unwrap();
    let _inner = tx.savepoint().await.unwrap();
    note(11).insert(&tx).await.unwrap();
    // Takes the inner one with it.
    outer_again.rollback().await.unwrap();
    tx.commit().await.unwrap();
    assert_eq!(Note::on(0).count(&cluster).await.unwrap(), 4);
}

async fn concurrent_statements_on_a_transaction_are_refused(backend: Backend) {
    use futures_util::{StreamExt as _, TryStreamExt as _};

    let fixture = Fixture::new(backend).await;
    let cluster = fixture.cluster(pool_of(1)).await;
    for id in 1..=3 {
        note(id).insert(&cluster).await.unwrap();
    }
    let tx = cluster.begin(Note::shard(0)).await.unwrap();
    let mut running = Note::on(0).stream(&tx);
    running.next().await.unwrap().unwrap();
    let second = tokio::time::timeout(LIMIT, note(4).insert(&tx)).await;
    let error = second
        .expect("one statement waits for the other")
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::TransactionBusy, "{error}");
    assert_eq!(error.shard().unwrap().to_string(), "shop/0");
    // Neither harms the other.
    let rest: Vec<Note> = running.try_collect().await.unwrap();
    assert_eq!(rest.len(), 2);
    note(5).insert(&tx).await.unwrap();
    tx.commit().await.unwrap();
    assert_eq!(Note::on(0).count(&cluster).await.unwrap(), 4);
}

/// Sends two statements on whatever it is given.
async fn insert_and_count(on: impl Executor<'_>, id: i64) -> shard_orm::Result<u64> {
    note(id).insert(on).await?;
    Note::on(0).count(on).await
}

async fn a_helper_runs_on_a_cluster_and_in_a_transaction(backend: Backend) {
    let fixture = Fixture::new(backend).await;
    let cluster = fixture.cluster(pool_of(2)).await;
    assert_eq!(insert_and_count(&cluster, 1).await.unwrap(), 1);
    let tx = cluster.begin(Note::shard(0)).await.unwrap();
    assert_eq!(insert_and_count(&tx, 2).await.unwrap(), 2);
    tx.rollback().await.unwrap();
    assert_eq!(insert_and_count(&cluster, 3).await.unwrap(), 2);
}

async fn a_transaction_on_an_unknown_shard_is_refused(backend: Backend) {
    let fixture = Fixture::new(backend).await;
    let cluster = fixture.cluster(pool_of(1)).await;
    let nowhere: Address = Job::shard(99);
    let error = cluster.begin(nowhere).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NoShardForKey, "{error}");
}

on! { [sqlite postgres mariadb] =>
    commit_keeps_and_rollback_undoes
    a_dropped_transaction_frees_its_locks_at_once
    a_row_of_another_shard_is_refused_before_anything_is_sent
    a_repeatable_read_sees_one_state
    a_read_only_transaction_refuses_writes
    a_savepoint_undoes_what_came_after_it
    concurrent_statements_on_a_transaction_are_refused
    a_helper_runs_on_a_cluster_and_in_a_transaction
    a_transaction_on_an_unknown_shard_is_refused
}
on! { [postgres mariadb] =>
    the_isolation_level_is_the_one_that_was_asked_for
}
