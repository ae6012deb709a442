//! Session locks: they end with their session, and use no connection of the pool.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use shard_orm::ErrorKind;
use shard_orm::config::PoolOptions;
use shard_orm::lock::{DatabaseLocks, Guard, LockManager};
use sqlx::{AssertSqlSafe, Connection as _, MySqlConnection, PgConnection};

use crate::fixture::{
    Fixture, Kind, LEASES_SQLITE, LONG, Server, acquire, eventually, is_lost, on,
};

/// A connection beside the library's.
enum Side {
    Postgres(PgConnection),
    MariaDb(MySqlConnection),
}

impl Side {
    async fn of(fixture: &Fixture) -> Self {
        match fixture.kind.1 {
            Server::Postgres => Self::Postgres(PgConnection::connect(&fixture.url).await.unwrap()),
            _ => Self::MariaDb(MySqlConnection::connect(&fixture.url).await.unwrap()),
        }
    }

    /// The sessions of the library in this database.
    async fn sessions(&mut self) -> Vec<i64> {
        match self {
            Self::Postgres(side) => {
                let sessions = "SELECT pid::bigint FROM pg_stat_activity \
                     WHERE datname = current_database() AND application_name = 'shard-orm'";
                sqlx::query_scalar(sessions).fetch_all(side).await
            }
            Self::MariaDb(side) => {
                let sessions = "SELECT CAST(id AS SIGNED) FROM information_schema.processlist \
                     WHERE db = DATABASE() AND id <> CONNECTION_ID()";
                sqlx::query_scalar(sessions).fetch_all(side).await
            }
        }
        .unwrap()
    }

    async fn kill(&mut self, session: i64) {
        match self {
            Self::Postgres(side) => {
                let kill = AssertSqlSafe(format!("SELECT pg_terminate_backend({session})"));
                sqlx::raw_sql(kill).execute(side).await.map(drop)
            }
            Self::MariaDb(side) => {
                let kill = AssertSqlSafe(format!("KILL CONNECTION {session}"));
                sqlx::raw_sql(kill).execute(side).await.map(drop)
            }
        }
        .unwrap();
    }
}

async fn a_lock_of_a_killed_session_is_lost_and_free(kind: Kind) {
    let fixture = Fixture::new(kind).await;
    let mut side = Side::of(&fixture).await;
    let one = fixture.manager().await;
    let guard = acquire(&one, "task", Duration::from_secs(3)).await;
    let sessions = side.sessions().await;
    assert_eq!(sessions.len(), 1, "the lock has a session of its own");
    side.kill(sessions[0]).await;
    let two = fixture.manager().await;
    let second = acquire(&two, "task", LONG).await;
    is_lost(&guard).await;
    assert!(!guard.release().await.unwrap());
    assert!(second.is_held());
    // The manager serves on.
    assert!(second.release().await.unwrap());
    assert!(acquire(&one, "task", LONG).await.is_held());
}

async fn a_manager_survives_a_killed_idle_session(kind: Kind) {
    let fixture = Fixture::new(kind).await;
    let mut side = Side::of(&fixture).await;
    let (one, two) = (fixture.manager().await, fixture.manager().await);
    let _held = acquire(&two, "task", LONG).await;
    let none = Guard::acquire(Arc::clone(&one), "task", LONG).await;
    assert!(none.unwrap().is_none());
    let sessions = side.sessions().await;
    assert_eq!(sessions.len(), 2, "the holder's, and one to ask with");
    for session in sessions {
        side.kill(session).await;
    }
    eventually("they are gone", async || side.sessions().await.is_empty()).await;
    assert!(acquire(&one, "task", LONG).await.is_held());
}

async fn locks_use_no_connections_of_the_pool(kind: Kind) {
    let fixture = Fixture::new(kind).await;
    let pool = PoolOptions::new()
        .max_connections(1)
        .acquire_timeout(Duration::from_secs(10));
    let cluster = fixture.cluster_at(&fixture.url, pool).await;
    let locks: Arc<dyn LockManager> = Arc::new(DatabaseLocks::new(&cluster, "default").unwrap());
    let mut guards = Vec::new();
    for key in ["one", "two", "three"] {
        guards.push(acquire(&locks, key, LONG).await);
    }
    // It asks over the pool.
    assert!(locks.is_locked("three").await.unwrap());
    assert!(!locks.is_locked("four").await.unwrap());
    assert!(guards.iter().all(Guard::is_held));
    let mut side = Side::of(&fixture).await;
    assert_eq!(side.sessions().await.len(), 4);
}

async fn lock_attempts_share_one_connection(kind: Kind) {
    let fixture = Fixture::new(kind).await;
    let holder = fixture.manager().await;
    let _held = acquire(&holder, "task", LONG).await;
    let one = fixture.manager().await;
    let asked = (0..20).map(|_| Guard::acquire(Arc::clone(&one), "task", LONG));
    for answer in join_all(asked).await {
        assert!(answer.unwrap().is_none());
    }
    let mut side = Side::of(&fixture).await;
    assert_eq!(
        side.sessions().await.len(),
        2,
        "the holder's, and one to ask with"
    );
}

async fn clusters_on_one_server_have_separate_locks(kind: Kind) {
    let fixture = Fixture::new(kind).await;
    let one = fixture.manager().await;
    let _held = acquire(&one, "task", LONG).await;
    let config = shard_orm::config::Config::new("another").database(
        "default",
        shard_orm::config::Database::new(fixture.url.clone()),
    );
    let another = shard_orm::Cluster::connect(&config).await.unwrap();
    let locks = DatabaseLocks::new(&another, "default").unwrap();
    assert!(!locks.is_locked("task").await.unwrap());
}

on! { sessions =>
    a_lock_of_a_killed_session_is_lost_and_free
    a_manager_survives_a_killed_idle_session
    locks_use_no_connections_of_the_pool
    lock_attempts_share_one_connection
    clusters_on_one_server_have_separate_locks
}

#[tokio::test]
async fn session_locks_on_sqlite_are_refused_with_an_alternative() {
    let fixture = Fixture::new(LEASES_SQLITE).await;
    let cluster = fixture.cluster().await;
    let error = DatabaseLocks::new(&cluster, "default").unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unsupported);
    assert!(error.to_string().contains("LeaseLocks"), "{error}");
    let error = DatabaseLocks::new(&cluster, "elsewhere").unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Configuration);
}
