//! Leases: rising fencing tokens, and the missing table.

use std::sync::Arc;
use std::time::Duration;

use shard_orm::lock::{Guard, LeaseLocks, LockManager, Token};

use shard_orm::prelude::*;

use crate::fixture::{Fixture, Kind, LONG, acquire, eventually, on};

/// The table, as an operator sees it.
#[derive(Debug, Clone, PartialEq, ShardModel)]
#[shard(database = "default", table = "shard_orm_lock")]
struct Row {
    #[shard(primary_key)]
    name: String,
    token: String,
    expires_at: i64,
    fence: i64,
}

async fn the_fencing_token_rises_with_every_acquire(kind: Kind) {
    let fixture = Fixture::new(kind).await;
    let (one, two) = (fixture.manager().await, fixture.manager().await);
    for expected in 1..=5 {
        let manager = if expected % 2 == 0 { &one } else { &two };
        let guard = acquire(manager, "task", LONG).await;
        assert_eq!(guard.fence(), Some(expected));
        // Those that do not get it do not count.
        let none = Guard::acquire(Arc::clone(&one), "task", LONG).await;
        assert!(none.unwrap().is_none());
        guard.release().await.unwrap();
    }
    // Also over one that ended by itself.
    let ttl = Duration::from_millis(100);
    let taken = one.lock("task", &Token::random(), ttl).await.unwrap();
    assert_eq!(taken.unwrap().fence(), Some(6));
    assert_eq!(acquire(&two, "task", LONG).await.fence(), Some(7));
    assert_eq!(acquire(&two, "other", LONG).await.fence(), Some(1));
}

async fn setup_does_not_affect_held_locks(kind: Kind) {
    let fixture = Fixture::new(kind).await;
    let one = fixture.manager().await;
    let guard = acquire(&one, "task", LONG).await;
    let cluster = fixture.cluster().await;
    let locks = LeaseLocks::new(&cluster, "default").unwrap();
    locks.setup().await.unwrap();
    assert!(locks.is_locked("task").await.unwrap());
    let row = Row::get(&cluster, "task").await.unwrap();
    assert_eq!((row.token, row.fence), (guard.token().to_string(), 1));
    assert!(guard.release().await.unwrap());
    let row = Row::get(&cluster, "task").await.unwrap();
    assert_eq!((row.expires_at, row.fence), (0, 1));
}

async fn a_missing_lock_table_error_names_setup(kind: Kind) {
    let fixture = Fixture::new(kind).await;
    let cluster = fixture.cluster().await;
    let mut raw = cluster.connection(Row::database()).await.unwrap();
    let drop = "DROP TABLE shard_orm_lock";
    if let Ok(postgres) = raw.postgres() {
        sqlx::raw_sql(drop).execute(postgres).await.unwrap();
    } else if let Ok(mysql) = raw.mysql() {
        sqlx::raw_sql(drop).execute(mysql).await.unwrap();
    } else {
        sqlx::raw_sql(drop)
            .execute(raw.sqlite().unwrap())
            .await
            .unwrap();
    }
    raw.give_back();
    let locks = LeaseLocks::new(&cluster, "default").unwrap();
    let token = Token::random();
    for error in [
        locks
            .lock("task", &token, LONG)
            .await
            .map(|_| ())
            .unwrap_err(),
        locks
            .ping("task", &token, LONG)
            .await
            .map(|_| ())
            .unwrap_err(),
        locks.release("task", &token).await.map(|_| ()).unwrap_err(),
        locks.is_locked("task").await.map(|_| ()).unwrap_err(),
    ] {
        assert_eq!(error.kind(), ErrorKind::UndefinedTable);
        assert!(error.to_string().contains("LeaseLocks::setup"), "{error}");
    }
    let error = LeaseLocks::new(&cluster, "elsewhere").unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Configuration);
}

async fn a_guard_with_a_deleted_row_is_lost(kind: Kind) {
    let fixture = Fixture::new(kind).await;
    let (one, two) = (fixture.manager().await, fixture.manager().await);
    let guard = acquire(&one, "task", Duration::from_secs(3)).await;
    // As an operator ends it: by the token that the row shows.
    assert!(two.release("task", &guard.token()).await.unwrap());
    crate::fixture::is_lost(&guard).await;
    let second = acquire(&two, "task", LONG).await;
    assert!(!guard.release().await.unwrap());
    eventually("it is still the second's", async || {
        second.is_held() && one.is_locked("task").await.unwrap()
    })
    .await;
}

on! { leases =>
    the_fencing_token_rises_with_every_acquire
    setup_does_not_affect_held_locks
    a_missing_lock_table_error_names_setup
    a_guard_with_a_deleted_row_is_lost
}
