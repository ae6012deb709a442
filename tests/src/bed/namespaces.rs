//! Namespaces of a bed that are removed, copied or changed behind the library's back.

use shard_orm::Dialect;
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{AssertSqlSafe, Connection as _, MySqlConnection, PgConnection, SqliteConnection};

use super::places::Places;
use super::{Bed, GROUP};

/// The table of a namespace's record.
const RECORD: &str = "shard_orm_namespace";

/// Where a namespace is: the URL of its server, and its name.
#[derive(Debug, Clone)]
pub struct Site {
    dialect: Dialect,
    url: String,
    name: String,
}

impl Bed {
    /// Where a logical shard of the bed's own cluster is.
    pub fn site(&self, shard: u32) -> Site {
        let topology = self.cluster.topology();
        let group = topology.group(GROUP).unwrap();
        let placement = group.placement(shard).unwrap();
        self.site_of(placement.server(), placement.namespace().name())
    }

    /// A namespace of this name on the server at this position.
    pub fn site_of(&self, server: usize, name: &str) -> Site {
        Site {
            dialect: self.dialect,
            url: self.server_urls()[server].clone(),
            name: name.to_owned(),
        }
    }
}

impl Site {
    /// Removes the namespace with all that is in it.
    pub async fn remove(&self) {
        match self.dialect {
            Dialect::Sqlite => {
                for suffix in ["", "-wal", "-shm"] {
                    let _ = std::fs::remove_file(format!("{}{suffix}", self.file()));
                }
            }
            Dialect::Postgres => {
                self.run(&format!("DROP SCHEMA IF EXISTS {} CASCADE", self.name))
                    .await
            }
            Dialect::MySql => {
                self.run(&format!("DROP DATABASE IF EXISTS {}", self.name))
                    .await
            }
        }
    }

    /// Copies the namespace's record, and an empty table of orders, to another place.
    pub async fn copy_to(&self, to: &Self) {
        let table = |name: &str| to.table(name);
        match self.dialect {
            Dialect::Sqlite => {
                let folder = std::path::Path::new(&to.file())
                    .parent()
                    .unwrap()
                    .to_owned();
                std::fs::create_dir_all(folder).unwrap();
                self.run(&format!("VACUUM INTO '{}'", to.file())).await;
                to.run("DELETE FROM orders").await;
            }
            Dialect::Postgres => {
                let create = format!(
                    "CREATE SCHEMA {name}; CREATE TABLE {orders} (id bigint PRIMARY KEY, user_id bigint NOT NULL)",
                    name = to.name,
                    orders = table("orders"),
                );
                to.run(&create).await;
                // As a whole, since the two may be in different databases.
                let mut connection = PgConnection::connect(&self.url).await.unwrap();
                let query = format!("SELECT row_to_json(r)::text FROM {} r", self.table(RECORD));
                let record: String = sqlx::query_scalar(AssertSqlSafe(query))
                    .fetch_one(&mut connection)
                    .await
                    .unwrap();
                to.run(&format!(
                    "CREATE TABLE {record} (cluster_name text, group_name text, logical_shard bigint, \
                     generation bigint, group_id text, server_name text, logical_shards bigint, strategy text, \
                     routing text, pins text, pinned_keys text, model_tables text, named_databases text, ready bigint); \
                     INSERT INTO {record} SELECT * FROM json_populate_record(NULL::{record}, '{json}')",
                    record = table(RECORD),
                    json = record.replace('\'', "''"),
                ))
                .await;
            }
            Dialect::MySql => {
                to.run(&format!("CREATE DATABASE {}", to.name)).await;
                for name in [RECORD, "orders"] {
                    to.run(&format!(
                        "CREATE TABLE {} LIKE {}",
                        table(name),
                        self.table(name)
                    ))
                    .await;
                }
                to.run(&format!(
                    "INSERT INTO {} SELECT * FROM {}",
                    table(RECORD),
                    self.table(RECORD)
                ))
                .await;
            }
        }
    }

    /// Changes the namespace's record, as by `ready = 0`.
    pub async fn set_record(&self, assignment: &str) {
        self.run(&format!("UPDATE {} SET {assignment}", self.table(RECORD)))
            .await;
    }

    /// Reads a column of the namespace's record as a text.
    pub async fn record(&self, column: &str) -> Option<String> {
        let type_name = match self.dialect {
            Dialect::MySql => "CHAR",
            _ => "TEXT",
        };
        self.text(&format!(
            "SELECT CAST({column} AS {type_name}) FROM {}",
            self.table(RECORD)
        ))
        .await
    }

    /// Gives the namespace a record of the first version, which had four columns.
    pub async fn forget_layout(&self) {
        let columns = "cluster_name, group_name, logical_shard, generation";
        let (record, old) = (self.table(RECORD), self.table("old"));
        self.run(&format!(
            "CREATE TABLE {old} AS SELECT {columns} FROM {record}"
        ))
        .await;
        self.run(&format!("DROP TABLE {record}")).await;
        let number = "bigint NOT NULL";
        self.run(&format!(
            "CREATE TABLE {record} (cluster_name varchar(255) NOT NULL, group_name varchar(255) NOT NULL, \
             logical_shard {number} PRIMARY KEY, generation {number})"
        ))
        .await;
        self.run(&format!("INSERT INTO {record} SELECT {columns} FROM {old}"))
            .await;
        self.run(&format!("DROP TABLE {old}")).await;
    }

    /// Runs statements there.
    pub async fn run(&self, sql: &str) {
        match self.dialect {
            Dialect::Sqlite => {
                let mut connection = self.sqlite().await;
                sqlx::raw_sql(AssertSqlSafe(sql.to_owned()))
                    .execute(&mut connection)
                    .await
                    .unwrap();
                connection.close().await.unwrap();
            }
            Dialect::Postgres => {
                let mut connection = PgConnection::connect(&self.url).await.unwrap();
                sqlx::raw_sql(AssertSqlSafe(sql.to_owned()))
                    .execute(&mut connection)
                    .await
                    .unwrap();
                connection.close().await.unwrap();
            }
            Dialect::MySql => {
                let mut connection = MySqlConnection::connect(&self.url).await.unwrap();
                sqlx::raw_sql(AssertSqlSafe(sql.to_owned()))
                    .execute(&mut connection)
                    .await
                    .unwrap();
                connection.close().await.unwrap();
            }
        }
    }

    async fn text(&self, sql: &str) -> Option<String> {
        let sql = AssertSqlSafe(sql.to_owned());
        match self.dialect {
            Dialect::Sqlite => sqlx::query_scalar(sql)
                .fetch_one(&mut self.sqlite().await)
                .await
                .unwrap(),
            Dialect::Postgres => {
                let mut connection = PgConnection::connect(&self.url).await.unwrap();
                sqlx::query_scalar(sql)
                    .fetch_one(&mut connection)
                    .await
                    .unwrap()
            }
            Dialect::MySql => {
                let mut connection = MySqlConnection::connect(&self.url).await.unwrap();
                sqlx::query_scalar(sql)
                    .fetch_one(&mut connection)
                    .await
                    .unwrap()
            }
        }
    }

    async fn sqlite(&self) -> SqliteConnection {
        let options = SqliteConnectOptions::new()
            .filename(self.file())
            .create_if_missing(false);
        SqliteConnection::connect_with(&options).await.unwrap()
    }

    fn file(&self) -> String {
        let folder = self.url.strip_prefix("sqlite://").unwrap();
        format!("{folder}/{}.db", self.name)
    }

    /// How a statement names a table of the namespace.
    pub fn table(&self, name: &str) -> String {
        match self.dialect {
            Dialect::Sqlite => name.to_owned(),
            _ => format!("{}.{name}", self.name),
        }
    }
}

impl Places {
    /// Gives the namespaces of replicas that replicate nothing, those of SQLite, the identity of their primaries.
    pub(super) async fn adopt_replicas(&self) {
        for (primary, replica) in self.servers.iter().zip(&self.replicas) {
            let folder = |url: &str| url.strip_prefix("sqlite://").unwrap().to_owned();
            for entry in std::fs::read_dir(folder(replica)).unwrap() {
                let path = entry.unwrap().path();
                let name = path.file_stem().unwrap().to_str().unwrap();
                if path.extension().is_none_or(|extension| extension != "db") {
                    continue;
                }
                let site = |url: &str| Site {
                    dialect: Dialect::Sqlite,
                    url: url.to_owned(),
                    name: name.to_owned(),
                };
                if let Some(id) = site(primary).record("group_id").await {
                    site(replica)
                        .set_record(&format!("group_id = '{id}'"))
                        .await;
                }
            }
        }
    }
}
