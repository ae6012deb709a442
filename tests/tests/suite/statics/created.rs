//! Static tables are made at their source and on each server, and found by connections that were
//! there before them.

use futures_util::TryStreamExt as _;
use futures_util::future::join_all;
use shard_orm::config::{Config, Database, Group, Server};
use shard_orm::prelude::*;
use shard_orm_tests::behaviours;
use shard_orm_tests::fixture::{DATABASE, Fixture, GROUP};

use super::{Airline, AirlineCopy, Flight, Limit, airline, copy_to, flight};
use crate::kind;

#[derive(Debug, Clone, PartialEq, StaticModel)]
#[static_model(groups = ["sky", "shop", "sea"], table = "airlines")]
struct OfOthers {
    #[static_model(primary_key, length = 20)]
    code: String,
}

#[derive(Debug, Clone, PartialEq, StaticModel)]
#[static_model(groups = all, source = "nothing", table = "airlines")]
struct OfNoSource {
    #[static_model(primary_key, length = 20)]
    code: String,
}

/// A static model with the table of a sharded one.
#[derive(Debug, Clone, PartialEq, StaticModel)]
#[static_model(groups = all, table = "flights", transmit = false)]
struct Namesake {
    #[static_model(primary_key)]
    id: i64,
    text: String,
}

/// The fixture's servers as another cluster.
fn other_cluster(fixture: &Fixture) -> Config {
    let mut group = Group::new(1)
        .namespace(fixture.namespace().replace("shop_", "other_"))
        .static_namespace(fixture.namespace().replace("{shard}", "static"));
    group = group.server(Server::new("a", fixture.server_urls()[0].as_str()));
    Config::new("other").group(GROUP, group)
}

behaviours! { (Flight), 4 shards on 2 servers, |options| options;
    async fn setup_creates_the_source_and_one_copy_per_server(fixture: &Fixture) {
        for _ in 0..2 {
            let setup = fixture.cluster.setup().table::<Airline>().table::<Limit>().table::<Flight>();
            let report = setup.run().await.unwrap();
            // Static namespaces hold no logical shard.
            assert_eq!(report.namespaces, 4);
            // Of airlines one at the source and two copies, of limits two, of flights four.
            assert_eq!(report.tables, 3 + 2 + 4);
        }
        let on = &fixture.cluster;
        airline("KL", "KLM").insert(on).await.unwrap();
        for key in fixture.key_of_each_shard() {
            assert_eq!(Airline::copy(Flight::shard(key)).count(on).await.unwrap(), 0);
            assert_eq!(Limit::copy(Flight::shard(key)).count(on).await.unwrap(), 0);
        }
        assert_eq!(Flight::scatter().count(on).await.unwrap(), 0);
        let planned = Flight::scatter().explain(on).unwrap();
        let shards: usize = planned.statements.iter().map(|one| one.shards.len()).sum();
        assert_eq!(shards, 4);
    }

    async fn unknown_groups_and_sources_are_named(fixture: &Fixture) {
        let error = fixture.cluster.setup().table::<OfOthers>().run().await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Configuration);
        let message = error.to_string();
        assert!(message.contains("`OfOthers` is copied to unknown groups: `sky`, `sea`"), "{message}");
        assert!(message.contains("the configuration has `shop`"), "{message}");
        let error = fixture.cluster.setup().table::<OfNoSource>().run().await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Configuration);
        assert!(error.to_string().contains("unknown database `nothing`"), "{error}");
    }

    async fn open_connections_find_static_tables_created_later(fixture: &Fixture) {
        let key = fixture.key();
        let (on, at) = (&fixture.cluster, || Flight::shard(key));
        let one = flight(fixture, key, Some("KL")).insert(on).await.unwrap();
        // Several connections that read, and the one that writes.
        join_all((0..6).map(|_| Flight::on(key).count(on))).await;
        let missing = Airline::copy(at()).count(on).await.unwrap_err();
        assert_eq!(missing.kind(), ErrorKind::UndefinedTable);
        assert!(missing.to_string().contains("cluster.setup()"), "{missing}");
        assert_eq!(kind(Limit { id: 1, label: "x".to_owned(), most: 1 }.insert(on, at()).await), ErrorKind::UndefinedTable);
        join_all((0..6).map(|_| Flight::on(key).count(on))).await;
        let open = on.begin(at()).await.unwrap();
        let other = fixture.another_process().await;
        other.setup().table::<Airline>().table::<Limit>().run().await.unwrap();
        copy_to(&other, at(), &airline("KL", "KLM")).await;
        assert_eq!(Airline::get_copy(on, at(), "KL").await.unwrap().name, "KLM");
        let all = join_all((0..6).map(|_| Airline::copy(at()).count(on))).await;
        assert!(all.into_iter().all(|count| count.unwrap() == 1));
        let streamed: Vec<Airline> = Airline::copy(at()).stream(on).try_collect().await.unwrap();
        assert_eq!(streamed.len(), 1);
        let joined: Vec<(Flight, Airline)> = Flight::on(key).join(Flight::AIRLINE).all(on).await.unwrap();
        assert_eq!(joined, [(one, airline("KL", "KLM"))]);
        // A transaction keeps its connection; the next one has another.
        let within = Airline::copy(at()).count(&open).await;
        if fixture.dialect == Dialect::Sqlite {
            assert_eq!(kind(within), ErrorKind::UndefinedTable);
        } else {
            assert_eq!(within.unwrap(), 1);
        }
        open.rollback().await.unwrap();
        let next = on.begin(at()).await.unwrap();
        assert_eq!(Airline::copy(at()).count(&next).await.unwrap(), 1);
        next.commit().await.unwrap();
        flight(fixture, key, None).insert(on).await.unwrap();
        Limit { id: 1, label: "x".to_owned(), most: 1 }.insert(on, at()).await.unwrap();
    }

    async fn streams_and_loads_find_static_tables_created_later(fixture: &Fixture) {
        let key = fixture.key();
        let on = &fixture.cluster;
        flight(fixture, key, Some("KL")).insert(on).await.unwrap();
        assert_eq!(Flight::on(key).count(on).await.unwrap(), 1);
        let other = fixture.another_process().await;
        other.setup().table::<Airline>().run().await.unwrap();
        copy_to(&other, Flight::shard(key), &airline("KL", "KLM")).await;
        let streamed: Vec<(Flight, Airline)> =
            Flight::on(key).join(Flight::AIRLINE).stream(on).try_collect().await.unwrap();
        assert_eq!(streamed.len(), 1);
        let scattered: Vec<(Flight, Airline)> =
            Flight::scatter().join(Flight::AIRLINE).stream(on).try_collect().await.unwrap();
        assert_eq!(scattered.len(), 1);
        let loaded = Flight::on(key).with(Flight::AIRLINE).all(on).await.unwrap();
        assert_eq!(loaded[0].1, Some(airline("KL", "KLM")));
    }

    async fn foreign_static_tables_are_detected_at_first_use(fixture: &Fixture) {
        fixture.cluster.setup().table::<Limit>().run().await.unwrap();
        let other = Cluster::connect(&other_cluster(fixture)).await.unwrap();
        other.setup().table::<Flight>().run().await.unwrap();
        let error = other.setup().table::<Limit>().run().await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Configuration);
        let found = format!(
            "is for the static tables of group `shop` in cluster `{}`, but the configuration expects the static \
             tables of group `shop` in cluster `other`",
            fixture.cluster_name()
        );
        assert!(error.to_string().contains(&found), "{error}");
        let row = Limit { id: 1, label: "x".to_owned(), most: 1 };
        assert_eq!(kind(row.insert(&other, Flight::shard(1)).await), ErrorKind::Configuration);
    }

    async fn a_logical_shard_is_created_next_to_static_tables(fixture: &Fixture) {
        fixture.cluster.setup().table::<Limit>().run().await.unwrap();
        // The record of a shard is not taken for that of the static tables, nor a table for its namesake.
        let config = fixture.config_of(fixture.server_urls(), fixture.namespace());
        let later = Cluster::connect(&config).await.unwrap();
        later.setup().table::<Namesake>().run().await.unwrap();
        let key = fixture.key();
        let row = flight(fixture, key, None).insert(&later).await.unwrap();
        assert_eq!(Namesake::copy(Flight::shard(key)).count(&later).await.unwrap(), 0);
        let namesake = Namesake { id: row.id, text: "x".to_owned() };
        namesake.insert(&later, Flight::shard(key)).await.unwrap();
        assert_eq!(Flight::on(key).all(&later).await.unwrap(), [row]);
        // Nor are the static tables read where a shard has none.
        fixture.raw_namespace(0).remove().await;
        let key = fixture.key_of_shard(0);
        let new = fixture.another_process().await;
        assert_eq!(kind(Flight::on(key).count(&new).await), ErrorKind::UndefinedTable);
        new.setup().table::<Flight>().create_missing(GROUP, [0]).run().await.unwrap();
        assert_eq!(Flight::on(key).count(&new).await.unwrap(), 0);
        assert_eq!(Limit::copy(Flight::shard(key)).count(&new).await.unwrap(), 0);
    }
}

#[cfg(feature = "sqlite")]
#[tokio::test]
async fn a_testing_cluster_has_static_tables() {
    let cluster = shard_orm::testing::cluster::<(Flight, Airline, AirlineCopy)>()
        .await
        .unwrap();
    airline("KL", "KLM").insert(&cluster).await.unwrap();
    copy_to(&cluster, Flight::shard(1), &airline("KL", "KLM")).await;
    let copies = Airline::copy(Flight::shard(1)).count(&cluster).await;
    assert_eq!(copies.unwrap(), 1);
}

#[cfg(feature = "sqlite")]
#[tokio::test]
async fn unreadable_static_tables_do_not_affect_shards() {
    let folder = shard_orm_tests::scratch::folder("statics");
    let url = |name: &str| format!("sqlite://{}", folder.path().join(name).display());
    let config = Config::new("test")
        .database(DATABASE, Database::new(url("default.db")))
        .group(
            GROUP,
            Group::new(1).server(Server::new("a", url("o'neil 50%25"))),
        );
    let cluster = Cluster::connect(&config).await.unwrap();
    cluster.setup().table::<Flight>().run().await.unwrap();
    let file = folder.path().join("o'neil 50%").join("shop_static.db");
    std::fs::write(
        &file,
        "no database, and long enough to be taken for one".repeat(20),
    )
    .unwrap();
    assert_eq!(Flight::on(1).count(&cluster).await.unwrap(), 0);
    let unread = Airline::copy(Flight::shard(1)).count(&cluster).await;
    assert_eq!(kind(unread), ErrorKind::UndefinedTable);
    std::fs::remove_file(&file).unwrap();
    cluster.setup().table::<Airline>().run().await.unwrap();
    copy_to(&cluster, Flight::shard(1), &airline("KL", "KLM")).await;
    let copies = Airline::copy(Flight::shard(1)).count(&cluster).await;
    assert_eq!(copies.unwrap(), 1);
}
