//! Rows that are copied from PostgreSQL to PostgreSQL in binary, observed by the statements that are sent.

use std::fmt;
use std::sync::{Arc, Mutex};

use rust_decimal::Decimal;
use serde_json::{Value, json};
use shard_orm::prelude::*;
use shard_orm::sync::StaticSync;
use shard_orm::{Json, TransmittedModel};
use shard_orm_tests::listening::listen;
use sqlx::AssertSqlSafe;
use tracing::field::{Field, Visit};
use tracing::{Event, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::layer::Context;

use crate::fixture::{Fixture, Item, MARIADB, MIXED, POSTGRES, SQLITE, eventually, item};

/// The texts that this thread sends.
#[derive(Debug, Clone, Default)]
struct Sent(Arc<Mutex<Vec<String>>>);

impl<S: Subscriber> Layer<S> for Sent {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        if event.metadata().target() == "shard_orm::sql" {
            event.record(&mut self.clone());
        }
    }
}

impl Visit for Sent {
    fn record_debug(&mut self, _: &Field, _: &dyn fmt::Debug) {}

    fn record_str(&mut self, field: &Field, value: &str) {
        if field.name() == "sql" {
            self.0.lock().unwrap().push(value.to_owned());
        }
    }
}

/// Syncs a model, and gives how many pages were taken as bytes, and how many rows went one by one.
async fn synced<M: TransmittedModel>(fixture: &Fixture) -> (usize, usize) {
    let sent = Sent::default();
    let here = listen(sent.clone());
    let report = StaticSync::of::<M>(&fixture.cluster).run().await.unwrap();
    report.complete().unwrap();
    drop(here);
    let sent = sent.0.lock().unwrap();
    let count = |begin: &str| sent.iter().filter(|text| text.starts_with(begin)).count();
    let table = |quote: char| format!("{quote}{}{quote}", M::def().table);
    let inserts = sent.iter().filter(|text| {
        text.starts_with("INSERT") && (text.contains(&table('"')) || text.contains(&table('`')))
    });
    assert_eq!(
        sent.iter()
            .filter(|text| text.contains("FROM STDIN"))
            .count(),
        sent.iter()
            .filter(|text| text.contains("TO STDOUT"))
            .count(),
    );
    (count("COPY ") / 2, inserts.count())
}

#[tokio::test]
async fn rows_are_copied_in_binary_between_postgres_servers() {
    let fixture = Fixture::new(POSTGRES).await;
    for begin in (0..41_000).step_by(5_000) {
        fixture.insert(begin..41_000.min(begin + 5_000)).await;
    }
    // Three pages to each copy.
    assert_eq!(synced::<Item>(&fixture).await, (6, 0));
    fixture.assert_equal().await;
    // What has changed since does not.
    fixture.insert([50_000]).await;
    assert_eq!(synced::<Item>(&fixture).await, (0, 2));
}

#[tokio::test]
async fn rows_of_other_databases_are_not_copied_in_binary() {
    for pair in [SQLITE, MARIADB, MIXED] {
        let fixture = Fixture::new(pair).await;
        fixture.insert(1..=3).await;
        let (passed, inserts) = synced::<Item>(&fixture).await;
        assert_eq!(passed, 0, "{pair:?}");
        assert!(inserts > 0, "{pair:?}");
        fixture.assert_equal().await;
    }
}

/// A row whose columns have other forms at the source.
#[derive(Debug, Clone, PartialEq, StaticModel)]
#[static_model(groups = all, table = "documents")]
struct Document {
    #[static_model(primary_key)]
    id: i64,
    #[static_model(length = 100)]
    title: String,
    price: Decimal,
    body: Json<Value>,
}

fn document(id: i64) -> Document {
    Document {
        id,
        title: format!("it's \\ {id}"),
        price: Decimal::new(id * 101, 2),
        body: Json(json!({"id": id, "text": "\u{1f600}\n'"})),
    }
}

async fn documents(changes: &[&'static str]) -> Fixture {
    let fixture = Fixture::new(POSTGRES).await;
    let setup = fixture.cluster.setup().table::<Document>();
    setup.run().await.unwrap();
    for change in changes {
        let alter = AssertSqlSafe(format!("ALTER TABLE documents {change}"));
        let alter = Document::query().sql(alter);
        alter.execute(&fixture.cluster).await.unwrap();
    }
    let rows = (1..=300).map(document).collect();
    Document::insert_many(&fixture.cluster, rows).await.unwrap();
    fixture
}

async fn assert_equal(fixture: &Fixture) {
    for copy in &fixture.copies {
        let found = Document::query().order_by(Document::ID).all(copy).await;
        let expected: Vec<Document> = (1..=300).map(document).collect();
        assert_eq!(found.unwrap(), expected);
    }
}

#[tokio::test]
async fn a_column_of_another_type_is_not_copied_in_binary() {
    let fixture = documents(&["ALTER COLUMN body TYPE json"]).await;
    let (passed, inserts) = synced::<Document>(&fixture).await;
    assert_eq!(passed, 0);
    assert!(inserts > 0);
    assert_equal(&fixture).await;
}

#[tokio::test]
async fn a_column_of_another_length_is_copied_in_binary() {
    let fixture = documents(&[
        "ALTER COLUMN price TYPE numeric(10, 2)",
        "ALTER COLUMN title TYPE varchar(50)",
    ])
    .await;
    assert_eq!(synced::<Document>(&fixture).await, (2, 0));
    assert_equal(&fixture).await;
}

#[tokio::test]
async fn a_nullable_column_of_a_not_null_field_is_not_copied_in_binary() {
    let drop = "ALTER COLUMN title DROP NOT NULL";
    let fixture = documents(&[drop]).await;
    for copy in &fixture.copies {
        let alter = AssertSqlSafe(format!("ALTER TABLE documents {drop}"));
        Document::query().sql(alter).execute(copy).await.unwrap();
    }
    let (passed, inserts) = synced::<Document>(&fixture).await;
    assert_eq!(passed, 0);
    assert!(inserts > 0);
}

#[tokio::test]
async fn a_page_that_fails_in_binary_is_copied_as_values() {
    let fixture = Fixture::new(POSTGRES).await;
    fixture.insert(1..=3).await;
    // Of row-level security and of rules `COPY` knows otherwise than `INSERT`: a condition stands for them.
    let copy = &fixture.copies[0];
    let refuse = "ALTER TABLE items ADD CHECK (id <> 3 OR current_query() NOT LIKE 'COPY %')";
    Item::query().sql(refuse).execute(copy).await.unwrap();
    let (passed, inserts) = synced::<Item>(&fixture).await;
    assert_eq!(passed, 2);
    assert!(inserts > 0);
    fixture.assert_equal().await;
    assert_eq!(item(3), Item::get(copy, 3).await.unwrap());
}

/// The sessions that are in the midst of passing rows on.
const PASSING: &str = "FROM pg_stat_activity WHERE datname = current_database() AND state = 'active' \
                       AND query LIKE 'COPY %'";

async fn passing(at: &Cluster, what: &str) -> i64 {
    let sql = AssertSqlSafe(format!("SELECT {what} {PASSING}"));
    Item::query().sql(sql).one(at).await.unwrap()
}

async fn a_session_breaks_off(is_source: bool) {
    let fixture = Fixture::new(POSTGRES).await;
    for begin in (0..25_000).step_by(5_000) {
        fixture.insert(begin..begin + 5_000).await;
    }
    // More than goes into the buffers on the way: the copy waits for a key, and the source for the copy.
    let widen = "UPDATE items SET data = decode(repeat('00', 2000), 'hex')";
    let widen = Item::query().sql(widen);
    widen.execute(&fixture.cluster).await.unwrap();
    let copy = &fixture.copies[0];
    let blocker = copy.begin(Item::database()).await.unwrap();
    item(100).insert(&blocker).await.unwrap();
    let run = tokio::spawn(StaticSync::of::<Item>(&fixture.cluster).run());
    let ended = &fixture.copies[1];
    eventually("the other copy is there", async || {
        Item::query().count(ended).await.unwrap() == 25_000
    })
    .await;
    eventually("rows pass", async || {
        passing(&fixture.cluster, "COUNT(*)").await == 1 && passing(copy, "COUNT(*)").await == 1
    })
    .await;
    let broken = if is_source { &fixture.cluster } else { copy };
    let end = "SUM(pg_terminate_backend(pid)::int)";
    assert_eq!(passing(broken, end).await, 1);
    // That the source has gone is seen once the copy takes what was read before.
    blocker.rollback().await.unwrap();
    let report = run.await.unwrap().unwrap();
    let failed: Vec<_> = report
        .copies
        .iter()
        .map(|one| one.result.is_err())
        .collect();
    assert_eq!(failed, [true, false]);
    assert_eq!(Item::query().count(copy).await.unwrap(), 0);
    assert_eq!(synced::<Item>(&fixture).await, (2, 0));
    fixture.assert_equal().await;
}

#[tokio::test]
async fn a_lost_source_leaves_no_partial_page() {
    a_session_breaks_off(true).await;
}

#[tokio::test]
async fn a_lost_copy_has_no_partial_page() {
    a_session_breaks_off(false).await;
}
