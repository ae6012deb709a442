//! Random questions, asked of many logical shards by the builder and of one database in SQL.

use chrono::{DateTime, Utc};
use rust_decimal::Decimal;
use shard_orm::aggregate::{GroupOrder, GroupSelection, Grouped, Having, count};
use shard_orm::prelude::*;
use shard_orm::route::mix64;
use shard_orm::sqlx::AssertSqlSafe;
use shard_orm::{Column, Field, Filter, Nowhere, OnShard, RawQuery};
use shard_orm_tests::bed::{Bed, BedOptions};
use shard_orm_tests::behaviours;

use super::{Cents, Kind, Sale, assert_close, sale};

/// Random numbers that are the same in each run.
pub(super) struct Dice(pub(super) u64);

impl Dice {
    pub(super) fn roll(&mut self, sides: u64) -> u64 {
        self.0 = self.0.wrapping_add(1);
        mix64(self.0) % sides
    }

    fn number(&mut self, sides: u64) -> i64 {
        i64::try_from(self.roll(sides)).unwrap()
    }

    pub(super) fn one_of<T: Clone>(&mut self, all: &[T]) -> T {
        let sides = u64::try_from(all.len()).unwrap();
        all[usize::try_from(self.roll(sides)).unwrap()].clone()
    }
}

/// Rows with NULLs, duplicates, extremes and texts beyond ASCII, of many keys. Floats are such that their sums are
/// exact in any order, so that an order by one is the same everywhere.
pub(super) fn sales(dice: &mut Dice, count: i64) -> Vec<Sale> {
    let items = [
        "",
        "a",
        "A",
        "tea",
        "Tea",
        "t\u{e9}",
        "\u{1f600}",
        "\u{ffff}",
        "z ",
    ];
    (1..=count)
        .map(|id| Sale {
            item: dice.one_of(&items).to_owned(),
            note: (dice.roll(3) > 0).then(|| dice.one_of(&items).to_owned()),
            level: match dice.roll(12) {
                0..=2 => None,
                3 => Some(i32::MAX),
                4 => Some(i32::MIN),
                _ => Some(i32::try_from(dice.number(7)).unwrap() - 3),
            },
            cents: Cents(dice.number(1_000_000_000_000) - 300_000_000_000),
            kind: dice.one_of(&[Kind::Food, Kind::Drink]),
            weight: dice.one_of(&[0.0, -0.0, 0.25, -7.5, 1024.0, 3.0]),
            ratio: dice.one_of(&[None, Some(0.5), Some(-2.25), Some(100.0)]),
            price: dice
                .one_of(&[None, Some("0.10"), Some("99.995"), Some("-3")])
                .map(|price| price.parse().unwrap()),
            flag: dice.roll(2) == 0,
            seen: dice.one_of(&[None, Some(true), Some(true), Some(false)]),
            sold_at: DateTime::from_timestamp_micros(dice.number(4) * 1_000_001).unwrap(),
            data: vec![
                u8::try_from(dice.roll(3)).unwrap() * 127;
                usize::try_from(dice.roll(3)).unwrap()
            ],
            ..sale(id, dice.number(60) - 30)
        })
        .collect()
}

#[derive(Debug, Clone)]
enum Place {
    Everywhere,
    Keys(Vec<i64>),
    Key(i64),
}

type Condition = fn() -> Filter<Sale>;
type Order = fn() -> GroupOrder<Sale>;
type Kept = fn() -> Having<Sale>;

/// What is asked of groups, for the builder and in SQL.
#[derive(Debug)]
pub(super) struct Question {
    place: Place,
    filters: Vec<(Condition, &'static str)>,
    having: Option<(Having<Sale>, String)>,
    orders: Vec<(Order, &'static str)>,
    limit: Option<u64>,
    offset: Option<u64>,
}

impl Question {
    pub(super) fn random(dice: &mut Dice) -> Self {
        type S = Sale;
        let filters: [(Condition, &str); 5] = [
            (|| S::LEVEL.gt(0), "level > 0"),
            (|| S::NOTE.is_null(), "note IS NULL"),
            (|| S::ITEM.ge("a"), "item >= 'a'"),
            (
                || S::WEIGHT.lt(1.0).or(S::LEVEL.is_null()),
                "(weight < 1.0 OR level IS NULL)",
            ),
            (|| S::ID.between(20, 200), "id BETWEEN 20 AND 200"),
        ];
        let orders: [(Order, &str); 12] = [
            (|| count().desc(), "COUNT(*) DESC"),
            (|| count().asc(), "COUNT(*)"),
            (|| S::LEVEL.sum().asc(), "SUM(level)"),
            (|| S::LEVEL.sum().desc(), "SUM(level) DESC"),
            (
                || S::LEVEL.min().asc().nulls_first(),
                "CASE WHEN MIN(level) IS NULL THEN 0 ELSE 1 END, MIN(level)",
            ),
            (
                || S::LEVEL.max().desc().nulls_last(),
                "CASE WHEN MAX(level) IS NULL THEN 1 ELSE 0 END, MAX(level) DESC",
            ),
            (|| S::NOTE.max().desc(), "MAX(note) DESC"),
            (|| S::NOTE.min().into(), "MIN(note)"),
            (|| S::CENTS.sum().desc(), "SUM(cents) DESC"),
            (|| S::WEIGHT.sum().asc(), "SUM(weight)"),
            (
                || S::ITEM.count_distinct().desc(),
                "COUNT(DISTINCT item) DESC",
            ),
            (|| S::SOLD_AT.max().asc(), "MAX(sold_at)"),
        ];
        let place = match dice.roll(4) {
            0 => Place::Keys((0..dice.number(20)).map(|_| dice.number(60) - 30).collect()),
            1 => Place::Key(dice.number(60) - 30),
            _ => Place::Everywhere,
        };
        let having = (dice.roll(3) > 0).then(|| random_having(dice, 2));
        Self {
            place,
            filters: (0..dice.roll(2)).map(|_| dice.one_of(&filters)).collect(),
            having,
            orders: (0..dice.roll(3)).map(|_| dice.one_of(&orders)).collect(),
            limit: (dice.roll(3) == 0).then(|| dice.one_of(&[0, 1, 3, 20, 1_000])),
            offset: (dice.roll(4) == 0).then(|| dice.one_of(&[0, 1, 5, 40])),
        }
    }

    pub(super) fn with_limit(self, limit: u64) -> Self {
        let limit = Some(limit);
        Self { limit, ..self }
    }

    fn rows(&self) -> Draft<Sale> {
        self.filters
            .iter()
            .fold(Sale::query(), |query, (filter, _)| query.filter(filter()))
    }

    /// What the sharded cluster answers.
    async fn ask<S: GroupSelection<Sale>>(
        &self,
        mut query: Grouped<Sale, Nowhere, S>,
        bed: &Bed,
    ) -> Vec<S::Out> {
        if let Some((having, _)) = &self.having {
            query = query.having(having.clone());
        }
        query = self
            .orders
            .iter()
            .fold(query, |query, (order, _)| query.order_by(order()));
        if let Some(limit) = self.limit {
            query = query.limit(limit);
        }
        if let Some(offset) = self.offset {
            query = query.offset(offset);
        }
        let answer = match &self.place {
            Place::Everywhere => query.scatter().all(&bed.cluster).await,
            Place::Keys(keys) => query.on_each(keys).all(&bed.cluster).await,
            Place::Key(key) => query.on(*key).all(&bed.cluster).await,
        };
        answer.unwrap()
    }

    /// The same in SQL, for one database.
    fn sql(&self, groups: [&str; 2], aggregates: &str) -> RawQuery<Sale, OnShard> {
        let mut conditions: Vec<String> = self
            .filters
            .iter()
            .map(|(_, sql)| (*sql).to_owned())
            .collect();
        conditions.push(match &self.place {
            Place::Everywhere => "1 = 1".to_owned(),
            Place::Key(key) => format!("user_id = {key}"),
            Place::Keys(keys) if keys.is_empty() => "1 = 0".to_owned(),
            Place::Keys(keys) => {
                let keys: Vec<String> = keys.iter().map(i64::to_string).collect();
                format!("user_id IN ({})", keys.join(", "))
            }
        });
        let [one, two] = groups;
        let mut text = format!(
            "SELECT {one}, {two}, {aggregates} FROM {{sales}} WHERE {} GROUP BY {one}, {two}",
            conditions.join(" AND ")
        );
        if let Some((_, having)) = &self.having {
            text.push_str(&format!(" HAVING {having}"));
        }
        let mut orders: Vec<&str> = self.orders.iter().map(|(_, sql)| *sql).collect();
        orders.extend([one, two]);
        text.push_str(&format!(" ORDER BY {}", orders.join(", ")));
        if self.limit.is_some() || self.offset.is_some() {
            text.push_str(&format!(" LIMIT {}", self.limit.unwrap_or(1_000_000)));
        }
        if let Some(offset) = self.offset {
            text.push_str(&format!(" OFFSET {offset}"));
        }
        Sale::query().on_shard(0).sql(AssertSqlSafe(text))
    }
}

fn random_having(dice: &mut Dice, depth: u64) -> (Having<Sale>, String) {
    type S = Sale;
    let leaves: [(Kept, &str); 9] = [
        (|| count().gt(1), "COUNT(*) > 1"),
        (|| S::NOTE.count().eq(2), "COUNT(note) = 2"),
        // NULL for some groups.
        (|| S::LEVEL.sum().gt(2), "SUM(level) > 2"),
        (|| S::LEVEL.avg().lt(0.3141), "AVG(level) < 0.3141"),
        (|| S::NOTE.max().is_null(), "MAX(note) IS NULL"),
        (|| S::NOTE.max().ne("tea"), "MAX(note) <> 'tea'"),
        (
            || S::ITEM.count_distinct().ge(3),
            "COUNT(DISTINCT item) >= 3",
        ),
        (
            || S::CENTS.sum().le(500_000_000_000),
            "SUM(cents) <= 500000000000",
        ),
        (
            || S::WEIGHT.min().between(-1.0, 2.0),
            "MIN(weight) BETWEEN -1.0 AND 2.0",
        ),
    ];
    match dice.roll(if depth == 0 { 1 } else { 4 }) {
        0 => {
            let (having, sql) = dice.one_of(&leaves);
            (having(), sql.to_owned())
        }
        1 => {
            let (having, sql) = random_having(dice, depth - 1);
            (!having, format!("NOT ({sql})"))
        }
        both => {
            let (one, one_sql) = random_having(dice, depth - 1);
            let (two, two_sql) = random_having(dice, depth - 1);
            if both == 2 {
                (one & two, format!("({one_sql} AND {two_sql})"))
            } else {
                (one | two, format!("({one_sql} OR {two_sql})"))
            }
        }
    }
}

/// What can be a group column of the comparison.
pub(super) trait Group: Field + PartialEq + std::fmt::Debug {}
impl<T: Field + PartialEq + std::fmt::Debug> Group for T {}

fn text_sum(dialect: Dialect, column: &str) -> String {
    let text = if dialect == Dialect::MySql {
        "CHAR"
    } else {
        "TEXT"
    };
    format!("CAST(SUM({column}) AS {text})")
}

fn float(dialect: Dialect, sql: &str) -> String {
    match dialect {
        Dialect::Postgres => format!("CAST({sql} AS double precision)"),
        _ => sql.to_owned(),
    }
}

fn integer(text: &Option<String>) -> Option<i128> {
    text.as_ref().map(|text| text.parse().unwrap())
}

fn unsigned(count: i64) -> u64 {
    u64::try_from(count).unwrap()
}

/// Asks both, and compares: groups, counts, sums and extremes exactly, floats up to 1e-9 of them.
pub(super) async fn compare<A: Group, B: Group>(
    question: &Question,
    (bed, whole): (&Bed, &Bed),
    one: Column<Sale, A>,
    two: Column<Sale, B>,
) {
    type S = Sale;
    let dialect = bed.dialect;
    let names = [one.name(), two.name()];
    let what = format!("{question:?} by {names:?}");
    let grouped = || question.rows().group_by((one, two));

    let found = question.ask(
        grouped().select((
            one,
            two,
            count(),
            S::CENTS.sum(),
            S::LEVEL.sum(),
            S::LEVEL.count(),
            S::LEVEL.min(),
            S::LEVEL.max(),
            S::ITEM.max(),
            S::NOTE.min(),
            S::SEEN.bool_and(),
            S::SEEN.bool_or(),
        )),
        bed,
    );
    let found = found.await;
    let (all, any) = match dialect {
        Dialect::Postgres => ("BOOL_AND(seen)", "BOOL_OR(seen)"),
        _ => ("MIN(seen)", "MAX(seen)"),
    };
    let sums = [text_sum(dialect, "cents"), text_sum(dialect, "level")].join(", ");
    let sql = format!(
        "COUNT(*), {sums}, COUNT(level), MIN(level), MAX(level), MAX(item), MIN(note), {all}, {any}"
    );
    type Exact<A, B> = (
        (A, B, i64, Option<String>, Option<String>, i64),
        (Option<i32>, Option<i32>, Option<String>, Option<String>),
        (Option<bool>, Option<bool>),
    );
    type Flat<A, B> = (
        A,
        B,
        i64,
        Option<String>,
        Option<String>,
        i64,
        Option<i32>,
        Option<i32>,
        Option<String>,
        Option<String>,
        Option<bool>,
        Option<bool>,
    );
    let expected: Vec<Flat<A, B>> = question.sql(names, &sql).all(&whole.cluster).await.unwrap();
    let nested = |(a, b, c, d, e, f, g, h, i, j, k, l): Flat<A, B>| -> Exact<A, B> {
        ((a, b, c, d, e, f), (g, h, i, j), (k, l))
    };
    let expected: Vec<_> = expected
        .into_iter()
        .map(nested)
        .map(|((a, b, rows, cents, level, levels), extremes, seen)| {
            (
                (
                    a,
                    b,
                    unsigned(rows),
                    integer(&cents),
                    integer(&level),
                    unsigned(levels),
                ),
                extremes,
                seen,
            )
        })
        .collect();
    let found: Vec<_> = found
        .into_iter()
        .map(|(a, b, c, d, e, f, g, h, i, j, k, l)| ((a, b, c, d, e, f), (g, h, i, j), (k, l)))
        .collect();
    assert_eq!(found, expected, "{what}");

    let found = question.ask(
        grouped().select((
            one,
            two,
            S::ITEM.count_distinct(),
            S::LEVEL.count_distinct(),
            S::WEIGHT.count_distinct(),
            S::WEIGHT.sum(),
            S::WEIGHT.avg(),
            S::LEVEL.avg(),
            S::RATIO.sum(),
            S::SOLD_AT.min(),
            S::RATIO.max(),
        )),
        bed,
    );
    let found = found.await;
    let mean = match dialect {
        Dialect::MySql => "AVG(level + 0e0)".to_owned(),
        _ => float(dialect, "AVG(level)"),
    };
    let sql = format!(
        "COUNT(DISTINCT item), COUNT(DISTINCT level), COUNT(DISTINCT weight), SUM(weight), AVG(weight), {mean}, {}, \
         MIN(sold_at), MAX(ratio)",
        float(dialect, "SUM(ratio)"),
    );
    type Floats<A, B> = (
        A,
        B,
        i64,
        i64,
        i64,
        Option<f64>,
        Option<f64>,
        Option<f64>,
        Option<f64>,
        Option<DateTime<Utc>>,
        Option<f32>,
    );
    let expected: Vec<Floats<A, B>> = question.sql(names, &sql).all(&whole.cluster).await.unwrap();
    assert_eq!(found.len(), expected.len(), "{what}");
    for (found, expected) in found.into_iter().zip(expected) {
        assert_eq!((found.0, found.1), (expected.0, expected.1), "{what}");
        let distinct = [expected.2, expected.3, expected.4].map(unsigned);
        assert_eq!([found.2, found.3, found.4], distinct, "{what}");
        assert_close(found.5, expected.5, &what);
        assert_close(found.6, expected.6, &what);
        assert_close(found.7, expected.7, &what);
        assert_close(found.8, expected.8, &what);
        assert_eq!((found.9, found.10), (expected.9, expected.10), "{what}");
    }

    // SQLite has no variance, and holds decimals as texts.
    if dialect == Dialect::Sqlite {
        return;
    }
    let found = question.ask(
        grouped().select((
            one,
            two,
            S::LEVEL.var_pop(),
            S::LEVEL.var_samp(),
            S::WEIGHT.stddev_pop(),
            S::RATIO.stddev_samp(),
            S::PRICE.sum(),
            S::PRICE.avg(),
            S::PRICE.min(),
        )),
        bed,
    );
    let found = found.await;
    let sql = format!(
        "{}, {}, STDDEV_POP(weight), STDDEV_SAMP(ratio), SUM(price), {}, MIN(price)",
        float(dialect, "VAR_POP(level)"),
        float(dialect, "VAR_SAMP(level)"),
        float(
            dialect,
            if dialect == Dialect::MySql {
                "AVG(price + 0e0)"
            } else {
                "AVG(price)"
            }
        ),
    );
    type Spread<A, B> = (
        A,
        B,
        Option<f64>,
        Option<f64>,
        Option<f64>,
        Option<f64>,
        Option<Decimal>,
        Option<f64>,
        Option<Decimal>,
    );
    let expected: Vec<Spread<A, B>> = question.sql(names, &sql).all(&whole.cluster).await.unwrap();
    assert_eq!(found.len(), expected.len(), "{what}");
    for (found, expected) in found.into_iter().zip(expected) {
        assert_eq!((found.0, found.1), (expected.0, expected.1), "{what}");
        assert_close(found.2, expected.2, &what);
        assert_close(found.3, expected.3, &what);
        assert_close(found.4, expected.4, &what);
        assert_close(found.5, expected.5, &what);
        assert_eq!((found.6, found.8), (expected.6, expected.8), "{what}");
        let mean = found.7.map(|mean| mean.to_string().parse().unwrap());
        assert_close(mean, expected.7, &what);
    }
}

behaviours! { (Sale), 16 shards on 2 servers, |options| options;
    async fn random_groups_are_those_of_one_database(bed: &Bed) {
        type S = Sale;
        let whole = BedOptions::new(bed.dialect, 1, 1).open(|setup| setup.table::<Sale>()).await;
        let mut dice = Dice(3);
        let all = sales(&mut dice, 260);
        Sale::insert_many(&bed.cluster, all.clone()).await.unwrap();
        Sale::insert_many(&whole.cluster, all).await.unwrap();
        let beds = (bed, &whole);
        for _ in 0..17 {
            compare(&Question::random(&mut dice), beds, S::ITEM, S::FLAG).await;
            compare(&Question::random(&mut dice), beds, S::NOTE, S::SEEN).await;
            compare(&Question::random(&mut dice), beds, S::SOLD_AT, S::LEVEL).await;
            compare(&Question::random(&mut dice), beds, S::WEIGHT, S::RATIO).await;
            compare(&Question::random(&mut dice), beds, S::DATA, S::KIND).await;
            compare(&Question::random(&mut dice), beds, S::USER_ID, S::SEEN).await;
        }
    }
}
