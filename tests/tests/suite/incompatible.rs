//! Existing tables that do not fit their model.

use std::fmt::Debug;

use shard_orm::Result;
use shard_orm::prelude::*;
use shard_orm::sqlx::AssertSqlSafe;
use shard_orm_tests::behaviours;
use shard_orm_tests::fixture::{Fixture, GROUP};

#[derive(Debug, Clone, PartialEq, ShardModel)]
#[shard(group = "shop", table = "parcels")]
struct Parcel {
    #[shard(primary_key)]
    id: i64,
    #[shard(key)]
    user_id: i64,
    weight: f64,
    note: Option<String>,
}

async fn everywhere(fixture: &Fixture, text: &str) {
    let broadcast = fixture
        .cluster
        .broadcast(GROUP)
        .sql(AssertSqlSafe(text.to_owned()));
    broadcast.execute().await.unwrap().into_result().unwrap();
}

/// That it failed for the table, whose problems are named.
fn names<T: Debug>(found: Result<T>, kind: ErrorKind, problems: &[&str]) {
    let error = found.unwrap_err();
    assert_eq!(error.kind(), kind, "{error}");
    let text = error.to_string();
    assert!(
        text.contains("the table `parcels` does not fit the model `Parcel`"),
        "{text}"
    );
    for problem in problems {
        assert!(text.contains(problem), "{text}");
    }
}

behaviours! { (Parcel), 2 shards on 1 servers, |options| options;
    async fn mismatched_columns_are_reported_with_the_expected_type(fixture: &Fixture) {
        everywhere(fixture, "DROP TABLE {parcels}").await;
        let (columns, problems): (_, &[&str]) = match fixture.dialect {
            Dialect::Postgres => (
                "id int4 PRIMARY KEY, user_id int8 NOT NULL, weight float4 NOT NULL, note text, more int NOT NULL",
                &[
                    "column `id` is `int4`, and the model needs `bigint`",
                    "column `weight` is `float4`, and the model needs `double precision`",
                    "column `more` is not in the model, and takes no row without a value",
                ],
            ),
            Dialect::MySql => (
                "id bigint PRIMARY KEY, user_id bigint NOT NULL, weight bigint NOT NULL, note date",
                &["column `weight` is `bigint", "and the model needs `double`", "column `note` is `date`"],
            ),
            Dialect::Sqlite => (
                "id INTEGER PRIMARY KEY, user_id INTEGER NOT NULL, weight TEXT NOT NULL, note INTEGER",
                &["column `weight` is `text`, and the model needs `REAL`", "column `note` is `integer`, and the model needs `TEXT`"],
            ),
        };
        everywhere(fixture, &format!("CREATE TABLE {{parcels}} ({columns})")).await;
        let (key, id) = (fixture.key(), fixture.id());
        let (names_of, values) = match fixture.dialect {
            Dialect::Postgres => (", more", ", 0"),
            _ => ("", ""),
        };
        let text = format!("INSERT INTO {{parcels}} (id, user_id, weight{names_of}) VALUES (?, ?, 1{values})");
        Parcel::on_shard_of(key).sql(AssertSqlSafe(text)).bind(id).bind(key).execute(&fixture.cluster).await.unwrap();
        let on = &fixture.cluster;
        names(Parcel::get(on, key, id).await, ErrorKind::Decode, problems);
        names(Parcel::on(key).all(on).await, ErrorKind::Decode, problems);
        names(Parcel::scatter().order_by(Parcel::ID).all(on).await, ErrorKind::Decode, problems);
        // Setup does not take the table either.
        let error = fixture.setup_of(on).run().await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Configuration);
        assert!(error.to_string().contains(problems[0]), "{error}");
        // Nothing is asked of what fits.
        assert_eq!(Parcel::on(key).select(Parcel::USER_ID).one(on).await.unwrap(), key);
    }

    async fn missing_columns_are_reported(fixture: &Fixture) {
        everywhere(fixture, "ALTER TABLE {parcels} DROP COLUMN note").await;
        let found = Parcel::on(fixture.key()).all(&fixture.cluster).await;
        names(found, ErrorKind::UndefinedTable, &["column `note` is missing"]);
    }
}
