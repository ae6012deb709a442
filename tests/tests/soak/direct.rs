//! A connection past the library, by which the soak kills sessions and reads what the database holds.

use std::path::Path;
use std::time::{Duration, Instant};

use sqlx::mysql::{MySqlConnectOptions, MySqlSslMode};
use sqlx::postgres::PgConnectOptions;
use sqlx::{AssertSqlSafe, ConnectOptions as _, MySqlConnection, PgConnection, Row as _};

use crate::fixture::LIMIT;

/// A connection of the test's own, past the library.
#[derive(Debug)]
pub(crate) enum Direct {
    Postgres(PgConnection),
    MariaDb(MySqlConnection),
}

/// Runs one expression on whichever connection it is.
macro_rules! each {
    ($direct:expr, $connection:ident => $do:expr) => {
        match $direct {
            Direct::Postgres($connection) => $do,
            Direct::MariaDb($connection) => $do,
        }
    };
}

impl Direct {
    pub(crate) async fn postgres(folder: &Path, port: u16, database: Option<&str>) -> Self {
        let options = PgConnectOptions::new()
            .socket(folder)
            .port(port)
            .username("postgres")
            .database(database.unwrap_or("postgres"))
            .disable_statement_logging();
        Self::Postgres(options.connect().await.unwrap())
    }

    pub(crate) async fn mariadb(folder: &Path) -> Self {
        let options = MySqlConnectOptions::new()
            .socket(folder.join("mariadbd.sock"))
            .username("root")
            .ssl_mode(MySqlSslMode::Disabled)
            .disable_statement_logging();
        Self::MariaDb(options.connect().await.unwrap())
    }

    /// Runs a statement.
    pub(crate) async fn run(&mut self, sql: &str) {
        self.try_run(sql)
            .await
            .unwrap_or_else(|error| panic!("{sql}: {error}"));
    }

    /// Runs a statement that may fail.
    pub(crate) async fn try_run(&mut self, sql: &str) -> sqlx::Result<()> {
        let query = sqlx::raw_sql(AssertSqlSafe(sql.to_owned()));
        each!(self, direct => query.execute(direct).await.map(drop))
    }

    /// The rows of a query whose columns are integers of 64 bits.
    pub(crate) async fn rows(&mut self, sql: &str) -> Vec<Vec<i64>> {
        let query = AssertSqlSafe(sql.to_owned());
        let rows = each!(self, direct => sqlx::query(query).fetch_all(direct).await.map(|rows| {
            rows.iter()
                .map(|row| (0..row.len()).map(|ordinal| row.get(ordinal)).collect())
                .collect()
        }));
        rows.unwrap_or_else(|error| panic!("{sql}: {error}"))
    }

    /// The first column of a query.
    pub(crate) async fn numbers(&mut self, sql: &str) -> Vec<i64> {
        let rows = self.rows(sql).await;
        rows.into_iter().map(|row| row[0]).collect()
    }

    /// The first number of a query.
    pub(crate) async fn number(&mut self, sql: &str) -> i64 {
        self.numbers(sql).await[0]
    }

    /// The texts of a query of one column.
    pub(crate) async fn texts(&mut self, sql: &'static str) -> Vec<String> {
        each!(self, direct => sqlx::query_scalar(sql).fetch_all(direct).await)
            .unwrap_or_else(|error| panic!("{sql}: {error}"))
    }

    /// Waits until a query gives 0; what it gave last when it does not.
    pub(crate) async fn becomes_zero(&mut self, sql: &str) -> Result<(), i64> {
        let begun = Instant::now();
        loop {
            let number = self.number(sql).await;
            if number == 0 {
                return Ok(());
            }
            if begun.elapsed() > LIMIT {
                return Err(number);
            }
            // MariaDB shows the same transactions for as long as it is asked more often than that.
            tokio::time::sleep(Duration::from_millis(150)).await;
        }
    }
}
