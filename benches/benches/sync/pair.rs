//! A source and a server with a copy: a server of its own for each, both on one core, data in memory.

use std::time::Duration;

use shard_orm::config::{Config, Database, Group, PoolOptions, Server};
use shard_orm::prelude::*;
use shard_orm::sqlx::{AssertSqlSafe, Connection as _, MySqlConnection, query};
use shard_orm_tests::servers::{MariaDbServer, PostgresServer};
use tempfile::TempDir;

use crate::machine::{CLIENT_CORE, SERVER_CORE, bind_to, folder};

/// What the source is on, and the copy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Pair {
    Postgres,
    MariaDb,
    Mixed,
    Sqlite,
}

impl Pair {
    pub(crate) const ALL: [Self; 4] = [Self::Postgres, Self::MariaDb, Self::Mixed, Self::Sqlite];

    pub(crate) fn of(name: &str) -> Option<Self> {
        let named = ["postgres", "mariadb", "mixed", "sqlite"].iter();
        named
            .zip(Self::ALL)
            .find_map(|(one, pair)| (*one == name).then_some(pair))
    }

    pub(crate) fn title(self) -> &'static str {
        match self {
            Self::Postgres => "PostgreSQL to PostgreSQL",
            Self::MariaDb => "MariaDB to MariaDB",
            Self::Mixed => "PostgreSQL to MariaDB",
            Self::Sqlite => "SQLite to SQLite",
        }
    }
}

#[derive(Debug)]
#[allow(dead_code, reason = "held for their drop")]
enum Kept {
    Postgres(PostgresServer),
    MariaDb(MariaDbServer),
    Folder(TempDir),
}

/// A running pair.
#[derive(Debug)]
pub(crate) struct Site {
    pub(crate) cluster: Cluster,
    /// Where the copies are, as a database of its own.
    pub(crate) copy: Cluster,
    _kept: Vec<Kept>,
}

const GROUP: &str = "bench";

impl Site {
    pub(crate) async fn open(pair: Pair) -> Self {
        bind_to(SERVER_CORE);
        let mut kept = Vec::new();
        let (source, _) = place(pair, true, &mut kept).await;
        let (server, copy) = place(pair, false, &mut kept).await;
        bind_to(CLIENT_CORE);
        let pool = || {
            PoolOptions::new()
                .max_connections(4)
                .acquire_timeout(Duration::from_mins(10))
        };
        let group = Group::new(1).server(Server::new("server", &server));
        let config = Config::new("bench")
            .pool(pool())
            .database("default", Database::new(source))
            .group(GROUP, group);
        let cluster = Cluster::connect(&config).await.unwrap();
        let at_copy = Config::new("copy").pool(pool()).database("default", copy);
        Self {
            cluster,
            copy: Cluster::connect(&at_copy).await.unwrap(),
            _kept: kept,
        }
    }
}

/// The address of a source, or of a server and of the copies on it.
async fn place(pair: Pair, is_source: bool, kept: &mut Vec<Kept>) -> (String, Database) {
    match (pair, is_source) {
        (Pair::Postgres, _) | (Pair::Mixed, true) => {
            let settings = [("shared_buffers", "512MB"), ("max_wal_size", "2GB")];
            let server = PostgresServer::start_with(&settings).await.unwrap();
            let url = server.url().to_owned();
            kept.push(Kept::Postgres(server));
            let path = shard_orm::config::DatabaseOptions::new()
                .setting("search_path", format!("{GROUP}_static"));
            (url.clone(), Database::new(url).options(path))
        }
        (Pair::MariaDb, _) | (Pair::Mixed, false) => {
            let settings = [("innodb-buffer-pool-size", "1G")];
            let server = MariaDbServer::start_with(&settings).await.unwrap();
            let url = server.url().to_owned();
            kept.push(Kept::MariaDb(server));
            for name in ["home", &format!("{GROUP}_static")] {
                let mut connection = MySqlConnection::connect(&url).await.unwrap();
                let create = AssertSqlSafe(format!("CREATE DATABASE IF NOT EXISTS {name}"));
                query(create).execute(&mut connection).await.unwrap();
                connection.close().await.unwrap();
            }
            let copy = Database::new(format!("{url}/{GROUP}_static"));
            (format!("{url}/home"), copy)
        }
        (Pair::Sqlite, _) => {
            let folder = folder();
            let path = folder.path().display().to_string();
            kept.push(Kept::Folder(folder));
            let copy = Database::new(format!("sqlite://{path}/{GROUP}_static.db"));
            if is_source {
                (format!("sqlite://{path}/source.db"), copy)
            } else {
                (format!("sqlite://{path}"), copy)
            }
        }
    }
}
