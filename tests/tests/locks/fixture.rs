//! The lock backend of one test, and managers of it for several processes.

use std::sync::Arc;
use std::time::Duration;

use shard_orm::Cluster;
use shard_orm::config::{Config, Database, PoolOptions};
use shard_orm::lock::{DatabaseLocks, Guard, LeaseLocks, LockManager, RedisLocks, Token};
use shard_orm_tests::database::{
    MariaDbPrefix, PostgresDatabase, fresh_mariadb_prefix, fresh_postgres,
};
pub(crate) use shard_orm_tests::waiting::{cut, eventually};
use shard_orm_tests::{scratch, servers};
use tempfile::TempDir;

/// Longer than anything takes that is to happen at all.
pub(crate) const LIMIT: Duration = Duration::from_mins(1);
/// Longer than any test takes: what is free again before was released.
pub(crate) const LONG: Duration = Duration::from_mins(10);

/// What keeps the locks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Keeper {
    Lease,
    Session,
    Redis,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Server {
    Sqlite,
    Postgres,
    MariaDb,
    Redis,
}

pub(crate) type Kind = (Keeper, Server);

pub(crate) const LEASES_SQLITE: Kind = (Keeper::Lease, Server::Sqlite);
pub(crate) const LEASES_POSTGRES: Kind = (Keeper::Lease, Server::Postgres);
pub(crate) const LEASES_MARIADB: Kind = (Keeper::Lease, Server::MariaDb);
pub(crate) const SESSIONS_POSTGRES: Kind = (Keeper::Session, Server::Postgres);
pub(crate) const SESSIONS_MARIADB: Kind = (Keeper::Session, Server::MariaDb);
pub(crate) const REDIS: Kind = (Keeper::Redis, Server::Redis);

/// Makes a test of a behaviour on each of these.
macro_rules! on {
    (all => $($behaviour:ident)+) => {
        $($crate::fixture::on! { @each $behaviour: leases_sqlite LEASES_SQLITE, leases_postgres LEASES_POSTGRES,
            leases_mariadb LEASES_MARIADB, sessions_postgres SESSIONS_POSTGRES,
            sessions_mariadb SESSIONS_MARIADB, redis REDIS })+
    };
    (leases => $($behaviour:ident)+) => {
        $($crate::fixture::on! { @each $behaviour: leases_sqlite LEASES_SQLITE, leases_postgres LEASES_POSTGRES,
            leases_mariadb LEASES_MARIADB })+
    };
    (sessions => $($behaviour:ident)+) => {
        $($crate::fixture::on! { @each $behaviour: sessions_postgres SESSIONS_POSTGRES,
            sessions_mariadb SESSIONS_MARIADB })+
    };
    (over_the_network => $($behaviour:ident)+) => {
        $($crate::fixture::on! { @each $behaviour: leases_postgres LEASES_POSTGRES, leases_mariadb LEASES_MARIADB,
            sessions_postgres SESSIONS_POSTGRES, sessions_mariadb SESSIONS_MARIADB, redis REDIS })+
    };
    (@each $behaviour:ident: $($test:ident $kind:ident),+) => {
        mod $behaviour {
            $(
                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn $test() {
                    super::$behaviour($crate::fixture::$kind).await;
                }
            )+
        }
    };
}
pub(crate) use on;

/// A place for locks that no other test has.
#[derive(Debug)]
pub(crate) struct Fixture {
    pub(crate) kind: Kind,
    pub(crate) url: String,
    /// What its cluster is called, and what its keys in Redis begin with.
    name: String,
    _kept: Kept,
}

#[derive(Debug)]
#[allow(dead_code)] // Held for their drop.
enum Kept {
    Folder(TempDir),
    Postgres(PostgresDatabase),
    MariaDb(MariaDbPrefix),
    Nothing,
}

impl Fixture {
    pub(crate) async fn new(kind: Kind) -> Self {
        let (url, kept) = match kind.1 {
            Server::Sqlite => {
                let folder = scratch::folder("locks");
                let url = format!("sqlite://{}/locks.db", folder.path().display());
                (url, Kept::Folder(folder))
            }
            Server::Postgres => {
                let database = fresh_postgres().await;
                (database.url().to_owned(), Kept::Postgres(database))
            }
            Server::MariaDb => {
                let prefix = fresh_mariadb_prefix().await;
                (prefix.create_database("locks").await, Kept::MariaDb(prefix))
            }
            Server::Redis => {
                let url = servers::redis().await.unwrap_or_else(|e| panic!("{e}"));
                (url.to_owned(), Kept::Nothing)
            }
        };
        let fixture = Self {
            kind,
            url,
            name: format!("locks-{}", Token::random()),
            _kept: kept,
        };
        if kind.0 == Keeper::Lease {
            let cluster = fixture.cluster().await;
            let locks = LeaseLocks::new(&cluster, "default").unwrap();
            locks.setup().await.unwrap();
            cluster.close().await;
        }
        fixture
    }

    pub(crate) async fn cluster(&self) -> Cluster {
        self.cluster_at(&self.url, PoolOptions::new()).await
    }

    pub(crate) async fn cluster_at(&self, url: &str, pool: PoolOptions) -> Cluster {
        let database = Database::new(url.to_owned()).pool(pool);
        let config = Config::new(self.name.clone()).database("default", database);
        Cluster::connect(&config).await.unwrap()
    }

    /// As another process has it: with connections of its own.
    pub(crate) async fn manager(&self) -> Arc<dyn LockManager> {
        self.manager_at(&self.url).await
    }

    /// The same by another way to the server.
    pub(crate) async fn manager_at(&self, url: &str) -> Arc<dyn LockManager> {
        match self.kind.0 {
            Keeper::Lease => {
                let cluster = self.cluster_at(url, PoolOptions::new()).await;
                Arc::new(LeaseLocks::new(&cluster, "default").unwrap())
            }
            Keeper::Session => {
                let cluster = self.cluster_at(url, PoolOptions::new()).await;
                Arc::new(DatabaseLocks::new(&cluster, "default").unwrap())
            }
            Keeper::Redis => Arc::new(
                RedisLocks::new(url)
                    .unwrap()
                    .prefix(format!("{}:", self.name))
                    .response_timeout(Duration::from_millis(400)),
            ),
        }
    }
}

/// Takes the lock that is free, or will be.
pub(crate) async fn acquire(manager: &Arc<dyn LockManager>, key: &str, ttl: Duration) -> Guard {
    let taken = Guard::acquire_within(Arc::clone(manager), key, ttl, LIMIT);
    let guard = taken.await.unwrap();
    guard.unwrap_or_else(|| panic!("`{key}` did not come free within {LIMIT:?}"))
}

/// Waits until the lock is lost.
pub(crate) async fn is_lost(guard: &Guard) {
    tokio::time::timeout(LIMIT, guard.lost()).await.unwrap();
    assert!(!guard.is_held());
}
