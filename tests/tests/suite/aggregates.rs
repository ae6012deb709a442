//! Aggregates and groups over several logical shards: what is exact, what is refused, and what follows from merging.
//!
//! That random ones are what one database gives, the test `differential` shows.

mod data;
mod expressions;
mod push_down;

use chrono::{DateTime, Utc};
use rust_decimal::Decimal;
use shard_orm::aggregate::{Number, count};
use shard_orm::prelude::*;
use shard_orm_tests::behaviours;

use crate::kind;

#[derive(Debug, Clone, Copy, PartialEq, ShardField)]
struct Cents(i64);

impl Number for Cents {
    type Sum = <i64 as Number>::Sum;
    type Mean = <i64 as Number>::Mean;
}

#[derive(Debug, Clone, Copy, PartialEq, ShardField)]
enum Kind {
    Food,
    Drink,
}

#[derive(Debug, Clone, PartialEq, ShardModel)]
#[shard(group = "shop", table = "sales")]
struct Sale {
    #[shard(primary_key)]
    id: i64,
    #[shard(key)]
    user_id: i64,
    #[shard(collation = "binary", length = 40)]
    item: String,
    #[shard(collation = "binary", length = 40)]
    note: Option<String>,
    #[shard(length = 40)]
    folded: String,
    level: Option<i32>,
    cents: Cents,
    #[shard(collation = "binary", length = 10)]
    kind: Kind,
    weight: f64,
    ratio: Option<f32>,
    price: Option<Decimal>,
    flag: bool,
    seen: Option<bool>,
    sold_at: DateTime<Utc>,
    data: Vec<u8>,
    tags: serde_json::Value,
}

/// A row that differs from others where it is said.
fn sale(id: i64, user_id: i64) -> Sale {
    Sale {
        id,
        user_id,
        item: "tea".to_owned(),
        note: None,
        folded: "Tea".to_owned(),
        level: None,
        cents: Cents(100),
        kind: Kind::Food,
        weight: 0.5,
        ratio: None,
        price: None,
        flag: false,
        seen: None,
        sold_at: DateTime::from_timestamp_micros(1_000_001).unwrap(),
        data: Vec::new(),
        tags: serde_json::Value::Null,
    }
}

#[track_caller]
fn assert_close(one: Option<f64>, two: Option<f64>, what: &str) {
    let close = match (one, two) {
        (None, None) => true,
        (Some(one), Some(two)) => (one - two).abs() <= 1e-9 * one.abs().max(two.abs()).max(1.0),
        _ => false,
    };
    assert!(close, "{one:?} is not {two:?}: {what}");
}

behaviours! { (Sale), 16 shards on 2 servers, |options| options;
    async fn aggregates_of_no_rows_are_zero_or_null(fixture: &Fixture) {
        type S = Sale;
        let all = (count(), S::CENTS.sum(), S::ITEM.count_distinct(), S::LEVEL.max(), S::SEEN.bool_and(), S::WEIGHT.avg());
        let nothing = (0, None, 0, None, None, None);
        assert_eq!(S::scatter().aggregate(all).one(&fixture.cluster).await.unwrap(), nothing);
        assert_eq!(S::on(1).aggregate(all).one(&fixture.cluster).await.unwrap(), nothing);
        let none: [i64; 0] = [];
        assert_eq!(S::on_each(none).aggregate(all).one(&fixture.cluster).await.unwrap(), nothing);
        let groups = S::scatter().group_by(S::ITEM).select((S::ITEM, count())).all(&fixture.cluster).await.unwrap();
        assert_eq!(groups, []);
        // HAVING is of the one group there is.
        let having = S::scatter().aggregate(count()).having(count().gt(0)).first(&fixture.cluster).await.unwrap();
        assert_eq!(having, None);
        let missing = S::scatter().aggregate(count()).having(count().gt(0)).one(&fixture.cluster).await;
        assert_eq!(kind(missing), ErrorKind::NotFound);

        // Rows, and nothing in them but NULL.
        S::insert_many(&fixture.cluster, (1..9).map(|id| sale(id, id)).collect()).await.unwrap();
        let nulls = (count(), S::LEVEL.sum(), S::LEVEL.count_distinct(), S::LEVEL.max(), S::SEEN.bool_or(), S::RATIO.avg());
        let found = S::scatter().aggregate(nulls).one(&fixture.cluster).await.unwrap();
        assert_eq!(found, (8, None, 0, None, None, None));
        let groups = S::scatter().group_by(S::LEVEL).select((S::LEVEL, count())).all(&fixture.cluster).await.unwrap();
        assert_eq!(groups, [(None, 8)]);
    }

    async fn having_order_and_limit_apply_to_merged_groups(fixture: &Fixture) {
        type S = Sale;
        // In each logical shard another item is the most frequent; "all" is the second one everywhere.
        let mut rows = Vec::new();
        for (number, key) in fixture.key_of_each_shard().into_iter().enumerate() {
            for (item, times) in [(format!("only {number:02}"), 3), ("all".to_owned(), 2)] {
                for _ in 0..times {
                    rows.push(Sale { item: item.clone(), level: Some(1), ..sale(fixture.id(), key) });
                }
            }
        }
        S::insert_many(&fixture.cluster, rows).await.unwrap();
        let counted = || S::scatter().group_by(S::ITEM).select((S::ITEM, count()));
        let most = counted().order_by(count().desc()).limit(1).all(&fixture.cluster).await.unwrap();
        assert_eq!(most, [("all".to_owned(), 32)]);
        // Equal ones are ordered by the group; no logical shard has four of one.
        let next = counted().order_by(count().desc()).offset(1).limit(2).all(&fixture.cluster).await.unwrap();
        assert_eq!(next, [("only 00".to_owned(), 3), ("only 01".to_owned(), 3)]);
        let many = counted().having(count().ge(4)).all(&fixture.cluster).await.unwrap();
        assert_eq!(many, [("all".to_owned(), 32)]);
        let few = counted().having(S::LEVEL.sum().lt(4)).order_by(S::ITEM.desc()).limit(1).all(&fixture.cluster).await.unwrap();
        assert_eq!(few, [("only 15".to_owned(), 3)]);
        // Neither what is ordered by nor what is compared is selected.
        let names = S::scatter().group_by(S::ITEM).order_by(S::LEVEL.sum().desc()).limit(2);
        let names = names.having(S::USER_ID.count_distinct().gt(0)).all(&fixture.cluster).await.unwrap();
        assert_eq!(names, ["all", "only 00"]);
        let first = counted().order_by(count().desc()).first(&fixture.cluster).await.unwrap();
        assert_eq!(first, Some(("all".to_owned(), 32)));
        // One column, one aggregate, and a draft that is given its place last.
        let draft = S::query().group_by(S::ITEM).select(count()).order_by(S::ITEM);
        assert_eq!(draft.clone().scatter().all(&fixture.cluster).await.unwrap()[0], 32);
        assert_eq!(draft.on_shard(3).all(&fixture.cluster).await.unwrap(), [2, 3]);
    }

    async fn count_distinct_works_next_to_sums(fixture: &Fixture) {
        type S = Sale;
        // Both items with both levels in each logical shard: four finer groups, of one group.
        let mut rows = Vec::new();
        for key in fixture.key_of_each_shard() {
            for (item, level) in [("a", Some(1)), ("a", Some(2)), ("b", Some(1)), ("b", Some(2)), ("b", None)] {
                rows.push(Sale { item: item.to_owned(), level, ..sale(fixture.id(), key) });
            }
        }
        S::insert_many(&fixture.cluster, rows).await.unwrap();
        let found = S::scatter()
            .aggregate((S::ITEM.count_distinct(), S::LEVEL.count_distinct(), S::LEVEL.sum(), S::LEVEL.avg(), count()))
            .one(&fixture.cluster)
            .await
            .unwrap();
        assert_eq!(found, (2, 2, Some(96), Some(1.5), 80));
        let by_item = S::scatter().group_by(S::ITEM).select((S::ITEM, S::ITEM.count_distinct(), S::LEVEL.count_distinct(), count()));
        let expected = [("a".to_owned(), 1, 2, 32), ("b".to_owned(), 1, 2, 48)];
        assert_eq!(by_item.all(&fixture.cluster).await.unwrap(), expected);
    }

    async fn distinct_gives_each_row_once(fixture: &Fixture) {
        type S = Sale;
        let mut rows = Vec::new();
        for key in fixture.key_of_each_shard() {
            for (item, level) in [("a", Some(1)), ("b", None), ("b", None), ("A", Some(1))] {
                rows.push(Sale { item: item.to_owned(), level, ..sale(fixture.id(), key) });
            }
        }
        S::insert_many(&fixture.cluster, rows).await.unwrap();
        assert_eq!(S::scatter().select(S::ITEM).distinct().all(&fixture.cluster).await.unwrap(), ["A", "a", "b"]);
        let levels = S::scatter().select(S::LEVEL).order_by(S::LEVEL.desc().nulls_last()).distinct();
        assert_eq!(levels.all(&fixture.cluster).await.unwrap(), [Some(1), None]);
        let pairs = S::scatter().select((S::LEVEL, S::ITEM)).order_by(S::ITEM.desc()).offset(1).limit(1).distinct();
        assert_eq!(pairs.all(&fixture.cluster).await.unwrap(), [(Some(1), "a".to_owned())]);
        let lines: Vec<Line> = S::scatter().select_as::<Line>().distinct().order_by(S::ITEM).all(&fixture.cluster).await.unwrap();
        let line = |item: &str, level| Line { level, item: item.to_owned() };
        assert_eq!(lines, [line("A", Some(1)), line("a", Some(1)), line("b", None)]);
    }

    async fn aggregates_run_in_a_transaction(fixture: &Fixture) {
        let tx = fixture.cluster.begin(Sale::shard(7)).await.unwrap();
        for id in 1..4 {
            Sale { level: Some(5), ..sale(id, 7) }.insert(&tx).await.unwrap();
        }
        assert_eq!(Sale::on(7).aggregate(Sale::LEVEL.sum()).one(&tx).await.unwrap(), Some(15));
        assert_eq!(kind(Sale::scatter().aggregate(count()).one(&tx).await), ErrorKind::CrossShard);
        tx.rollback().await.unwrap();
        assert_eq!(Sale::on(7).aggregate(count()).one(&fixture.cluster).await.unwrap(), 0);
    }
}

#[derive(Debug, PartialEq, ShardProjection)]
#[shard(model = Sale)]
struct Line {
    level: Option<i32>,
    item: String,
}

behaviours! { (Sale);
    async fn a_sum_of_integers_beyond_64_bits_is_exact(fixture: &Fixture) {
        let keys = [fixture.key(), fixture.key(), fixture.key()];
        for key in keys {
            for cents in [i64::MAX, i64::MAX, i64::MAX - 1] {
                Sale { cents: Cents(cents), ..sale(fixture.id(), key) }.insert(&fixture.cluster).await.unwrap();
            }
        }
        let sum = Sale::CENTS.sum();
        let expected = 9 * i128::from(i64::MAX) - 3;
        let found = Sale::on_each(keys).aggregate((sum, Sale::CENTS.avg(), Sale::CENTS.min())).one(&fixture.cluster).await.unwrap();
        assert_eq!(found.0, Some(expected));
        assert_close(found.1, Some(i64::MAX as f64), "the mean");
        assert_eq!(found.2, Some(Cents(i64::MAX - 1)));
        // In one logical shard alone, and negative.
        Sale { cents: Cents(i64::MIN), ..sale(fixture.id(), keys[0]) }.insert(&fixture.cluster).await.unwrap();
        let one = Sale::on(keys[0]).group_by(Sale::USER_ID).select(sum);
        assert_eq!(one.clone().all(&fixture.cluster).await.unwrap(), [Some(2 * i128::from(i64::MAX) - 2)]);
        assert_eq!(one.having(sum.gt(i128::from(i64::MAX) * 2)).all(&fixture.cluster).await.unwrap(), []);
        let smallest = Sale::on_each(keys).group_by(Sale::USER_ID).order_by(sum).first(&fixture.cluster).await.unwrap();
        assert_eq!(smallest, Some(keys[0]));
    }

    async fn decimal_sums_are_exact_or_refused(fixture: &Fixture) {
        let keys = [fixture.key(), fixture.key()];
        let price = |text: &str| Some(text.parse::<Decimal>().unwrap());
        for key in keys {
            for one in [price("0.1"), price("1000000000000000000.000000001"), None] {
                Sale { price: one, ..sale(fixture.id(), key) }.insert(&fixture.cluster).await.unwrap();
            }
        }
        let found = Sale::on_each(keys).aggregate((Sale::PRICE.sum(), Sale::PRICE.avg(), Sale::PRICE.max())).one(&fixture.cluster).await;
        if fixture.dialect == Dialect::Sqlite {
            assert_eq!(kind(found), ErrorKind::Unsupported);
            // Values can be told apart there too.
            let prices = Sale::on_each(keys).aggregate(Sale::PRICE.count_distinct()).one(&fixture.cluster).await;
            assert_eq!(prices.unwrap(), 2);
            return;
        }
        let expected = (price("2000000000000000000.200000002"), price("500000000000000000.0500000005"), price("1000000000000000000.000000001"));
        assert_eq!(found.unwrap(), expected);
        // A sum that a decimal does not hold is an error, and is not rounded.
        for key in keys {
            Sale { price: price("50000000000000000000000000000"), ..sale(fixture.id(), key) }.insert(&fixture.cluster).await.unwrap();
        }
        let sum = Sale::on_each(keys).aggregate(Sale::PRICE.sum()).one(&fixture.cluster).await;
        assert_eq!(kind(sum), ErrorKind::Decode);
    }

    async fn nan_values_are_grouped(fixture: &Fixture) {
        let keys = [fixture.key(), fixture.key(), fixture.key()];
        let weights: &[f64] = match fixture.dialect {
            Dialect::Postgres => &[0.0, -0.0, 1.5, f64::NAN, f64::INFINITY],
            Dialect::Sqlite => &[0.0, -0.0, 1.5, f64::INFINITY, f64::NEG_INFINITY],
            Dialect::MySql => &[0.0, -0.0, 1.5],
        };
        for key in keys {
            for weight in weights {
                Sale { weight: *weight, ..sale(fixture.id(), key) }.insert(&fixture.cluster).await.unwrap();
            }
        }
        let groups = Sale::on_each(keys).group_by(Sale::WEIGHT).select((Sale::WEIGHT, count())).all(&fixture.cluster).await.unwrap();
        let counts: Vec<u64> = groups.iter().map(|(_, rows)| *rows).collect();
        let sum = Sale::on_each(keys).aggregate(Sale::WEIGHT.sum()).one(&fixture.cluster).await.unwrap();
        match fixture.dialect {
            Dialect::Postgres => {
                assert_eq!(counts, [6, 3, 3, 3]);
                assert!(groups[3].0.is_nan() && sum.unwrap().is_nan());
            }
            // Infinity and its opposite add up to NaN, which SQLite calls NULL.
            Dialect::Sqlite => assert_eq!((counts, sum), (vec![3, 6, 3, 3], None)),
            Dialect::MySql => assert_eq!((counts, sum), (vec![6, 3], Some(4.5))),
        }
    }

    async fn a_nan_sum_of_one_shard_makes_the_total_nan(fixture: &Fixture) {
        // On the others NaN travels as it is, or there is none.
        if fixture.dialect != Dialect::Sqlite {
            return;
        }
        let (one, other) = (fixture.key(), fixture.key());
        for (key, weight) in [(one, f64::INFINITY), (one, f64::NEG_INFINITY), (other, 1.0)] {
            Sale { weight, ..sale(fixture.id(), key) }.insert(&fixture.cluster).await.unwrap();
        }
        let sum = Sale::on_each([one, other]).aggregate((Sale::WEIGHT.sum(), Sale::WEIGHT.count())).one(&fixture.cluster).await;
        assert_eq!(sum.unwrap(), (None, 3));
    }

    async fn aggregates_that_cannot_be_merged_are_refused(fixture: &Fixture) {
        type S = Sale;
        let key = fixture.key();
        for folded in ["b", "b", "a"] {
            Sale { folded: folded.to_owned(), ..sale(fixture.id(), key) }.insert(&fixture.cluster).await.unwrap();
        }
        let several = || S::on_each([key]);
        let says = |error: shard_orm::Error, words: &str| {
            assert_eq!(error.kind(), ErrorKind::Unsupported, "{error}");
            assert!(error.to_string().contains(words), "{error}");
        };
        let on = &fixture.cluster;
        says(several().group_by(S::ITEM).select((S::ITEM, S::FLAG)).all(on).await.unwrap_err(), "`sales.flag` is selected, but not grouped by");
        says(several().aggregate((count(), S::ITEM)).one(on).await.unwrap_err(), "`sales.item` is selected, but not grouped by");
        says(several().group_by(S::ITEM).order_by(S::FLAG).all(on).await.unwrap_err(), "`sales.flag` is ordered by, but not grouped by");
        says(several().select(S::ITEM).distinct().order_by(S::ID).all(on).await.unwrap_err(), "not grouped by");
        says(several().group_by(S::TAGS).all(on).await.unwrap_err(), "JSON");
        says(S::on(key).aggregate(S::TAGS.max()).one(on).await.unwrap_err(), "JSON");
        says(several().aggregate(S::FLAG.max()).one(on).await.unwrap_err(), "bool_or");
        says(several().limit(1).aggregate(count()).one(on).await.unwrap_err(), "put it behind");
        says(several().order_by(S::ITEM).group_by(S::ITEM).all(on).await.unwrap_err(), "put it behind");

        // Texts whose collation is not known: of one logical shard the database itself compares them.
        says(several().group_by(S::FOLDED).all(on).await.unwrap_err(), "collation = \"binary\"");
        says(several().aggregate(S::FOLDED.max()).one(on).await.unwrap_err(), "collation = \"binary\"");
        says(several().aggregate(S::FOLDED.count_distinct()).one(on).await.unwrap_err(), "collation = \"binary\"");
        says(S::on(key).group_by(S::FOLDED).order_by(S::FOLDED).all(on).await.unwrap_err(), "collation = \"binary\"");
        says(S::on(key).aggregate(count()).having(S::FOLDED.max().gt("a")).all(on).await.unwrap_err(), "collation = \"binary\"");
        let folded = S::on(key).group_by(S::FOLDED).select((S::FOLDED, count())).order_by(count()).all(on).await;
        assert_eq!(folded.unwrap(), [("a".to_owned(), 1), ("b".to_owned(), 2)]);
        assert_eq!(S::on(key).aggregate(S::FOLDED.max()).one(on).await.unwrap().as_deref(), Some("b"));
        assert_eq!(S::on(key).aggregate(S::FOLDED.count_distinct()).one(on).await.unwrap(), 2);

        let variance = several().aggregate(S::WEIGHT.var_pop()).one(on).await;
        let bytes = several().aggregate(S::DATA.max()).one(on).await;
        match fixture.dialect {
            Dialect::Sqlite => says(variance.unwrap_err(), "SQLite has no such function"),
            _ => assert_eq!(variance.unwrap(), Some(0.0)),
        }
        match fixture.dialect {
            Dialect::Postgres => says(bytes.unwrap_err(), "PostgreSQL has no such function"),
            _ => assert_eq!(bytes.unwrap(), Some(Vec::new())),
        }

        let tx = on.begin(S::shard(key)).await.unwrap();
        says(S::on(key).for_update().aggregate(count()).one(&tx).await.unwrap_err(), "for_update");
        tx.rollback().await.unwrap();
    }
}
