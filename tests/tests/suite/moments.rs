//! Dates and times of `chrono` and `time`, truncated to microseconds.

use chrono::{DateTime, Datelike, NaiveDate, NaiveDateTime, NaiveTime, Utc};
use shard_orm::prelude::*;
use shard_orm_tests::behaviours;
use shard_orm_tests::fixture::Fixture;
use time::{Date, Month, OffsetDateTime, PrimitiveDateTime, Time, UtcOffset};

use crate::kind;

#[derive(Debug, Clone, PartialEq, ShardModel)]
#[shard(group = "shop", table = "moments")]
struct Moment {
    #[shard(primary_key)]
    id: i64,
    #[shard(key)]
    user_id: i64,
    utc: DateTime<Utc>,
    naive: NaiveDateTime,
    day: NaiveDate,
    clock: NaiveTime,
    maybe_utc: Option<DateTime<Utc>>,
    maybe_clock: Option<NaiveTime>,
    offset: OffsetDateTime,
    primitive: PrimitiveDateTime,
    date: Date,
    time: Time,
    maybe_offset: Option<OffsetDateTime>,
    maybe_date: Option<Date>,
}

/// Stamped with the types of `time`.
#[derive(Debug, Clone, PartialEq, ShardModel)]
#[shard(group = "shop", table = "stamped")]
struct Stamped {
    #[shard(primary_key)]
    id: i64,
    #[shard(key)]
    user_id: i64,
    #[shard(created_at)]
    created: OffsetDateTime,
    #[shard(updated_at)]
    updated: Option<PrimitiveDateTime>,
}

fn moment(fixture: &Fixture) -> Moment {
    Moment {
        id: fixture.id(),
        user_id: fixture.key(),
        utc: DateTime::UNIX_EPOCH,
        naive: DateTime::UNIX_EPOCH.naive_utc(),
        day: DateTime::UNIX_EPOCH.date_naive(),
        clock: NaiveTime::MIN,
        maybe_utc: None,
        maybe_clock: None,
        offset: OffsetDateTime::UNIX_EPOCH,
        primitive: PrimitiveDateTime::new(OffsetDateTime::UNIX_EPOCH.date(), Time::MIDNIGHT),
        date: OffsetDateTime::UNIX_EPOCH.date(),
        time: Time::MIDNIGHT,
        maybe_offset: None,
        maybe_date: None,
    }
}

/// All columns at this day and time of the day.
fn at(
    fixture: &Fixture,
    (year, month, day): (i32, u32, u32),
    (hour, minute, second, nano): (u8, u8, u8, u32),
) -> Moment {
    let day = NaiveDate::from_ymd_opt(year, month, day).unwrap();
    let clock =
        NaiveTime::from_hms_nano_opt(hour.into(), minute.into(), second.into(), nano).unwrap();
    let naive = day.and_time(clock);
    let month = Month::try_from(u8::try_from(month).unwrap()).unwrap();
    let date = Date::from_calendar_date(year, month, u8::try_from(day.day()).unwrap()).unwrap();
    let time = Time::from_hms_nano(hour, minute, second, nano).unwrap();
    let primitive = PrimitiveDateTime::new(date, time);
    Moment {
        utc: naive.and_utc(),
        naive,
        day,
        clock,
        maybe_utc: Some(naive.and_utc()),
        maybe_clock: Some(clock),
        offset: primitive.assume_utc(),
        primitive,
        date,
        time,
        maybe_offset: Some(primitive.assume_utc()),
        maybe_date: Some(date),
        ..moment(fixture)
    }
}

async fn comes_back(fixture: &Fixture, stored: Moment, expected: Moment) {
    stored.clone().insert(&fixture.cluster).await.unwrap();
    let expected = Moment {
        id: stored.id,
        user_id: stored.user_id,
        ..expected
    };
    assert_eq!(stored.reload(&fixture.cluster).await.unwrap(), expected);
    let many = vec![
        Moment {
            id: fixture.id(),
            ..stored.clone()
        },
        Moment {
            id: fixture.id(),
            ..stored.clone()
        },
    ];
    Moment::insert_many(&fixture.cluster, many.clone())
        .await
        .unwrap();
    for row in many {
        assert_eq!(
            row.reload(&fixture.cluster).await.unwrap(),
            Moment {
                id: row.id,
                ..expected.clone()
            }
        );
    }
    // Found by the value that was given and by the one that is kept.
    for like in [&stored, &expected] {
        let same = Moment::UTC.eq(like.utc)
            & Moment::NAIVE.eq(like.naive)
            & Moment::DAY.eq(like.day)
            & Moment::CLOCK.eq(like.clock)
            & Moment::OFFSET.eq(like.offset)
            & Moment::PRIMITIVE.eq(like.primitive)
            & Moment::DATE.eq(like.date)
            & Moment::TIME.eq(like.time);
        assert_eq!(
            Moment::on(stored.user_id)
                .filter(same)
                .count(&fixture.cluster)
                .await
                .unwrap(),
            3
        );
    }
}

behaviours! { (Moment, Stamped);
    async fn times_round_trip_with_microseconds(fixture: &Fixture) {
        for nano in [0, 1_000, 999_999_000, 123_456_000] {
            let stored = at(fixture, (2024, 2, 29), (23, 59, 58, nano));
            comes_back(fixture, stored.clone(), stored).await;
        }
    }

    async fn times_are_truncated_to_microseconds(fixture: &Fixture) {
        for (nano, cut) in [(999_999_999, 999_999_000), (1_999, 1_000), (999, 0)] {
            let stored = at(fixture, (1999, 12, 31), (23, 59, 59, nano));
            comes_back(fixture, stored, at(fixture, (1999, 12, 31), (23, 59, 59, cut))).await;
        }
    }

    async fn the_years_1_and_9999_round_trip(fixture: &Fixture) {
        let first = at(fixture, (1, 1, 1), (0, 0, 0, 0));
        comes_back(fixture, first.clone(), first).await;
        let last = at(fixture, (9999, 12, 31), (23, 59, 59, 999_999_000));
        comes_back(fixture, last.clone(), last).await;
        let before_the_epoch = at(fixture, (1969, 12, 31), (23, 59, 59, 999_999_000));
        comes_back(fixture, before_the_epoch.clone(), before_the_epoch).await;
    }

    async fn years_outside_1_to_9999_are_refused(fixture: &Fixture) {
        let beyond = NaiveDate::from_ymd_opt(10_000, 1, 1).unwrap();
        let before = NaiveDate::from_ymd_opt(0, 12, 31).unwrap();
        for day in [beyond, before] {
            let naive = day.and_time(NaiveTime::MIN);
            let zero = Date::from_calendar_date(0, Month::December, 31).unwrap();
            let rows = [
                Moment { day, ..moment(fixture) },
                Moment { naive, ..moment(fixture) },
                Moment { utc: naive.and_utc(), ..moment(fixture) },
                Moment { maybe_utc: Some(naive.and_utc()), ..moment(fixture) },
                Moment { date: zero, ..moment(fixture) },
                Moment { primitive: PrimitiveDateTime::new(zero, Time::MIDNIGHT), ..moment(fixture) },
            ];
            for row in rows {
                assert_eq!(kind(row.insert(&fixture.cluster).await), ErrorKind::Unsupported);
            }
        }
    }

    async fn a_leap_second_is_refused(fixture: &Fixture) {
        let clock = NaiveTime::from_hms_nano_opt(23, 59, 59, 1_500_000_000).unwrap();
        assert_eq!(kind(Moment { clock, ..moment(fixture) }.insert(&fixture.cluster).await), ErrorKind::Unsupported);
    }

    async fn offsets_are_converted_to_utc(fixture: &Fixture) {
        let plus_two = UtcOffset::from_hms(2, 0, 0).unwrap();
        let offset = OffsetDateTime::UNIX_EPOCH.to_offset(plus_two);
        let stored = Moment { offset, ..moment(fixture) };
        stored.clone().insert(&fixture.cluster).await.unwrap();
        let found = stored.reload(&fixture.cluster).await.unwrap();
        assert_eq!(found.offset, offset);
        assert_eq!(found.offset.offset(), UtcOffset::UTC);
    }

    async fn times_are_compared_and_ordered_as_times(fixture: &Fixture) {
        let key = fixture.key();
        let days = [(999, 1, 1), (1969, 12, 31), (2024, 2, 29), (2024, 3, 1), (9999, 1, 1)];
        let mut rows: Vec<Moment> =
            days.iter().map(|day| Moment { user_id: key, ..at(fixture, *day, (1, 2, 3, 4_000)) }).collect();
        rows.reverse();
        Moment::insert_many(&fixture.cluster, rows.clone()).await.unwrap();
        rows.reverse();
        for order in [Moment::UTC.asc(), Moment::NAIVE.asc(), Moment::DAY.asc(), Moment::OFFSET.asc(), Moment::DATE.asc()] {
            assert_eq!(Moment::on(key).order_by(order).all(&fixture.cluster).await.unwrap(), rows);
        }
        let since = Moment::UTC.ge(rows[2].utc) & Moment::OFFSET.lt(rows[4].offset) & Moment::DAY.gt(rows[1].day);
        assert_eq!(Moment::on(key).filter(since).count(&fixture.cluster).await.unwrap(), 2);
    }

    async fn timestamps_work_with_every_time_type(fixture: &Fixture) {
        let midnight = PrimitiveDateTime::new(Date::MIN, Time::MIDNIGHT);
        let row = Stamped {
            id: fixture.id(),
            user_id: fixture.key(),
            created: OffsetDateTime::UNIX_EPOCH,
            updated: Some(midnight),
        };
        let row = row.insert(&fixture.cluster).await.unwrap();
        assert_eq!(row.reload(&fixture.cluster).await.unwrap(), row);
        let now = OffsetDateTime::now_utc();
        assert!((now - row.created).abs() < time::Duration::minutes(1));
        assert_eq!(row.updated.unwrap().assume_utc(), row.created);
        row.update(&fixture.cluster).await.unwrap();
        let changed = row.reload(&fixture.cluster).await.unwrap();
        assert_eq!(changed.created, row.created);
        assert!(changed.updated > row.updated);
    }
}
