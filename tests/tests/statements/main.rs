//! Snapshots of the SQL of every verb on every database: `snapshots/` shows a reviewer what a change sends.
//!
//! `INSTA_UPDATE=always cargo test -p shard-orm-tests --test statements` writes them anew; read the difference before
//! it is kept.

use std::fmt::{self, Write as _};
use std::sync::{Arc, Mutex};

use chrono::{DateTime, Utc};
use futures_util::TryStreamExt as _;
use insta::{assert_snapshot, with_settings};
use rust_decimal::Decimal;
use shard_orm::aggregate;
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
struct Line {
    #[shard(primary_key)]
    id: i64,
    #[shard(key)]
    user_id: i64,
    order_id: i64,
    item: Option<String>,
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
    /// The start of the names of the fixture's namespaces, which differs from run to run.
    prefix: &'f str,
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
            writeln!(self.text, "    {}", sql.replace(self.prefix, "")).unwrap();
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

async fn rows(recorder: &mut Recorder<'_>, on: &Cluster) {
    let row = order(11);
    recorder.record("insert", order(11).insert(on)).await;
    recorder
        .record(
            "insert_many of one shard",
            Order::insert_many(on, vec![order(21), order(31)]),
        )
        .await;
    recorder
        .record(
            "insert_many of two shards",
            Order::insert_many(on, vec![order(12), order(41)]),
        )
        .await;
    recorder.record("get", Order::get(on, 1, 11)).await;
    recorder.record("find", Order::find(on, 1, 1)).await;
    recorder.record("reload", row.reload(on)).await;
    recorder.record("update", row.update(on)).await;
    recorder.record("save", row.clone().save(on)).await;
    recorder.record("delete", order(41).delete(on)).await;
}

async fn queries(recorder: &mut Recorder<'_>, on: &Cluster) {
    let query = || Order::on(1);
    recorder.record("all", query().all(on)).await;
    let filter = Order::CODE.like("a%")
        & (Order::AMOUNT.gt(1) | Order::PRICE.is_in([Decimal::ONE, Decimal::TWO]));
    recorder
        .record("all, filtered", query().filter(filter).all(on))
        .await;
    recorder
        .record(
            "all, ordered",
            query()
                .order_by(Order::CODE.desc())
                .limit(2)
                .offset(1)
                .all(on),
        )
        .await;
    recorder
        .record(
            "all, of columns",
            query().select((Order::ID, Order::CODE)).all(on),
        )
        .await;
    recorder.record("first", query().first(on)).await;
    recorder
        .record("one", query().filter(Order::ID.eq(11)).one(on))
        .await;
    recorder.record("count", query().count(on)).await;
    recorder.record("exists", query().exists(on)).await;
    recorder
        .record("stream", query().stream(on).try_collect::<Vec<_>>())
        .await;
    recorder
        .record("all of several keys", Order::on_each([1, 2]).all(on))
        .await;
    recorder
        .record("count of several keys", Order::on_each([1, 2]).count(on))
        .await;
    recorder
        .record(
            "scatter",
            Order::scatter().order_by(Order::AMOUNT).limit(3).all(on),
        )
        .await;
    recorder
        .record(
            "update of a query",
            query().set(Order::AMOUNT, 2).update(on),
        )
        .await;
    recorder
        .record("increment", query().increment(Order::AMOUNT, 1).update(on))
        .await;
    recorder
        .record(
            "delete of a query",
            query().filter(Order::ID.eq(31)).delete(on),
        )
        .await;
    let raw = Order::query()
        .on_shard_of(1)
        .sql("SELECT code FROM {orders} WHERE user_id = ?")
        .bind(1_i64);
    recorder.record("raw SQL", raw.all::<String>(on)).await;
}

async fn aggregates(recorder: &mut Recorder<'_>, on: &Cluster) {
    let sums = || {
        (
            aggregate::count(),
            Order::PRICE.sum(),
            Order::AMOUNT.avg(),
            Order::CODE.min(),
        )
    };
    recorder
        .record("aggregate", Order::on(1).aggregate(sums()).one(on))
        .await;
    recorder
        .record(
            "aggregate of all shards",
            Order::scatter().aggregate(sums()).one(on),
        )
        .await;
    let groups = Order::scatter()
        .group_by(Order::CODE)
        .select((Order::CODE, Order::AMOUNT.sum()));
    recorder
        .record("groups of all shards", groups.all(on))
        .await;
    let days = Order::on(1)
        .group_by(Order::PLACED_AT.date())
        .select((Order::PLACED_AT.date(), aggregate::count()));
    recorder.record("groups of a day", days.all(on)).await;
}

async fn relations(recorder: &mut Recorder<'_>, on: &Cluster) {
    let row = order(11);
    line(1, &row).insert(on).await.unwrap();
    recorder
        .record("with", Order::on(1).with(Order::LINES).all(on))
        .await;
    recorder
        .record("load", Line::ORDER.load(on, &[line(1, &row)]))
        .await;
    recorder
        .record("join", Order::on(1).join(Order::LINES).all(on))
        .await;
    recorder
        .record(
            "left_join",
            Order::scatter().left_join(Order::LINES).all(on),
        )
        .await;
}

async fn soft_delete(recorder: &mut Recorder<'_>, on: &Cluster) {
    note(5).insert(on).await.unwrap();
    recorder
        .record("soft delete: delete", note(5).delete(on))
        .await;
    recorder
        .record("soft delete: all", Note::on(1).all(on))
        .await;
    recorder
        .record(
            "soft delete: with_deleted",
            Note::on(1).with_deleted().all(on),
        )
        .await;
    recorder
        .record("soft delete: restore", Note::on(1).restore(on))
        .await;
    recorder
        .record("soft delete: force_delete", Note::on(1).force_delete(on))
        .await;
}

async fn in_transactions(recorder: &mut Recorder<'_>, on: &Cluster) {
    let call = async {
        let tx = on.begin(Order::shard(1)).await?;
        Order::on(1)
            .filter(Order::ID.eq(11))
            .for_update()
            .all(&tx)
            .await?;
        order(11).update(&tx).await?;
        tx.commit().await
    };
    recorder.record("transaction", call).await;
}

async fn every_verb(name: &str, dialect: Dialect) {
    let options = FixtureOptions::new(dialect, 2, 1).strategy(StrategyConfig::Modulo);
    let tables =
        |setup: shard_orm::setup::Setup| setup.table::<Order>().table::<Line>().table::<Note>();
    let fixture = options.open(tables).await;
    let sent = Sent::default();
    let _here = listen(sent.clone());
    let namespace = fixture.namespace();
    let mut recorder = Recorder {
        sent,
        prefix: &namespace[..namespace.find("shop_").unwrap()],
        text: String::new(),
    };
    let on = &fixture.cluster;
    rows(&mut recorder, on).await;
    queries(&mut recorder, on).await;
    aggregates(&mut recorder, on).await;
    relations(&mut recorder, on).await;
    soft_delete(&mut recorder, on).await;
    in_transactions(&mut recorder, on).await;
    with_settings!({ omit_expression => true, prepend_module_to_snapshot => false }, {
        assert_snapshot!(name, recorder.text);
    });
}

// All on one thread, whose subscriber is this one.

#[tokio::test]
async fn every_verb_on_sqlite() {
    every_verb("sqlite", Dialect::Sqlite).await;
}

#[tokio::test]
async fn every_verb_on_postgres() {
    every_verb("postgres", Dialect::Postgres).await;
}

#[tokio::test]
async fn every_verb_on_mariadb() {
    every_verb("mariadb", Dialect::MySql).await;
}
