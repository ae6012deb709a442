//! First copies of several pages: all values, conflicting rows, concurrent changes, interrupted runs.

use chrono::{DateTime, NaiveDate, NaiveDateTime, NaiveTime, Utc};
use rust_decimal::Decimal;
use serde_json::{Value, json};
use shard_orm::Json;
use shard_orm::prelude::*;
use shard_orm::sync::StaticSync;
use shard_orm_tests::waiting::cut;
use uuid::Uuid;

use crate::fixture::{Backend, Fixture, Item, Pair, Price, eventually, item, moment, on};
use crate::workload::Random;

on! { all =>
    a_first_copy_has_all_values
    a_first_copy_pages_by_composite_keys
    a_dropped_first_copy_is_resumed
    a_first_copy_replaces_conflicting_rows
    changes_during_a_first_copy_are_copied
}

/// A row with a column of each type.
#[derive(Debug, Clone, PartialEq, StaticModel)]
#[static_model(groups = all, table = "wide")]
struct Wide {
    #[static_model(primary_key, length = 60)]
    name: String,
    flag: bool,
    tiny: i8,
    small: i16,
    number: Option<i32>,
    big: i64,
    single: f32,
    double: Option<f64>,
    text: Option<String>,
    bytes: Option<Vec<u8>>,
    at: DateTime<Utc>,
    local: Option<NaiveDateTime>,
    day: NaiveDate,
    time: NaiveTime,
    id: Uuid,
    price: Option<Decimal>,
    body: Option<Json<Value>>,
}

/// Texts that could be taken for something else on the way.
const TEXTS: [&str; 8] = [
    "",
    "it's",
    "a \\ b \\N \\.",
    "one\ntwo\r\n\tthree",
    "\"quoted\", {braced} and $1 ?",
    "\u{e4}\u{6f22}\u{1f600}",
    "NULL",
    " spaces ",
];

fn wide(id: i64) -> Wide {
    let short = i16::try_from(id % 30_000).unwrap();
    let text = TEXTS[usize::try_from(id % 8).unwrap()];
    let at = moment(id);
    let is_null = id % 3 == 0;
    Wide {
        name: format!(
            "{}{text}{id}",
            ["b", "B", "'", "\u{e4}"][usize::try_from(id % 4).unwrap()]
        ),
        flag: id % 2 == 0,
        tiny: i8::try_from(id % 128).unwrap(),
        small: -short,
        number: (!is_null).then_some(i32::from(short) * 60_000),
        big: i64::MIN + id,
        single: f32::from(short) / 8.0,
        double: (!is_null).then(|| 1.0 / f64::from(i32::from(short) + 1)),
        text: (id % 5 != 0).then(|| text.repeat(3)),
        bytes: (id % 7 != 0).then(|| vec![0, 255, b'\n', b'\\', short.to_be_bytes()[1]]),
        at,
        local: (!is_null).then(|| at.naive_utc()),
        day: at.date_naive(),
        time: at.time(),
        id: Uuid::from_u128(id.unsigned_abs().into()),
        price: (id % 4 != 0).then(|| Decimal::new(id * 1_001, 4)),
        body: (!is_null).then(|| Json(json!({"id": id, "text": text, "list": [1, null, true]}))),
    }
}

/// The rows of a page: rows that pass as bytes have larger ones.
fn page(pair: Pair) -> i64 {
    match pair {
        (Backend::Postgres, Backend::Postgres) => 20_000,
        _ => 5_000,
    }
}

/// A first page, one in between and a last one.
fn several_pages(pair: Pair) -> i64 {
    2 * page(pair) + 1_000
}

async fn a_first_copy_has_all_values(pair: Pair) {
    let fixture = Fixture::new(pair).await;
    let setup = fixture.cluster.setup().table::<Wide>();
    setup.run().await.unwrap();
    // Two pages: rows of this width take their time.
    let count = page(pair) + 1_000;
    for begin in (0..count).step_by(5_000) {
        let rows = (begin..count.min(begin + 5_000)).map(wide).collect();
        Wide::insert_many(&fixture.cluster, rows).await.unwrap();
    }
    let sync = || StaticSync::of::<Wide>(&fixture.cluster);
    let rows = sync().run().await.unwrap().complete().unwrap().rows();
    let both = 2 * count.unsigned_abs();
    // On PostgreSQL entries of the log are read besides, when the server has older open transactions.
    assert!(rows.read_at_source >= both);
    assert_eq!(rows.inserted, both);
    for verified in sync().verify().await.unwrap() {
        let found = verified.result.unwrap();
        assert!(found.is_equal(), "{found}");
    }
    let again = sync().run().await.unwrap().complete().unwrap().rows();
    assert_eq!(again.written(), 0);
    for id in [0, 1, 2, 3, count - 1] {
        for copy in &fixture.copies {
            let found = Wide::get(copy, wide(id).name).await.unwrap();
            assert_eq!(found, wide(id));
        }
    }
}

async fn a_first_copy_pages_by_composite_keys(pair: Pair) {
    let fixture = Fixture::new(pair).await;
    let count = several_pages(pair);
    // Pages end between rows of the same first column.
    let price = |id: i64| {
        let text = TEXTS[usize::try_from(id % 7 + 1).unwrap()];
        let short: String = text.trim().chars().take(12).collect();
        Price {
            currency: format!("{short}{}", id % 7),
            product: i32::try_from(id / 7).unwrap(),
            amount: id,
            updated_at: moment(id),
        }
    };
    let rows = (0..count).map(price).collect();
    Price::insert_many(&fixture.cluster, rows).await.unwrap();
    let sync = StaticSync::of::<Price>(&fixture.cluster).mode(shard_orm::sync::Mode::Capture);
    sync.prepare().await.unwrap();
    let rows = sync.run().await.unwrap().complete().unwrap().rows();
    assert_eq!(rows.inserted, 2 * count.unsigned_abs());
    assert!(fixture.are_prices_equal().await);
}

/// The recorded position of a copy, and its number of rows, as of one moment: a dropped run's
/// last commit may still be on its way.
async fn progress(copy: &Cluster) -> (String, u64) {
    let sql = "SELECT COALESCE((SELECT position FROM shard_orm_sync WHERE table_name = 'items'), ''), \
               (SELECT COUNT(*) FROM items)";
    let (position, rows): (String, i64) = Item::query().sql(sql).one(copy).await.unwrap();
    (position, rows.unsigned_abs())
}

/// Drops runs until a copy has a part of the rows.
async fn copy_in_part(fixture: &Fixture, count: i64) {
    let mut polls = 32;
    loop {
        drop(cut(StaticSync::of::<Item>(&fixture.cluster).run(), polls).await);
        let mut rows = Vec::new();
        for copy in &fixture.copies {
            rows.push(progress(copy).await.1);
        }
        if rows
            .iter()
            .any(|rows| (1..count.unsigned_abs()).contains(rows))
        {
            return;
        }
        if rows.iter().all(|rows| *rows == 0) {
            polls += 1 + polls / 32;
            continue;
        }
        // One came to its end at once.
        polls -= polls / 4;
        for copy in &fixture.copies {
            let forget = "DELETE FROM shard_orm_sync WHERE table_name = 'items'";
            // The position at first, since this waits for a commit that is on its way.
            for sql in [forget, "DELETE FROM items"] {
                Item::query().sql(sql).execute(copy).await.unwrap();
            }
        }
    }
}

/// In batches, since a source on MySQL takes so many arguments only.
async fn insert(fixture: &Fixture, count: i64) {
    for begin in (0..count).step_by(5_000) {
        fixture.insert(begin..count.min(begin + 5_000)).await;
    }
}

async fn a_dropped_first_copy_is_resumed(pair: Pair) {
    let fixture = Fixture::new(pair).await;
    let count = several_pages(pair);
    insert(&fixture, count).await;
    let mut random = Random::new();
    let (mut polls, mut before) = (1, [0, 0]);
    loop {
        let run = StaticSync::of::<Item>(&fixture.cluster).run();
        let done = cut(run, polls + u32::try_from(random.below(40)).unwrap()).await;
        for (copy, before) in fixture.copies.iter().zip(&mut before) {
            let (position, rows) = progress(copy).await;
            assert!(rows >= *before, "{position}");
            // Whole pages, each with the position behind it.
            let is_begun = position.starts_with("copying ") && position.matches(' ').count() == 2;
            assert!(
                (rows > 0) == is_begun || position.starts_with("followed "),
                "{position}"
            );
            *before = rows;
        }
        if let Some(report) = done {
            report.unwrap().complete().unwrap();
            break;
        }
        polls += 1 + polls / 16;
    }
    fixture.assert_equal().await;
    // Every connection serves on.
    fixture.insert(count..count + 10).await;
    assert_eq!(fixture.sync().await.inserted, 20);
    fixture.assert_equal().await;
    if pair.1 == Backend::Postgres {
        // Of this test's own database: others copy, too.
        let copying = "SELECT COUNT(*) FROM pg_stat_activity \
                       WHERE datname = current_database() AND query LIKE 'COPY %' AND state <> 'idle'";
        eventually("no COPY is left", async || {
            let copy = &fixture.copies[0];
            let left: i64 = Item::query().sql(copying).one(copy).await.unwrap();
            left == 0
        })
        .await;
    }
}

async fn a_first_copy_replaces_conflicting_rows(pair: Pair) {
    let fixture = Fixture::new(pair).await;
    let count = several_pages(pair);
    insert(&fixture, count).await;
    copy_in_part(&fixture, count).await;
    for copy in &fixture.copies {
        // One of the two may have all rows already.
        if progress(copy).await.1 == count.unsigned_abs() {
            continue;
        }
        // The key of a row that is still to come, with other values.
        let mut row = item(count - 2);
        row.name = "in the way".to_owned();
        row.insert(copy).await.unwrap();
        // The name of one, and a key that the source does not have.
        let mut row = item(count + 7);
        row.name = item(count - 1).name;
        row.insert(copy).await.unwrap();
    }
    fixture.sync().await;
    fixture.assert_equal().await;
}

async fn changes_during_a_first_copy_are_copied(pair: Pair) {
    let fixture = Fixture::new(pair).await;
    let count = several_pages(pair);
    insert(&fixture, count).await;
    copy_in_part(&fixture, count).await;
    // What was copied, and what was not.
    for id in [1, count - 1] {
        let row = Item::query().filter(Item::ID.eq(id)).set(Item::AMOUNT, 77);
        assert_eq!(row.update(&fixture.cluster).await.unwrap(), 1);
    }
    for id in [2, count - 2] {
        item(id).delete(&fixture.cluster).await.unwrap();
    }
    fixture.insert([-5, count + 5]).await;
    // A name passes from a row that is still to come to one that is at the copies.
    let rename = async |id: i64, name: String| {
        let row = Item::query().filter(Item::ID.eq(id)).set(Item::NAME, name);
        assert_eq!(row.update(&fixture.cluster).await.unwrap(), 1);
    };
    rename(count - 3, "free".to_owned()).await;
    rename(3, item(count - 3).name).await;
    fixture.sync().await;
    fixture.assert_equal().await;
    assert_eq!(fixture.sync().await.written(), 0);
}
