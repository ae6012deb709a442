//! A cluster of three groups, each on two servers of another database, with a catalog.

use std::path::PathBuf;
use std::time::Duration;

use shard_orm::Cluster;
use shard_orm::config::{Catalog, Config, Database};
use shard_orm::prelude::*;
use shard_orm::sqlx::{self, AssertSqlSafe, Connection as _, MySqlConnection, PgConnection};
use shard_orm_tests::database::{
    MariaDbPrefix, PostgresDatabase, create_account, fresh_mariadb_prefix, fresh_postgres,
    fresh_postgres_on, without_password,
};
use shard_orm_tests::relay::Relay;
use shard_orm_tests::servers::PostgresServer;
use tempfile::TempDir;

/// The logical shards of each group; the first half is on its first server.
pub(crate) const SHARDS: u32 = 4;

/// The groups, with their servers.
pub(crate) const GROUPS: [(&str, [&str; 2]); 3] = [
    ("files", ["attic", "cellar"]),
    ("elephants", ["asian", "african"]),
    ("seals", ["grey", "harbour"]),
];

/// A row in a file of SQLite.
#[derive(Debug, PartialEq, ShardModel)]
#[shard(group = "files", table = "pages")]
pub(crate) struct Page {
    #[shard(primary_key)]
    pub(crate) id: i64,
    #[shard(key)]
    pub(crate) user_id: i64,
}

/// A row in PostgreSQL.
#[derive(Debug, PartialEq, ShardModel)]
#[shard(group = "elephants", table = "orders")]
pub(crate) struct Order {
    #[shard(primary_key)]
    pub(crate) id: i64,
    #[shard(key)]
    pub(crate) user_id: i64,
}

/// A row in MariaDB.
#[derive(Debug, PartialEq, ShardModel)]
#[shard(group = "seals", table = "notes")]
pub(crate) struct Note {
    #[shard(primary_key)]
    pub(crate) id: i64,
    #[shard(key)]
    pub(crate) user_id: i64,
}

/// The cluster and its databases.
pub(crate) struct World {
    pub(crate) cluster: Cluster,
    /// The server `african`, which no other test uses.
    pub(crate) african: PostgresServer,
    /// Before the database of the catalog.
    pub(crate) catalog: Relay,
    config: Config,
    postgres: [PostgresDatabase; 3],
    mariadb: MariaDbPrefix,
    folder: TempDir,
}

impl World {
    pub(crate) async fn open() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let file = |name: &str| format!("sqlite://{}", folder.path().join(name).display());
        let african = PostgresServer::start().await.unwrap();
        let postgres = [
            fresh_postgres().await,
            fresh_postgres_on(african.url()).await,
            fresh_postgres().await,
        ];
        let relay = Relay::to(postgres[2].url()).await;
        let default = relay.url(postgres[2].url());
        let mariadb = fresh_mariadb_prefix().await;
        create_account(mariadb.url()).await;
        let grey = without_password(mariadb.url());
        let urls = [
            [file("attic"), file("cellar")],
            [postgres[0].url().to_owned(), postgres[1].url().to_owned()],
            // By two names of the loopback interface, one server counts as two.
            [grey.clone(), grey.replace("127.0.0.1", "localhost")],
        ];
        // On MariaDB clusters of several tests share a server.
        let name = format!("{}zoo", mariadb.prefix());
        let mut document = format!("name = '{name}'\n[databases.default]\nprimary = '{default}'\n");
        for ((group, servers), urls) in GROUPS.iter().zip(&urls) {
            let prefix = match *group {
                "seals" => mariadb.prefix(),
                _ => "",
            };
            document.push_str(&format!(
                "[groups.{group}]\nlogical_shards = {SHARDS}\nnamespace = '{prefix}{group}_{{shard}}'\n\
                 static_namespace = '{prefix}{group}_static'\n"
            ));
            for (number, (server, url)) in (0..).zip(servers.iter().zip(urls)) {
                let half = SHARDS / 2;
                document.push_str(&format!(
                    "[[groups.{group}.servers]]\nname = '{server}'\nprimary = '{url}'\nshards = '{}..{}'\n",
                    number * half,
                    (number + 1) * half,
                ));
            }
        }
        let catalog = Catalog::new("default")
            .poll(Duration::from_millis(100))
            .process("zookeeper");
        let config = Config::new(&*name)
            .database("default", Database::new(default))
            .catalog(catalog);
        let cluster = Cluster::connect(&config).await.unwrap();
        let initialized = cluster.catalog().unwrap().initialize(&document).await;
        initialized.unwrap();
        let setup = cluster
            .setup()
            .table::<Page>()
            .table::<Order>()
            .table::<Note>();
        setup.run().await.unwrap();
        Self {
            cluster,
            african,
            catalog: relay,
            config,
            postgres,
            mariadb,
            folder,
        }
    }

    /// Another process of the cluster.
    pub(crate) async fn another_process(&self) -> Cluster {
        Cluster::connect(&self.config).await.unwrap()
    }

    /// The namespaces of the logical shards of a group on one of its servers, as its database lists them.
    pub(crate) async fn namespaces(&self, group: &str, server: usize) -> usize {
        let names: Vec<String> = match group {
            "files" => {
                let folder = self.folder.path().join(GROUPS[0].1[server]);
                files(&folder)
            }
            "elephants" => {
                let url = self.postgres[server].url();
                let mut connection = PgConnection::connect(url).await.unwrap();
                let names = "SELECT nspname::text FROM pg_namespace";
                sqlx::query_scalar(names)
                    .fetch_all(&mut connection)
                    .await
                    .unwrap()
            }
            // Both servers are one.
            _ => {
                let url = self.mariadb.url();
                let mut connection = MySqlConnection::connect(url).await.unwrap();
                let names = format!(
                    "SELECT CAST(schema_name AS CHAR) FROM information_schema.schemata \
                     WHERE schema_name LIKE '{}%'",
                    self.mariadb.prefix()
                );
                let names = sqlx::query_scalar(AssertSqlSafe(names));
                names.fetch_all(&mut connection).await.unwrap()
            }
        };
        let own = |shard: u32| {
            let end = format!("{group}_{shard}");
            names.iter().any(|name| {
                let name = name.trim_end_matches(".db");
                name.ends_with(&end)
            })
        };
        (0..SHARDS).filter(|shard| own(*shard)).count()
    }
}

fn files(folder: &PathBuf) -> Vec<String> {
    let entries = std::fs::read_dir(folder).unwrap();
    let name = |entry: std::io::Result<std::fs::DirEntry>| {
        entry.unwrap().file_name().to_string_lossy().into_owned()
    };
    entries.map(name).collect()
}
