//! Servers that come, go, change places, or have other shares.

use shard_orm::config::{Group, Server};
use shard_orm::prelude::*;
use shard_orm_tests::behaviours;
use shard_orm_tests::fixture::{Fixture, GROUP};
use shard_orm_tests::scratch;

use crate::{Order, fill, finds_all, kind, never_vanish, refused, server, setup, with_group};

/// Whether the two servers of the fixture are one, so that nothing is elsewhere.
fn is_one(fixture: &Fixture) -> bool {
    fixture.dialect == Dialect::MySql
}

behaviours! { (Order), 4 shards on 2 servers, |options| options;
    async fn an_added_server_that_moves_shards_is_refused(fixture: &Fixture) {
        let keys = fill(fixture).await;
        let folder = scratch::folder("added");
        let added = match fixture.dialect {
            Dialect::Sqlite => format!("sqlite://{}", folder.path().display()),
            // Another database of the server. On MariaDB it is the same server, where all is found.
            Dialect::Postgres => format!("{}/postgres", fixture.server_urls()[0].rsplit_once('/').unwrap().0),
            Dialect::MySql => fixture.server_urls()[0].replace("127.0.0.1", "127.1"),
        };
        let group = |one: Server, two: Server, three: Server| {
            with_group(fixture, Group::new(4).server(one).server(two).server(three))
        };
        let added = || Server::new("added", &added);
        let edited = group(added(), server(fixture, 0), server(fixture, 1));
        if is_one(fixture) {
            finds_all(&edited, &keys).await;
        } else {
            let edit = [
                "server `server-0`: shards = [\"0..2\"]",
                "server `server-1`: shards = [\"2..4\"]",
                "server `added`: weight = 0",
            ];
            refused(fixture, &edited, &edit).await;
            never_vanish(fixture, &edited, &keys).await;
        }
        let kept = group(added().weight(0), server(fixture, 0).shards(0..2), server(fixture, 1).shards(2..4));
        finds_all(&kept, &keys).await;
    }

    async fn a_removed_server_is_refused(fixture: &Fixture) {
        let keys = fill(fixture).await;
        let edited = with_group(fixture, Group::new(4).server(server(fixture, 0)));
        if is_one(fixture) {
            finds_all(&edited, &keys).await;
        } else {
            refused(fixture, &edited, &["shards 2 and 3", "on no server of the configuration", "create_missing"]).await;
            never_vanish(fixture, &edited, &keys).await;
        }
    }

    async fn swapped_urls_are_refused(fixture: &Fixture) {
        let keys = fill(fixture).await;
        let mut urls = fixture.server_urls().to_vec();
        urls.reverse();
        let edited = fixture.config_of(&urls, fixture.namespace());
        if is_one(fixture) {
            finds_all(&edited, &keys).await;
        } else {
            refused(fixture, &edited, &["shards 0 and 1 are on server `server-1`", "former URL"]).await;
            never_vanish(fixture, &edited, &keys).await;
        }
    }

    async fn changed_weights_are_refused(fixture: &Fixture) {
        let keys = fill(fixture).await;
        let group = Group::new(4).server(server(fixture, 0).weight(3)).server(server(fixture, 1).weight(1));
        let edited = with_group(fixture, group);
        if is_one(fixture) {
            finds_all(&edited, &keys).await;
        } else {
            refused(fixture, &edited, &["shard 2 is on server `server-1`", "shards = [\"2..4\"]"]).await;
            never_vanish(fixture, &edited, &keys).await;
        }
    }

    async fn a_server_can_be_renamed(fixture: &Fixture) {
        let keys = fill(fixture).await;
        let renamed = |number: usize| Server::new(format!("renamed-{number}"), &fixture.server_urls()[number]);
        let group = Group::new(4).server(renamed(0)).server(renamed(1));
        finds_all(&with_group(fixture, group), &keys).await;
        assert_eq!(fixture.raw_namespace(0).record("server_name").await.unwrap(), "renamed-0");
        // Back again.
        finds_all(&fixture.config(), &keys).await;
        assert_eq!(fixture.raw_namespace(3).record("server_name").await.unwrap(), "server-1");
    }

    async fn a_lost_namespace_is_reported_and_recreated_by_number(fixture: &Fixture) {
        let keys = fill(fixture).await;
        let lost: Vec<i64> = keys.iter().copied().filter(|key| fixture.shard_of(*key) == 1).collect();
        fixture.raw_namespace(1).remove().await;
        let config = fixture.config();
        let error = setup(&config).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Configuration);
        assert!(error.to_string().contains("create_missing(\"shop\", [1])"), "{error}");
        let cluster = Cluster::connect(&config).await.unwrap();
        for key in &lost {
            let error = Order::on(*key).count(&cluster).await.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::UndefinedTable);
            assert!(error.to_string().contains("create_missing(\"shop\", [1])"), "{error}");
        }
        // Another one's number does not help.
        let other = cluster.setup().table::<Order>().create_missing(GROUP, [2]).run().await;
        assert_eq!(kind(other), ErrorKind::Configuration);
        let beyond = cluster.setup().create_missing(GROUP, [4]).run().await;
        assert_eq!(kind(beyond), ErrorKind::Configuration);
        cluster.setup().table::<Order>().create_missing(GROUP, [1]).run().await.unwrap();
        let left = keys.len() - lost.len();
        assert_eq!(Order::scatter().count(&cluster).await.unwrap(), left as u64);
        cluster.setup().table::<Order>().run().await.unwrap();
    }

    async fn a_lost_table_is_reported(fixture: &Fixture) {
        let keys = fill(fixture).await;
        let namespace = fixture.raw_namespace(1);
        namespace.run(&format!("DROP TABLE {}", namespace.table("orders"))).await;
        let config = fixture.config();
        let error = setup(&config).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::UndefinedTable);
        assert!(error.to_string().contains("table `orders` was made"), "{error}");
        let cluster = Cluster::connect(&config).await.unwrap();
        let key = fixture.key_of_shard(1);
        assert_eq!(kind(Order::on(key).count(&cluster).await), ErrorKind::UndefinedTable);
        cluster.setup().table::<Order>().create_missing(GROUP, [1]).run().await.unwrap();
        let left = keys.iter().filter(|key| fixture.shard_of(**key) != 1).count();
        assert_eq!(Order::scatter().count(&cluster).await.unwrap(), left as u64);
    }

    async fn a_program_starts_without_a_server_and_setup_is_a_job(fixture: &Fixture) {
        let keys = fill(fixture).await;
        let gone = match fixture.dialect {
            Dialect::Sqlite => "sqlite:///proc/none/b".to_owned(),
            Dialect::Postgres => "postgres://app@127.0.0.1:1/b".to_owned(),
            Dialect::MySql => "mysql://app@127.0.0.1:1".to_owned(),
        };
        let group = Group::new(4).server(server(fixture, 0)).server(Server::new("server-1", &gone));
        let config = with_group(fixture, group);
        let cluster = Cluster::connect(&config).await.unwrap();
        for key in keys.iter().filter(|key| fixture.shard_of(**key) < 2) {
            assert_eq!(Order::on(*key).count(&cluster).await.unwrap(), 1);
        }
        let error = setup(&config).await.unwrap_err();
        // A folder that does not exist holds no namespace; another server that is gone is not known.
        if fixture.dialect == Dialect::Sqlite {
            assert_eq!(error.kind(), ErrorKind::Configuration, "{error}");
            assert!(error.to_string().contains("shards 2 and 3"), "{error}");
        } else {
            assert_eq!(error.kind(), ErrorKind::Unavailable, "{error}");
            assert!(error.to_string().contains("server `server-1`"), "{error}");
        }

        let toml = scratch::folder("job");
        let file = toml.path().join("shard-orm.toml");
        let text = format!(
            "name = \"{}\"\n[groups.{GROUP}]\nlogical_shards = 4\nnamespace = \"{}\"\n\
             static_namespace = \"{}\"\n\
             [[groups.{GROUP}.servers]]\nname = \"server-0\"\nprimary = \"{}\"\n\
             [[groups.{GROUP}.servers]]\nname = \"server-1\"\nprimary = \"{}\"\n",
            fixture.cluster_name(),
            fixture.namespace(),
            fixture.namespace().replace("{shard}", "static"),
            fixture.server_urls()[0],
            fixture.server_urls()[1],
        );
        std::fs::write(&file, text).unwrap();
        let report = Cluster::setup_only(&file).await.unwrap().table::<Order>().run().await.unwrap();
        assert_eq!(report.namespaces, 4);
        Cluster::setup_only(&file).await.unwrap().check().await.unwrap();
    }
}
