//! Comparison finds every change of a copy, and nothing else.

use std::collections::BTreeMap;

use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};
use shard_orm::prelude::*;
use shard_orm::sea_query::Value;
use shard_orm::sync::{Change, Comparison, TableAt, compare, verify};
use shard_orm::{Cluster, ErrorKind};

use super::{dialects, fixture};
use crate::kind;

/// A key of two columns, of which the first is a text.
#[derive(Debug, Clone, PartialEq, ShardModel)]
#[shard(database = "default", table = "fares")]
struct Fare {
    #[shard(primary_key, collation = "binary")]
    code: String,
    #[shard(primary_key)]
    class: i64,
    price: i64,
}

/// A text key in whatever collation the database has.
#[derive(Debug, Clone, PartialEq, ShardModel)]
#[shard(database = "default", table = "words")]
struct Word {
    #[shard(primary_key)]
    word: String,
    uses: i32,
}

#[derive(Debug, Clone, PartialEq, ShardModel)]
#[shard(database = "default", table = "numbers")]
struct Number {
    #[shard(primary_key)]
    id: i64,
    name: String,
}

#[derive(Debug, Clone, PartialEq, ShardModel)]
#[shard(database = "default", table = "marks")]
struct Mark {
    #[shard(primary_key)]
    id: f64,
}

type Fares = BTreeMap<(String, i64), i64>;

fn fares(rows: &Fares) -> Vec<Fare> {
    let rows = rows.iter();
    rows.map(|((code, class), price)| Fare {
        code: code.clone(),
        class: *class,
        price: *price,
    })
    .collect()
}

fn put(row: &Fare) -> Change {
    Change::Put(vec![
        Value::String(Some(row.code.clone())),
        Value::BigInt(Some(row.class)),
        Value::BigInt(Some(row.price)),
    ])
}

/// The changes that make the copy equal, in the order of the key.
fn expected(source: &Fares, copy: &Fares) -> Vec<Change> {
    let mut keys: Vec<_> = source.keys().chain(copy.keys()).collect();
    keys.sort();
    keys.dedup();
    keys.into_iter()
        .filter(|key| source.get(key) != copy.get(key))
        .map(|key| match source.get(key) {
            Some(price) => put(&Fare {
                code: key.0.clone(),
                class: key.1,
                price: *price,
            }),
            None => Change::Delete(vec![
                Value::String(Some(key.0.clone())),
                Value::BigInt(Some(key.1)),
            ]),
        })
        .collect()
}

/// Texts that collations order otherwise than bytes do.
fn code() -> impl Strategy<Value = String> {
    let tricky = [
        "",
        "a",
        "A",
        "b",
        "B",
        "é",
        "z",
        "Z",
        "a ",
        "a\t",
        "tea",
        "Tea",
        "\u{1f375}",
        "\u{ffff}",
    ];
    prop_oneof![
        proptest::sample::select(tricky.to_vec()).prop_map(str::to_owned),
        "[a-cA-Cé -]{1,3}"
    ]
}

fn class() -> impl Strategy<Value = i64> {
    prop_oneof![Just(i64::MIN), Just(i64::MAX), -20_i64..20]
}

/// Rows, and edits: of a row, away with it, another price, or the price of another row.
fn sides() -> impl Strategy<Value = (Fares, Fares)> {
    let rows = proptest::collection::btree_map((code(), class()), 0_i64..1_000, 0..400);
    let edits = proptest::collection::vec((any::<proptest::sample::Index>(), 0_u8..4), 0..12);
    (rows, edits).prop_map(|(source, edits)| {
        let mut copy = source.clone();
        for (index, edit) in edits {
            let Some(key) = (!copy.is_empty()).then(|| {
                index
                    .get(&copy.keys().collect::<Vec<_>>())
                    .to_owned()
                    .clone()
            }) else {
                continue;
            };
            match edit {
                0 => {
                    copy.remove(&key);
                }
                1 => {
                    copy.insert(key, -1);
                }
                2 => {
                    copy.insert((format!("{}x", key.0), key.1), -2);
                }
                // The rows at both ends exchange their keys.
                _ => {
                    let last = copy.keys().next_back().unwrap().clone();
                    let (one, other) = (copy[&key], copy[&last]);
                    copy.insert(key, other);
                    copy.insert(last, one);
                }
            }
        }
        (source, copy)
    })
}

async fn fill(cluster: &Cluster, rows: &Fares) {
    Fare::query()
        .filter(Fare::PRICE.ge(i64::MIN))
        .delete(cluster)
        .await
        .unwrap();
    if !rows.is_empty() {
        Fare::insert_many(cluster, fares(rows)).await.unwrap();
    }
}

/// What a comparison finds, with its changes.
async fn changes<M: DatabaseModel>(source: &Cluster, copy: &Cluster) -> (Comparison, Vec<Change>) {
    let source = TableAt::of::<M>(source, &M::database()).unwrap();
    let copy = TableAt::of::<M>(copy, &M::database()).unwrap();
    let all = std::sync::Arc::new(std::sync::Mutex::new(Vec::new()));
    let seen = std::sync::Arc::clone(&all);
    let mut keep = move |changes: Vec<Change>| {
        seen.lock().unwrap().extend(changes);
        async { Ok(()) }
    };
    let found = compare(&source, &copy, &mut keep).await.unwrap();
    let changes = std::mem::take(&mut *all.lock().unwrap());
    (found, changes)
}

#[tokio::test]
async fn comparison_finds_random_edits_between_any_two_databases() {
    let rng = TestRng::from_seed(RngAlgorithm::ChaCha, &[7; 32]);
    let mut runner = TestRunner::new_with_rng(Config::default(), rng);
    for source in dialects() {
        for copy in dialects() {
            let one = fixture(source, |setup| setup.table::<Fare>()).await;
            let other = fixture(copy, |setup| setup.table::<Fare>()).await;
            for _ in 0..6 {
                let (at_source, at_copy) = sides().new_tree(&mut runner).unwrap().current();
                fill(&one.cluster, &at_source).await;
                fill(&other.cluster, &at_copy).await;
                let (found, changes) = changes::<Fare>(&one.cluster, &other.cluster).await;
                let expected = expected(&at_source, &at_copy);
                assert_eq!(changes, expected, "{source} to {copy}");
                assert_eq!(found.differing(), expected.len() as u64);
            }
        }
    }
}

#[tokio::test]
async fn comparison_handles_empty_tables_and_single_rows() {
    let one: Fares = [((String::new(), i64::MAX), 1)].into();
    let many: Fares = (0..1_300)
        .map(|class| (("a".to_owned(), class), class))
        .collect();
    let sets = [Fares::new(), one, many];
    for (source, copy) in dialects().zip(dialects().cycle().skip(1)) {
        let at = [
            fixture(source, |setup| setup.table::<Fare>()).await,
            fixture(copy, |setup| setup.table::<Fare>()).await,
        ];
        for at_source in &sets {
            for at_copy in &sets {
                fill(&at[0].cluster, at_source).await;
                fill(&at[1].cluster, at_copy).await;
                let (_, changes) = changes::<Fare>(&at[0].cluster, &at[1].cluster).await;
                assert_eq!(changes, expected(at_source, at_copy), "{source} to {copy}");
            }
        }
    }
}

#[tokio::test]
async fn comparison_pairs_text_keys_by_bytes() {
    let words = |words: &[&str]| -> Vec<Word> {
        let words = words.iter();
        words
            .map(|word| Word {
                word: (*word).to_owned(),
                uses: 1,
            })
            .collect()
    };
    for source in dialects() {
        for copy in dialects() {
            let one = fixture(source, |setup| setup.table::<Word>()).await;
            let other = fixture(copy, |setup| setup.table::<Word>()).await;
            let at_source = words(&["Tea", "b", "é", "Z", "zz", "\u{1f375}", "\u{ffff}", "tea"]);
            Word::insert_many(&one.cluster, at_source).await.unwrap();
            let at_copy = words(&["tea", "Z", "zz", "é", "B", "\u{1f375}", "\u{ffff}"]);
            Word::insert_many(&other.cluster, at_copy).await.unwrap();
            let (found, changes) = changes::<Word>(&one.cluster, &other.cluster).await;
            assert_eq!(
                (found.missing, found.extra, found.different),
                (2, 1, 0),
                "{source} to {copy}"
            );
            let text = |text: &str| Value::String(Some(text.into()));
            let row = |word| Change::Put(vec![text(word), Value::Int(Some(1))]);
            let expected = [Change::Delete(vec![text("B")]), row("Tea"), row("b")];
            assert_eq!(changes, expected, "{source} to {copy}");
        }
    }
}

/// The tenth of what it costs to copy the table anew, which reads each row and writes it.
#[tokio::test]
async fn comparison_reads_few_rows_for_few_changes() {
    if !Dialect::Postgres.is_enabled() || !Dialect::MySql.is_enabled() {
        return;
    }
    let one = fixture(Dialect::Postgres, |setup| setup.table::<Number>()).await;
    let other = fixture(Dialect::MySql, |setup| setup.table::<Number>()).await;
    let count = 30_000_i64;
    let mut rows: Vec<Number> = (0..count)
        .map(|id| Number {
            id,
            name: format!("name {id}"),
        })
        .collect();
    Number::insert_many(&one.cluster, rows.clone())
        .await
        .unwrap();
    // One in a thousand.
    for row in rows.iter_mut().filter(|row| row.id * 7_919 % 1_000 == 0) {
        row.name.push('!');
    }
    Number::insert_many(&other.cluster, rows.clone())
        .await
        .unwrap();
    let (found, changes) = changes::<Number>(&one.cluster, &other.cluster).await;
    assert_eq!((found.different, found.differing()), (30, 30));
    let cost = found.source.rows + found.copy.rows + changes.len() as u64;
    assert!(cost * 10 <= 2 * count.unsigned_abs(), "{found:?}");
    let table = TableAt::of::<Number>(&one.cluster, &Number::database()).unwrap();
    let equal = verify(&table, &table).await.unwrap();
    assert!(equal.is_equal());
    assert_eq!(
        (equal.source.rows, equal.copy.rows, equal.ranges),
        (0, 0, 0)
    );
    // How many rows there are, where to cut, and the digests.
    assert_eq!((equal.source.statements, equal.copy.statements), (3, 2));
}

#[tokio::test]
async fn float_keys_are_refused() {
    let one = fixture(Dialect::Sqlite, |setup| setup.table::<Mark>()).await;
    let table = || TableAt::of::<Mark>(&one.cluster, &Mark::database()).unwrap();
    assert_eq!(
        kind(verify(&table(), &table()).await),
        ErrorKind::Unsupported
    );
}
