//! A cluster of four logical shards on one server, and access to it from outside.

use std::time::Duration;

use shard_orm::Cluster;
use shard_orm::config::{Config, Database, FanOut, Group, PoolOptions, Server, StrategyConfig};
use shard_orm::prelude::*;
use shard_orm_tests::database::{
    MariaDbPrefix, PostgresDatabase, fresh_mariadb_prefix, fresh_postgres,
};
use shard_orm_tests::scratch;
pub(crate) use shard_orm_tests::waiting::{cut, eventually};
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{Connection as _, Executor as _, MySqlConnection, PgConnection, SqliteConnection};
use tempfile::TempDir;

use crate::direct::Direct;

/// Longer than anything takes that is to happen at all.
pub(crate) const LIMIT: Duration = Duration::from_mins(1);
/// Keys are spread by their remainder, so that a key below this names its shard.
pub(crate) const SHARDS: u32 = 4;

#[derive(Debug, Clone, PartialEq, ShardModel)]
#[shard(group = "shop", table = "notes")]
#[shard(unique(user_id, text))]
pub(crate) struct Note {
    #[shard(primary_key)]
    pub(crate) id: i64,
    #[shard(key)]
    pub(crate) user_id: i64,
    #[shard(length = 64)]
    pub(crate) text: String,
    pub(crate) amount: i32,
}

#[derive(Debug, Clone, PartialEq, ShardModel)]
#[shard(group = "shop", isolated, table = "jobs")]
pub(crate) struct Job {
    #[shard(primary_key, length = 32)]
    pub(crate) name: String,
    pub(crate) done: bool,
}

#[derive(Debug, Clone, PartialEq, ShardModel)]
#[shard(database = "default", table = "settings")]
pub(crate) struct Setting {
    #[shard(primary_key, length = 32)]
    pub(crate) name: String,
    pub(crate) value: i32,
}

/// A note of the user 0, who is on shard 0.
pub(crate) fn note(id: i64) -> Note {
    note_of(0, id)
}

pub(crate) fn note_of(user_id: i64, id: i64) -> Note {
    Note {
        id,
        user_id,
        text: format!("note {id}"),
        amount: 1,
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Backend {
    Sqlite,
    Postgres,
    MariaDb,
}

pub(crate) fn sqlite() -> Backend {
    Backend::Sqlite
}

pub(crate) fn postgres() -> Backend {
    Backend::Postgres
}

pub(crate) fn mariadb() -> Backend {
    Backend::MariaDb
}

/// Makes a test of a behaviour on each of these databases.
macro_rules! on {
    ($backends:tt => $($behaviour:ident)+) => {
        $($crate::fixture::on! { @one $behaviour: $backends })+
    };
    (@one $behaviour:ident: [$($backend:ident)+]) => {
        mod $behaviour {
            $(
                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn $backend() {
                    super::$behaviour($crate::fixture::$backend()).await;
                }
            )+
        }
    };
}
pub(crate) use on;

/// One server, of which a test uses databases of its own.
#[derive(Debug)]
pub(crate) struct Fixture {
    pub(crate) backend: Backend,
    /// The server's address, in a database of this fixture alone.
    pub(crate) url: String,
    /// Where the named database is.
    default: String,
    /// Names of namespaces begin with it.
    prefix: String,
    _kept: Kept,
}

#[derive(Debug)]
#[allow(dead_code)] // Held for their drop.
enum Kept {
    Folder(TempDir),
    Postgres(PostgresDatabase),
    MariaDb(MariaDbPrefix),
    Elsewhere,
}

impl Fixture {
    /// A fixture on the server that all tests share.
    pub(crate) async fn new(backend: Backend) -> Self {
        match backend {
            Backend::Sqlite => {
                let folder = scratch::folder("faults");
                Self {
                    backend,
                    url: format!("sqlite://{}", folder.path().display()),
                    default: format!("sqlite://{}/default-file.db", folder.path().display()),
                    prefix: String::new(),
                    _kept: Kept::Folder(folder),
                }
            }
            Backend::Postgres => {
                let database = fresh_postgres().await;
                Self {
                    backend,
                    url: database.url().to_owned(),
                    default: database.url().to_owned(),
                    prefix: String::new(),
                    _kept: Kept::Postgres(database),
                }
            }
            Backend::MariaDb => {
                let prefix = fresh_mariadb_prefix().await;
                Self {
                    backend,
                    url: prefix.create_database("home").await,
                    default: prefix.create_database("default").await,
                    prefix: prefix.prefix().to_owned(),
                    _kept: Kept::MariaDb(prefix),
                }
            }
        }
    }

    /// A fixture on a PostgreSQL server of the test's own.
    pub(crate) fn at_postgres(url: &str) -> Self {
        Self {
            backend: Backend::Postgres,
            url: url.to_owned(),
            default: url.to_owned(),
            prefix: String::new(),
            _kept: Kept::Elsewhere,
        }
    }

    /// A fixture on a MariaDB server of the test's own.
    pub(crate) async fn at_mariadb(url: &str) -> Self {
        let mut server = MySqlConnection::connect(url).await.unwrap();
        server.execute("CREATE DATABASE home").await.unwrap();
        server.execute("CREATE DATABASE other").await.unwrap();
        Self {
            backend: Backend::MariaDb,
            url: format!("{url}/home"),
            default: format!("{url}/other"),
            prefix: String::new(),
            _kept: Kept::Elsewhere,
        }
    }

    /// A server of the configuration, with the address of this fixture or of a relay to it.
    pub(crate) fn config_at(&self, server: Server, pool: PoolOptions) -> Config {
        self.config_of([server], pool)
    }

    pub(crate) fn config_of(
        &self,
        servers: impl IntoIterator<Item = Server>,
        pool: PoolOptions,
    ) -> Config {
        let mut group = Group::new(SHARDS)
            .namespace(format!("{}shop_{{shard}}", self.prefix))
            .strategy(StrategyConfig::Modulo)
            .pool(pool.clone());
        for server in servers {
            group = group.server(server);
        }
        Config::new(format!("{}faults", self.prefix))
            .database("default", Database::new(self.default.clone()).pool(pool))
            .group("shop", group)
    }

    pub(crate) fn config(&self, pool: PoolOptions) -> Config {
        self.config_at(Server::new("a", self.url.clone()), pool)
    }

    /// A cluster of many logical shards on one server, with the table of notes in each.
    pub(crate) async fn many_namespaces(&self, shards: i64, pool: PoolOptions) -> Cluster {
        self.many_namespaces_by(shards, pool, FanOut::new()).await
    }

    pub(crate) async fn many_namespaces_by(
        &self,
        shards: i64,
        pool: PoolOptions,
        fan_out: FanOut,
    ) -> Cluster {
        let config = |pool: PoolOptions| {
            Config::new(format!("{}faults", self.prefix))
                .fan_out(fan_out.clone())
                .group(
                    "shop",
                    Group::new(u32::try_from(shards).unwrap())
                        .namespace(format!("{}shop_{{shard}}", self.prefix))
                        .strategy(StrategyConfig::Modulo)
                        .pool(pool)
                        .server(Server::new("a", self.url.clone())),
                )
        };
        let cluster = Cluster::connect(&config(PoolOptions::new())).await.unwrap();
        cluster.setup().table::<Note>().run().await.unwrap();
        cluster.close().await;
        Cluster::connect(&config(pool)).await.unwrap()
    }

    /// The tables, and a cluster that has opened no connection yet.
    pub(crate) async fn cluster(&self, pool: PoolOptions) -> Cluster {
        self.set_up().await;
        Cluster::connect(&self.config(pool)).await.unwrap()
    }

    /// Makes the tables.
    pub(crate) async fn set_up(&self) {
        let cluster = Cluster::connect(&self.config(PoolOptions::new()))
            .await
            .unwrap();
        let tables = cluster.setup().table::<Note>().table::<Job>();
        tables.table::<Setting>().run().await.unwrap();
        cluster.close().await;
        if self.backend != Backend::Sqlite {
            let mut direct = self.direct().await;
            eventually("the connections of the setup are gone", async || {
                self.sessions(&mut direct).await == 0
            })
            .await;
        }
    }

    /// The qualified name of a table in a logical shard.
    pub(crate) fn table(&self, shard: u32, table: &str) -> String {
        match self.backend {
            Backend::Sqlite => table.to_owned(),
            Backend::Postgres => format!("shop_{shard}.{table}"),
            Backend::MariaDb => format!("{}shop_{shard}.{table}", self.prefix),
        }
    }

    /// A connection beside the library's; to shard 0 on SQLite.
    pub(crate) async fn direct(&self) -> Direct {
        self.side_of(0).await
    }

    pub(crate) async fn side_of(&self, shard: u32) -> Direct {
        match self.backend {
            Backend::Sqlite => {
                let folder = self.url.strip_prefix("sqlite://").unwrap();
                let options = SqliteConnectOptions::new()
                    .filename(format!("{folder}/shop_{shard}.db"))
                    .busy_timeout(LIMIT);
                Direct::Sqlite(SqliteConnection::connect_with(&options).await.unwrap())
            }
            Backend::Postgres => Direct::Postgres(PgConnection::connect(&self.url).await.unwrap()),
            Backend::MariaDb => {
                let server = self.url.rsplit_once('/').unwrap().0;
                Direct::MariaDb(MySqlConnection::connect(server).await.unwrap())
            }
        }
    }

    /// How many sessions the library has on the server.
    pub(crate) async fn sessions(&self, direct: &mut Direct) -> i64 {
        let sessions = self.session_ids();
        direct
            .number(&format!("SELECT COUNT(*) FROM ({sessions}) AS s"))
            .await
    }

    fn session_ids(&self) -> String {
        match self.backend {
            Backend::Sqlite => panic!("SQLite has no server"),
            Backend::Postgres => "SELECT pid::bigint AS id FROM pg_stat_activity \
                 WHERE datname = current_database() AND application_name = 'shard-orm'"
                .to_owned(),
            Backend::MariaDb => format!(
                "SELECT CAST(id AS SIGNED) AS id FROM information_schema.processlist WHERE db = '{}'",
                self.url.rsplit_once('/').unwrap().1
            ),
        }
    }

    /// How many transactions of the library are open on the server.
    pub(crate) async fn open_transactions(&self, direct: &mut Direct) -> i64 {
        match self.backend {
            Backend::Sqlite => {
                // It is refused while another connection may write.
                direct.run("BEGIN IMMEDIATE").await.unwrap();
                direct.run("ROLLBACK").await.unwrap();
                0
            }
            Backend::Postgres => {
                direct
                    .number(
                        "SELECT COUNT(*) FROM pg_stat_activity WHERE datname = current_database() \
                     AND application_name = 'shard-orm' AND xact_start IS NOT NULL",
                    )
                    .await
            }
            Backend::MariaDb => {
                let sessions = direct.numbers(&self.session_ids()).await;
                let open = direct.innodb_transactions().await;
                let own = open.iter().filter(|open| sessions.contains(&open.session));
                own.count().try_into().unwrap()
            }
        }
    }

    /// Waits until a statement of the library waits for a lock.
    pub(crate) async fn someone_waits(&self, direct: &mut Direct) {
        eventually("a statement waits for a lock", async || {
            match self.backend {
                Backend::Sqlite => panic!("SQLite has no server"),
                Backend::Postgres => {
                    let waiting = "SELECT COUNT(*) FROM pg_stat_activity \
                     WHERE datname = current_database() AND wait_event_type = 'Lock'";
                    direct.number(waiting).await > 0
                }
                Backend::MariaDb => {
                    let sessions = direct.numbers(&self.session_ids()).await;
                    let open = direct.innodb_transactions().await;
                    open.iter()
                        .any(|open| open.waits && sessions.contains(&open.session))
                }
            }
        })
        .await;
    }

    /// Ends all sessions of the library on the server, and waits until they are gone.
    pub(crate) async fn kill_sessions(&self, direct: &mut Direct) {
        let ids = direct.numbers(&self.session_ids()).await;
        assert!(!ids.is_empty(), "there is no session to kill");
        for id in &ids {
            let kill = match self.backend {
                Backend::Sqlite => panic!("SQLite has no server"),
                Backend::Postgres => format!("SELECT pg_terminate_backend({id})"),
                Backend::MariaDb => format!("KILL CONNECTION {id}"),
            };
            // One may have ended by itself meanwhile.
            let _ = direct.run(&kill).await;
        }
        eventually("the killed sessions are gone", async || {
            let left = direct.numbers(&self.session_ids()).await;
            !left.iter().any(|id| ids.contains(id))
        })
        .await;
    }

    /// How many notes of this id shard 0 holds.
    pub(crate) async fn copies(&self, direct: &mut Direct, id: i64) -> i64 {
        let notes = self.table(0, "notes");
        direct
            .number(&format!("SELECT COUNT(*) FROM {notes} WHERE id = {id}"))
            .await
    }

    pub(crate) async fn amount(&self, direct: &mut Direct, id: i64) -> i64 {
        let notes = self.table(0, "notes");
        direct
            .number(&format!(
                "SELECT CAST(SUM(amount) AS {}) FROM {notes} WHERE id = {id}",
                if self.backend == Backend::MariaDb {
                    "SIGNED"
                } else {
                    "bigint"
                }
            ))
            .await
    }

    /// Takes the lock on a note in shard 0, in a transaction that waits for it no longer than `LIMIT`.
    pub(crate) async fn lock(&self, direct: &mut Direct, id: i64) {
        let notes = self.table(0, "notes");
        match self.backend {
            Backend::Sqlite => direct.run("BEGIN IMMEDIATE").await.unwrap(),
            _ => {
                direct.run("BEGIN").await.unwrap();
                direct
                    .run(&format!(
                        "SELECT id FROM {notes} WHERE id = {id} FOR UPDATE"
                    ))
                    .await
                    .unwrap();
            }
        }
    }
}

/// A pool of this many connections.
pub(crate) fn pool_of(connections: u32) -> PoolOptions {
    PoolOptions::new()
        .max_connections(connections)
        .sqlite_readers(connections)
        .acquire_timeout(LIMIT)
}
