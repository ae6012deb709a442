//! The statements that bring a table to what its model wants, and the indexes that a table can have.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use shard_orm::model::Model as _;
use shard_orm::prelude::*;
use shard_orm::schema::{Alteration, Aspect, CreateTable, TableDef};
use shard_orm::sqlx::AssertSqlSafe;
use shard_orm_tests::behaviours;
use shard_orm_tests::fixture::Fixture;
use uuid::Uuid;

/// The table as the programs had it so far.
#[derive(Debug, Clone, PartialEq, ShardModel)]
#[shard(database = "default", table = "parcels")]
struct Before {
    #[shard(primary_key)]
    id: i64,
    #[shard(length = 20)]
    label: String,
    weight: i32,
    old: Option<i32>,
}

/// The table as they want it now.
#[derive(Debug, Clone, PartialEq, ShardModel)]
#[shard(database = "default", table = "parcels")]
#[shard(index(label, small), unique(number))]
struct After {
    #[shard(primary_key)]
    id: i64,
    #[shard(length = 20)]
    label: String,
    #[shard(index)]
    weight: i32,
    #[shard(default = 7)]
    small: u8,
    big: Option<u64>,
    #[shard(length = 9)]
    bytes: Option<Vec<u8>>,
    #[shard(default = "it's \\ tea", length = 30)]
    text: String,
    #[shard(collation = "binary", length = 30)]
    exact: Option<String>,
    #[shard(default = true)]
    on: bool,
    #[shard(default = -1.5)]
    ratio: f64,
    #[shard(precision = 12, scale = 2, default = rust_decimal::Decimal::new(-125, 2))]
    price: rust_decimal::Decimal,
    #[shard(default = DateTime::UNIX_EPOCH)]
    at: DateTime<Utc>,
    number: Option<Uuid>,
    #[shard(default = Uuid::from_u128(7))]
    mark: Uuid,
    #[shard(json, default = vec!["a'b".to_owned()])]
    tags: Vec<String>,
    day: Option<chrono::NaiveDate>,
    /// Only the author can add it.
    required: i32,
}

async fn execute(fixture: &Fixture, statement: &str) {
    let query = Before::query().sql(AssertSqlSafe(statement.to_owned()));
    let done = query.execute(&fixture.cluster).await;
    done.unwrap_or_else(|error| panic!("{statement}: {error}"));
}

async fn found(fixture: &Fixture, table: &str) -> TableDef {
    let address = Before::database();
    fixture.cluster.read_table(&address, table).await.unwrap()
}

async fn alteration(fixture: &Fixture, expected: &Arc<TableDef>) -> Alteration {
    let found = found(fixture, &expected.name).await;
    Alteration::new(expected, Some(&found), fixture.dialect).unwrap()
}

/// Runs the statements of an alteration.
async fn apply(fixture: &Fixture, alteration: &Alteration) {
    for statement in alteration.statements() {
        execute(fixture, &statement.sql).await;
    }
}

behaviours! { (Before), 1 shards on 1 servers, |options| options;
    async fn additive_changes_are_statements(fixture: &Fixture) {
        let before = Before { id: 1, label: "tea".into(), weight: 5, old: Some(1) };
        before.insert(&fixture.cluster).await.unwrap();
        let expected = After::def().table_def();
        let first = alteration(fixture, expected).await;
        apply(fixture, &first).await;

        let second = alteration(fixture, expected).await;
        assert_eq!(second.statements().count(), 0, "{second:#?}");
        let manual: Vec<_> = second
            .manual()
            .map(|change| (change.deviation.aspect, change.deviation.subject.as_str()))
            .collect();
        assert_eq!(manual, [(Aspect::Column, "required"), (Aspect::Column, "old")]);

        execute(fixture, "ALTER TABLE parcels ADD COLUMN required int NOT NULL DEFAULT 3").await;
        let row = After::get(&fixture.cluster, 1).await.unwrap();
        let expected = After {
            id: 1,
            label: "tea".into(),
            weight: 5,
            small: 7,
            big: None,
            bytes: None,
            text: "it's \\ tea".into(),
            exact: None,
            on: true,
            ratio: -1.5,
            price: rust_decimal::Decimal::new(-125, 2),
            at: DateTime::UNIX_EPOCH,
            number: None,
            mark: Uuid::from_u128(7),
            tags: vec!["a'b".into()],
            day: None,
            required: 3,
        };
        assert_eq!(row, expected);
    }

    async fn a_missing_table_is_created(fixture: &Fixture) {
        execute(fixture, "DROP TABLE parcels").await;
        let expected = After::def().table_def();
        let create = Alteration::new(expected, None, fixture.dialect).unwrap();
        assert_eq!(create.changes[0].deviation.aspect, Aspect::Table);
        apply(fixture, &create).await;
        assert!(alteration(fixture, expected).await.is_empty());
    }

    async fn changes_that_are_not_additive_are_left_to_the_author(fixture: &Fixture) {
        let mut expected = TableDef::clone(Before::def().table_def());
        let other = TableDef::clone(After::def().table_def());
        expected.columns[1] = other.column("ratio").unwrap().clone();
        expected.columns[1].name = "label".into();
        expected.columns[1].default = None;
        expected.columns[2].nullable = true;
        expected.columns[3].nullable = false;
        expected.columns[3].default = other.column("small").unwrap().default.clone();
        expected.primary_key.push(2);
        expected.indexes = other.indexes[..1].to_vec();
        expected.indexes[0].parts = vec![shard_orm::schema::IndexPart::Column(1)];
        let alteration = alteration(fixture, &Arc::new(expected)).await;
        let aspects: Vec<_> = alteration
            .changes
            .iter()
            .map(|change| (change.deviation.aspect, change.statements.len()))
            .collect();
        assert_eq!(aspects[..6], [
            (Aspect::Type, 0),
            (Aspect::Nullability, 0),
            (Aspect::Nullability, 0),
            (Aspect::Default, 0),
            (Aspect::PrimaryKey, 0),
            (Aspect::Index, 0),
        ], "{alteration:#?}");
        for change in alteration.manual() {
            let advice = change.advice.as_ref().unwrap();
            assert!(!advice.contains("DROP COLUMN") && !advice.contains("DROP TABLE"), "{advice}");
        }
        assert!(alteration.changes[5].advice.as_ref().unwrap().contains("`label` first"));
    }

    async fn foreign_keys_and_checks_are_added_where_the_database_can(fixture: &Fixture) {
        let (id, number) = match fixture.dialect {
            Dialect::Sqlite => ("INTEGER PRIMARY KEY", "INTEGER"),
            _ => ("bigint PRIMARY KEY", "bigint"),
        };
        let columns = format!("id {id}, owner {number}, age {number}");
        execute(fixture, &format!("CREATE TABLE owners (id {id})")).await;
        execute(fixture, &format!(
            "CREATE TABLE pets ({columns}, CHECK (age >= 0), FOREIGN KEY (owner) REFERENCES owners (id) \
             ON DELETE CASCADE)"
        )).await;
        let expected = Arc::new(found(fixture, "pets").await);
        execute(fixture, "DROP TABLE pets").await;
        execute(fixture, &format!("CREATE TABLE pets ({columns})")).await;
        let first = alteration(fixture, &expected).await;
        if fixture.dialect == Dialect::Sqlite {
            assert_eq!(first.statements().count(), 0, "{first:#?}");
            assert!(first.manual().all(|change| change.advice.as_ref().unwrap().contains("rename")));
            return;
        }
        apply(fixture, &first).await;
        let second = alteration(fixture, &expected).await;
        assert!(second.is_empty(), "{second:#?}");
    }

    async fn every_kind_of_index_is_read_and_created(fixture: &Fixture) {
        let (columns, indexes): (&str, &[&str]) = match fixture.dialect {
            Dialect::Postgres => ("id bigint PRIMARY KEY, a text, b int, c jsonb", &[
                "CREATE INDEX ON kinds (a DESC, b)",
                "CREATE UNIQUE INDEX ON kinds (b, id DESC) WHERE b > 1",
                "CREATE INDEX ON kinds (lower(a), b DESC)",
                "CREATE INDEX ON kinds (lower(a) DESC)",
                "CREATE INDEX ON kinds (b NULLS FIRST)",
                "CREATE INDEX ON kinds (a text_pattern_ops)",
                "CREATE INDEX ON kinds (a COLLATE \"C\")",
                "CREATE INDEX ON kinds USING gin (c jsonb_path_ops)",
                "CREATE INDEX ON kinds USING hash (a)",
                "CREATE UNIQUE INDEX ON kinds (b) INCLUDE (a)",
                "CREATE UNIQUE INDEX ON kinds (b) NULLS NOT DISTINCT WHERE b < 3",
                "CREATE INDEX ON kinds (b) WITH (fillfactor = 70)",
            ]),
            Dialect::MySql => ("id bigint PRIMARY KEY, a varchar(50), b int, c longtext, d point NOT NULL", &[
                "CREATE INDEX i1 ON kinds (a DESC, b)",
                "CREATE UNIQUE INDEX i2 ON kinds (b, id DESC)",
                "CREATE INDEX i3 ON kinds (a(10), b)",
                "CREATE INDEX i4 ON kinds (c(20) DESC)",
                "CREATE FULLTEXT INDEX i5 ON kinds (c, a)",
                "CREATE SPATIAL INDEX i6 ON kinds (d)",
            ]),
            Dialect::Sqlite => ("id INTEGER PRIMARY KEY, a TEXT, b INTEGER", &[
                "CREATE INDEX i1 ON kinds (a DESC, b)",
                "CREATE UNIQUE INDEX i2 ON kinds (b, id DESC) WHERE b > 1",
                "CREATE INDEX i3 ON kinds (lower(a), b DESC)",
                "CREATE INDEX i4 ON kinds (lower(a) DESC)",
                "CREATE INDEX i5 ON kinds (a COLLATE NOCASE, b)",
            ]),
        };
        execute(fixture, &format!("CREATE TABLE kinds ({columns})")).await;
        let bare = found(fixture, "kinds").await;
        for index in indexes {
            execute(fixture, index).await;
        }
        let full = Arc::new(found(fixture, "kinds").await);
        assert_eq!(full.indexes.len(), indexes.len());
        // Each differs from all others and from none.
        for at in 0..indexes.len() {
            for other in 0..indexes.len() {
                let only = |at: usize| {
                    let mut table = bare.clone();
                    table.indexes = vec![full.indexes[at].clone()];
                    table
                };
                let difference = only(at).difference(&only(other), fixture.dialect).unwrap();
                let is_same = at == other;
                assert_eq!(difference.is_empty(), is_same, "{difference}");
            }
        }
        // In a table that exists, and with the table.
        execute(fixture, "DROP TABLE kinds").await;
        execute(fixture, &format!("CREATE TABLE kinds ({columns})")).await;
        apply(fixture, &alteration(fixture, &full).await).await;
        assert!(alteration(fixture, &full).await.is_empty());
        execute(fixture, "DROP TABLE kinds").await;
        for statement in CreateTable::new(&full, fixture.dialect).unwrap().statements() {
            execute(fixture, &statement).await;
        }
        let again = alteration(fixture, &full).await;
        assert!(again.is_empty(), "{again:#?}");
        // In a namespace the statements name it everywhere.
        let create = CreateTable::new(&full, fixture.dialect).unwrap().in_namespace("elsewhere");
        let is_named = |statement: &String| statement.contains("elsewhere");
        assert_eq!(create.statements().iter().all(is_named), fixture.dialect != Dialect::Sqlite);
    }
}
