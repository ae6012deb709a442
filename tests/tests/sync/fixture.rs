//! A source, and two servers that hold copies.

use std::time::Duration;

use chrono::{DateTime, TimeZone as _, Utc};
use rust_decimal::Decimal;
use shard_orm::config::{Config, Database, DatabaseOptions, PoolOptions};
use shard_orm::prelude::*;
use shard_orm::sync::{Rows, StaticSync};
use shard_orm_tests::database::{
    MariaDbPrefix, PostgresDatabase, fresh_mariadb_prefix, fresh_mariadb_prefix_on, fresh_postgres,
    fresh_postgres_on,
};
use shard_orm_tests::scratch;
pub(crate) use shard_orm_tests::waiting::eventually;
use tempfile::TempDir;

/// Longer than anything takes that is to happen at all.
pub(crate) const LIMIT: Duration = Duration::from_mins(1);

/// A row with columns of many types.
#[derive(Debug, Clone, PartialEq, StaticModel)]
#[static_model(groups = all, table = "items")]
pub(crate) struct Item {
    #[static_model(primary_key)]
    pub(crate) id: i64,
    #[static_model(length = 40, unique)]
    pub(crate) name: String,
    pub(crate) amount: Option<i32>,
    pub(crate) price: Decimal,
    pub(crate) ratio: f64,
    pub(crate) flag: bool,
    pub(crate) data: Option<Vec<u8>>,
    pub(crate) at: DateTime<Utc>,
}

/// A row that is read by when it changed.
#[derive(Debug, Clone, PartialEq, StaticModel)]
#[static_model(groups = all, table = "prices", criterion = "updated_at")]
pub(crate) struct Price {
    #[static_model(primary_key, length = 20)]
    pub(crate) currency: String,
    #[static_model(primary_key)]
    pub(crate) product: i32,
    pub(crate) amount: i64,
    pub(crate) updated_at: DateTime<Utc>,
}

pub(crate) fn item(id: i64) -> Item {
    Item {
        id,
        name: format!("item {id} \u{1f600}"),
        amount: (id % 3 != 0).then(|| i32::try_from(id % 1_000).unwrap()),
        price: Decimal::new(id.wrapping_mul(7), 2),
        ratio: f64::from(i32::try_from(id % 1_000).unwrap()) / 7.0,
        flag: id % 2 == 0,
        data: (id % 5 != 0).then(|| id.to_be_bytes().to_vec()),
        at: moment(id),
    }
}

pub(crate) fn moment(id: i64) -> DateTime<Utc> {
    Utc.timestamp_micros(1_700_000_000_000_000 + id % 1_000_000 * 1_001)
        .unwrap()
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Backend {
    Sqlite,
    Postgres,
    MariaDb,
}

/// What the source is on, and the copies.
pub(crate) type Pair = (Backend, Backend);

pub(crate) const SQLITE: Pair = (Backend::Sqlite, Backend::Sqlite);
pub(crate) const POSTGRES: Pair = (Backend::Postgres, Backend::Postgres);
pub(crate) const MARIADB: Pair = (Backend::MariaDb, Backend::MariaDb);
pub(crate) const MIXED: Pair = (Backend::Postgres, Backend::MariaDb);

/// Makes a test of a behaviour on each of these.
macro_rules! on {
    (all => $($behaviour:ident)+) => {
        $($crate::fixture::on! { @one $behaviour: sqlite SQLITE, postgres POSTGRES, mariadb MARIADB,
            postgres_to_mariadb MIXED })+
    };
    (servers => $($behaviour:ident)+) => {
        $($crate::fixture::on! { @one $behaviour: postgres POSTGRES, mariadb MARIADB })+
    };
    (postgres => $($behaviour:ident)+) => {
        $($crate::fixture::on! { @one $behaviour: postgres POSTGRES })+
    };
    (others => $($behaviour:ident)+) => {
        $($crate::fixture::on! { @one $behaviour: sqlite SQLITE, mariadb MARIADB })+
    };
    (@one $behaviour:ident: $($test:ident $pair:ident),+) => {
        mod $behaviour {
            $(
                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn $test() {
                    super::$behaviour($crate::fixture::$pair).await;
                }
            )+
        }
    };
}
pub(crate) use on;

/// On which servers a fixture is: those that all tests share, unless others are named.
#[derive(Debug, Default)]
pub(crate) struct Hosts {
    pub(crate) source: Option<String>,
    pub(crate) copies: [Option<String>; 2],
    /// Both copies are on the first server.
    pub(crate) one_server: bool,
}

async fn postgres_on(server: Option<String>) -> PostgresDatabase {
    match server {
        Some(server) => fresh_postgres_on(&server).await,
        None => fresh_postgres().await,
    }
}

async fn mariadb_on(server: Option<String>) -> MariaDbPrefix {
    match server {
        Some(server) => fresh_mariadb_prefix_on(&server).await,
        None => fresh_mariadb_prefix().await,
    }
}

/// A source and two servers, each of a group of its own.
#[derive(Debug)]
pub(crate) struct Fixture {
    pub(crate) cluster: Cluster,
    config: Config,
    /// The configuration as a file has it, for another process.
    pub(crate) toml: String,
    /// The copies as databases of their own.
    pub(crate) copies: Vec<Cluster>,
    _kept: Vec<Kept>,
}

#[derive(Debug)]
#[allow(dead_code)] // Held for their drop.
enum Kept {
    Folder(TempDir),
    Postgres(PostgresDatabase),
    MariaDb(MariaDbPrefix),
}

impl Fixture {
    /// With the tables of [`Item`] and [`Price`], and these registered.
    pub(crate) async fn new(pair: Pair) -> Self {
        let fixture = Self::bare(pair).await;
        let setup = fixture.cluster.setup().table::<Item>().table::<Price>();
        setup.run().await.unwrap();
        fixture.cluster.register_static::<Item>();
        fixture.cluster.register_static::<Price>();
        fixture
    }

    /// Without any table.
    pub(crate) async fn bare(pair: Pair) -> Self {
        Self::at(pair, Hosts::default()).await
    }

    /// Without any table, on these servers.
    pub(crate) async fn at((source, copies): Pair, hosts: Hosts) -> Self {
        let mut kept = Vec::new();
        let database = match source {
            Backend::Sqlite => {
                let folder = scratch::folder("sync");
                let url = format!("sqlite://{}/source.db", folder.path().display());
                kept.push(Kept::Folder(folder));
                url
            }
            Backend::Postgres => {
                let database = postgres_on(hosts.source).await;
                let url = database.url().to_owned();
                kept.push(Kept::Postgres(database));
                url
            }
            Backend::MariaDb => {
                let prefix = mariadb_on(hosts.source).await;
                let url = prefix.create_database("source").await;
                kept.push(Kept::MariaDb(prefix));
                url
            }
        };
        let pool = || PoolOptions::new().max_connections(4).acquire_timeout(LIMIT);
        let mut toml = format!(
            "name = \"sync\"\n[pool]\nmax_connections = 4\nacquire_timeout = \"1m\"\n\
             [databases.default]\nprimary = \"{database}\"\n"
        );
        let mut copied = Vec::new();
        let mut first: Option<(String, String)> = None;
        for (name, host) in ["a", "b"].into_iter().zip(hosts.copies) {
            // The prefix of its groups and the address of the server.
            let server = match first.clone().filter(|_| hosts.one_server) {
                Some(server) => server,
                None => match copies {
                    Backend::Sqlite => {
                        let folder = scratch::folder("sync");
                        let path = folder.path().display().to_string();
                        kept.push(Kept::Folder(folder));
                        (String::new(), format!("sqlite://{path}"))
                    }
                    Backend::Postgres => {
                        let database = postgres_on(host).await;
                        let url = database.url().to_owned();
                        kept.push(Kept::Postgres(database));
                        (String::new(), url)
                    }
                    Backend::MariaDb => {
                        let prefix = mariadb_on(host).await;
                        let home = prefix.create_database("home").await;
                        let name = prefix.prefix().to_owned();
                        kept.push(Kept::MariaDb(prefix));
                        (name, home)
                    }
                },
            };
            let (prefix, url) = first.insert(server);
            let group = format!("{prefix}{name}");
            let copy = match copies {
                Backend::Sqlite => Database::new(format!("{url}/{name}_static.db")),
                Backend::Postgres => {
                    let path =
                        DatabaseOptions::new().setting("search_path", format!("{name}_static"));
                    Database::new(&*url).options(path)
                }
                Backend::MariaDb => {
                    Database::new(url.replace(&format!("{prefix}home"), &format!("{group}_static")))
                }
            };
            toml.push_str(&format!(
                "[groups.{group}]\nlogical_shards = 1\n[[groups.{group}.servers]]\n\
                 name = \"{name}\"\nprimary = \"{url}\"\n"
            ));
            copied.push(Config::new("copy").pool(pool()).database("default", copy));
        }
        let config = Config::from_toml(&toml).unwrap();
        let cluster = Cluster::connect(&config).await.unwrap();
        let mut clusters = Vec::new();
        for config in copied {
            clusters.push(Cluster::connect(&config).await.unwrap());
        }
        Self {
            cluster,
            config,
            toml,
            copies: clusters,
            _kept: kept,
        }
    }

    /// Makes a table at the source and both copies, and registers it. The copies are made anew by
    /// `create`, unless that is empty: with what a model does not say.
    pub(crate) async fn add<M: TransmittedModel>(&self, table: &str, create: &str) {
        self.cluster.setup().table::<M>().run().await.unwrap();
        self.cluster.register_static::<M>();
        if create.is_empty() {
            return;
        }
        for copy in &self.copies {
            for text in [format!("DROP TABLE {table}"), create.to_owned()] {
                let text = M::query().sql(sqlx::AssertSqlSafe(text));
                text.execute(copy).await.unwrap();
            }
        }
    }

    /// Another cluster with the same configuration, as another process has it.
    pub(crate) async fn another_process(&self) -> Cluster {
        let cluster = Cluster::connect(&self.config).await.unwrap();
        cluster.register_static::<Item>();
        cluster.register_static::<Price>();
        cluster
    }

    /// Items with these ids, at the source.
    pub(crate) async fn insert(&self, ids: impl IntoIterator<Item = i64>) {
        let rows = ids.into_iter().map(item).collect();
        Item::insert_many(&self.cluster, rows).await.unwrap();
    }

    /// Syncs the items, and says what was done.
    pub(crate) async fn sync(&self) -> Rows {
        let report = StaticSync::of::<Item>(&self.cluster).run().await.unwrap();
        report.complete().unwrap().rows()
    }

    /// Syncs until no entry of the log is read again.
    ///
    /// On PostgreSQL the last entries are, while a transaction is open that began before them: one of any other test
    /// on the same server.
    pub(crate) async fn settle(&self) {
        eventually("the entries are settled", async || {
            self.sync().await.read_at_source == 0
        })
        .await;
    }

    /// Whether the copies have the source's items.
    pub(crate) async fn is_equal(&self) -> bool {
        let expected = Item::query()
            .order_by(Item::ID)
            .all(&self.cluster)
            .await
            .unwrap();
        for copy in &self.copies {
            if Item::query().order_by(Item::ID).all(copy).await.unwrap() != expected {
                return false;
            }
        }
        true
    }

    /// As [`is_equal`](Self::is_equal), and shows the difference.
    pub(crate) async fn assert_equal(&self) {
        let expected = Item::query()
            .order_by(Item::ID)
            .all(&self.cluster)
            .await
            .unwrap();
        for copy in &self.copies {
            let found = Item::query().order_by(Item::ID).all(copy).await.unwrap();
            assert_eq!(found, expected);
        }
    }

    /// Whether the copies have the source's prices.
    pub(crate) async fn are_prices_equal(&self) -> bool {
        let expected = prices(&self.cluster).await;
        for copy in &self.copies {
            if prices(copy).await != expected {
                return false;
            }
        }
        true
    }
}

/// All prices, by their primary key.
pub(crate) async fn prices(at: &Cluster) -> Vec<Price> {
    let mut all = Price::query().all(at).await.unwrap();
    all.sort_by_key(|price| (price.currency.clone(), price.product));
    all
}
