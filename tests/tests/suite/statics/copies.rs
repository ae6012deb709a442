//! Static rows are written at the source and read in the copies.

use futures_util::TryStreamExt as _;
use shard_orm::prelude::*;
use shard_orm_tests::behaviours;

use super::{
    Airline, AirlineCopy, Country, Flight, Limit, Seat, airline, codes, copy_to_all,
    key_of_each_server,
};
use crate::kind;

#[derive(Debug, Clone, PartialEq, ShardModel)]
#[shard(group = "sky", table = "flights")]
struct Elsewhere {
    #[shard(primary_key, key)]
    id: i64,
}

/// Copied to a group that the fixture does not have.
#[derive(Debug, Clone, PartialEq, StaticModel)]
#[static_model(groups = ["sky"], table = "airlines")]
struct OfSky {
    #[static_model(primary_key, length = 20)]
    code: String,
}

behaviours! { (Airline, Limit, Flight, Seat, Country);
    async fn a_copy_is_read_at_each_logical_shard(fixture: &Fixture) {
        let on = &fixture.cluster;
        let codes = codes(fixture, 3);
        let rows: Vec<Airline> = codes.iter().map(|code| airline(code, &format!("n{code}"))).collect();
        for row in &rows {
            copy_to_all(fixture, row).await;
        }
        let ours = |at| Airline::copy(at).filter(Airline::CODE.is_in(codes.clone()));
        for key in fixture.key_of_each_shard() {
            let at = || Flight::shard(key);
            assert_eq!(ours(at()).order_by(Airline::CODE).all(on).await.unwrap(), rows);
            assert_eq!(ours(at()).count(on).await.unwrap(), 3);
            assert!(ours(at()).exists(on).await.unwrap());
            assert_eq!(ours(at()).order_by(Airline::NAME.desc()).first(on).await.unwrap().as_ref(), rows.last());
            assert_eq!(ours(at()).filter(Airline::NAME.eq(&rows[1].name)).one(on).await.unwrap(), rows[1]);
            assert_eq!(
                ours(at()).order_by(Airline::CODE).select(Airline::NAME).limit(1).all(on).await.unwrap(),
                [rows[0].name.clone()]
            );
            let streamed: Vec<Airline> = ours(at()).order_by(Airline::CODE).stream(on).try_collect().await.unwrap();
            assert_eq!(streamed, rows);
            let page = ours(at()).order_by(Airline::CODE).page(on, 2, None).await.unwrap();
            assert_eq!(page.rows, rows[..2]);
            let rest = ours(at()).order_by(Airline::CODE).page(on, 2, page.next.as_ref()).await.unwrap();
            assert_eq!(rest.rows, rows[2..]);
            assert_eq!(Airline::get_copy(on, at(), &codes[2]).await.unwrap(), rows[2]);
            assert_eq!(Airline::find_copy(on, at(), "none").await.unwrap(), None);
            assert_eq!(kind(Airline::get_copy(on, at(), "none").await), ErrorKind::NotFound);
        }
    }

    async fn static_writes_go_to_the_source_only(fixture: &Fixture) {
        let on = &fixture.cluster;
        let code = &codes(fixture, 1)[0];
        let mut row = airline(code, "first").insert(on).await.unwrap();
        row.name = "second".to_owned();
        row.update(on).await.unwrap();
        assert_eq!(Airline::get(on, code).await.unwrap(), row);
        let of = |code| Airline::query().filter(Airline::CODE.eq(code));
        assert_eq!(of(code).set(Airline::NAME, "third").update(on).await.unwrap(), 1);
        assert_eq!(row.reload(on).await.unwrap().name, "third");
        for key in fixture.key_of_each_shard() {
            assert_eq!(Airline::find_copy(on, Flight::shard(key), code).await.unwrap(), None);
        }
        let tx = on.begin(Airline::database()).await.unwrap();
        row.delete(&tx).await.unwrap();
        tx.rollback().await.unwrap();
        assert_eq!(of(code).delete(on).await.unwrap(), 1);
        assert_eq!(Airline::find(on, code).await.unwrap(), None);
        copy_to_all(fixture, &row).await;
        assert_eq!(Airline::find(on, code).await.unwrap(), None);
    }

    async fn a_copy_is_read_in_a_transaction_of_its_shard(fixture: &Fixture) {
        let on = &fixture.cluster;
        let code = &codes(fixture, 1)[0];
        let row = airline(code, "in a transaction");
        copy_to_all(fixture, &row).await;
        let key = fixture.key();
        let tx = on.begin(Flight::shard(key)).await.unwrap();
        assert_eq!(Airline::get_copy(&tx, Flight::shard(key), code).await.unwrap(), row);
        let found = Airline::copy(Flight::shard(key)).filter(Airline::CODE.eq(code)).all(&tx).await.unwrap();
        assert_eq!(found, [row]);
        if fixture.logical_shards > 1 {
            let other = fixture.key_of_shard((fixture.shard_of(key) + 1) % fixture.logical_shards);
            let elsewhere = Airline::copy(Flight::shard(other)).count(&tx).await;
            assert_eq!(kind(elsewhere), ErrorKind::CrossShard);
        }
        // The source is another database.
        assert_eq!(kind(Airline::query().count(&tx).await), ErrorKind::CrossShard);
        tx.commit().await.unwrap();
    }

    async fn an_address_without_copies_is_refused(fixture: &Fixture) {
        let on = &fixture.cluster;
        let error = Airline::copy(Country::database()).count(on).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unsupported);
        assert!(error.to_string().contains("database `default` holds no copy of `Airline`"), "{error}");
        let error = Airline::find_copy(on, Elsewhere::shard(1), "x").await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Configuration);
        assert!(error.to_string().contains("group `sky` hold no copies of `Airline`"), "{error}");
        let row = Limit { id: fixture.id(), label: "x".to_owned(), most: 1 };
        assert_eq!(kind(row.clone().insert(on, Country::database()).await), ErrorKind::Unsupported);
        assert_eq!(kind(row.insert(on, Elsewhere::shard(1)).await), ErrorKind::Configuration);
        assert_eq!(kind(OfSky::copy(Elsewhere::shard(1)).count(on).await), ErrorKind::Configuration);
    }

    async fn each_server_has_a_copy_of_its_own(fixture: &Fixture) {
        // The names of MariaDB's servers lead to one.
        if fixture.dialect != Dialect::MySql {
            let on = &fixture.cluster;
            let code = &codes(fixture, 1)[0];
            let keys = key_of_each_server(fixture);
            assert_eq!(keys.len(), fixture.servers as usize);
            for (number, key) in keys.iter().enumerate() {
                super::copy_to(on, Flight::shard(*key), &airline(code, &format!("of {number}"))).await;
            }
            for key in fixture.key_of_each_shard() {
                let server = on.locate(&Flight::shard(key)).unwrap().server;
                let number = server.trim_start_matches("server-");
                let found = Airline::get_copy(on, Flight::shard(key), code).await.unwrap();
                assert_eq!(found.name, format!("of {number}"), "key {key} on {server}");
                let copy = AirlineCopy::get_copy(on, Flight::shard(key), code).await.unwrap();
                assert_eq!(copy.name, found.name);
            }
        }
    }
}
