//! Incompatible tables are refused before any row is read, with all reasons.

use chrono::{DateTime, Utc};
use rust_decimal::Decimal;
use shard_orm::prelude::*;
use shard_orm::sqlx::AssertSqlSafe;
use shard_orm::sync::{TableAt, verify};
use shard_orm::{Cluster, Error, ErrorKind};

use super::{dialects, fixture};

#[derive(Debug, Clone, PartialEq, ShardModel)]
#[shard(database = "default", table = "things")]
struct Thing {
    #[shard(primary_key)]
    code: String,
    ratio: f64,
    price: Decimal,
    at: DateTime<Utc>,
    name: String,
    note: Option<String>,
}

/// Makes the table of the copy anew, by hand.
async fn remake(cluster: &Cluster, create: &str) {
    for text in ["DROP TABLE things", create] {
        let text = AssertSqlSafe(text.to_owned());
        Thing::query().sql(text).execute(cluster).await.unwrap();
    }
}

async fn refused(source: &Cluster, copy: &Cluster) -> Error {
    let table = |cluster| TableAt::of::<Thing>(cluster, &Thing::database()).unwrap();
    let (source, copy) = (table(source), table(copy));
    let error = verify(&source, &copy)
        .await
        .expect_err("it should have been refused");
    assert_eq!(error.kind(), ErrorKind::Configuration, "{error}");
    error
}

fn says(error: &Error, words: &[&str]) {
    let message = error.to_string();
    for word in words {
        assert!(message.contains(word), "{word:?} is missing in: {message}");
    }
    assert_eq!(message.matches("\n- ").count(), words.len(), "{message}");
}

#[tokio::test]
async fn tables_created_by_setup_are_compatible() {
    for source in dialects() {
        for copy in dialects() {
            let one = fixture(source, |setup| setup.table::<Thing>()).await;
            let other = fixture(copy, |setup| setup.table::<Thing>()).await;
            let table = |cluster| TableAt::of::<Thing>(cluster, &Thing::database()).unwrap();
            let found = verify(&table(&one.cluster), &table(&other.cluster))
                .await
                .unwrap();
            assert!(found.is_equal(), "{source} {copy}");
        }
    }
}

#[tokio::test]
async fn all_incompatible_mariadb_columns_are_reported_at_once() {
    if !Dialect::MySql.is_enabled() {
        return;
    }
    for source in dialects() {
        let one = fixture(source, |setup| setup.table::<Thing>()).await;
        let other = fixture(Dialect::MySql, |setup| setup.table::<Thing>()).await;
        remake(
            &other.cluster,
            "CREATE TABLE things (code varchar(10) COLLATE utf8mb4_general_ci NOT NULL PRIMARY KEY, \
             ratio float NOT NULL, price decimal(10, 2) NOT NULL, at datetime NOT NULL, \
             name varchar(20) CHARACTER SET latin1 NOT NULL, note longtext NOT NULL, \
             extra int NOT NULL) CHARACTER SET utf8mb4",
        )
        .await;
        let error = refused(&one.cluster, &other.cluster).await;
        says(
            &error,
            &[
                "`extra` of the copy is not in the definition",
                "`code`: is ",
                "`ratio`: is ",
                "`price`: is ",
                "keeps 0 digits of a second of 6",
                "`name`: is in latin1",
                "takes 'Tea' and 'tea' for one",
                "`note`: the definition takes NULL",
            ],
        );
    }
}

#[tokio::test]
async fn incompatible_types_and_keys_are_reported_on_postgres() {
    if !Dialect::Postgres.is_enabled() {
        return;
    }
    let one = fixture(Dialect::Postgres, |setup| setup.table::<Thing>()).await;
    let other = fixture(Dialect::Postgres, |setup| setup.table::<Thing>()).await;
    remake(
        &other.cluster,
        "CREATE TABLE things (code varchar(10) NOT NULL, ratio text NOT NULL, \
         price numeric(10, 2) NOT NULL, at timestamptz(3) NOT NULL, \
         note text GENERATED ALWAYS AS ('x') STORED, free int DEFAULT 1 NOT NULL)",
    )
    .await;
    let error = refused(&one.cluster, &other.cluster).await;
    says(
        &error,
        &[
            "`ratio` is `text` at the copy, and the definition has F64; make it `double precision`",
            "`name` is missing at the copy; add it as `text`",
            "`note` is generated at the copy",
            "the copy has no primary key; add PRIMARY KEY (code)",
            "holds 10 characters",
            "`price`: is ",
            "keeps 3 digits of a second of 6",
        ],
    );
    remake(
        &other.cluster,
        "CREATE TABLE things (code text, ratio float8 NOT NULL, price numeric NOT NULL, \
         at timestamptz NOT NULL, name text NOT NULL, note text, PRIMARY KEY (name, code))",
    )
    .await;
    let error = refused(&one.cluster, &other.cluster).await;
    says(
        &error,
        &["the primary key of the copy is (name, code), and that of the definition is (code)"],
    );
}

#[tokio::test]
async fn sqlite_affinities_and_collations_are_checked() {
    let one = fixture(Dialect::Sqlite, |setup| setup.table::<Thing>()).await;
    let other = fixture(Dialect::Sqlite, |setup| setup.table::<Thing>()).await;
    remake(
        &other.cluster,
        "CREATE TABLE things (code TEXT COLLATE NOCASE NOT NULL PRIMARY KEY, ratio TEXT NOT NULL, \
         price NUMERIC NOT NULL, at TEXT NOT NULL, name TEXT NOT NULL, note TEXT)",
    )
    .await;
    let error = refused(&one.cluster, &other.cluster).await;
    says(
        &error,
        &[
            "`ratio` is `text`",
            "`price` is `numeric`",
            "takes 'Tea' and 'tea' for one",
        ],
    );
}

#[tokio::test]
async fn a_missing_table_is_reported() {
    for dialect in dialects() {
        let one = fixture(dialect, |setup| setup).await;
        let table = || TableAt::of::<Thing>(&one.cluster, &Thing::database()).unwrap();
        let error = verify(&table(), &table()).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::UndefinedTable);
        assert!(error.to_string().contains("things"), "{error}");
    }
}
