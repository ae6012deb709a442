//! Groups by derived columns, conditions and expressions: equal on all databases.

use std::collections::BTreeMap;

use chrono::{DateTime, Datelike, NaiveDate, NaiveDateTime, NaiveTime, Timelike, Utc};
use rust_decimal::Decimal;
use shard_orm::Cluster;
use shard_orm::aggregate::{GroupExpr, GroupKeys, GroupSelection, IntegerField, count};
use shard_orm::config::{Config, DatabaseOptions, Group, Server};
use shard_orm::prelude::*;
use shard_orm::sea_query::{Expr, ExprTrait, Func};
use shard_orm_tests::behaviours;
use shard_orm_tests::fixture::{Fixture, FixtureOptions, GROUP};
use time::{Date, OffsetDateTime};

use crate::kind;

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, ShardField)]
struct Points(i64);

impl IntegerField for Points {
    type Quotient = i64;
}

#[derive(Debug, Clone, PartialEq, ShardModel)]
#[shard(group = "shop", table = "visits")]
struct Visit {
    #[shard(primary_key)]
    id: i64,
    #[shard(key)]
    user_id: i64,
    begun: DateTime<Utc>,
    ended: Option<NaiveDateTime>,
    day: NaiveDate,
    clock: Option<NaiveTime>,
    moment: OffsetDateTime,
    maybe_date: Option<Date>,
    tiny: i8,
    level: Option<i32>,
    points: Points,
    natural: u64,
    small: Option<u16>,
    #[shard(collation = "binary", length = 40)]
    item: String,
    #[shard(length = 40)]
    folded: String,
    #[shard(collation = "binary", length = 40)]
    note: Option<String>,
    price: Option<Decimal>,
    tags: serde_json::Value,
}

fn visit(id: i64, begun: DateTime<Utc>) -> Visit {
    let moment = OffsetDateTime::from_unix_timestamp(begun.timestamp()).unwrap();
    Visit {
        id,
        user_id: id,
        begun,
        ended: (id % 3 > 0).then(|| begun.naive_utc()),
        day: begun.date_naive(),
        clock: (id % 2 > 0).then(|| begun.time()),
        moment,
        maybe_date: (id % 4 > 0).then(|| moment.date()),
        tiny: 0,
        level: None,
        points: Points(0),
        natural: 0,
        small: None,
        item: "tea".to_owned(),
        folded: "tea".to_owned(),
        note: None,
        price: None,
        tags: serde_json::Value::Null,
    }
}

/// Around the ends of days, months and years, before and after 1970, and at the ends of what is stored.
fn visits() -> Vec<Visit> {
    let days = [
        (1, 1, 1),
        (999, 12, 31),
        (1000, 1, 1),
        (1900, 2, 28),
        (1969, 12, 31),
        (1970, 1, 1),
        (2024, 2, 29),
        (2024, 12, 31),
        (2025, 1, 1),
        (9999, 12, 31),
    ];
    let clocks = [
        (0, 0, 0, 0),
        (0, 30, 0, 0),
        (12, 59, 59, 999_999),
        (23, 59, 59, 999_999),
    ];
    let mut visits = Vec::new();
    for (year, month, day) in days {
        for (hour, minute, second, micro) in clocks {
            let day = NaiveDate::from_ymd_opt(year, month, day).unwrap();
            let clock = NaiveTime::from_hms_micro_opt(hour, minute, second, micro).unwrap();
            for _ in 0..2 {
                let id = i64::try_from(visits.len()).unwrap();
                visits.push(visit(id, day.and_time(clock).and_utc()));
            }
        }
    }
    visits
}

/// How many rows there are for each key.
fn counted<K: Ord>(keys: impl Iterator<Item = K>) -> BTreeMap<K, u64> {
    let mut counted = BTreeMap::new();
    for key in keys {
        *counted.entry(key).or_insert(0) += 1;
    }
    counted
}

/// Groups by the key, and compares with what Rust makes of the rows.
async fn agree<G, K>(clusters: &[&Cluster], rows: &[Visit], key: G, of: impl Fn(&Visit) -> K)
where
    G: GroupKeys<Visit> + GroupSelection<Visit, Out = K> + Clone,
    (G, shard_orm::aggregate::Aggregate<Visit, u64>): GroupSelection<Visit, Out = (K, u64)>,
    K: Ord + std::fmt::Debug + Send + 'static,
{
    let expected: Vec<(K, u64)> = counted(rows.iter().map(of)).into_iter().collect();
    for &cluster in clusters {
        let query = Visit::scatter()
            .group_by(key.clone())
            .select((key.clone(), count()));
        let mut found = query.all(cluster).await.unwrap();
        found.sort();
        assert_eq!(found, expected);
    }
}

async fn insert(fixture: &Fixture, whole: &Fixture, rows: &[Visit]) {
    for fixture in [fixture, whole] {
        Visit::insert_many(&fixture.cluster, rows.to_vec())
            .await
            .unwrap();
    }
}

async fn whole(fixture: &Fixture) -> Fixture {
    FixtureOptions::new(fixture.dialect, 1, 1)
        .open(|setup| setup.table::<Visit>())
        .await
}

/// A cluster whose sessions are in another time zone.
async fn elsewhere(fixture: &Fixture) -> Cluster {
    let mut group = Group::new(fixture.logical_shards)
        .namespace(fixture.namespace())
        .options(DatabaseOptions::new().time_zone("+05:00"));
    for (number, url) in fixture.server_urls().iter().enumerate() {
        group = group.server(Server::new(format!("server-{number}"), url));
    }
    Cluster::connect(&Config::new(fixture.cluster_name()).group(GROUP, group))
        .await
        .unwrap()
}

behaviours! { (Visit), 16 shards on 2 servers, |options| options;
    async fn date_parts_are_in_utc(fixture: &Fixture) {
        type V = Visit;
        let whole = whole(fixture).await;
        let rows = visits();
        insert(fixture, &whole, &rows).await;
        // Sessions of the others are in UTC.
        let elsewhere = match fixture.dialect {
            Dialect::Postgres => Some(elsewhere(fixture).await),
            _ => None,
        };
        let on: Vec<&Cluster> = [&fixture.cluster, &whole.cluster].into_iter().chain(&elsewhere).collect();
        agree(&on, &rows, V::BEGUN.date(), |row| row.begun.date_naive()).await;
        agree(&on, &rows, V::BEGUN.year(), |row| row.begun.year()).await;
        agree(&on, &rows, V::BEGUN.hour(), |row| i32::try_from(row.begun.hour()).unwrap()).await;
        agree(&on, &rows, V::ENDED.date(), |row| row.ended.map(|at| at.date())).await;
        agree(&on, &rows, V::ENDED.month(), |row| row.ended.map(|at| i32::try_from(at.month()).unwrap())).await;
        agree(&on, &rows, V::ENDED.hour(), |row| row.ended.map(|at| i32::try_from(at.hour()).unwrap())).await;
        agree(&on, &rows, V::DAY.date(), |row| row.day).await;
        agree(&on, &rows, V::DAY.year(), |row| row.day.year()).await;
        agree(&on, &rows, V::DAY.day(), |row| i32::try_from(row.day.day()).unwrap()).await;
        agree(&on, &rows, V::CLOCK.hour(), |row| row.clock.map(|at| i32::try_from(at.hour()).unwrap())).await;
        agree(&on, &rows, V::MOMENT.date(), |row| row.moment.date()).await;
        agree(&on, &rows, V::MOMENT.month(), |row| i32::from(u8::from(row.moment.month()))).await;
        agree(&on, &rows, V::MOMENT.hour(), |row| i32::from(row.moment.hour())).await;
        agree(&on, &rows, V::MAYBE_DATE.date(), |row| row.maybe_date).await;
        agree(&on, &rows, V::MAYBE_DATE.year(), |row| row.maybe_date.map(Date::year)).await;

        // Beside each other, and in an order.
        let by_month = V::scatter()
            .filter(V::BEGUN.ge(DateTime::UNIX_EPOCH))
            .group_by((V::BEGUN.year(), V::BEGUN.month(), V::ENDED.is_null()))
            .order_by(V::BEGUN.year().desc())
            .order_by(V::ENDED.is_null())
            .limit(4);
        let expected = [(9999, 12, false), (9999, 12, true), (2025, 1, false), (2025, 1, true)];
        assert_eq!(by_month.all(&fixture.cluster).await.unwrap(), expected);
    }

    async fn buckets_and_remainders_round_towards_negative_infinity(fixture: &Fixture) {
        type V = Visit;
        let whole = whole(fixture).await;
        let numbers = [i64::MIN, i64::MIN + 1, -21, -20, -11, -10, -9, -1, 0, 1, 9, 10, 11, 20, i64::MAX - 1, i64::MAX];
        let rows: Vec<Visit> = numbers.iter().chain(&numbers).zip(0..).map(|(number, id)| Visit {
            tiny: i8::try_from(*number).unwrap_or(if *number < 0 { i8::MIN } else { i8::MAX }),
            level: i32::try_from(*number).ok(),
            points: Points(*number),
            natural: Ord::min(number.unsigned_abs(), i64::MAX.unsigned_abs()),
            small: u16::try_from(*number).ok(),
            ..visit(id, DateTime::UNIX_EPOCH)
        }).collect();
        insert(fixture, &whole, &rows).await;
        let on = [&fixture.cluster, &whole.cluster];
        for by in [1, 2, 10, i64::MAX] {
            let divisor = by.unsigned_abs();
            agree(&on, &rows, V::POINTS.bucket(by), |row| row.points.0.div_euclid(by)).await;
            agree(&on, &rows, V::POINTS.modulo(by), |row| row.points.0.rem_euclid(by)).await;
            agree(&on, &rows, V::TINY.bucket(by), |row| i64::from(row.tiny).div_euclid(by)).await;
            agree(&on, &rows, V::TINY.modulo(by), |row| i64::from(row.tiny).rem_euclid(by)).await;
            agree(&on, &rows, V::LEVEL.bucket(by), |row| row.level.map(|level| i64::from(level).div_euclid(by))).await;
            agree(&on, &rows, V::NATURAL.bucket(by), |row| row.natural / divisor).await;
            agree(&on, &rows, V::NATURAL.modulo(by), |row| row.natural % divisor).await;
            agree(&on, &rows, V::SMALL.bucket(by), |row| row.small.map(|small| i64::from(small) / by)).await;
            agree(&on, &rows, V::SMALL.modulo(by), |row| row.small.map(|small| i64::from(small) % by)).await;
        }
        // Of one column by two widths, with a NULL that is put last.
        let pairs = V::on_each([0, 4, 8]).group_by((V::LEVEL.bucket(10), V::LEVEL.bucket(5)));
        let pairs = pairs.order_by(V::LEVEL.bucket(5).desc().nulls_last()).all(&fixture.cluster).await.unwrap();
        assert_eq!(pairs, [(Some(0), Some(0)), (Some(-2), Some(-3)), (None, None)]);
        if fixture.dialect == Dialect::MySql {
            let largest = Visit { natural: u64::MAX, ..visit(99, DateTime::UNIX_EPOCH) };
            largest.insert(&fixture.cluster).await.unwrap();
            let natural = V::on(99).group_by((V::NATURAL.bucket(1), V::NATURAL.modulo(10))).one(&fixture.cluster).await;
            assert_eq!(natural.unwrap(), (u64::MAX, u64::MAX % 10));
        }
    }

    async fn rows_are_grouped_by_a_condition(fixture: &Fixture) {
        type V = Visit;
        let whole = whole(fixture).await;
        let notes = [None, Some("a"), Some("b"), Some("")];
        let rows: Vec<Visit> = (0_i32..60).map(|id| Visit {
            note: notes[usize::try_from(id).unwrap() % 4].map(str::to_owned),
            level: (id % 5 > 0).then_some(id - 30),
            item: if id % 7 == 0 { "tea" } else { "milk" }.to_owned(),
            ..visit(id.into(), DateTime::UNIX_EPOCH)
        }).collect();
        insert(fixture, &whole, &rows).await;
        let on = [&fixture.cluster, &whole.cluster];
        agree(&on, &rows, V::NOTE.is_null(), |row| row.note.is_none()).await;
        // Unknown is not met, nor is its opposite.
        agree(&on, &rows, V::LEVEL.gt(-3), |row| row.level.is_some_and(|level| level > -3)).await;
        agree(&on, &rows, !V::LEVEL.gt(-3), |row| row.level.is_some_and(|level| level <= -3)).await;
        agree(&on, &rows, V::NOTE.is_in(["a", ""]), |row| matches!(row.note.as_deref(), Some("a" | ""))).await;
        let either = V::NOTE.eq("b") | (V::LEVEL.lt(0) & V::ITEM.starts_with("t"));
        agree(&on, &rows, either, |row| {
            row.note.as_deref() == Some("b") || (row.level.is_some_and(|level| level < 0) && row.item == "tea")
        }).await;
        let condition = V::LEVEL.gt(5);
        let groups = V::scatter()
            .filter(V::LEVEL.gt(-25))
            .group_by((V::ITEM, condition.clone()))
            .select((condition.clone(), V::ITEM, count(), V::LEVEL.min()))
            .having(V::LEVEL.min().lt(24))
            .order_by(GroupExpr::from(condition).desc())
            .order_by(V::ITEM);
        let milk = |from: i32, to: i32| u64::try_from((from..=to).filter(|level| (level + 30) % 5 > 0 && (level + 30) % 7 > 0).count()).unwrap();
        let tea = |from: i32, to: i32| u64::try_from((from..=to).filter(|level| (level + 30) % 5 > 0 && (level + 30) % 7 == 0).count()).unwrap();
        let expected = [
            (true, "milk".to_owned(), milk(6, 29), Some(6)),
            (true, "tea".to_owned(), tea(6, 29), Some(12)),
            (false, "milk".to_owned(), milk(-24, 5), Some(-24)),
            (false, "tea".to_owned(), tea(-24, 5), Some(-23)),
        ];
        for cluster in on {
            assert_eq!(groups.clone().all(cluster).await.unwrap(), expected);
        }
    }

    async fn rows_are_grouped_by_an_expression(fixture: &Fixture) {
        type V = Visit;
        let whole = whole(fixture).await;
        let items = ["tea", "Tea", "t\u{e9}", "", "milk"];
        let rows: Vec<Visit> = (0_i32..40).map(|id| Visit {
            item: items[usize::try_from(id).unwrap() % 5].to_owned(),
            level: (id % 3 > 0).then_some(id % 4 - 2),
            ..visit(id.into(), DateTime::UNIX_EPOCH)
        }).collect();
        insert(fixture, &whole, &rows).await;
        let on = [&fixture.cluster, &whole.cluster];
        let length = GroupExpr::<V, i32>::new(Func::char_length(Expr::col(V::ITEM.name())));
        agree(&on, &rows, length.clone(), |row| i32::try_from(row.item.chars().count()).unwrap()).await;
        let lower = GroupExpr::<V, String>::new(Func::lower(Expr::col(V::ITEM.name()))).binary();
        let ascii = |row: &V| row.item.to_ascii_lowercase();
        agree(&on, &rows, lower.clone(), ascii).await;
        // A value that is bound, and NULL.
        let triple = GroupExpr::<V, Option<i32>>::new(Expr::col(V::LEVEL.name()).mul(3_i32));
        agree(&on, &rows, triple.clone(), |row| row.level.map(|level| level * 3)).await;
        let groups = V::scatter().group_by((triple, lower.clone(), V::LEVEL));
        let mut groups = groups.all(&fixture.cluster).await.unwrap();
        groups.sort();
        let expected = counted(rows.iter().map(|row| (row.level.map(|level| level * 3), ascii(row), row.level)));
        assert_eq!(groups, expected.into_keys().collect::<Vec<_>>());
        let ordered = V::scatter().group_by(lower.clone()).order_by(lower.clone().desc()).limit(2);
        assert_eq!(ordered.all(&fixture.cluster).await.unwrap(), ["t\u{e9}", "tea"]);
    }

    async fn unsuitable_group_expressions_are_refused(fixture: &Fixture) {
        type V = Visit;
        let on = &fixture.cluster;
        let says = |error: shard_orm::Error, words: &str| {
            assert_eq!(error.kind(), ErrorKind::Unsupported, "{error}");
            assert!(error.to_string().contains(words), "{error}");
        };
        visit(1, DateTime::UNIX_EPOCH).insert(on).await.unwrap();
        let year = V::BEGUN.year();
        let expr = || GroupExpr::<V, i32>::new(Expr::col(V::TINY.name()).add(1_i32));
        says(V::scatter().group_by(V::ITEM).select((V::ITEM, year)).all(on).await.unwrap_err(), "the year of `visits.begun` is selected, but not grouped by");
        says(V::scatter().group_by(V::BEGUN).order_by(year).all(on).await.unwrap_err(), "the year of `visits.begun` is ordered by, but not grouped by");
        says(V::scatter().group_by(year).select(V::BEGUN.month()).all(on).await.unwrap_err(), "the month of `visits.begun`");
        says(V::scatter().group_by(V::TINY.bucket(2)).select(V::TINY.bucket(3)).all(on).await.unwrap_err(), "the bucket of `visits.tiny`");
        says(V::scatter().group_by(V::ITEM).select(expr()).all(on).await.unwrap_err(), "an expression of the type I32 is selected");
        says(V::scatter().group_by(V::LEVEL.gt(1)).select(V::LEVEL.gt(2)).all(on).await.unwrap_err(), "a condition is selected");
        says(V::scatter().aggregate(year).all(on).await.unwrap_err(), "but not grouped by");

        says(V::scatter().group_by(V::TINY.bucket(0)).all(on).await.unwrap_err(), "divide by 1 or more");
        says(V::scatter().group_by(V::TINY.modulo(-1)).all(on).await.unwrap_err(), "divide by 1 or more");

        // What the client cannot tell apart; one logical shard does it by itself.
        let text = || GroupExpr::<V, String>::new(Func::upper(Expr::col(V::FOLDED.name())));
        says(V::scatter().group_by(text()).all(on).await.unwrap_err(), "`GroupExpr::binary`");
        says(V::on(1).group_by(text()).order_by(text()).all(on).await.unwrap_err(), "`GroupExpr::binary`");
        assert_eq!(V::on(1).group_by(text()).all(on).await.unwrap(), ["TEA"]);
        let json = GroupExpr::<V, serde_json::Value>::new(Expr::col(V::TAGS.name()));
        says(V::on(1).group_by(json).all(on).await.unwrap_err(), "JSON");
        says(V::scatter().group_by(expr().binary()).all(on).await.unwrap_err(), "`binary` is of texts");
        says(V::scatter().group_by(V::TAGS.eq(serde_json::Value::Null)).all(on).await.unwrap_err(), "holds JSON");
        let price = GroupExpr::<V, Option<Decimal>>::new(Expr::col(V::PRICE.name()));
        let prices = V::scatter().group_by(price).all(on).await;
        match fixture.dialect {
            Dialect::Sqlite => says(prices.unwrap_err(), "SQLite has no decimals"),
            _ => assert_eq!(prices.unwrap(), [None]),
        }
        // Of another type than it says.
        let wrong = GroupExpr::<V, i32>::new(Expr::col(V::ITEM.name()));
        assert_eq!(kind(V::scatter().group_by(wrong).all(on).await), ErrorKind::Decode);
    }

    async fn equal_group_expressions_share_a_group(fixture: &Fixture) {
        type V = Visit;
        // PostgreSQL takes no number for a truth value.
        if fixture.dialect == Dialect::Postgres {
            return;
        }
        let rows = (0_i8..4).map(|tiny| Visit { user_id: 7, tiny, level: Some(i32::from(tiny) / 2), ..visit(tiny.into(), DateTime::UNIX_EPOCH) });
        V::insert_many(&fixture.cluster, rows.collect()).await.unwrap();
        let any = GroupExpr::<V, bool>::new(Expr::col(V::TINY.name()));
        let groups = V::on(7).group_by(any.clone()).select((any, count(), V::LEVEL.count_distinct())).order_by(count().desc()).limit(1);
        assert_eq!(groups.all(&fixture.cluster).await.unwrap(), [(true, 3, 2)]);
    }
}
