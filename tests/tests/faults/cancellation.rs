//! Futures that are dropped before they complete.
//!
//! All on a pool of one connection: what a dropped future left behind on it would meet the next statement.

use shard_orm::Cluster;
use shard_orm::prelude::*;
use sqlx::AssertSqlSafe;

use crate::fixture::{Backend, Fixture, LIMIT, Note, cut, eventually, note, on, pool_of};

/// Waits until no transaction of the library is open, and none is held by a session that lost its client.
async fn all_quiet(fixture: &Fixture) {
    let mut direct = fixture.direct().await;
    eventually("no transaction is left open on the server", async || {
        fixture.open_transactions(&mut direct).await == 0
    })
    .await;
}

async fn an_insert_after_a_cancelled_begin_is_kept(backend: Backend) {
    let fixture = Fixture::new(backend).await;
    let cluster = fixture.cluster(pool_of(1)).await;
    let mut direct = fixture.direct().await;
    let mut id = 0;
    for polls in (1..=8).cycle().take(48) {
        // Alternates between a warm connection and one that is still to be opened.
        if id % 2 == 0 {
            note(1_000 + id).insert(&cluster).await.unwrap();
        }
        drop(cut(cluster.begin(Note::shard(0)), polls).await);
        id += 1;
        note(id).insert(&cluster).await.unwrap();
        assert_eq!(
            fixture.copies(&mut direct, id).await,
            1,
            "after {polls} polls"
        );
    }
    // Also after the connections are gone.
    cluster.close().await;
    for id in 1..=id {
        assert_eq!(fixture.copies(&mut direct, id).await, 1);
    }
    all_quiet(&fixture).await;
}

async fn a_cancelled_first_use_of_a_statement_does_not_affect_later_ones(backend: Backend) {
    let fixture = Fixture::new(backend).await;
    let cluster = fixture.cluster(pool_of(1)).await;
    note(7).insert(&cluster).await.unwrap();
    for round in 0..100_u32 {
        // A text that no connection has seen.
        let fresh = Note::on_shard_of(0).sql(AssertSqlSafe(format!(
            "SELECT id, {round} FROM {{notes}} WHERE id = 7"
        )));
        drop(cut(fresh.all::<(i64, i32)>(&cluster), 1 + round % 3).await);
        assert_eq!(Note::get(&cluster, 0, 7).await.unwrap(), note(7));
        let again: Vec<i64> = Note::on_shard_of(0)
            .sql(AssertSqlSafe(format!(
                "SELECT id FROM {{notes}} WHERE id = 7 + 0 * {round}"
            )))
            .all(&cluster)
            .await
            .unwrap();
        assert_eq!(again, [7]);
    }
}

async fn a_cancelled_commit_keeps_all_or_nothing(backend: Backend) {
    let fixture = Fixture::new(backend).await;
    let cluster = fixture.cluster(pool_of(1)).await;
    let mut direct = fixture.direct().await;
    for round in 0..24_u32 {
        let id = i64::from(round) * 10;
        let tx = cluster.begin(Note::shard(0)).await.unwrap();
        note(id).insert(&tx).await.unwrap();
        note(id + 1).insert(&tx).await.unwrap();
        drop(cut(tx.commit(), round % 3).await);
        note(id + 2).insert(&cluster).await.unwrap();
        assert_eq!(fixture.copies(&mut direct, id + 2).await, 1);
        all_quiet(&fixture).await;
        let first = fixture.copies(&mut direct, id).await;
        let second = fixture.copies(&mut direct, id + 1).await;
        assert!(first == second && first <= 1, "{first} and {second}");
        if round % 3 == 0 {
            assert_eq!(first, 0, "a commit that was never polled was carried out");
        }
    }
}

async fn a_dropped_statement_ends_its_transaction_at_once(backend: Backend) {
    let fixture = Fixture::new(backend).await;
    let cluster = fixture.cluster(pool_of(1)).await;
    note(1).insert(&cluster).await.unwrap();
    let mut direct = fixture.direct().await;
    for polls in 1..=3 {
        let tx = cluster.begin(Note::shard(0)).await.unwrap();
        Note::on(0)
            .filter(Note::ID.eq(1))
            .set(Note::AMOUNT, 99)
            .update(&tx)
            .await
            .unwrap();
        let slow = match backend {
            Backend::Postgres => "SELECT 1 FROM pg_sleep(0.3)",
            Backend::MariaDb => "SELECT SLEEP(0.3)",
            Backend::Sqlite => {
                "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 300000) \
                 SELECT MAX(i) FROM n"
            }
        };
        let dropped = cut(Note::on_shard_of(0).sql(slow).all::<i64>(&tx), polls).await;
        if dropped.is_some() {
            // It was done already.
            tx.rollback().await.unwrap();
            continue;
        }
        // The handle is still held, and the locks are free: SQLite and MariaDB finish the statement first.
        let locked = tokio::time::timeout(LIMIT, fixture.lock(&mut direct, 1)).await;
        locked.expect("the locks are kept");
        direct.run("ROLLBACK").await.unwrap();
        let error = note(2).insert(&tx).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::TransactionEnded, "{error}");
        let error = tx.commit().await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::TransactionEnded, "{error}");
        assert_eq!(fixture.amount(&mut direct, 1).await, 1);
        assert_eq!(fixture.copies(&mut direct, 2).await, 0);
    }
}

async fn an_unfinished_stream_leaves_the_pool_usable(backend: Backend) {
    use futures_util::StreamExt as _;

    let fixture = Fixture::new(backend).await;
    let cluster = fixture.cluster(pool_of(1)).await;
    let rows: Vec<Note> = (0..300).map(note).collect();
    Note::insert_many(&cluster, rows).await.unwrap();
    for taken in 0..5 {
        let mut stream = Note::on(0).order_by(Note::ID.asc()).stream(&cluster);
        for _ in 0..taken {
            stream.next().await.unwrap().unwrap();
        }
        drop(stream);
        assert_eq!(Note::get(&cluster, 0, 7).await.unwrap(), note(7));
        let tx = cluster.begin(Note::shard(0)).await.unwrap();
        let mut stream = Note::on(0).stream(&tx);
        stream.next().await.unwrap().unwrap();
        drop(stream);
        let error = tx.commit().await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::TransactionEnded, "{error}");
    }
    assert_eq!(Note::on(0).count(&cluster).await.unwrap(), 300);
}

/// A sequence that looks random and is the same in each run: xorshift of Marsaglia, 2003.
struct Dice(u32);

impl Dice {
    fn below(&mut self, bound: u32) -> u32 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 17;
        self.0 ^= self.0 << 5;
        self.0 % bound
    }
}

async fn step(cluster: &Cluster, choice: u32, id: i64) -> shard_orm::Result<()> {
    match choice {
        0 => note(id).insert(cluster).await.map(drop),
        1 if id % 2 == 0 => Note::find(cluster, 0, id).await.map(drop),
        // Several shards behind the one connection.
        1 => Note::on_each(0..4).all(cluster).await.map(drop),
        2 => {
            let tx = cluster.begin(Note::shard(0)).await?;
            note(id).insert(&tx).await?;
            tx.commit().await
        }
        3 => {
            let rows = vec![note(id), note(id + 100_000)];
            Note::insert_many(cluster, rows).await.map(drop)
        }
        4 => {
            let text = format!("SELECT id FROM {{notes}} WHERE id = {id}");
            let query = Note::on_shard_of(0).sql(AssertSqlSafe(text));
            query.all::<i64>(cluster).await.map(drop)
        }
        _ => {
            cluster
                .transaction(Note::shard(0), |tx| async move {
                    note(id).insert(&tx).await?;
                    let point = tx.savepoint().await?;
                    note(id + 200_000).insert(&tx).await?;
                    point.rollback().await
                })
                .await
        }
    }
}

async fn many_cancellations_lose_and_repeat_no_write(backend: Backend) {
    let fixture = Fixture::new(backend).await;
    let cluster = fixture.cluster(pool_of(1)).await;
    let mut direct = fixture.direct().await;
    let mut dice = Dice(2_463_534_242);
    let mut acknowledged = Vec::new();
    for round in 0..200_i64 {
        let (choice, polls) = (dice.below(6), dice.below(9));
        let done = cut(step(&cluster, choice, round), polls).await;
        if let Some(Ok(())) = done {
            if !matches!(choice, 1 | 4) {
                acknowledged.push(round);
            }
        } else if let Some(Err(error)) = done {
            panic!("round {round}, step {choice}, {polls} polls: {error:?}");
        }
        if dice.below(3) == 0 {
            note(500_000 + round).insert(&cluster).await.unwrap();
            acknowledged.push(500_000 + round);
        }
    }
    assert!(
        acknowledged.len() > 80,
        "{} acknowledged",
        acknowledged.len()
    );
    all_quiet(&fixture).await;
    let notes = fixture.table(0, "notes");
    let mut kept = direct
        .numbers(&format!("SELECT id FROM {notes} ORDER BY id"))
        .await;
    let all = kept.len();
    kept.dedup();
    assert_eq!(all, kept.len());
    for id in acknowledged {
        assert!(kept.binary_search(&id).is_ok(), "{id} was lost");
    }
    assert!(!kept.iter().any(|id| (200_000..300_000).contains(id)));
    assert_eq!(Note::on(0).count(&cluster).await.unwrap(), all as u64);
    if backend != Backend::Sqlite {
        eventually("one session is left", async || {
            fixture.sessions(&mut direct).await == 1
        })
        .await;
    }
}

on! { [sqlite postgres mariadb] =>
    an_insert_after_a_cancelled_begin_is_kept
    a_cancelled_first_use_of_a_statement_does_not_affect_later_ones
    a_cancelled_commit_keeps_all_or_nothing
    a_dropped_statement_ends_its_transaction_at_once
    an_unfinished_stream_leaves_the_pool_usable
    many_cancellations_lose_and_repeat_no_write
}
