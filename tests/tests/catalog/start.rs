//! Processes that start while the catalog is unavailable.

use std::time::Duration;

use shard_orm::prelude::*;
use shard_orm_tests::listening::Errors;
use shard_orm_tests::relay::Relay;
use shard_orm_tests::{behaviours, scratch};

use crate::{Order, Setting, initialized, open, process, process_at, settings};

/// What a process logs that starts with the local copy.
const OUT_OF_DATE: &str = "started with the local copy of the topology, which may be out of date";

behaviours! { (Order, Setting), 4 shards on 2 servers, |options| options;
    async fn the_local_copy_is_used_while_the_catalog_is_down(fixture: &Fixture) {
        if fixture.dialect == Dialect::Sqlite {
            return;
        }
        initialized(fixture).await;
        let folder = scratch::folder("copy");
        let copy = folder.path().join("topology.toml");
        let cluster = open(fixture, Some(&copy)).await;
        let text = std::fs::read_to_string(&copy).unwrap();
        assert!(text.contains("epoch = 1"), "{text}");
        cluster.close().await;

        let relay = Relay::to(fixture.database_url()).await;
        let url = relay.url(fixture.database_url());
        let quick = settings().timeout(Duration::from_millis(300));
        let with_copy = process_at(fixture, &url, quick.clone().local_copy(&copy));
        relay.hang(true);
        let (errors, _listening) = Errors::listen();
        let hanging = Cluster::connect(&with_copy).await.unwrap();
        relay.close().await;
        let down = Cluster::connect(&with_copy).await.unwrap();
        assert!(errors.contain(OUT_OF_DATE));
        for cluster in [hanging, down] {
            assert_eq!(cluster.topology().epoch(), 1);
            let key = fixture.key();
            Order { id: fixture.id(), user_id: key }.insert(&cluster).await.unwrap();
            assert_eq!(Order::on(key).count(&cluster).await.unwrap(), 1);
        }

        let error = Cluster::connect(&process_at(fixture, &url, quick)).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unavailable, "{error}");
        assert!(error.to_string().contains("no local copy"), "{error}");
    }

    async fn a_catalog_that_was_lost_is_reported_and_the_copy_is_used(fixture: &Fixture) {
        initialized(fixture).await;
        let folder = scratch::folder("copy");
        let copy = folder.path().join("topology.toml");
        open(fixture, Some(&copy)).await;
        crate::run_in_database(fixture, "DELETE FROM shard_orm_topology").await;
        let (errors, _listening) = Errors::listen();
        let cluster = open(fixture, Some(&copy)).await;
        assert!(errors.contain(OUT_OF_DATE));
        assert_eq!(cluster.topology().epoch(), 1);
        assert_eq!(Order::scatter().count(&cluster).await.unwrap(), 0);
    }

    async fn a_database_without_catalog_is_no_catalog(fixture: &Fixture) {
        let cluster = Cluster::connect(&process(fixture, settings())).await.unwrap();
        let catalog = cluster.catalog().unwrap();
        assert_eq!(catalog.current().await.unwrap(), None);
        assert_eq!(catalog.history(3).await.unwrap(), []);
        let error = fixture.cluster.catalog().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Configuration);
        assert!(error.to_string().contains("catalog = \"default\""), "{error}");
    }
}
