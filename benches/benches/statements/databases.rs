//! The databases, and everyone's way to them.
//!
//! PostgreSQL and MariaDB: one private server on core 0 with 16 namespaces. SQLite: one file, in
//! memory where the system has such a folder, so that the disk does not hide what is measured.
//! All contenders use the same tables and the same settings.

use std::path::Path;
use std::str::FromStr;

use sea_orm::ConnectOptions;
use shard_orm_tests::database::{PostgresDatabase, fresh_postgres};
use shard_orm_tests::servers::MariaDbServer;
use sqlx::mysql::{MySqlConnectOptions, MySqlPoolOptions};
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};
use sqlx::{ConnectOptions as _, Connection, MySqlConnection, PgConnection, SqliteConnection};
use tempfile::TempDir;

use crate::catalog;
use crate::cluster::{self, STATEMENT_CACHE};
use crate::contender::Contender;
use crate::hand_written::{HandWritten, Texts};
use crate::machine::{CLIENT_CORE, SERVER_CORE, bind_to, folder};
use crate::peer;
use crate::rows::Rows;

const SERVER_SHARDS: u32 = 16;
const STORED_ROWS: i64 = 20_000;

/// Everyone who reaches one database.
pub(crate) struct Field {
    pub(crate) database: &'static str,
    pub(crate) rows: Rows,
    /// The first is the measure of the others.
    pub(crate) contenders: Vec<Contender>,
    _kept: Kept,
}

/// What goes away when the measuring is over.
#[allow(dead_code)]
enum Kept {
    Postgres(PostgresDatabase, TempDir),
    MariaDb(MariaDbServer),
    Folder(TempDir),
}

/// Starts a PostgreSQL server, or takes the one of `SHARD_ORM_TEST_POSTGRES`.
pub(crate) async fn postgres() -> Field {
    bind_to(SERVER_CORE);
    let server = fresh_postgres().await;
    bind_to(CLIENT_CORE);
    let url = server.url();
    let rows = Rows::new(SERVER_SHARDS, STORED_ROWS);
    let cluster = cluster::open(url, SERVER_SHARDS, &rows).await;
    let kept = folder();
    let followed = catalog::open(url, SERVER_SHARDS, kept.path()).await;
    let texts: Vec<Texts> = (0..SERVER_SHARDS)
        .map(|shard| Texts::new(&format!(r#""bench_{shard}"."orders""#)))
        .collect();
    let tuned = |options: PgConnectOptions| options.statement_cache_capacity(STATEMENT_CACHE);
    let options = tuned(PgConnectOptions::from_str(url).unwrap()).disable_statement_logging();
    let mut held = PgConnection::connect_with(&options).await.unwrap();
    sqlx::raw_sql("ANALYZE").execute(&mut held).await.unwrap();
    let pooled = async |test: bool| HandWritten {
        on: PgPoolOptions::new()
            .test_before_acquire(test)
            .connect_with(options.clone())
            .await
            .unwrap(),
        texts: texts.clone(),
    };
    let peer = async |test: bool| {
        let mut options = ConnectOptions::new(url);
        options
            .test_before_acquire(test)
            .map_sqlx_postgres_opts(tuned);
        peer::Postgres(peer::connect(options).await)
    };
    let contenders = vec![
        Contender::new(
            "sqlx, held connection",
            HandWritten {
                on: held,
                texts: texts.clone(),
            },
        ),
        Contender::new("shard-orm", cluster),
        Contender::new("with a catalog", followed),
        Contender::new("sqlx pool", pooled(true).await),
        Contender::new("sqlx pool, no test", pooled(false).await),
        Contender::new("SeaORM", peer(true).await).on_shard(0),
        Contender::new("SeaORM, no test", peer(false).await).on_shard(0),
    ];
    Field {
        database: "PostgreSQL",
        rows,
        contenders,
        _kept: Kept::Postgres(server, kept),
    }
}

/// Starts a MariaDB server.
pub(crate) async fn mariadb() -> Field {
    bind_to(SERVER_CORE);
    let server = MariaDbServer::start().await.unwrap();
    bind_to(CLIENT_CORE);
    let url = server.url();
    let rows = Rows::new(SERVER_SHARDS, STORED_ROWS);
    let cluster = cluster::open(url, SERVER_SHARDS, &rows).await;
    let texts: Vec<Texts> = (0..SERVER_SHARDS)
        .map(|shard| Texts::of_mariadb(&format!("`bench_{shard}`.`orders`")))
        .collect();
    let tuned = |options: MySqlConnectOptions| options.statement_cache_capacity(STATEMENT_CACHE);
    let options = tuned(MySqlConnectOptions::from_str(url).unwrap()).disable_statement_logging();
    let held = MySqlConnection::connect_with(&options).await.unwrap();
    let pooled = async |test: bool| HandWritten {
        on: MySqlPoolOptions::new()
            .test_before_acquire(test)
            .connect_with(options.clone())
            .await
            .unwrap(),
        texts: texts.clone(),
    };
    let contenders = vec![
        Contender::new(
            "sqlx, held connection",
            HandWritten {
                on: held,
                texts: texts.clone(),
            },
        ),
        Contender::new("shard-orm", cluster),
        Contender::new("sqlx pool", pooled(true).await),
        Contender::new("sqlx pool, no test", pooled(false).await),
    ];
    Field {
        database: "MariaDB",
        rows,
        contenders,
        _kept: Kept::MariaDb(server),
    }
}

/// Makes a SQLite file.
pub(crate) async fn sqlite() -> Field {
    bind_to(CLIENT_CORE);
    let folder = folder();
    let rows = Rows::new(1, STORED_ROWS);
    let cluster = cluster::open(&format!("sqlite://{}", folder.path().display()), 1, &rows).await;
    let file = folder.path().join("bench_0.db");
    let texts = vec![Texts::new(r#""orders""#)];
    let options = tuned(SqliteConnectOptions::new().filename(&file)).disable_statement_logging();
    let mut held = SqliteConnection::connect_with(&options).await.unwrap();
    sqlx::raw_sql("ANALYZE").execute(&mut held).await.unwrap();
    let pooled = async |test: bool| HandWritten {
        on: SqlitePoolOptions::new()
            .test_before_acquire(test)
            .connect_with(options.clone())
            .await
            .unwrap(),
        texts: texts.clone(),
    };
    let peer = async |test: bool| {
        let mut options = ConnectOptions::new(url(&file));
        options
            .test_before_acquire(test)
            .map_sqlx_sqlite_opts(tuned);
        peer::Sqlite(peer::connect(options).await)
    };
    let contenders = vec![
        Contender::new(
            "sqlx, held connection",
            HandWritten {
                on: held,
                texts: texts.clone(),
            },
        ),
        Contender::new("shard-orm", cluster),
        Contender::new("sqlx pool", pooled(true).await),
        Contender::new("sqlx pool, no test", pooled(false).await),
        Contender::new("SeaORM", peer(true).await),
        Contender::new("SeaORM, no test", peer(false).await),
    ];
    Field {
        database: "SQLite",
        rows,
        contenders,
        _kept: Kept::Folder(folder),
    }
}

/// The settings that `shard-orm` gives to its connections.
fn tuned(options: SqliteConnectOptions) -> SqliteConnectOptions {
    options
        .statement_cache_capacity(STATEMENT_CACHE)
        .foreign_keys(true)
        .pragma("cache_size", "-16384")
        .pragma("case_sensitive_like", "on")
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Full)
}

fn url(file: &Path) -> String {
    format!("sqlite://{}", file.display())
}
