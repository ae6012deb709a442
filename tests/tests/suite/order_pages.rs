//! Orders, limits, selections, and pages by keyset.

use chrono::{DateTime, NaiveDate, Utc};
use shard_orm::prelude::*;
use shard_orm::query::{Nulls, OrderBy};
use shard_orm_tests::behaviours;
use shard_orm_tests::fixture::Fixture;
use uuid::Uuid;

use crate::kind;

#[derive(Debug, Clone, PartialEq, ShardModel)]
#[shard(group = "shop", table = "entries")]
struct Entry {
    #[shard(primary_key)]
    id: i64,
    #[shard(key)]
    user_id: i64,
    group: i32,
    rank: Option<i32>,
    name: String,
    note: Option<String>,
    weight: f64,
    light: Option<f32>,
    at: DateTime<Utc>,
    day: Option<NaiveDate>,
    mark: Uuid,
    data: Vec<u8>,
    on: bool,
    when: Option<time::PrimitiveDateTime>,
}

/// The primary key holds the shard key.
#[derive(Debug, Clone, PartialEq, ShardModel)]
#[shard(group = "shop", table = "cells")]
struct Cell {
    #[shard(primary_key)]
    line: i32,
    #[shard(primary_key, key)]
    user_id: i64,
    #[shard(primary_key)]
    place: String,
}

#[derive(Debug, PartialEq, ShardProjection)]
#[shard(model = Entry)]
struct Short {
    rank: Option<i32>,
    #[shard(field = "name")]
    title: String,
}

/// Rows with ties, NULLs and extremes in each column.
fn rows(fixture: &Fixture, key: i64, count: i32) -> Vec<Entry> {
    let weights = [
        0.1,
        -0.5,
        1.0 / 3.0,
        f64::MAX,
        f64::MIN_POSITIVE,
        0.0,
        1e-300,
        -1e300,
    ];
    let names = ["", "a", "A", "ä", "b", "a b", "a", "😀"];
    fixture
        .ids(usize::try_from(count).unwrap())
        .into_iter()
        .zip(0..)
        .map(|(id, n): (i64, i32)| {
            let at = usize::try_from(n * 7 % 8).unwrap();
            let micros =
                1_700_000_000_000_000 + i64::from(n % 5) * 3 - i64::from(n % 3) * 1_000_000_000_000;
            let day = NaiveDate::from_ymd_opt(1 + n % 9_999, 2, 28).unwrap();
            Entry {
                id,
                user_id: key,
                group: n % 3,
                rank: (n % 4 != 0).then_some(n % 6 - 3),
                name: names[at].into(),
                note: (n % 5 != 0).then(|| names[usize::try_from(n % 8).unwrap()].into()),
                weight: weights[at],
                light: (n % 3 != 0)
                    .then_some([0.1_f32, -7.25, f32::MAX][usize::try_from(n % 3).unwrap()]),
                at: DateTime::from_timestamp_micros(micros).unwrap(),
                day: (n % 7 != 0).then_some(day),
                mark: Uuid::from_u128(u128::from(n.unsigned_abs() % 6) << 100),
                data: vec![u8::try_from(n % 4).unwrap(); usize::try_from(n % 3).unwrap()],
                on: n % 2 == 0,
                when: (n % 4 != 1).then(|| {
                    let date = time::Date::from_calendar_date(2024, time::Month::May, 1).unwrap();
                    time::PrimitiveDateTime::new(
                        date,
                        time::Time::from_hms_micro(1, 2, 3, n.unsigned_abs() % 3).unwrap(),
                    )
                }),
            }
        })
        .collect()
}

async fn filled(fixture: &Fixture, count: i32) -> (i64, Vec<Entry>) {
    let key = fixture.key();
    let rows = Entry::insert_many(&fixture.cluster, rows(fixture, key, count))
        .await
        .unwrap();
    // Rows of another key between them.
    let neighbour = fixture.neighbours(key, 1)[0];
    Entry::insert_many(&fixture.cluster, self::rows(fixture, neighbour, 5))
        .await
        .unwrap();
    (key, rows)
}

/// The ids of all pages, one after another.
async fn walk(fixture: &Fixture, key: i64, size: u32, orders: Vec<OrderBy<Entry>>) -> Vec<i64> {
    let mut query = Entry::on(key);
    for order in orders {
        query = query.order_by(order);
    }
    let mut ids = Vec::new();
    let mut next = None;
    loop {
        let page = query
            .clone()
            .page(&fixture.cluster, size, next.as_ref())
            .await
            .unwrap();
        assert!(page.rows.len() <= usize::try_from(size).unwrap());
        ids.extend(page.rows.iter().map(|row| row.id));
        // Through its text, as a link carries it.
        next = match page.next {
            Some(cursor) => Some(cursor.to_string().parse().unwrap()),
            None => return ids,
        };
        assert!(ids.len() < 1_000, "the pages do not end");
    }
}

behaviours! { (Entry, Cell);
    async fn rows_are_ordered_by_several_columns(fixture: &Fixture) {
        let (key, mut rows) = filled(fixture, 20).await;
        let found = Entry::on(key)
            .order_by(Entry::GROUP.desc())
            .order_by(Entry::NAME)
            .order_by(Entry::ID.desc())
            .all(&fixture.cluster)
            .await
            .unwrap();
        rows.sort_by(|a, b| {
            b.group.cmp(&a.group).then(a.name.cmp(&b.name)).then(b.id.cmp(&a.id))
        });
        assert_eq!(found, rows);
    }

    async fn nulls_first_and_nulls_last_are_respected(fixture: &Fixture) {
        let (key, rows) = filled(fixture, 12).await;
        let nulls = rows.iter().filter(|row| row.rank.is_none()).count();
        for (order, nulls_at) in [
            (Entry::RANK.asc().nulls_first(), Nulls::First),
            (Entry::RANK.asc().nulls_last(), Nulls::Last),
            (Entry::RANK.desc().nulls_first(), Nulls::First),
            (Entry::RANK.desc().nulls_last(), Nulls::Last),
        ] {
            let ranks = Entry::on(key).order_by(order).select(Entry::RANK).all(&fixture.cluster).await.unwrap();
            assert_eq!(ranks.len(), rows.len());
            let (missing, present) = match nulls_at {
                Nulls::First => ranks.split_at(nulls),
                Nulls::Last => {
                    let (present, missing) = ranks.split_at(rows.len() - nulls);
                    (missing, present)
                }
            };
            assert!(missing.iter().all(Option::is_none), "{ranks:?}");
            let sorted = present.is_sorted() || present.iter().rev().is_sorted();
            assert!(sorted && present.iter().all(Option::is_some), "{ranks:?}");
        }
    }

    async fn limit_and_offset_select_rows(fixture: &Fixture) {
        let (key, rows) = filled(fixture, 5).await;
        let ids: Vec<i64> = rows.iter().map(|row| row.id).collect();
        let query = || Entry::on(key).order_by(Entry::ID).select(Entry::ID);
        let on = &fixture.cluster;
        assert_eq!(query().limit(2).all(on).await.unwrap(), ids[..2]);
        assert_eq!(query().limit(2).offset(2).all(on).await.unwrap(), ids[2..4]);
        assert_eq!(query().offset(3).all(on).await.unwrap(), ids[3..]);
        assert_eq!(query().offset(5).all(on).await.unwrap(), [0_i64; 0]);
        assert_eq!(query().offset(500).limit(3).all(on).await.unwrap(), [0_i64; 0]);
        assert_eq!(query().limit(0).all(on).await.unwrap(), [0_i64; 0]);
        assert_eq!(query().limit(u64::MAX).all(on).await.unwrap(), ids);
        assert_eq!(query().offset(u64::MAX).all(on).await.unwrap(), [0_i64; 0]);
        assert_eq!(query().offset(1).first(on).await.unwrap(), Some(ids[1]));
        assert_eq!(query().one(on).await.unwrap(), ids[0]);
    }

    async fn columns_tuples_and_projections_are_selected(fixture: &Fixture) {
        let (key, rows) = filled(fixture, 8).await;
        let query = || Entry::on(key).order_by(Entry::ID);
        let on = &fixture.cluster;
        let ranks = query().select(Entry::RANK).all(on).await.unwrap();
        assert_eq!(ranks, rows.iter().map(|row| row.rank).collect::<Vec<_>>());
        let (id, rank, name) = query().select((Entry::ID, Entry::RANK, Entry::NAME)).one(on).await.unwrap();
        assert_eq!((id, rank, name), (rows[0].id, rows[0].rank, rows[0].name.clone()));
        // In another order than the model's, and one column twice.
        let (name, id, again) = query().select((Entry::NAME, Entry::ID, Entry::ID)).one(on).await.unwrap();
        assert_eq!((name, id, again), (rows[0].name.clone(), rows[0].id, rows[0].id));
        let shorts = query().select_as::<Short>().all(on).await.unwrap();
        let expected: Vec<Short> =
            rows.iter().map(|row| Short { rank: row.rank, title: row.name.clone() }).collect();
        assert_eq!(shorts, expected);
        let short = query().filter(Entry::ID.eq(rows[1].id)).select_as::<Short>().first(on).await.unwrap();
        assert_eq!(short.unwrap().rank, rows[1].rank);
        let whole = (
            Entry::ID, Entry::USER_ID, Entry::GROUP, Entry::RANK, Entry::NAME, Entry::NOTE,
            Entry::WEIGHT, Entry::LIGHT, Entry::AT, Entry::DAY, Entry::MARK, Entry::DATA,
        );
        assert_eq!(query().select(whole).one(on).await.unwrap().11, rows[0].data);
        assert_eq!(query().select(Entry::ID).count(on).await.unwrap(), 8);
    }

    async fn pages_of_every_size_give_each_row_once_in_order(fixture: &Fixture) {
        let (key, rows) = filled(fixture, 23).await;
        let by_id: Vec<i64> = rows.iter().map(|row| row.id).collect();
        for size in [1, 2, 3, 5, 22, 23, 24, 100] {
            assert_eq!(walk(fixture, key, size, vec![]).await, by_id, "size {size}");
            let down = walk(fixture, key, size, vec![Entry::ID.desc()]).await;
            assert!(down.iter().eq(by_id.iter().rev()), "size {size}");
        }
    }

    async fn pages_by_columns_of_every_type_give_each_row_once_in_order(fixture: &Fixture) {
        let (key, rows) = filled(fixture, 23).await;
        let orders: Vec<fn() -> Vec<OrderBy<Entry>>> = vec![
            || vec![Entry::GROUP.asc()],
            || vec![Entry::GROUP.desc(), Entry::NAME.asc()],
            || vec![Entry::RANK.asc()],
            || vec![Entry::RANK.desc()],
            || vec![Entry::RANK.asc().nulls_first()],
            || vec![Entry::RANK.asc().nulls_last()],
            || vec![Entry::RANK.desc().nulls_first()],
            || vec![Entry::RANK.desc().nulls_last(), Entry::ID.desc()],
            || vec![Entry::NAME.asc()],
            || vec![Entry::NAME.desc()],
            || vec![Entry::NOTE.asc().nulls_last(), Entry::RANK.desc().nulls_first(), Entry::WEIGHT.asc()],
            || vec![Entry::NOTE.desc(), Entry::DAY.asc(), Entry::LIGHT.desc()],
            || vec![Entry::WEIGHT.asc()],
            || vec![Entry::WEIGHT.desc()],
            || vec![Entry::LIGHT.asc()],
            || vec![Entry::LIGHT.desc()],
            || vec![Entry::AT.asc()],
            || vec![Entry::AT.desc(), Entry::MARK.asc()],
            || vec![Entry::DAY.asc()],
            || vec![Entry::DAY.desc().nulls_last()],
            || vec![Entry::WHEN.asc()],
            || vec![Entry::MARK.asc()],
            || vec![Entry::MARK.desc()],
            || vec![Entry::DATA.asc()],
            || vec![Entry::ON.asc(), Entry::DATA.desc()],
            || vec![Entry::USER_ID.asc(), Entry::GROUP.asc()],
        ];
        for (number, order) in orders.iter().enumerate() {
            let mut query = Entry::on(key);
            for order in order() {
                query = query.order_by(order);
            }
            // What the database says of the same order, made total in the same way.
            let all = query.order_by(Entry::ID.asc()).all(&fixture.cluster).await.unwrap();
            let expected: Vec<i64> = all.iter().map(|row| row.id).collect();
            assert_eq!(expected.len(), rows.len());
            for size in [1, 4, 23] {
                assert_eq!(walk(fixture, key, size, order()).await, expected, "order {number}, size {size}");
            }
        }
    }

    async fn pages_respect_the_filter(fixture: &Fixture) {
        let (key, rows) = filled(fixture, 20).await;
        let expected: Vec<i64> =
            rows.iter().filter(|row| row.group == 1 || row.on).map(|row| row.id).collect();
        let query = || Entry::on(key).filter(Entry::GROUP.eq(1).or(Entry::ON.eq(true)));
        let mut found = Vec::new();
        let mut next = None;
        loop {
            let page = query().page(&fixture.cluster, 3, next.as_ref()).await.unwrap();
            found.extend(page.rows.iter().map(|row| row.id));
            next = page.next;
            if next.is_none() {
                break;
            }
        }
        assert_eq!(found, expected);
    }

    async fn pages_are_not_shifted_by_inserts_and_deletes(fixture: &Fixture) {
        let (key, rows) = filled(fixture, 10).await;
        let first = Entry::on(key).page(&fixture.cluster, 4, None).await.unwrap();
        rows[0].delete(&fixture.cluster).await.unwrap();
        // The last row of the page itself too: its values are in the cursor.
        rows[3].delete(&fixture.cluster).await.unwrap();
        let second = Entry::on(key).page(&fixture.cluster, 4, first.next.as_ref()).await.unwrap();
        assert_eq!(second.rows, rows[4..8]);
    }

    async fn pages_work_with_composite_primary_keys(fixture: &Fixture) {
        let key = fixture.key();
        let neighbour = fixture.neighbours(key, 1)[0];
        let mut cells = Vec::new();
        for line in 0..3 {
            for place in ["a", "b", "c"] {
                cells.push(Cell { line, user_id: key, place: place.into() });
                cells.push(Cell { line, user_id: neighbour, place: place.into() });
            }
        }
        Cell::insert_many(&fixture.cluster, cells.clone()).await.unwrap();
        cells.retain(|cell| cell.user_id == key);
        let mut found = Vec::new();
        let mut next = None;
        loop {
            let page = Cell::on(key).page(&fixture.cluster, 2, next.as_ref()).await.unwrap();
            found.extend(page.rows);
            next = page.next;
            if next.is_none() {
                break;
            }
        }
        assert_eq!(found, cells);
    }

    async fn a_page_with_limit_or_offset_is_refused(fixture: &Fixture) {
        let key = fixture.key();
        let on = &fixture.cluster;
        assert_eq!(kind(Entry::on(key).limit(3).page(on, 2, None).await), ErrorKind::Unsupported);
        assert_eq!(kind(Entry::on(key).offset(3).page(on, 2, None).await), ErrorKind::Unsupported);
        assert_eq!(kind(Entry::on(key).page(on, 0, None).await), ErrorKind::Unsupported);
        let page = Entry::on(key).page(on, 2, None).await.unwrap();
        assert!(page.rows.is_empty() && page.next.is_none());
    }
}
