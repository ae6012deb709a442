//! Snapshots of the SQL of every verb on every database: `snapshots/` shows a reviewer what a change sends.
//!
//! A snapshot for each topic and database.
//!
//! `INSTA_UPDATE=always cargo test -p shard-orm-tests --test statements` writes them anew; read the difference before
//! it is kept.

mod aggregates;
mod pages;
mod queries;
mod relations;
mod rows;
mod soft_deletes;
mod statics;

use std::fmt::{self, Write as _};
use std::sync::{Arc, Mutex};

use chrono::{DateTime, Utc};
use insta::{assert_snapshot, with_settings};
use rust_decimal::Decimal;
use shard_orm::config::StrategyConfig;
use shard_orm::prelude::*;
use shard_orm_tests::fixture::FixtureOptions;
use shard_orm_tests::listening::listen;
use tracing::field::{Field, Visit};
use tracing::{Event, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::layer::Context;

#[derive(Debug, Clone, PartialEq, ShardModel)]
#[shard(group = "shop", table = "orders")]
#[shard(has_many(lines = "Line", by = "order_id"))]
#[shard(unique(user_id, code), index(amount))]
struct Order {
    #[shard(primary_key)]
    id: i64,
    #[shard(key)]
    user_id: i64,
    #[shard(length = 20, collation = "binary")]
    code: String,
    amount: i32,
    #[shard(precision = 12, scale = 2)]
    price: Decimal,
    placed_at: DateTime<Utc>,
}

#[derive(Debug, Clone, PartialEq, ShardModel)]
#[shard(group = "shop", table = "lines")]
#[shard(belongs_to(order = "Order", by = "order_id"))]
#[shard(refers_to(airline = "Airline", by = "airline_id"))]
#[shard(refers_to(country = "Country", by = "country_id"))]
struct Line {
    #[shard(primary_key)]
    id: i64,
    #[shard(key)]
    user_id: i64,
    order_id: i64,
    item: Option<String>,
    airline_id: Option<i64>,
    country_id: Option<i64>,
}

#[derive(Debug, Clone, PartialEq, ShardModel)]
#[shard(group = "shop", table = "notes")]
struct Note {
    #[shard(primary_key)]
    id: i64,
    #[shard(key)]
    user_id: i64,
    text: String,
    #[shard(soft_delete)]
    deleted_at: Option<DateTime<Utc>>,
}

#[derive(Debug, Clone, PartialEq, ShardModel)]
#[shard(group = "shop", isolated, table = "jobs")]
struct Job {
    #[shard(primary_key)]
    id: i64,
    name: String,
}

#[derive(Debug, Clone, PartialEq, ShardModel)]
#[shard(database = "default", table = "countries")]
struct Country {
    #[shard(primary_key)]
    id: i64,
    name: String,
}

/// Written in the named database, and copied to the servers of the group.
#[derive(Debug, Clone, PartialEq, StaticModel)]
#[static_model(groups = ["shop"], table = "airlines")]
struct Airline {
    #[static_model(primary_key)]
    id: i64,
    name: String,
}

/// Of each server by itself.
#[derive(Debug, Clone, PartialEq, StaticModel)]
#[static_model(groups = ["shop"], table = "limits", transmit = false)]
struct Limit {
    #[static_model(primary_key)]
    id: i64,
    most: i64,
}

/// The texts of the statements that were sent.
#[derive(Debug, Clone, Default)]
struct Sent(Arc<Mutex<Vec<String>>>);

#[derive(Default)]
struct Text(String);

impl Visit for Text {
    fn record_debug(&mut self, _: &Field, _: &dyn fmt::Debug) {}

    fn record_str(&mut self, field: &Field, value: &str) {
        if field.name() == "sql" {
            value.clone_into(&mut self.0);
        }
    }
}

impl<S: Subscriber> Layer<S> for Sent {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        if event.metadata().target() == "shard_orm::sql" {
            let mut text = Text::default();
            event.record(&mut text);
            self.0.lock().unwrap().push(text.0);
        }
    }
}

/// Runs verbs, and writes down what each sends.
struct Recorder<'f> {
    sent: Sent,
    /// The start of the names of the fixture's namespaces, and its cluster: they differ from run to run.
    names: [&'f str; 2],
    text: String,
}

impl Recorder<'_> {
    async fn record<T>(&mut self, verb: &str, call: impl Future<Output = shard_orm::Result<T>>) {
        let _ = self.take();
        if let Err(error) = call.await {
            panic!("{verb}: {error}");
        }
        writeln!(self.text, "{verb}").unwrap();
        for sql in self.take() {
            let sql = self
                .names
                .iter()
                .fold(sql, |sql, name| sql.replace(name, ""));
            writeln!(self.text, "    {sql}").unwrap();
        }
    }

    /// The statements since the last look, sorted: those of several shards are sent at a time, in any order.
    fn take(&self) -> Vec<String> {
        let mut sent = std::mem::take(&mut *self.sent.0.lock().unwrap());
        sent.sort();
        sent
    }
}

fn order(id: i64) -> Order {
    Order {
        id,
        user_id: id % 10,
        code: format!("code {id}"),
        amount: 1,
        price: Decimal::new(150, 2),
        placed_at: DateTime::UNIX_EPOCH,
    }
}

fn line(id: i64, order: &Order) -> Line {
    Line {
        id,
        user_id: order.user_id,
        order_id: order.id,
        item: None,
        airline_id: Some(1),
        country_id: Some(1),
    }
}

fn note(id: i64) -> Note {
    Note {
        id,
        user_id: 1,
        text: "text".into(),
        deleted_at: None,
    }
}

/// Records one topic on one database, and compares it with its snapshot.
async fn check(
    topic: &str,
    dialect: Dialect,
    record: impl AsyncFnOnce(&mut Recorder<'_>, &Cluster),
) {
    let options = FixtureOptions::new(dialect, 2, 1).strategy(StrategyConfig::Modulo);
    let tables = |setup: shard_orm::setup::Setup| {
        let setup = setup.table::<Order>().table::<Line>().table::<Note>();
        let setup = setup.table::<Job>().table::<Country>();
        setup.table::<Airline>().table::<Limit>()
    };
    let fixture = options.open(tables).await;
    let sent = Sent::default();
    let _here = listen(sent.clone());
    let namespace = fixture.namespace();
    let mut recorder = Recorder {
        sent,
        names: [
            &namespace[..namespace.find("shop_").unwrap()],
            fixture.cluster_name(),
        ],
        text: String::new(),
    };
    record(&mut recorder, &fixture.cluster).await;
    let database = match dialect {
        Dialect::Postgres => "postgres",
        Dialect::MySql => "mariadb",
        Dialect::Sqlite => "sqlite",
    };
    with_settings!({ omit_expression => true, prepend_module_to_snapshot => false }, {
        assert_snapshot!(format!("{topic}_{database}"), recorder.text);
    });
}

/// Tests of one topic, one for each database. All of a test runs on one thread, whose subscriber records it.
macro_rules! on_every_database {
    ($topic:ident) => {
        mod $topic {
            use shard_orm::Dialect;

            #[tokio::test]
            async fn sqlite() {
                crate::check(stringify!($topic), Dialect::Sqlite, crate::$topic::record).await;
            }

            #[tokio::test]
            async fn postgres() {
                crate::check(stringify!($topic), Dialect::Postgres, crate::$topic::record).await;
            }

            #[tokio::test]
            async fn mariadb() {
                crate::check(stringify!($topic), Dialect::MySql, crate::$topic::record).await;
            }
        }
    };
}

mod every_verb {
    on_every_database!(aggregates);
    on_every_database!(pages);
    on_every_database!(queries);
    on_every_database!(relations);
    on_every_database!(rows);
    on_every_database!(soft_deletes);
    on_every_database!(statics);
}
