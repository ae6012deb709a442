//! Large tables are split by keys of every type, and differences are found exactly.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use chrono::{DateTime, Utc};
use shard_orm::Dialect;
use shard_orm::prelude::*;
use shard_orm::sea_query::Value;
use shard_orm::sync::{Change, TableAt, compare};
use uuid::Uuid;

use super::{dialects, fixture};

/// Enough for several levels where a row's part is found by conditions.
const ROWS: u64 = 6_000;

/// A number that looks like chance, always the same.
fn mixed(number: u64) -> u64 {
    let mixed = (number ^ 0x5bd1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    mixed ^ mixed >> 29
}

/// Two tables of these keys with prices: scattered rows that differ, and blocks that one side alone has,
/// but for a row in the middle.
fn sides<K: Ord + Clone>(keys: Vec<K>) -> (BTreeMap<K, i64>, BTreeMap<K, i64>) {
    let (mut source, mut copy) = (BTreeMap::new(), BTreeMap::new());
    let mut keys = keys;
    keys.sort();
    keys.dedup();
    let count = keys.len();
    for (place, key) in keys.into_iter().enumerate() {
        let tenth = place * 10 / count;
        let is_middle = place * 20 / count != (place + 1) * 20 / count;
        let chance = mixed(place as u64) % 100;
        // The keys at both ends differ too.
        let is_end = place == 0 || place + 1 == count;
        if tenth != 3 || is_middle {
            source.insert(key.clone(), 1);
        }
        match () {
            () if tenth == 6 && !is_middle => {}
            () if is_end || chance == 7 => drop(copy.insert(key, 2)),
            () if chance == 8 => {}
            () if chance == 9 => {
                source.remove(&key);
                copy.insert(key, 1);
            }
            () => drop(copy.insert(key, 1)),
        }
    }
    (source, copy)
}

/// A model of one key, and the test of it.
macro_rules! keyed {
    ($test:ident: $model:ident in $table:literal, $kind:ty $(, $option:ident = $set:literal)?;
     $keys:expr; $value:expr) => {
        #[derive(Debug, Clone, PartialEq, ShardModel)]
        #[shard(database = "default", table = $table)]
        struct $model {
            #[shard(primary_key $(, $option = $set)?)]
            key: $kind,
            price: i64,
        }

        #[tokio::test]
        async fn $test() {
            let value: fn(&$kind) -> Value = $value;
            for from in dialects() {
                for to in dialects() {
                    let one = fixture(from, |setup| setup.table::<$model>()).await;
                    let other = fixture(to, |setup| setup.table::<$model>()).await;
                    let keys: fn(Dialect, Dialect) -> Vec<$kind> = $keys;
                    let (source, copy) = sides(keys(from, to));
                    for (rows, at) in [(&source, &one), (&copy, &other)] {
                        let rows = rows.iter();
                        let rows = rows.map(|(key, price)| $model { key: key.clone(), price: *price });
                        $model::insert_many(&at.cluster, rows.collect()).await.unwrap();
                    }
                    let found = Arc::new(Mutex::new(Vec::new()));
                    let kept = Arc::clone(&found);
                    let mut keep = move |changes: Vec<Change>| {
                        kept.lock().unwrap().extend(changes);
                        async { Ok(()) }
                    };
                    let table = |at| TableAt::of::<$model>(at, &$model::database()).unwrap();
                    let (at_source, at_copy) = (table(&one.cluster), table(&other.cluster));
                    let sum = compare(&at_source, &at_copy, &mut keep).await.unwrap();
                    let mut expected: Vec<(&$kind, Change)> = Vec::new();
                    for (key, price) in &source {
                        if copy.get(key) != Some(price) {
                            let row = vec![value(key), Value::BigInt(Some(*price))];
                            expected.push((key, Change::Put(row)));
                        }
                    }
                    for key in copy.keys().filter(|key| !source.contains_key::<$kind>(*key)) {
                        expected.push((key, Change::Delete(vec![value(key)])));
                    }
                    expected.sort_by_key(|(key, _)| *key);
                    let expected: Vec<Change> = expected.into_iter().map(|(_, change)| change).collect();
                    assert_eq!(*found.lock().unwrap(), expected, "{from} to {to}");
                    assert_eq!(sum.differing(), expected.len() as u64);
                }
            }
        }
    };
}

keyed! {
    signed_keys: Signed in "signed", i64;
    |_, _| {
        let spread = (0..ROWS).map(|number| mixed(number).cast_signed());
        let near = (0..ROWS.cast_signed()).map(|number| number - 3_000);
        spread.chain(near).chain([i64::MIN, i64::MIN + 1, i64::MAX - 1, i64::MAX]).collect()
    };
    |key| Value::BigInt(Some(*key))
}

keyed! {
    unsigned_keys: Unsigned in "unsigned_numbers", u64;
    |from, to| {
        let most = if (from, to) == (Dialect::MySql, Dialect::MySql) { u64::MAX } else { u64::MAX / 2 };
        let high = (0..ROWS / 2).map(move |number| most - number * 3);
        (0..ROWS / 2).map(|number| mixed(number) / 2).chain(high).chain([0]).collect()
    };
    |key| Value::BigUnsigned(Some(*key))
}

keyed! {
    small_keys: Small in "small_numbers", i16;
    |_, _| (i16::MIN..=i16::MAX).step_by(11).chain([i16::MAX]).collect();
    |key| Value::SmallInt(Some(*key))
}

keyed! {
    text_keys: Text in "texts", String, collation = "binary";
    |_, _| {
        let before = ["", "A", "a", "Z", "\u{e9}", "\u{1f375}", "a "];
        let texts = (0..ROWS).map(|number| (before[usize::try_from(number % 7).unwrap()], mixed(number)));
        texts.map(|(before, number)| format!("{before}{:x}", number % 100_000)).collect()
    };
    |key| Value::String(Some(key.clone()))
}

keyed! {
    texts_in_any_collation: Word in "words", String;
    |_, _| (0..ROWS).map(|number| format!("word {:x}", mixed(number))).collect();
    |key| Value::String(Some(key.clone()))
}

keyed! {
    keys_of_uuids: Identified in "identified", Uuid;
    |_, _| (0..ROWS).map(|number| Uuid::from_u64_pair(mixed(number), number)).collect();
    |key| Value::Uuid(Some(*key))
}

keyed! {
    keys_of_times: Timed in "timed", DateTime<Utc>;
    |_, _| {
        let micros = (0..ROWS.cast_signed()).map(|number| (number - 3_000) * 7_777_777);
        micros.map(|micros| DateTime::from_timestamp_micros(micros).unwrap()).collect()
    };
    |key| Value::ChronoDateTimeUtc(Some(*key))
}
