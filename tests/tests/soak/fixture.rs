//! A server of the soak's own, with two pools of connections to it.

use std::time::Duration;

use shard_orm::config::{Config, Group, PoolOptions, Server};
use shard_orm::prelude::*;
use shard_orm::route::RoutingKey;
use shard_orm_tests::servers::{MariaDbServer, PostgresServer};

use crate::direct::Direct;
use crate::link::LossyLink;
use crate::model::{Account, Badge, Counter, Entry, Note, Parcel};

/// As many as one server's statements can meet each other in.
pub(crate) const SHARDS: u32 = 4;
/// The connections of each pool.
pub(crate) const CONNECTIONS: u32 = 4;
/// The pools, each to two of the shards.
pub(crate) const POOLS: u32 = 2;
/// Longer than anything takes that is to happen at all.
pub(crate) const LIMIT: Duration = Duration::from_secs(75);
/// What the library itself waits for: less, so that its error says what was missing.
const PATIENCE: Duration = Duration::from_mins(1);

const GROUP: &str = "soak";
const USER: &str = "soak";
const PASSWORD: &str = "soak-secret";

/// A server of the soak's own, and a second way to it, on which answers get lost.
#[derive(Debug)]
pub(crate) struct Fixture {
    server: Owned,
    pub(crate) link: LossyLink,
}

#[derive(Debug)]
enum Owned {
    Postgres(PostgresServer),
    MariaDb(MariaDbServer),
}

impl Fixture {
    pub(crate) async fn postgres() -> Self {
        // A circle of transactions costs no more than it does on MariaDB, which looks for one at once.
        let settings = [("deadlock_timeout", "50ms")];
        let server = PostgresServer::start_with(&settings).await.unwrap();
        let socket = format!(".s.PGSQL.{}", port_of(server.url()));
        let fixture = Self {
            link: LossyLink::to(server.folder().join(socket)).await,
            server: Owned::Postgres(server),
        };
        let mut direct = fixture.direct().await;
        direct.run(&format!("CREATE ROLE {USER} LOGIN")).await;
        for name in ["one", "two"] {
            direct
                .run(&format!("CREATE DATABASE {name} OWNER {USER}"))
                .await;
        }
        fixture
    }

    pub(crate) async fn mariadb() -> Self {
        let server = MariaDbServer::start().await.unwrap();
        let fixture = Self {
            link: LossyLink::to(server.folder().join("mariadbd.sock")).await,
            server: Owned::MariaDb(server),
        };
        let mut direct = fixture.direct().await;
        direct
            .run(&format!(
                "CREATE USER '{USER}'@'%' IDENTIFIED BY '{PASSWORD}'"
            ))
            .await;
        direct
            .run(&format!("GRANT ALL PRIVILEGES ON *.* TO '{USER}'@'%'"))
            .await;
        fixture
    }

    pub(crate) fn name(&self) -> &'static str {
        match &self.server {
            Owned::Postgres(_) => "PostgreSQL",
            Owned::MariaDb(_) => "MariaDB",
        }
    }

    pub(crate) fn dialect(&self) -> Dialect {
        match self.server {
            Owned::Postgres(_) => Dialect::Postgres,
            Owned::MariaDb(_) => Dialect::MySql,
        }
    }

    /// The ports that the library connects to: the server's own, and that of the link.
    pub(crate) fn ports(&self) -> [u16; 2] {
        let url = match &self.server {
            Owned::Postgres(server) => server.url(),
            Owned::MariaDb(server) => server.url(),
        };
        [port_of(url), self.link.port()]
    }

    /// A connection beside the library's, of another user and through the server's socket file.
    pub(crate) async fn direct(&self) -> Direct {
        match &self.server {
            Owned::Postgres(server) => {
                Direct::postgres(server.folder(), port_of(server.url()), None).await
            }
            Owned::MariaDb(server) => Direct::mariadb(server.folder()).await,
        }
    }

    /// One to the database in which a shard's tables are.
    pub(crate) async fn side_of(&self, shard: u32) -> Direct {
        match &self.server {
            Owned::Postgres(server) => {
                let database = ["one", "two"][(shard / (SHARDS / POOLS)) as usize];
                Direct::postgres(server.folder(), port_of(server.url()), Some(database)).await
            }
            Owned::MariaDb(server) => Direct::mariadb(server.folder()).await,
        }
    }

    fn urls(&self) -> [String; 2] {
        let [straight, frayed] = self.ports();
        match self.server {
            Owned::Postgres(_) => [(straight, "one"), (frayed, "two")]
                .map(|(port, name)| format!("postgres://{USER}@127.0.0.1:{port}/{name}")),
            Owned::MariaDb(_) => {
                [straight, frayed].map(|port| format!("mysql://{USER}:{PASSWORD}@127.0.0.1:{port}"))
            }
        }
    }

    /// A cluster of small pools, whose connections are also given up for age and for idleness.
    pub(crate) async fn cluster(&self) -> Cluster {
        let [one, two] = self.urls();
        let pool = PoolOptions::new()
            .max_connections(CONNECTIONS)
            .acquire_timeout(PATIENCE)
            .connect_timeout(PATIENCE)
            .max_lifetime(Duration::from_secs(3))
            .idle_timeout(Duration::from_millis(400))
            .ping_after_idle(Duration::from_millis(20));
        let group = Group::new(SHARDS)
            .namespace("soak_{shard}")
            .pool(pool)
            .server(Server::new("one", one))
            .server(Server::new("two", two));
        let cluster = Cluster::connect(&Config::new("soak").group(GROUP, group))
            .await
            .unwrap();
        let setup = cluster.setup().table::<Note>().table::<Counter>();
        let setup = setup.table::<Account>().table::<Entry>();
        let setup = setup.table::<Parcel>().table::<Badge>();
        setup.run().await.unwrap();
        for shard in 0..SHARDS {
            let entries = Self::table(shard, "entries");
            let drop = match &self.server {
                Owned::Postgres(_) => "CONSTRAINT entries_pkey",
                Owned::MariaDb(_) => "PRIMARY KEY",
            };
            let mut direct = self.side_of(shard).await;
            direct
                .run(&format!("ALTER TABLE {entries} DROP {drop}"))
                .await;
        }
        cluster
    }

    /// The qualified name of a table.
    pub(crate) fn table(shard: u32, table: &str) -> String {
        format!("soak_{shard}.{table}")
    }

    /// An expression in the database's integers of 64 bits.
    pub(crate) fn integer(&self, expression: &str) -> String {
        match &self.server {
            Owned::Postgres(_) => format!("CAST({expression} AS bigint)"),
            Owned::MariaDb(_) => format!("CAST({expression} AS SIGNED)"),
        }
    }

    /// The sessions of the library: their ids, in a column `id`.
    pub(crate) fn sessions(&self) -> String {
        match &self.server {
            Owned::Postgres(_) => format!(
                "SELECT pid::bigint AS id FROM pg_stat_activity \
                 WHERE usename = '{USER}' AND backend_type = 'client backend'"
            ),
            Owned::MariaDb(_) => format!(
                "SELECT CAST(id AS SIGNED) AS id FROM information_schema.processlist \
                 WHERE user = '{USER}'"
            ),
        }
    }

    /// How many transactions of the library are open.
    pub(crate) fn open_transactions(&self) -> String {
        match &self.server {
            Owned::Postgres(_) => format!(
                "SELECT (SELECT COUNT(*) FROM pg_stat_activity \
                 WHERE usename = '{USER}' AND backend_type = 'client backend' AND xact_start IS NOT NULL) \
                 + (SELECT COUNT(*) FROM pg_prepared_xacts)"
            ),
            Owned::MariaDb(_) => "SELECT COUNT(*) FROM information_schema.innodb_trx".to_owned(),
        }
    }

    /// How long the oldest transaction of the library has been open, in seconds.
    pub(crate) fn oldest_transaction(&self) -> String {
        match &self.server {
            Owned::Postgres(_) => format!(
                "SELECT CAST(COALESCE(MAX(EXTRACT(EPOCH FROM clock_timestamp() - xact_start)), 0) AS bigint) \
                 FROM pg_stat_activity WHERE usename = '{USER}'"
            ),
            Owned::MariaDb(_) => {
                "SELECT CAST(COALESCE(MAX(TIMESTAMPDIFF(SECOND, trx_started, NOW())), 0) AS SIGNED) \
                 FROM information_schema.innodb_trx"
                    .to_owned()
            }
        }
    }

    /// What the server is doing, a line for each session.
    pub(crate) fn activity(&self) -> &'static str {
        match &self.server {
            Owned::Postgres(_) => {
                "SELECT concat_ws(' ', pid, usename, state, wait_event_type, wait_event, \
                 now() - xact_start, query) FROM pg_stat_activity"
            }
            Owned::MariaDb(_) => {
                "SELECT CONCAT_WS(' ', id, user, command, time, state, info) \
                 FROM information_schema.processlist"
            }
        }
    }

    /// The statement that ends a session.
    pub(crate) fn kill(&self, session: i64) -> String {
        match &self.server {
            Owned::Postgres(_) => format!("SELECT pg_terminate_backend({session})"),
            Owned::MariaDb(_) => format!("KILL CONNECTION {session}"),
        }
    }
}

fn port_of(url: &str) -> u16 {
    let (_, address) = url.split_once("://").unwrap();
    let address = address.split('/').next().unwrap();
    address.rsplit_once(':').unwrap().1.parse().unwrap()
}

/// The logical shard of a key.
pub(crate) fn shard_of(cluster: &Cluster, key: i64) -> u32 {
    let topology = cluster.topology();
    let group = topology.group(GROUP).unwrap();
    group.router().route(&RoutingKey::new(key)).unwrap()
}

/// A key of each logical shard, none below `from`.
pub(crate) fn key_of_each_shard(cluster: &Cluster, from: i64) -> Vec<i64> {
    (0..SHARDS)
        .map(|shard| {
            (from..)
                .find(|key| shard_of(cluster, *key) == shard)
                .unwrap()
        })
        .collect()
}
