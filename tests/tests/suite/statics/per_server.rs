//! Static models without a source: written on one server, by an address.

use shard_orm::config::PoolOptions;
use shard_orm::prelude::*;
use shard_orm_tests::behaviours;
use shard_orm_tests::fixture::Fixture;
use std::time::Duration;

use super::{Airline, Country, Flight, Limit, Seat, airline, codes, copy_to_all, flight};
use crate::kind;

fn limit(fixture: &Fixture, most: i64) -> Limit {
    let id = fixture.id();
    Limit {
        id,
        label: format!("limit {id}"),
        most,
    }
}

behaviours! { (Airline, Limit, Flight, Seat, Country);
    async fn per_server_row_verbs_take_a_server(fixture: &Fixture) {
        let on = &fixture.cluster;
        let at = || Flight::shard(7);
        let mut row = limit(fixture, 1).insert(on, at()).await.unwrap();
        assert_eq!(Limit::get_copy(on, at(), row.id).await.unwrap(), row);
        assert_eq!(kind(row.clone().insert(on, at()).await), ErrorKind::Unique);
        row.most = 2;
        row.update(on, at()).await.unwrap();
        assert_eq!(row.reload(on, at()).await.unwrap().most, 2);
        row.most = 3;
        row.update_only(on, at(), Limit::MOST).await.unwrap();
        row.most = 4;
        row.save(on, at()).await.unwrap();
        assert_eq!(Limit::get_copy(on, at(), row.id).await.unwrap().most, 4);
        row.most = 5;
        row.upsert(on, at(), Limit::LABEL).await.unwrap();
        assert_eq!(Limit::get_copy(on, at(), row.id).await.unwrap().most, 5);
        let (found, made) = Limit { most: 9, ..row.clone() }.get_or_create(on, at(), Limit::LABEL).await.unwrap();
        assert_eq!((found.most, made), (5, false));
        let (found, made) = Limit { most: 6, ..row.clone() }.update_or_create(on, at(), Limit::LABEL).await.unwrap();
        assert_eq!((found.most, made), (6, false));
        row.delete(on, at()).await.unwrap();
        assert_eq!(kind(row.delete(on, at()).await), ErrorKind::NotFound);
        let many: Vec<Limit> = (0..300).map(|most| limit(fixture, most)).collect();
        let ids: Vec<i64> = many.iter().map(|row| row.id).collect();
        let many = Limit::insert_many(on, at(), many).await.unwrap();
        let found = Limit::copy(at()).filter(Limit::ID.is_in(ids)).order_by(Limit::ID).all(on).await.unwrap();
        assert_eq!(found, many);
    }

    async fn a_server_transaction_is_separate_from_shard_transactions(fixture: &Fixture) {
        let on = &fixture.cluster;
        let key = fixture.key();
        let at = || Flight::shard(key);
        let row = limit(fixture, 1);
        let tx = on.begin(Limit::server(at())).await.unwrap();
        row.clone().insert(&tx, at()).await.unwrap();
        assert_eq!(Limit::get_copy(&tx, Limit::server(at()), row.id).await.unwrap(), row);
        assert_eq!(kind(Limit::copy(at()).count(&tx).await), ErrorKind::CrossShard);
        assert_eq!(kind(Flight::on(key).count(&tx).await), ErrorKind::CrossShard);
        tx.rollback().await.unwrap();
        assert_eq!(Limit::find_copy(on, at(), row.id).await.unwrap(), None);
        let tx = on.begin(Limit::server(at())).await.unwrap();
        row.clone().insert(&tx, at()).await.unwrap();
        tx.commit().await.unwrap();
        assert_eq!(Limit::get_copy(on, at(), row.id).await.unwrap(), row);
        let tx = on.begin(at()).await.unwrap();
        assert_eq!(kind(row.delete(&tx, at()).await), ErrorKind::CrossShard);
        tx.rollback().await.unwrap();
        if fixture.servers > 1 {
            let tx = on.begin(Limit::server(at())).await.unwrap();
            let keys = super::key_of_each_server(fixture);
            let server = |key: i64| on.locate(&Flight::shard(key)).unwrap().server;
            let other = keys.into_iter().find(|other| server(*other) != server(key)).unwrap();
            assert_eq!(kind(row.delete(&tx, Flight::shard(other)).await), ErrorKind::CrossShard);
        }
    }

    async fn static_tables_have_a_location(fixture: &Fixture) {
        let shard = fixture.cluster.locate(&Flight::shard(7)).unwrap();
        let statics = fixture.cluster.locate(&Limit::server(Flight::shard(7))).unwrap();
        assert_eq!((statics.group.as_str(), statics.shard), ("shop", None));
        assert_eq!(statics.server, shard.server);
        assert!(statics.namespace.ends_with("shop_static"), "{statics}");
        assert!(statics.to_string().starts_with("the static tables of shop on server"), "{statics}");
    }
}

behaviours! { (Airline, Limit, Flight, Seat, Country), 4 shards on 2 servers,
    // Who waits for a lock does not get it in this time.
    |options| options.pool(PoolOptions::new().busy_timeout(Duration::from_millis(300)));

    async fn transactions_of_shards_do_not_lock_the_static_tables(fixture: &Fixture) {
        let on = &fixture.cluster;
        let code = &codes(fixture, 1)[0];
        let keys = fixture.key_of_each_shard();
        let mut open = Vec::new();
        for key in &keys {
            let tx = on.begin(Flight::shard(*key)).await.unwrap();
            flight(fixture, *key, Some(code)).insert(&tx).await.unwrap();
            assert_eq!(Airline::find_copy(&tx, Flight::shard(*key), code).await.unwrap(), None);
            open.push(tx);
        }
        copy_to_all(fixture, &airline(code, "meanwhile")).await;
        let writing = on.begin(Limit::server(Flight::shard(keys[0]))).await.unwrap();
        limit(fixture, 1).insert(&writing, Flight::shard(keys[0])).await.unwrap();
        for tx in open {
            tx.commit().await.unwrap();
        }
        for key in &keys {
            let joined = Flight::on(*key).join(Flight::AIRLINE).filter(Airline::CODE.eq(code));
            assert_eq!(joined.count(on).await.unwrap(), 1);
        }
        writing.commit().await.unwrap();
    }
}

behaviours! { (Airline, Limit, Flight, Seat, Country), 2 shards on 1 servers,
    |options| options.read(Read::Replica).replicas();

    async fn a_session_sees_the_rows_that_it_wrote_on_a_server(fixture: &Fixture) {
        fixture.pause_replay().await;
        let session = fixture.cluster.session();
        let at = || Flight::shard(7);
        let row = limit(fixture, 1);
        row.clone().insert(&session, at()).await.unwrap();
        assert_eq!(Limit::get_copy(&session, at(), row.id).await.unwrap(), row);
        assert!(Limit::copy(at()).filter(Limit::ID.eq(row.id)).exists(&session).await.unwrap());
        // Whoever has not written it is served by a replica, which does not have it.
        assert_eq!(Limit::find_copy(&fixture.cluster, at(), row.id).await.unwrap(), None);
        let again = fixture.cluster.resume_session(&session.token()).unwrap();
        assert_eq!(Limit::get_copy(&again, at(), row.id).await.unwrap(), row);
        fixture.resume_replay().await;
    }
}
