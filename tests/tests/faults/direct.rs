//! A connection past the library, by which a test reads and changes what the database holds.

use sqlx::{AssertSqlSafe, MySqlConnection, PgConnection, Row as _, SqliteConnection};

#[derive(Debug)]
pub(crate) struct InnodbTransaction {
    pub(crate) session: i64,
    pub(crate) waits: bool,
}

/// A connection of the test's own, past the library.
#[derive(Debug)]
pub(crate) enum Direct {
    Sqlite(SqliteConnection),
    Postgres(PgConnection),
    MariaDb(MySqlConnection),
}

impl Direct {
    pub(crate) async fn run(&mut self, sql: &str) -> sqlx::Result<()> {
        let sql = AssertSqlSafe(sql.to_owned());
        match self {
            Self::Sqlite(direct) => sqlx::raw_sql(sql).execute(direct).await.map(drop),
            Self::Postgres(direct) => sqlx::raw_sql(sql).execute(direct).await.map(drop),
            Self::MariaDb(direct) => sqlx::raw_sql(sql).execute(direct).await.map(drop),
        }
    }

    pub(crate) async fn numbers(&mut self, sql: &str) -> Vec<i64> {
        let query = AssertSqlSafe(sql.to_owned());
        match self {
            Self::Sqlite(direct) => sqlx::query_scalar(query).fetch_all(direct).await,
            Self::Postgres(direct) => sqlx::query_scalar(query).fetch_all(direct).await,
            Self::MariaDb(direct) => sqlx::query_scalar(query).fetch_all(direct).await,
        }
        .unwrap_or_else(|error| panic!("{sql}: {error}"))
    }

    /// The open transactions of MariaDB.
    ///
    /// `information_schema.innodb_trx` does not serve: it is not read anew while anyone asks for it all the time.
    pub(crate) async fn innodb_transactions(&mut self) -> Vec<InnodbTransaction> {
        let Self::MariaDb(direct) = self else {
            panic!("only MariaDB has these")
        };
        let status = sqlx::raw_sql("SHOW ENGINE INNODB STATUS")
            .fetch_one(direct)
            .await
            .unwrap()
            .get::<String, _>(2);
        status
            .split("---TRANSACTION ")
            .skip(1)
            .filter(|text| {
                text.lines()
                    .next()
                    .is_some_and(|line| line.contains("ACTIVE"))
            })
            .filter_map(|text| {
                let (_, rest) = text.split_once("thread id ")?;
                Some(InnodbTransaction {
                    session: rest.split(',').next()?.trim().parse().ok()?,
                    waits: text.contains("LOCK WAIT"),
                })
            })
            .collect()
    }

    /// The first number of the result; -1 when there is no row.
    pub(crate) async fn number(&mut self, sql: &str) -> i64 {
        self.numbers(sql).await.first().copied().unwrap_or(-1)
    }
}
