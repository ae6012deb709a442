//! Transactions in closures: retried only after an error that asks for it.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use shard_orm::prelude::*;
use shard_orm::{Cluster, Error, Result};
use tokio::sync::Barrier;

use crate::fixture::{Backend, Fixture, LIMIT, Note, note, on, pool_of};

/// Changes two rows in this order; meets its rival after the first in the first run of both.
async fn change_both(
    cluster: Cluster,
    order: [i64; 2],
    meeting: Arc<Barrier>,
    runs: Arc<AtomicU32>,
) -> Result<()> {
    let first_run = AtomicU32::new(0);
    let (first_run, meeting, runs) = (&first_run, &meeting, &runs);
    cluster
        .transaction(Note::shard(0), |tx| async move {
            runs.fetch_add(1, Ordering::SeqCst);
            let bump = async |id: i64| {
                let row = Note::on(0).filter(Note::ID.eq(id));
                row.increment(Note::AMOUNT, 1).update(&tx).await
            };
            bump(order[0]).await?;
            if first_run.fetch_add(1, Ordering::SeqCst) == 0 {
                meeting.wait().await;
            }
            bump(order[1]).await?;
            Ok(())
        })
        .await
}

async fn both_sides_of_a_deadlock_succeed(backend: Backend) {
    let fixture = Fixture::new(backend).await;
    let cluster = fixture.cluster(pool_of(2)).await;
    for id in [1, 2] {
        note(id).insert(&cluster).await.unwrap();
    }
    let meeting = Arc::new(Barrier::new(2));
    let runs = Arc::<AtomicU32>::default();
    let tasks = [[1, 2], [2, 1]].map(|order| {
        let task = change_both(
            cluster.clone(),
            order,
            Arc::clone(&meeting),
            Arc::clone(&runs),
        );
        tokio::spawn(task)
    });
    for task in tasks {
        tokio::time::timeout(LIMIT, task)
            .await
            .unwrap()
            .unwrap()
            .unwrap();
    }
    // The one that was rolled back ran again. On a busy machine it can meet the other once more.
    let runs = runs.load(Ordering::SeqCst);
    assert!(runs >= 3, "there was no deadlock: {runs} runs");
    let mut direct = fixture.direct().await;
    assert_eq!(fixture.amount(&mut direct, 1).await, 3);
    assert_eq!(fixture.amount(&mut direct, 2).await, 3);
}

/// Each of two closures reads both rows and, if their sum allows it, takes one away: the sum stays at or above 1.
async fn take_one(
    cluster: Cluster,
    id: i64,
    meeting: Arc<Barrier>,
    runs: Arc<AtomicU32>,
) -> Result<bool> {
    let options = TxOptions::new().isolation(Isolation::Serializable);
    let first_run = AtomicU32::new(0);
    let (first_run, meeting, runs) = (&first_run, &meeting, &runs);
    cluster
        .transaction_with(Note::shard(0), &options, |tx| async move {
            runs.fetch_add(1, Ordering::SeqCst);
            let rows = Note::on(0).all(&tx).await?;
            if first_run.fetch_add(1, Ordering::SeqCst) == 0 {
                meeting.wait().await;
            }
            let sum: i32 = rows.iter().map(|row| row.amount).sum();
            if sum < 2 {
                return Ok(false);
            }
            let row = Note::on(0).filter(Note::ID.eq(id));
            row.increment(Note::AMOUNT, -1).update(&tx).await?;
            Ok(true)
        })
        .await
}

async fn a_write_skew_is_retried(backend: Backend) {
    let fixture = Fixture::new(backend).await;
    let cluster = fixture.cluster(pool_of(2)).await;
    for id in [1, 2] {
        note(id).insert(&cluster).await.unwrap();
    }
    let meeting = Arc::new(Barrier::new(2));
    let runs = Arc::<AtomicU32>::default();
    let tasks = [1, 2].map(|id| {
        tokio::spawn(take_one(
            cluster.clone(),
            id,
            Arc::clone(&meeting),
            Arc::clone(&runs),
        ))
    });
    let mut taken = 0;
    for task in tasks {
        let outcome = tokio::time::timeout(LIMIT, task).await.unwrap().unwrap();
        taken += u32::from(outcome.unwrap());
    }
    assert_eq!(taken, 1, "both took the last one");
    // The one that was rolled back ran again. On a busy machine it can meet the other once more.
    let runs = runs.load(Ordering::SeqCst);
    assert!(runs >= 3, "there was no conflict: {runs} runs");
    let mut direct = fixture.direct().await;
    let left = fixture.amount(&mut direct, 1).await + fixture.amount(&mut direct, 2).await;
    assert_eq!(left, 1);
}

/// A closure that meets a serialization failure each time.
async fn always_in_conflict(
    fixture: &Fixture,
    cluster: &Cluster,
    attempts: u32,
) -> (Result<()>, u32) {
    let options = TxOptions::new()
        .isolation(Isolation::RepeatableRead)
        .attempts(attempts)
        .backoff(Duration::from_millis(1));
    let runs = AtomicU32::new(0);
    let runs = &runs;
    let outcome = cluster
        .transaction_with(Note::shard(0), &options, |tx| async move {
            runs.fetch_add(1, Ordering::SeqCst);
            Note::get(&tx, 0, 1).await?;
            // Another client changes the row after it was read.
            let notes = fixture.table(0, "notes");
            let mut direct = fixture.direct().await;
            direct
                .run(&format!(
                    "UPDATE {notes} SET amount = amount + 1 WHERE id = 1"
                ))
                .await
                .unwrap();
            let row = Note::on(0).filter(Note::ID.eq(1));
            row.increment(Note::AMOUNT, 100).update(&tx).await?;
            Ok(())
        })
        .await;
    (outcome, runs.load(Ordering::SeqCst))
}

#[tokio::test]
async fn a_transaction_is_given_up_after_its_attempts() {
    let fixture = Fixture::new(Backend::Postgres).await;
    let cluster = fixture.cluster(pool_of(1)).await;
    note(1).insert(&cluster).await.unwrap();
    for attempts in [1, 3] {
        let (outcome, runs) = always_in_conflict(&fixture, &cluster, attempts).await;
        let error = outcome.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Serialization, "{error}");
        assert!(error.is_retryable());
        assert_eq!(runs, attempts);
    }
    let mut direct = fixture.direct().await;
    assert_eq!(fixture.amount(&mut direct, 1).await, 5);
}

async fn other_errors_roll_back_without_a_retry(backend: Backend) {
    #[derive(Debug)]
    enum Own {
        Changed,
        Database(Error),
    }
    impl From<Error> for Own {
        fn from(error: Error) -> Self {
            Self::Database(error)
        }
    }

    let fixture = Fixture::new(backend).await;
    let cluster = fixture.cluster(pool_of(1)).await;
    let runs = AtomicU32::new(0);
    let runs = &runs;
    let own = cluster
        .transaction(Note::shard(0), |tx| async move {
            runs.fetch_add(1, Ordering::SeqCst);
            note(1).insert(&tx).await?;
            Err::<(), _>(Own::Changed)
        })
        .await;
    assert!(matches!(own, Err(Own::Changed)));
    // The one connection serves on.
    note(2).insert(&cluster).await.unwrap();
    let duplicate = cluster
        .transaction(Note::shard(0), |tx| async move {
            runs.fetch_add(1, Ordering::SeqCst);
            note(3).insert(&tx).await?;
            note(2).insert(&tx).await?;
            Ok::<_, Own>(())
        })
        .await;
    let Err(Own::Database(error)) = duplicate else {
        panic!("{duplicate:?}")
    };
    assert_eq!(error.kind(), ErrorKind::Unique);
    assert_eq!(runs.load(Ordering::SeqCst), 2);
    assert_eq!(Note::on(0).count(&cluster).await.unwrap(), 1);
    if backend != Backend::Sqlite {
        let mut direct = fixture.direct().await;
        assert_eq!(fixture.sessions(&mut direct).await, 1);
        assert_eq!(fixture.open_transactions(&mut direct).await, 0);
    }
}

async fn a_swallowed_error_commits_nothing(backend: Backend) {
    let fixture = Fixture::new(backend).await;
    let cluster = fixture.cluster(pool_of(1)).await;
    note(1).insert(&cluster).await.unwrap();
    let outcome = cluster
        .transaction(Note::shard(0), |tx| async move {
            note(2).insert(&tx).await?;
            let _refused = note(1).insert(&tx).await;
            Ok::<_, Error>(())
        })
        .await;
    let kept = Note::on(0).count(&cluster).await.unwrap();
    match outcome {
        Ok(()) => assert_eq!(kept, 2),
        Err(error) => {
            assert_eq!(backend, Backend::Postgres);
            assert_eq!(error.kind(), ErrorKind::TransactionEnded, "{error}");
            assert_eq!(kept, 1);
        }
    }
}

async fn a_closure_runs_in_a_spawned_task(backend: Backend) {
    let fixture = Fixture::new(backend).await;
    let cluster = fixture.cluster(pool_of(1)).await;
    let task = tokio::spawn({
        let cluster = cluster.clone();
        async move {
            cluster
                .transaction(Note::shard(0), |tx| async move {
                    let row = note(1).insert(&tx).await?;
                    row.reload(&tx).await
                })
                .await
        }
    });
    assert_eq!(task.await.unwrap().unwrap(), note(1));
    assert_eq!(Note::get(&cluster, 0, 1).await.unwrap(), note(1));
}

async fn a_closure_that_panics_rolls_back(backend: Backend) {
    let fixture = Fixture::new(backend).await;
    let cluster = fixture.cluster(pool_of(1)).await;
    let task = tokio::spawn({
        let cluster = cluster.clone();
        async move {
            cluster
                .transaction(Note::shard(0), |tx| async move {
                    note(1).insert(&tx).await?;
                    if tx.clone().savepoint().await.is_ok() {
                        std::panic::resume_unwind(Box::new("on purpose"));
                    }
                    Ok::<_, Error>(())
                })
                .await
        }
    });
    assert!(task.await.unwrap_err().is_panic());
    note(2).insert(&cluster).await.unwrap();
    let ids = Note::on(0).select(Note::ID).all(&cluster).await.unwrap();
    assert_eq!(ids, [2]);
}

on! { [postgres mariadb] =>
    both_sides_of_a_deadlock_succeed
    a_write_skew_is_retried
}
on! { [sqlite postgres mariadb] =>
    other_errors_roll_back_without_a_retry
    a_swallowed_error_commits_nothing
    a_closure_runs_in_a_spawned_task
    a_closure_that_panics_rolls_back
}
