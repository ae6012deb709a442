//! The endpoint of a read. Replicas are held back, so that their rows identify them.

use shard_orm::config::{Config, Database, Group, Server};
use shard_orm::prelude::*;
use shard_orm_tests::behaviours;
use shard_orm_tests::fixture::{DATABASE, Fixture, GROUP};

use crate::kind;

#[derive(Debug, Clone, PartialEq, ShardModel)]
#[shard(group = "shop", table = "orders")]
struct Order {
    #[shard(primary_key)]
    id: i64,
    #[shard(key)]
    user_id: i64,
    #[shard(length = 32)]
    place: String,
}

#[derive(Debug, Clone, PartialEq, ShardModel)]
#[shard(database = "default", table = "settings")]
struct Setting {
    #[shard(primary_key)]
    id: i64,
    place: String,
}

/// For each key one row, which says "primary" on the primary and "replica" on the replica, until replication is
/// resumed.
async fn twins(fixture: &Fixture, keys: &[i64]) -> Vec<Order> {
    let rows = |place: &str| {
        let row = |key: &i64| Order {
            id: *key,
            user_id: *key,
            place: place.into(),
        };
        keys.iter().map(row).collect::<Vec<_>>()
    };
    match &fixture.replica {
        Some(replica) => {
            Order::insert_many(replica, rows("replica")).await.unwrap();
            Order::insert_many(&fixture.cluster, rows("primary"))
                .await
                .unwrap();
        }
        None => {
            Order::insert_many(&fixture.cluster, rows("replica"))
                .await
                .unwrap();
            fixture.replicated().await;
            fixture.pause_replay().await;
            for row in rows("primary") {
                row.save(&fixture.cluster).await.unwrap();
            }
        }
    }
    rows("primary")
}

async fn place_of(on: impl Executor<'_>, key: i64) -> String {
    Order::on(key).select(Order::PLACE).one(on).await.unwrap()
}

mod by_policy {
    use super::*;

    behaviours! { (Order, Setting), 4 shards on 2 servers, |options| options.replicas().read(Read::Replica);
        async fn reads_go_to_the_replica_and_writes_to_the_primary(fixture: &Fixture) {
            let on = &fixture.cluster;
            for row in twins(fixture, &fixture.key_of_each_shard()).await {
                let key = row.id;
                assert_eq!(place_of(on, key).await, "replica");
                assert_eq!(Order::get(on, key, key).await.unwrap().place, "replica");
                assert_eq!(row.reload(on).await.unwrap().place, "replica");
                assert_eq!(Order::on(key).filter(Order::PLACE.eq("primary")).count(on).await.unwrap(), 0);
                assert!(Order::on(key).filter(Order::PLACE.eq("replica")).exists(on).await.unwrap());
                let page = Order::on(key).page(on, 1, None).await.unwrap();
                assert_eq!(page.rows[0].place, "replica");
                // As asked for one query, or for several.
                assert_eq!(Order::on(key).read(Read::Primary).one(on).await.unwrap().place, "primary");
                assert_eq!(place_of(on.read_from(Read::Primary), key).await, "primary");
                assert_eq!(place_of(on.read_from(Read::Replica), key).await, "replica");
                let tx = on.begin(Order::shard(key)).await.unwrap();
                assert_eq!(place_of(&tx, key).await, "primary");
                assert_eq!(Order::on(key).read(Read::Replica).one(&tx).await.unwrap().place, "primary");
                tx.rollback().await.unwrap();
                let read_only = TxOptions::new().read_only();
                let tx = on.begin_with(Order::shard(key), &read_only).await.unwrap();
                assert_eq!(place_of(&tx, key).await, "primary");
                tx.rollback().await.unwrap();

                assert_eq!(Order::on(key).set(Order::PLACE, "written").update(on).await.unwrap(), 1);
                assert_eq!(place_of(on.read_from(Read::Primary), key).await, "written");
                Order { place: "saved".into(), ..row.clone() }.save(on).await.unwrap();
                Order { place: "upserted".into(), ..row.clone() }.upsert(on, Order::ID).await.unwrap();
                // It meets the row of the primary.
                let (found, created) = row.clone().get_or_create(on, Order::ID).await.unwrap();
                assert_eq!((&*found.place, created), ("upserted", false));
                let rows = (0..12).map(|_| Order { id: fixture.id(), ..row.clone() }).collect();
                Order::insert_many(on, rows).await.unwrap();
                assert_eq!(Order::on(key).read(Read::Primary).count(on).await.unwrap(), 13);
                let raw = Order::query().on_shard_of(key).sql("SELECT place FROM {orders} WHERE place = 'upserted'");
                assert_eq!(raw.all::<String>(on).await.unwrap().len(), 1);
                assert_eq!(Order::on(key).delete(on).await.unwrap(), 13);
                // The replica is as it was.
                assert_eq!(Order::on(key).all(on).await.unwrap(), [Order { place: "replica".into(), ..row }]);
            }
        }

        async fn a_named_database_has_replicas_too(fixture: &Fixture) {
            let row = |place: &str| Setting { id: 1, place: place.into() };
            if let Some(replica) = &fixture.replica {
                row("replica").insert(replica).await.unwrap();
                row("primary").insert(&fixture.cluster).await.unwrap();
            } else {
                row("replica").insert(&fixture.cluster).await.unwrap();
                fixture.replicated().await;
                fixture.pause_replay().await;
                row("primary").save(&fixture.cluster).await.unwrap();
            }
            let get = |read| Setting::get(fixture.cluster.read_from(read), 1);
            assert_eq!(get(Read::Replica).await.unwrap().place, "replica");
            assert_eq!(get(Read::Primary).await.unwrap().place, "primary");
            assert_eq!(Setting::get(&fixture.cluster, 1).await.unwrap().place, "primary");
        }
    }
}

mod by_default {
    use super::*;

    behaviours! { (Order, Setting), 2 shards on 2 servers, |options| options.replicas();
        async fn reads_go_to_the_primary_by_default(fixture: &Fixture) {
            let keys = fixture.key_of_each_shard();
            for key in twins(fixture, &keys).await.iter().map(|row| row.id) {
                assert_eq!(place_of(&fixture.cluster, key).await, "primary");
                assert_eq!(Order::on(key).read(Read::Replica).one(&fixture.cluster).await.unwrap().place, "replica");
            }
            let rows = Order::on_each(keys).read(Read::Replica).all(&fixture.cluster).await.unwrap();
            assert_eq!(rows.len(), 2);
            assert!(rows.iter().all(|row| row.place == "replica"));
        }
    }
}

mod replicating {
    use super::*;

    /// A view of the orders, in whose rows the server that answers says what it is.
    #[derive(Debug, Clone, PartialEq, ShardModel)]
    #[shard(group = "shop", table = "witnesses")]
    struct Witness {
        #[shard(primary_key)]
        id: i64,
        #[shard(key)]
        user_id: i64,
        place: String,
    }

    /// The keys of one order in each logical shard, with the view beside them.
    async fn witnesses(fixture: &Fixture) -> Vec<i64> {
        let role = match fixture.dialect {
            Dialect::Postgres => "CASE WHEN pg_is_in_recovery() THEN 'replica' ELSE 'primary' END",
            _ => {
                "(SELECT IF(variable_value = 'ON', 'replica', 'primary') FROM \
                 information_schema.global_variables WHERE variable_name = 'READ_ONLY')"
            }
        };
        let keys = fixture.key_of_each_shard();
        for key in &keys {
            let view = format!(
                "CREATE VIEW {{witnesses}} AS SELECT id, user_id, {role} AS place FROM {{orders}}"
            );
            let view = Order::on_shard_of(*key).sql(shard_orm::sqlx::AssertSqlSafe(view));
            view.execute(&fixture.cluster).await.unwrap();
            let order = Order {
                id: *key,
                user_id: *key,
                place: String::new(),
            };
            order.insert(&fixture.cluster).await.unwrap();
        }
        fixture.replicated().await;
        keys
    }

    behaviours! { (Order, Setting), 4 shards on 2 servers, |options| options.replicas();
        async fn read_from_selects_the_endpoint(fixture: &Fixture) {
            if fixture.dialect == Dialect::Sqlite {
                return;
            }
            let (primary, replica) = (&fixture.cluster, fixture.cluster.read_from(Read::Replica));
            let keys = witnesses(fixture).await;
            for key in keys.iter().copied() {
                assert_eq!(Witness::get(primary, key, key).await.unwrap().place, "primary");
                assert_eq!(Witness::get(replica, key, key).await.unwrap().place, "replica");
                let tx = primary.begin(Witness::shard(key)).await.unwrap();
                assert_eq!(Witness::on(key).one(&tx).await.unwrap().place, "primary");
                tx.rollback().await.unwrap();
            }
            let all = Witness::on_each(keys).all(replica).await.unwrap();
            assert_eq!(all.iter().filter(|witness| witness.place == "replica").count(), 4);
        }
    }
}

/// A cluster whose replicas are not there.
fn without_replicas(fixture: &Fixture) -> Config {
    let mut group = Group::new(fixture.logical_shards)
        .namespace(fixture.namespace())
        .read(Read::Replica);
    for (number, url) in fixture.server_urls().iter().enumerate() {
        let gone = match fixture.dialect {
            Dialect::Sqlite => format!("{url}-gone"),
            Dialect::Postgres => format!("postgres://postgres@127.0.0.1:1/gone{number}"),
            Dialect::MySql => format!("mysql://app@127.0.0.1:1/gone{number}"),
        };
        group = group.server(Server::new(format!("server-{number}"), url).replica(gone));
    }
    let name = shard_orm_tests::scratch::folder("unused");
    Config::new(fixture.cluster_name())
        .group(GROUP, group)
        .database(
            DATABASE,
            Database::new(format!("sqlite://{}", name.path().join("x.db").display())),
        )
}

mod gone {
    use super::*;

    behaviours! { (Order), 2 shards on 2 servers, |options| options;
        async fn reads_fall_back_to_the_primary_without_the_replica(fixture: &Fixture) {
            let cluster = Cluster::connect(&without_replicas(fixture)).await.unwrap();
            for key in fixture.key_of_each_shard() {
                let row = Order { id: key, user_id: key, place: "primary".into() }.insert(&cluster).await.unwrap();
                assert_eq!(place_of(&cluster, key).await, "primary");
                assert_eq!(Order::on(key).read(Read::Replica).all(&cluster).await.unwrap(), [row]);
                let stream = Order::on(key).stream(&cluster);
                let rows: Vec<Order> = futures_util::TryStreamExt::try_collect(stream).await.unwrap();
                assert_eq!(rows.len(), 1);
            }
        }

        async fn a_missing_server_is_unavailable(fixture: &Fixture) {
            let gone = match fixture.dialect {
                Dialect::Sqlite => ["sqlite:///proc/none/a", "sqlite:///proc/none/b"],
                Dialect::Postgres => ["postgres://app:hidden@127.0.0.1:1/a", "postgres://app:hidden@127.0.0.1:1/b"],
                Dialect::MySql => ["mysql://app:hidden@127.0.0.1:1", "mysql://app:hidden@localhost:1"],
            };
            let config = fixture.config_of(&gone.map(str::to_owned), fixture.namespace());
            let cluster = Cluster::connect(&config).await.unwrap();
            let error = Order::on(1).all(&cluster).await.unwrap_err();
            // A file that is not there has never been set up.
            let expected = if fixture.dialect == Dialect::Sqlite { ErrorKind::UndefinedTable } else { ErrorKind::Unavailable };
            assert_eq!(error.kind(), expected, "{error}");
            assert!(!format!("{error} {error:?}").contains("hidden"), "{error:?}");
            let write = Order { id: 1, user_id: 1, place: String::new() }.insert(&cluster).await;
            assert_eq!(kind(write), expected);
        }
    }
}
