//! Databases that no other test uses, on the servers that all tests share.
//!
//! Each is removed when its handle is dropped, also by a test that fails.

use std::process;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;

use sqlx::{AssertSqlSafe, Connection, MySqlConnection, PgConnection};

use crate::servers;

/// Unique among the tests that use a server at the same time.
///
/// What an earlier process with the same id left behind has the same name, and is removed first.
fn unique_name() -> String {
    static COUNTER: AtomicU64 = AtomicU64::new(0);
    let number = COUNTER.fetch_add(1, Ordering::Relaxed);
    format!("t_{}_{number}", process::id())
}

/// A database of its own on the shared PostgreSQL server; dropping it removes it, together with its connections.
#[derive(Debug)]
pub struct PostgresDatabase {
    server: String,
    name: String,
    url: String,
}

/// Makes an empty database on the shared PostgreSQL server.
///
/// # Panics
/// When the server cannot be started or reached; the message says what to install.
pub async fn fresh_postgres() -> PostgresDatabase {
    let server = servers::postgres().await.unwrap_or_else(|e| panic!("{e}"));
    fresh_postgres_on(server).await
}

/// Makes an empty database on a PostgreSQL server of the test's own.
///
/// # Panics
/// When the server cannot be reached.
pub async fn fresh_postgres_on(server: &str) -> PostgresDatabase {
    let name = unique_name();
    drop_postgres(server, &name).await.unwrap();
    let mut connection = PgConnection::connect(server).await.unwrap();
    sqlx::query(AssertSqlSafe(format!("CREATE DATABASE {name}")))
        .execute(&mut connection)
        .await
        .unwrap();
    connection.close().await.unwrap();
    let url = with_database(server, &name);
    PostgresDatabase {
        server: server.to_owned(),
        name,
        url,
    }
}

impl PostgresDatabase {
    /// The database's address, as `postgres://postgres@127.0.0.1:PORT/NAME`.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The database's name, as `t_PID_NUMBER`.
    pub fn name(&self) -> &str {
        &self.name
    }
}

impl Drop for PostgresDatabase {
    fn drop(&mut self) {
        clean_up(drop_postgres(&self.server, &self.name));
    }
}

async fn drop_postgres(server: &str, name: &str) -> sqlx::Result<()> {
    let mut connection = PgConnection::connect(server).await?;
    sqlx::query(AssertSqlSafe(format!(
        "DROP DATABASE IF EXISTS {name} WITH (FORCE)"
    )))
    .execute(&mut connection)
    .await?;
    connection.close().await
}

/// A prefix of its own for databases on the shared MariaDB server; dropping it removes all databases that begin
/// with it.
///
/// A namespace is a database there, so one test needs several.
#[derive(Debug)]
pub struct MariaDbPrefix {
    server: String,
    prefix: String,
}

/// Reserves a prefix for databases on the shared MariaDB server.
///
/// # Panics
/// When the server cannot be started or reached; the message says what to install.
pub async fn fresh_mariadb_prefix() -> MariaDbPrefix {
    let server = servers::mariadb().await.unwrap_or_else(|e| panic!("{e}"));
    fresh_mariadb_prefix_on(server).await
}

/// Reserves a prefix for databases on a MariaDB server of the test's own.
///
/// # Panics
/// When the server cannot be reached.
pub async fn fresh_mariadb_prefix_on(server: &str) -> MariaDbPrefix {
    // With the closing underscore no prefix begins with another.
    let prefix = format!("{}_", unique_name());
    drop_mariadb(server, &prefix).await.unwrap();
    MariaDbPrefix::new(server, &prefix)
}

impl MariaDbPrefix {
    /// The same prefix on another server.
    pub(crate) fn new(server: &str, prefix: &str) -> Self {
        Self {
            server: server.to_owned(),
            prefix: prefix.to_owned(),
        }
    }

    /// The server's address, as `mysql://app:PASSWORD@127.0.0.1:PORT`, without a database.
    pub fn url(&self) -> &str {
        &self.server
    }

    /// What the name of each database has to begin with, as `t_PID_NUMBER_`.
    pub fn prefix(&self) -> &str {
        &self.prefix
    }

    /// Makes the empty database `prefix + name` and returns its address.
    ///
    /// # Panics
    /// When the database cannot be made.
    pub async fn create_database(&self, name: &str) -> String {
        let name = format!("{}{name}", self.prefix);
        let mut connection = MySqlConnection::connect(&self.server).await.unwrap();
        sqlx::query(AssertSqlSafe(format!("CREATE DATABASE `{name}`")))
            .execute(&mut connection)
            .await
            .unwrap();
        connection.close().await.unwrap();
        with_database(&self.server, &name)
    }
}

impl Drop for MariaDbPrefix {
    fn drop(&mut self) {
        clean_up(drop_mariadb(&self.server, &self.prefix));
    }
}

async fn drop_mariadb(server: &str, prefix: &str) -> sqlx::Result<()> {
    let mut connection = MySqlConnection::connect(server).await?;
    // A statement that still holds a lock on a table delays its removal; it must not hang the test.
    sqlx::query("SET SESSION lock_wait_timeout = 5")
        .execute(&mut connection)
        .await?;
    let names: Vec<String> = sqlx::query_scalar(
        "SELECT CAST(schema_name AS CHAR) FROM information_schema.schemata \
         WHERE LEFT(schema_name, CHAR_LENGTH(?)) = ?",
    )
    .bind(prefix)
    .bind(prefix)
    .fetch_all(&mut connection)
    .await?;
    for name in names {
        sqlx::query(AssertSqlSafe(format!("DROP DATABASE `{name}`")))
            .execute(&mut connection)
            .await?;
    }
    connection.close().await
}

/// The account of MariaDB without a password, since a catalog holds none.
const ACCOUNT: &str = "catalog";

/// A URL for an account without a password, if it is one of MariaDB: [`create_account`] makes it.
pub fn without_password(url: &str) -> String {
    match url.split_once('@') {
        Some((_, server)) if url.starts_with("mysql") => format!("mysql://{ACCOUNT}@{server}"),
        _ => url.to_owned(),
    }
}

/// Makes the account without a password, if this is a URL of MariaDB.
///
/// # Panics
/// When that fails.
pub async fn create_account(url: &str) {
    if !url.starts_with("mysql") {
        return;
    }
    let create = format!(
        "CREATE USER IF NOT EXISTS '{ACCOUNT}'@'%' IDENTIFIED BY ''; \
         GRANT ALL ON *.* TO '{ACCOUNT}'@'%'"
    );
    let mut connection = MySqlConnection::connect(url).await.unwrap();
    let create = sqlx::raw_sql(AssertSqlSafe(create));
    create.execute(&mut connection).await.unwrap();
    connection.close().await.unwrap();
}

/// The address of a server with another database in place of its own.
pub(crate) fn with_database(server: &str, name: &str) -> String {
    let authority = server.find("://").map_or(0, |at| at + 3);
    let end = server[authority..]
        .find('/')
        .map_or(server.len(), |at| authority + at);
    format!("{}/{name}", &server[..end])
}

/// Runs `work` to its end on a thread of its own: `drop` is not asynchronous, and the test's runtime may be ending.
///
/// What fails is left to the server's end, which removes all data.
fn clean_up(work: impl Future<Output = sqlx::Result<()>> + Send) {
    thread::scope(|scope| {
        scope.spawn(|| {
            if let Ok(runtime) = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
            {
                let _ = runtime.block_on(work);
            }
        });
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_database_replaces_the_one_of_an_address_or_is_added() {
        assert_eq!(
            with_database("postgres://u@h:1/postgres", "x"),
            "postgres://u@h:1/x"
        );
        assert_eq!(with_database("mysql://u:p@h:1", "x"), "mysql://u:p@h:1/x");
    }
}
