//! Records of namespaces: of earlier versions, of setups that were interrupted, of others of the same name, twice.

use shard_orm::config::{Config, Group, Server};
use shard_orm::prelude::*;
use shard_orm_tests::behaviours;
use shard_orm_tests::fixture::GROUP;

use crate::{Order, fill, finds_all, kind, refused, server, setup, with_group};

behaviours! { (Order), 4 shards on 2 servers, |options| options;
    async fn records_of_the_first_version_are_completed_in_place(fixture: &Fixture) {
        let keys = fill(fixture).await;
        for shard in 0..4 {
            fixture.raw_namespace(shard).forget_layout().await;
        }
        let config = fixture.config();
        // Without setup too all is found.
        let cluster = Cluster::connect(&config).await.unwrap();
        assert_eq!(Order::scatter().count(&cluster).await.unwrap(), 40);
        // What they say is compared.
        let more = Group::new(8).server(server(fixture, 0)).server(server(fixture, 1));
        refused(fixture, &with_group(fixture, more), &["shard"]).await;
        let fewer = Group::new(2).server(server(fixture, 0)).server(server(fixture, 1));
        refused(fixture, &with_group(fixture, fewer), &["logical_shards = 4 or more"]).await;

        finds_all(&config, &keys).await;
        let id = fixture.raw_namespace(0).record("group_id").await.unwrap();
        assert_eq!(fixture.raw_namespace(3).record("group_id").await.unwrap(), id);
        let modulo = Group::new(4)
            .strategy(shard_orm::config::StrategyConfig::Modulo)
            .server(server(fixture, 0))
            .server(server(fixture, 1));
        refused(fixture, &with_group(fixture, modulo), &["strategy = \"hash\""]).await;
    }

    async fn an_upgrade_that_was_interrupted_is_finished(fixture: &Fixture) {
        let keys = fill(fixture).await;
        fixture.raw_namespace(2).forget_layout().await;
        fixture.raw_namespace(3).set_record("group_id = NULL").await;
        finds_all(&fixture.config(), &keys).await;
        let id = fixture.raw_namespace(0).record("group_id").await;
        for shard in [2, 3] {
            assert_eq!(fixture.raw_namespace(shard).record("group_id").await, id);
        }
    }

    async fn a_setup_that_was_interrupted_is_finished(fixture: &Fixture) {
        for shard in 0..3 {
            fixture.raw_namespace(shard).set_record("ready = 0").await;
        }
        fixture.raw_namespace(3).remove().await;
        let config = fixture.config();
        let cluster = Cluster::connect(&config).await.unwrap();
        let error = Order::on(fixture.key_of_shard(0)).count(&cluster).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::UndefinedTable);
        assert!(error.to_string().contains("being set up"), "{error}");
        setup(&config).await.unwrap();
        assert_eq!(Order::scatter().count(&cluster).await.unwrap(), 0);
    }

    async fn a_duplicated_shard_is_refused(fixture: &Fixture) {
        fill(fixture).await;
        let name = fixture.namespace().replace("{shard}", "1");
        let copy = if fixture.dialect == Dialect::MySql {
            fixture.raw_namespace_on(0, &format!("{name}_restored"))
        } else {
            fixture.raw_namespace_on(1, &name)
        };
        fixture.raw_namespace(1).copy_to(&copy).await;
        let error = setup(&fixture.config()).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Configuration);
        assert!(error.to_string().contains("logical shard 1 exists 2 times"), "{error}");
        if fixture.dialect != Dialect::MySql {
            // A configuration that leads to the copy finds the other.
            let group = Group::new(4).server(server(fixture, 0).shards(0..1)).server(server(fixture, 1).shards(1..4));
            let cluster = Cluster::connect(&with_group(fixture, group)).await.unwrap();
            let error = Order::on(fixture.key_of_shard(1)).count(&cluster).await.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Configuration, "{error}");
            assert!(error.to_string().contains("exists twice"), "{error}");
        }
        copy.remove().await;
        setup(&fixture.config()).await.unwrap();
    }

    async fn another_application_with_the_same_name_is_detected(fixture: &Fixture) {
        let keys = fill(fixture).await;
        // A namespace that another setup has made: of the same cluster, group and layout.
        fixture.raw_namespace(2).set_record("group_id = 'another'").await;
        let config = fixture.config();
        let error = setup(&config).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Configuration);
        assert!(error.to_string().contains("different groups of this name"), "{error}");
        let cluster = Cluster::connect(&config).await.unwrap();
        let mut refusals = 0;
        for key in &keys {
            match Order::on(*key).count(&cluster).await {
                Ok(count) => assert_eq!(count, 1),
                Err(error) => {
                    assert_eq!(error.kind(), ErrorKind::Configuration);
                    assert!(error.to_string().contains("two different groups"), "{error}");
                    refusals += 1;
                }
            }
        }
        assert!(refusals > 0);
        // One that begins anew with the same names on a part of the servers.
        let group = Group::new(2).server(Server::new("server-1", &fixture.server_urls()[1]));
        let other = Config::new(fixture.cluster_name()).group(GROUP, group.namespace(fixture.namespace().replace("shop", "own")));
        assert_eq!(kind(setup(&other).await), ErrorKind::Configuration);
    }

    async fn concurrent_setups_create_one_group(fixture: &Fixture) {
        let config = fixture.config_of_another("fresh");
        let mut running = Vec::new();
        for _ in 0..4 {
            let config = config.clone();
            running.push(tokio::spawn(async move { setup(&config).await }));
        }
        for one in running {
            one.await.unwrap().unwrap();
        }
        let cluster = Cluster::connect(&config).await.unwrap();
        assert_eq!(Order::scatter().count(&cluster).await.unwrap(), 0);
        cluster.setup().check().await.unwrap();
    }
}
