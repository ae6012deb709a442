//! Servers with the wrong shard, missing namespaces, and the testing cluster of the library.

use shard_orm::config::{Config, Group, Server};
use shard_orm::prelude::*;
use shard_orm_tests::behaviours;
use shard_orm_tests::fixture::{Fixture, GROUP};

use crate::kind;

#[derive(Debug, Clone, PartialEq, ShardModel)]
#[shard(group = "shop", table = "orders")]
struct Order {
    #[shard(primary_key)]
    id: i64,
    #[shard(key)]
    user_id: i64,
}

#[derive(Debug, Clone, PartialEq, ShardModel)]
#[shard(database = "default", table = "settings")]
struct Setting {
    #[shard(primary_key)]
    id: i64,
}

/// Everything that first use is: a read, a write, a transaction, many rows, a stream.
async fn refused_at_first_use(config: &Config, key: i64, expected: ErrorKind) {
    let row = Order {
        id: 1,
        user_id: key,
    };
    let fresh = || Cluster::connect(config);
    assert_eq!(
        kind(Order::on(key).all(&fresh().await.unwrap()).await),
        expected
    );
    assert_eq!(
        kind(row.clone().insert(&fresh().await.unwrap()).await),
        expected
    );
    assert_eq!(
        kind(Order::insert_many(&fresh().await.unwrap(), vec![row; 20]).await),
        expected
    );
    assert_eq!(
        kind(fresh().await.unwrap().begin(Order::shard(key)).await),
        expected
    );
    let cluster = fresh().await.unwrap();
    let mut stream = Order::on(key).stream(&cluster);
    assert_eq!(
        kind(futures_util::StreamExt::next(&mut stream).await.unwrap()),
        expected
    );
}

fn one_shard(fixture: &Fixture, cluster: &str, namespace: &str) -> Config {
    let group = Group::new(1)
        .namespace(namespace)
        .server(Server::new("a", &fixture.server_urls()[0]));
    Config::new(cluster).group(GROUP, group)
}

behaviours! { (Order), 4 shards on 2 servers, |options| options;
    async fn swapped_servers_are_detected_at_first_use(fixture: &Fixture) {
        let mut urls = fixture.server_urls().to_vec();
        urls.reverse();
        let swapped = fixture.config_of(&urls, fixture.namespace());
        for shard in 0..4 {
            let key = fixture.key_of_shard(shard);
            if fixture.dialect == Dialect::MySql {
                // Both names are those of one server, which has all namespaces.
                let cluster = Cluster::connect(&swapped).await.unwrap();
                assert_eq!(Order::on(key).count(&cluster).await.unwrap(), 0);
            } else {
                refused_at_first_use(&swapped, key, ErrorKind::UndefinedTable).await;
            }
        }
        for key in fixture.key_of_each_shard() {
            assert_eq!(Order::on(key).count(&fixture.cluster).await.unwrap(), 0);
        }
    }

    async fn foreign_namespaces_are_detected_at_first_use(fixture: &Fixture) {
        let second = fixture.namespace().replace("{shard}", "1");
        let first = fixture.namespace().replace("{shard}", "0");
        let wrong_shard = one_shard(fixture, fixture.cluster_name(), &second);
        let wrong_cluster = one_shard(fixture, "other", &first);
        for config in [&wrong_shard, &wrong_cluster] {
            refused_at_first_use(config, 1, ErrorKind::Configuration).await;
            let cluster = Cluster::connect(config).await.unwrap();
            // Setup does not take it over either.
            assert_eq!(kind(cluster.setup().table::<Order>().run().await), ErrorKind::Configuration);
            refused_at_first_use(config, 1, ErrorKind::Configuration).await;
        }
        let error = Order::on(1).all(&Cluster::connect(&wrong_shard).await.unwrap()).await.unwrap_err();
        let message = error.to_string();
        assert!(message.contains("shard 1 of group `shop`"), "{message}");
        assert!(!message.contains("secret"), "{message}");
        let cluster = Cluster::connect(&fixture.config()).await.unwrap();
        Order { id: fixture.id(), user_id: 1 }.insert(&cluster).await.unwrap();
    }

    async fn a_missing_namespace_error_names_setup(fixture: &Fixture) {
        let config = fixture.config_of_another("later");
        refused_at_first_use(&config, 1, ErrorKind::UndefinedTable).await;
        let cluster = Cluster::connect(&config).await.unwrap();
        let error = Order::on(1).all(&cluster).await.unwrap_err();
        assert!(error.to_string().contains("cluster.setup()"), "{error}");
        // The same cluster goes on when it has been made meanwhile.
        Cluster::connect(&config).await.unwrap().setup().table::<Order>().run().await.unwrap();
        assert_eq!(Order::on(1).count(&cluster).await.unwrap(), 0);
        Order { id: fixture.id(), user_id: 1 }.insert(&cluster).await.unwrap();
    }

    async fn a_closed_cluster_refuses_statements(fixture: &Fixture) {
        let cluster = fixture.another_process().await;
        let key = fixture.key();
        assert_eq!(Order::on(key).count(&cluster).await.unwrap(), 0);
        cluster.close().await;
        assert_eq!(kind(Order::on(key).count(&cluster).await), ErrorKind::Unavailable);
        assert_eq!(kind(Order { id: 1, user_id: key }.insert(&cluster).await), ErrorKind::Unavailable);
        assert_eq!(Order::on(key).count(&fixture.cluster).await.unwrap(), 0);
    }
}

#[cfg(feature = "sqlite")]
#[tokio::test]
async fn the_testing_cluster_has_sixteen_shards_on_two_servers_and_is_removed() {
    let cluster = shard_orm::testing::cluster::<(Order, Setting)>()
        .await
        .unwrap();
    let topology = cluster.topology();
    let group = topology.group("shop").unwrap();
    assert_eq!((group.logical_shards(), group.servers().len()), (16, 2));
    let folder = group.servers()[0].primary().path().unwrap().to_owned();
    let rows = (0..50).map(|id| Order { id, user_id: id }).collect();
    Order::insert_many(&*cluster, rows).await.unwrap();
    assert_eq!(Order::on_each(0..50).count(&*cluster).await.unwrap(), 50);
    Setting { id: 1 }.insert(&*cluster).await.unwrap();
    assert!(folder.exists());
    drop(cluster);
    assert!(!folder.exists());
}
