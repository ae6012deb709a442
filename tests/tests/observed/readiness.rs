//! Readiness, without a statement to a server.

use shard_orm::config::{Config, Group, Server};
use shard_orm::health::Serving;
use shard_orm::prelude::*;
use shard_orm_tests::behaviours;

use crate::{Order, order};

behaviours! { (Order), 4 shards on 2 servers, |options| options;
    async fn what_is_not_known_yet_does_not_prevent_readiness(fixture: &Fixture) {
        let fresh = fixture.another_process().await;
        let readiness = fresh.readiness();
        assert!(readiness.is_ready() && readiness.is_complete());
        assert_eq!(readiness.catalog, None);
        let shards: usize = readiness.servers.iter().map(|server| server.shards).sum();
        assert_eq!(shards, 4);
        assert_eq!(readiness.missing_shards(), 0);
    }

    async fn a_closed_cluster_is_not_ready(fixture: &Fixture) {
        let closing = fixture.another_process().await;
        order(1, 1).insert(&closing).await.unwrap();
        closing.close().await;
        let readiness = closing.readiness();
        assert!(readiness.closed && !readiness.is_ready());
    }
}

/// On one of two servers nobody listens.
#[tokio::test]
async fn one_of_two_servers_is_enough_to_be_ready_and_not_to_be_complete() {
    let folder = tempfile::tempdir().unwrap();
    let here = format!("sqlite://{}/a", folder.path().display());
    let away = format!("sqlite://{}/away", folder.path().display());
    std::fs::write(folder.path().join("away"), "a file, not a folder").unwrap();
    let config = Config::new("test").group(
        "shop",
        Group::new(4)
            .server(Server::new("a", here))
            .server(Server::new("b", away)),
    );
    let cluster = Cluster::connect(&config).await.unwrap();
    let _ = cluster.check_health().await;
    let readiness = cluster.readiness();
    let writes: Vec<Serving> = readiness.servers.iter().map(|one| one.writes).collect();
    // Files that were never made do not exist either.
    assert_eq!(writes[1], Serving::No, "{readiness:?}");
    assert!(!readiness.is_complete());
    assert!(readiness.missing_shards() >= 2);
}
