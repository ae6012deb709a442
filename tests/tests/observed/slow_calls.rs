//! The log of slow calls.

use std::collections::BTreeMap;
use std::fmt::Debug;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use futures_util::TryStreamExt as _;
use shard_orm::Field as Column;
use shard_orm::config::PoolOptions;
use shard_orm::field::{Args, ColumnType, Row};
use shard_orm::prelude::*;
use shard_orm_tests::behaviours;
use shard_orm_tests::fixture::Fixture;
use shard_orm_tests::listening::listen;
use tracing::field::{Field, Visit};
use tracing::{Event, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::layer::Context;

use crate::{Order, order};

/// How long a [`Slow`] takes to convert.
const CONVERSION: Duration = Duration::from_millis(3);

/// A number that takes long to convert.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Slow(i64);

impl Column for Slow {
    type Plain = Self;
    const TYPE: ColumnType = <i64 as Column>::TYPE;

    fn bind(&self, args: &mut Args) -> shard_orm::Result<()> {
        self.0.bind(args)
    }

    fn bind_null(args: &mut Args) -> shard_orm::Result<()> {
        i64::bind_null(args)
    }

    fn read(row: &Row<'_>, ordinal: usize) -> shard_orm::Result<Self> {
        std::thread::sleep(CONVERSION);
        i64::read(row, ordinal).map(Self)
    }
}

#[derive(Debug, Clone, PartialEq, ShardModel)]
#[shard(group = "shop", table = "notes")]
struct Note {
    #[shard(primary_key)]
    id: i64,
    #[shard(key)]
    user_id: i64,
    number: Slow,
}

/// The fields of an event of the log.
type Entry = BTreeMap<&'static str, String>;

/// The events of the log.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<Entry>>>);

struct Fields<'a>(&'a mut Entry);

impl Visit for Fields<'_> {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        self.0.insert(field.name(), format!("{value:?}"));
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.0.insert(field.name(), value.to_owned());
    }
}

impl<S: Subscriber> Layer<S> for Log {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        if event.metadata().target() == "shard_orm::slow" {
            let mut fields = BTreeMap::new();
            event.record(&mut Fields(&mut fields));
            self.0.lock().unwrap().push(fields);
        }
    }
}

/// What is logged of these calls, on a cluster on which a call is slow from this threshold on.
async fn logged(
    fixture: &Fixture,
    threshold: Option<Duration>,
    calls: impl AsyncFnOnce(&Cluster),
) -> Vec<Entry> {
    let cluster = Cluster::connect(&fixture.config().slow_call(threshold))
        .await
        .unwrap();
    let log = Log::default();
    {
        let _guard = listen(log.clone());
        calls(&cluster).await;
    }
    let statements = cluster.statistics().statements;
    let slow: u64 = statements.iter().map(|one| one.slow).sum();
    cluster.close().await;
    let entries = log.0.lock().unwrap().clone();
    let own = entries.iter().filter(|entry| entry["verb"] != "commit");
    assert_eq!(slow, own.count() as u64);
    entries
}

async fn all_logged(fixture: &Fixture, calls: impl AsyncFnOnce(&Cluster)) -> Vec<Entry> {
    logged(fixture, Some(Duration::ZERO), calls).await
}

/// The entry of the only call of this verb.
fn only<'l>(log: &'l [Entry], verb: &str) -> &'l Entry {
    let mut own = log.iter().filter(|entry| entry["verb"] == verb);
    let (Some(entry), None) = (own.next(), own.next()) else {
        panic!("{log:?}");
    };
    entry
}

fn micros(entry: &Entry, part: &str) -> u64 {
    let field = format!("{part}micros");
    let text = entry.get(&*field).map(|text| text.parse().unwrap());
    text.unwrap_or_else(|| panic!("{field}: {entry:?}"))
}

/// The time of a call is that of its parts.
fn assert_parts(entry: &Entry) {
    let parts = ["waited_", "network_", "decode_"];
    let sum: u64 = parts.iter().map(|part| micros(entry, part)).sum();
    let reader = match &*entry["verb"] {
        "stream" => micros(entry, "reader_"),
        _ => {
            assert!(!entry.contains_key("reader_micros"), "{entry:?}");
            0
        }
    };
    assert_eq!(micros(entry, ""), sum + reader, "{entry:?}");
}

fn as_micros(time: Duration) -> u64 {
    time.as_micros().try_into().unwrap()
}

/// A statement that takes a while, and has one row.
fn long(dialect: Dialect) -> &'static str {
    match dialect {
        Dialect::Postgres => "SELECT CAST(1 AS bigint) FROM pg_sleep(0.15)",
        Dialect::MySql => "SELECT SLEEP(0.15) + 1",
        _ => {
            "WITH RECURSIVE c (x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c WHERE x < 300000) SELECT MAX(x) FROM c"
        }
    }
}

async fn insert_notes(on: &Cluster, number: i64) {
    let notes = (1..=number).map(|id| Note {
        id,
        user_id: 1,
        number: Slow(id),
    });
    Note::insert_many(on, notes.collect::<Vec<_>>())
        .await
        .unwrap();
}

behaviours! { (Order, Note), 4 shards on 2 servers, |options| options;
    async fn a_slow_call_is_logged_without_its_values(fixture: &Fixture) {
        let log = all_logged(fixture, async |on| {
            let row = Order { item: "secret".to_owned(), ..order(1, 1) };
            row.clone().insert(on).await.unwrap();
            row.insert(on).await.unwrap_err();
            Order::on(1).filter(Order::ITEM.eq("secret")).all(on).await.unwrap();
        })
        .await;
        let verbs: Vec<&str> = log.iter().map(|entry| &*entry["verb"]).collect();
        assert_eq!(verbs, ["insert", "insert", "select"]);
        for entry in &log {
            assert!(!format!("{entry:?}").contains("secret"), "{entry:?}");
            assert_eq!(entry["group"], "shop");
            assert_eq!(entry["table"], "orders");
            assert_parts(entry);
        }
        assert_eq!(log[0]["rows"], "1");
        assert_eq!(log[1]["error"], "unique constraint");
        assert!(log[2]["fingerprint"].starts_with("SELECT id, user_id, item FROM orders WHERE"), "{log:?}");
        // The first call opened its connection.
        assert_ne!(log[0]["waited_micros"], "0");
    }

    async fn a_slow_commit_is_logged(fixture: &Fixture) {
        let log = all_logged(fixture, async |on| {
            let tx = on.begin(Order::shard(1)).await.unwrap();
            order(1, 1).insert(&tx).await.unwrap();
            tx.commit().await.unwrap();
        })
        .await;
        let entry = only(&log, "commit");
        assert_parts(entry);
        assert_eq!(entry["fingerprint"], "COMMIT");
        assert_eq!(entry["server"], only(&log, "insert")["server"]);
        assert_eq!(entry["network_micros"], entry["micros"]);
    }

    async fn a_call_below_the_threshold_is_not_logged(fixture: &Fixture) {
        let calls = async |on: &Cluster| drop(order(1, 1).insert(on).await.unwrap());
        assert_eq!(logged(fixture, None, calls).await.len(), 0);
    }

    async fn the_time_in_which_the_database_works_is_network(fixture: &Fixture) {
        let log = all_logged(fixture, async |on| {
            let text = long(fixture.dialect);
            let _: Vec<(i64,)> = Order::on_shard_of(1).sql(text).all(on).await.unwrap();
            let tx = on.begin(Order::shard(1)).await.unwrap();
            let _: Vec<(i64,)> = Order::on_shard_of(1).sql(text).all(&tx).await.unwrap();
            tx.rollback().await.unwrap();
        })
        .await;
        assert_eq!(log.len(), 2);
        for entry in &log {
            assert_parts(entry);
            let network = micros(entry, "network_");
            if fixture.dialect == Dialect::Sqlite {
                assert!(network > micros(entry, "decode_"), "{entry:?}");
            } else {
                assert!(network >= 145_000, "{entry:?}");
            }
        }
    }

    async fn the_time_in_which_rows_are_converted_is_decode(fixture: &Fixture) {
        let log = all_logged(fixture, async |on| {
            insert_notes(on, 20).await;
            assert_eq!(Note::on(1).all(on).await.unwrap().len(), 20);
            let tx = on.begin(Note::shard(1)).await.unwrap();
            assert_eq!(Note::on(1).all(&tx).await.unwrap().len(), 20);
            tx.rollback().await.unwrap();
            assert_eq!(Note::scatter().all(on).await.unwrap().len(), 20);
            Note::get(on, 1, 7).await.unwrap();
        })
        .await;
        log.iter().for_each(assert_parts);
        let rows = |number: &str| {
            let own = log.iter().filter(|entry| entry["verb"] == "select" && entry["rows"] == number);
            own.map(|entry| micros(entry, "decode_")).collect::<Vec<_>>()
        };
        let twenty = rows("20");
        assert_eq!(twenty.len(), 3, "{log:?}");
        assert!(twenty.iter().all(|micros| *micros >= as_micros(20 * CONVERSION)), "{log:?}");
        let one = rows("1");
        assert!(one.len() == 1 && one[0] >= as_micros(CONVERSION), "{log:?}");
    }

    async fn what_the_reader_of_a_stream_does_is_neither(fixture: &Fixture) {
        const ROWS: u32 = 30;
        const PAUSE: Duration = Duration::from_millis(10);
        let mut paused = Duration::ZERO;
        let log = all_logged(fixture, async |on| {
            insert_notes(on, ROWS.into()).await;
            let mut rows = Note::on(1).stream(on);
            while rows.try_next().await.unwrap().is_some() {
                let begun = Instant::now();
                tokio::time::sleep(PAUSE).await;
                paused += begun.elapsed();
            }
        })
        .await;
        let entry = only(&log, "stream");
        assert_parts(entry);
        assert_eq!(entry["rows"], ROWS.to_string());
        assert!(micros(entry, "decode_") >= as_micros(ROWS * CONVERSION), "{entry:?}");
        let others = micros(entry, "waited_") + micros(entry, "network_");
        assert!(others + as_micros(paused + ROWS * CONVERSION) <= micros(entry, ""), "{entry:?}, {paused:?}");
        // That of the rows which were not timed is estimated.
        assert!(micros(entry, "reader_") >= as_micros(paused) / 2, "{entry:?}, {paused:?}");
    }

    async fn a_stream_in_a_transaction_has_its_parts(fixture: &Fixture) {
        let log = all_logged(fixture, async |on| {
            insert_notes(on, 20).await;
            let tx = on.begin(Note::shard(1)).await.unwrap();
            let rows: Vec<Note> = Note::on(1).stream(&tx).try_collect().await.unwrap();
            assert_eq!(rows.len(), 20);
            tx.rollback().await.unwrap();
        })
        .await;
        let entry = only(&log, "stream");
        assert_parts(entry);
        assert_eq!(entry["waited_micros"], "0");
        assert!(micros(entry, "decode_") >= as_micros(20 * CONVERSION), "{entry:?}");
    }
}

mod of_pools {
    use super::*;

    const LIMIT: Duration = Duration::from_millis(50);

    behaviours! { (Order), 1 shards on 1 servers,
        |options| options.pool(PoolOptions::new().max_connections(1).sqlite_readers(1).acquire_timeout(LIMIT));
        async fn the_time_of_a_call_without_a_connection_is_that_of_the_queue(fixture: &Fixture) {
            let log = all_logged(fixture, async |on| {
                let tx = on.begin(Order::shard(1)).await.unwrap();
                let error = order(1, 1).insert(on).await.unwrap_err();
                assert_eq!(error.kind(), ErrorKind::PoolExhausted);
                tx.rollback().await.unwrap();
            })
            .await;
            let entry = only(&log, "insert");
            assert_parts(entry);
            assert!(micros(entry, "waited_") >= as_micros(LIMIT), "{entry:?}");
            assert_eq!(micros(entry, "waited_"), micros(entry, ""), "{entry:?}");
        }
    }
}
