//! Rows of logical shards are joined and loaded with the static copies of their servers.

use std::collections::BTreeSet;

use futures_util::TryStreamExt as _;
use shard_orm::prelude::*;
use shard_orm_tests::behaviours;
use shard_orm_tests::fixture::Fixture;

use super::{
    Airline, Country, Flight, Limit, Seat, airline, codes, copy_to, copy_to_all, flight,
    key_of_each_server,
};
use crate::relations::counted::counted;

/// Flights of each of the keys, by each of the airlines and by none.
async fn flights(fixture: &Fixture, keys: &[i64], airlines: &[Airline]) -> Vec<Flight> {
    let mut flights = Vec::new();
    for key in keys {
        for airline in airlines {
            flights.push(flight(fixture, *key, Some(&airline.code)));
        }
        flights.push(flight(fixture, *key, None));
        flights.push(flight(fixture, *key, Some("gone")));
    }
    Flight::insert_many(&fixture.cluster, flights)
        .await
        .unwrap()
}

async fn airlines(fixture: &Fixture, count: usize) -> Vec<Airline> {
    let mut all = Vec::new();
    for (number, code) in codes(fixture, count).iter().enumerate() {
        let row = airline(code, &format!("name {}", (number * 7) % 5));
        copy_to_all(fixture, &row).await;
        all.push(row);
    }
    all
}

/// Flights with their airlines, in the order of the ids.
fn joined(flights: &[Flight], airlines: &[Airline]) -> Vec<(Flight, Option<Airline>)> {
    let of = |flight: &Flight| {
        let code = flight.carrier.as_ref()?;
        airlines.iter().find(|one| one.code == *code).cloned()
    };
    let mut all: Vec<_> = flights.iter().map(|one| (one.clone(), of(one))).collect();
    all.sort_by_key(|(flight, _)| flight.id);
    all
}

fn inner(all: &[(Flight, Option<Airline>)]) -> Vec<(Flight, Airline)> {
    let pairs = all.iter().cloned();
    pairs
        .filter_map(|(one, other)| Some((one, other?)))
        .collect()
}

behaviours! { (Airline, Limit, Flight, Seat, Country);
    async fn shard_rows_join_the_static_copy(fixture: &Fixture) {
        let (on, key) = (&fixture.cluster, fixture.key());
        let airlines = airlines(fixture, 3).await;
        let all = joined(&flights(fixture, &[key], &airlines).await, &airlines);
        let left = || Flight::on(key).left_join(Flight::AIRLINE);
        let join = || Flight::on(key).join(Flight::AIRLINE);
        assert_eq!(left().order_by(Flight::ID).all(on).await.unwrap(), all);
        assert_eq!(join().order_by(Flight::ID).all(on).await.unwrap(), inner(&all));
        assert_eq!(join().count(on).await.unwrap(), 3);
        assert_eq!(left().count(on).await.unwrap(), 5);
        let one = &airlines[1];
        let named = || join().filter(Airline::NAME.eq(&one.name));
        assert_eq!(named().one(on).await.unwrap().1, *one);
        assert!(named().exists(on).await.unwrap());
        assert!(!join().filter(Airline::NAME.eq("nobody")).exists(on).await.unwrap());
        let names: Vec<(i64, String)> =
            join().order_by(Airline::NAME.desc()).select((Flight::PILOT, Airline::NAME)).all(on).await.unwrap();
        let mut expected: Vec<(i64, String)> = airlines.iter().map(|one| (key, one.name.clone())).collect();
        expected.sort_by(|one, other| other.1.cmp(&one.1));
        assert_eq!(names, expected);
        let absent: Vec<Option<String>> =
            left().filter(Flight::CARRIER.is_null()).select(Airline::NAME).all(on).await.unwrap();
        assert_eq!(absent, [None]);
        let mut streamed: Vec<(Flight, Airline)> = join().stream(on).try_collect().await.unwrap();
        streamed.sort_by_key(|(flight, _)| flight.id);
        assert_eq!(streamed, inner(&all));
        // A condition on what is joined, and one on the result.
        let only = Flight::AIRLINE.filter(Airline::CODE.eq(&one.code));
        let kept = Flight::on(key).left_join(only.clone()).all(on).await.unwrap();
        assert_eq!((kept.len(), kept.iter().filter(|pair| pair.1.is_some()).count()), (5, 1));
        assert_eq!(Flight::on(key).join(only).count(on).await.unwrap(), 1);
    }

    async fn joins_chain_from_static_to_shard_rows(fixture: &Fixture) {
        let (on, key) = (&fixture.cluster, fixture.key());
        let airlines = airlines(fixture, 1).await;
        let row = flight(fixture, key, Some(&airlines[0].code)).insert(on).await.unwrap();
        let seat = Seat { id: fixture.id(), pilot: key, flight_id: row.id }.insert(on).await.unwrap();
        let found = Flight::on(key).join(Flight::AIRLINE).left_join(Flight::SEATS).all(on).await.unwrap();
        assert_eq!(found, [(row.clone(), airlines[0].clone(), Some(seat.clone()))]);
        let found = Flight::on(key).join(Flight::SEATS).join(Flight::AIRLINE).all(on).await.unwrap();
        assert_eq!(found, [(row, seat, airlines[0].clone())]);
    }

    async fn a_transaction_joins_and_loads_what_it_has_written(fixture: &Fixture) {
        let (on, key) = (&fixture.cluster, fixture.key());
        let airlines = airlines(fixture, 1).await;
        let tx = on.begin(Flight::shard(key)).await.unwrap();
        let row = flight(fixture, key, Some(&airlines[0].code)).insert(&tx).await.unwrap();
        let pair = (row.clone(), airlines[0].clone());
        assert_eq!(Flight::on(key).join(Flight::AIRLINE).all(&tx).await.unwrap(), [pair]);
        assert_eq!(Flight::on(key).join(Flight::AIRLINE).count(&tx).await.unwrap(), 1);
        let with = Flight::on(key).with(Flight::AIRLINE).all(&tx).await.unwrap();
        assert_eq!(with, [(row.clone(), Some(airlines[0].clone()))]);
        assert_eq!(row.related(Flight::AIRLINE).one(&tx).await.unwrap(), airlines[0]);
        tx.rollback().await.unwrap();
    }

    async fn scattered_joins_with_static_tables_are_merged(fixture: &Fixture) {
        let on = &fixture.cluster;
        let airlines = airlines(fixture, 4).await;
        let keys: Vec<i64> = (0..9).map(|_| fixture.key()).collect();
        let all = joined(&flights(fixture, &keys, &airlines).await, &airlines);
        let inner = inner(&all);
        let mine = Flight::PILOT.is_in(keys.clone());
        let scatter = || Flight::scatter().join(Flight::AIRLINE).filter(mine.clone());
        assert_eq!(scatter().order_by(Flight::ID).all(on).await.unwrap(), inner);
        assert_eq!(scatter().count(on).await.unwrap(), 36);
        assert!(scatter().exists(on).await.unwrap());
        // The names of airlines are there several times: the order is total all the same.
        let mut by_name = inner.clone();
        by_name.sort_by(|one, other| {
            let order = |pair: &(Flight, Airline)| (pair.0.pilot, pair.0.id);
            other.1.name.cmp(&one.1.name).then(order(one).cmp(&order(other)))
        });
        let sorted = || scatter().order_by(Airline::NAME.desc());
        assert_eq!(sorted().all(on).await.unwrap(), by_name);
        assert_eq!(sorted().offset(5).limit(7).all(on).await.unwrap(), by_name[5..12]);
        assert_eq!(sorted().first(on).await.unwrap().as_ref(), by_name.first());
        let streamed: Vec<(Flight, Airline)> = sorted().stream(on).try_collect().await.unwrap();
        assert_eq!(streamed, by_name);
        let partial = sorted().partial().all(on).await.unwrap();
        assert_eq!(partial.value, by_name);
        let each = Flight::on_each(keys.clone()).left_join(Flight::AIRLINE).order_by(Flight::ID);
        assert_eq!(each.all(on).await.unwrap(), all);
        let names = scatter().order_by(Airline::NAME).select((Airline::NAME, Flight::ID)).all(on).await.unwrap();
        assert_eq!(names.len(), 36);
        assert!(names.is_sorted_by_key(|(name, _)| name.clone()));
    }

    async fn explain_names_the_static_copy(fixture: &Fixture) {
        let quoted = |namespace: &str| match fixture.dialect {
            Dialect::MySql | Dialect::Sqlite => format!("`{namespace}`.`airlines`"),
            Dialect::Postgres => format!("\"{namespace}\".\"airlines\""),
        };
        let key = fixture.key();
        let statics = fixture.cluster.locate(&Limit::server(Flight::shard(key))).unwrap().namespace;
        let explained = Flight::on(key).join(Flight::AIRLINE).explain(&fixture.cluster).unwrap();
        assert!(explained.statements[0].sql.contains(&quoted(&statics)), "{explained}");
        let explained = Flight::scatter().join(Flight::AIRLINE).explain(&fixture.cluster).unwrap();
        for planned in &explained.statements {
            assert_eq!(planned.sql.matches(&quoted(&statics)).count(), planned.shards.len(), "{explained}");
        }
        let explained = Airline::copy(Flight::shard(key)).explain(&fixture.cluster).unwrap();
        assert!(explained.statements[0].sql.contains(&quoted(&statics)), "{explained}");
    }

    async fn loads_of_static_rows_query_each_shard_once(fixture: &Fixture) {
        let on = &fixture.cluster;
        let airlines = airlines(fixture, 3).await;
        let keys: Vec<i64> = (0..5).map(|_| fixture.key()).collect();
        let all = joined(&flights(fixture, &keys, &airlines).await, &airlines);
        let rows = Flight::on_each(keys.clone()).order_by(Flight::ID).all(on).await.unwrap();
        let shards: BTreeSet<u32> = keys.iter().map(|key| fixture.shard_of(*key)).collect();
        let (loaded, sent) = counted(Flight::AIRLINE.load(on, &rows)).await;
        let expected: Vec<Option<Airline>> = all.iter().map(|pair| pair.1.clone()).collect();
        assert_eq!(loaded.unwrap(), expected);
        let asked: BTreeSet<u32> = sent.iter().map(|(_, shard)| shard.parse().unwrap()).collect();
        assert_eq!((sent.len(), asked), (shards.len(), shards));
        let with = Flight::on_each(keys).order_by(Flight::ID).with(Flight::AIRLINE).with(Flight::SEATS);
        let with = with.all(on).await.unwrap();
        assert!(with.iter().all(|(_, _, seats)| seats.is_empty()));
        let with: Vec<(Flight, Option<Airline>)> = with.into_iter().map(|(row, one, _)| (row, one)).collect();
        assert_eq!(with, all);
        let (none, sent) = counted(Flight::AIRLINE.load(on, &[])).await;
        assert_eq!((none.unwrap().len(), sent.len()), (0, 0));
    }

    async fn rows_load_the_static_copy_of_their_server(fixture: &Fixture) {
        // The names of MariaDB's servers lead to one.
        if fixture.dialect != Dialect::MySql {
            let on = &fixture.cluster;
            let code = &codes(fixture, 1)[0];
            let mut expected = Vec::new();
            for key in key_of_each_server(fixture) {
                let own = airline(code, &format!("at {key}"));
                copy_to(on, Flight::shard(key), &own).await;
                let row = flight(fixture, key, Some(code)).insert(on).await.unwrap();
                expected.push((row, own));
            }
            let rows: Vec<Flight> = expected.iter().map(|pair| pair.0.clone()).collect();
            let loaded = Flight::AIRLINE.load(on, &rows).await.unwrap();
            let loaded: Vec<Airline> = loaded.into_iter().map(Option::unwrap).collect();
            let own: Vec<Airline> = expected.iter().map(|pair| pair.1.clone()).collect();
            assert_eq!(loaded, own);
            for (row, own) in &expected {
                assert_eq!(row.related(Flight::AIRLINE).all(on).await.unwrap(), std::slice::from_ref(own));
            }
            let joined = Flight::scatter().join(Flight::AIRLINE).filter(Airline::CODE.eq(code)).order_by(Flight::ID);
            assert_eq!(joined.all(on).await.unwrap(), expected);
        }
    }

    async fn raw_sql_names_the_static_copy(fixture: &Fixture) {
        let (on, key) = (&fixture.cluster, fixture.key());
        let airlines = airlines(fixture, 1).await;
        flight(fixture, key, Some(&airlines[0].code)).insert(on).await.unwrap();
        let joined = "SELECT a.name FROM {flights} f JOIN {static.airlines} a ON a.code = f.carrier";
        let names: Vec<String> = Flight::on_shard_of(key).sql(joined).all(on).await.unwrap();
        assert!(names.contains(&airlines[0].name));
        let tx = on.begin(Flight::shard(key)).await.unwrap();
        let names: Vec<String> = Flight::on_shard_of(key).sql(joined).all(&tx).await.unwrap();
        assert!(names.contains(&airlines[0].name));
        tx.rollback().await.unwrap();
        let found: i64 = Airline::copy(Flight::shard(key))
            .sql("SELECT COUNT(*) FROM {airlines}")
            .one(on)
            .await
            .unwrap();
        assert!(found > 0);
        // There is none in a named database.
        let error = Airline::query().sql("SELECT COUNT(*) FROM {static.airlines}").one::<i64>(on).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unsupported);
        assert!(error.to_string().contains("no static tables beside it"), "{error}");
    }

    async fn rows_refer_to_static_tables_and_named_databases(fixture: &Fixture) {
        let (on, key) = (&fixture.cluster, fixture.key());
        let airlines = airlines(fixture, 1).await;
        let country = Country { id: fixture.id(), name: "Chad".to_owned() }.insert(on).await.unwrap();
        let mut row = flight(fixture, key, None);
        assert_eq!(row.related(Flight::AIRLINE).count(on).await.unwrap(), 0);
        row.refer(Flight::AIRLINE, &airlines[0]);
        row.refer(Flight::COUNTRY, &country);
        assert_eq!(row.carrier.as_ref(), Some(&airlines[0].code));
        let row = row.insert(on).await.unwrap();
        let found = Flight::on(key).with(Flight::AIRLINE).with_separately(Flight::COUNTRY).all(on).await.unwrap();
        assert_eq!(found, [(row, Some(airlines[0].clone()), Some(country))]);
    }
}
