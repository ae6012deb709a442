//! The pages of a command show the calls of the processes that publish theirs, and what is unusual in them.

#![allow(clippy::unwrap_used)]

mod support;

use std::path::Path;
use std::time::{Duration, Instant};

use shard_orm::Cluster;
use shard_orm::config::{Catalog, Config, Database, Group, Server};
use shard_orm::prelude::*;
use shard_orm_dashboard::Options;
use support::Served;

#[derive(Debug, PartialEq, ShardModel)]
#[shard(group = "shop", table = "orders")]
struct Order {
    #[shard(primary_key)]
    id: i64,
    #[shard(key)]
    user_id: i64,
}

/// A process of a cluster with a catalog in this folder. The command has no name, and is not listed.
async fn process(folder: &Path, name: Option<&str>) -> Cluster {
    let at = |name: &str| format!("sqlite://{}/{name}", folder.display());
    let group = Group::new(4)
        .server(Server::new("a", at("a")))
        .server(Server::new("b", at("b")));
    let heartbeat = name.map(|_| Duration::from_millis(100));
    let catalog = Catalog::new("default").heartbeat(heartbeat);
    let config = Config::new("test")
        .database("default", Database::new(at("default.db")))
        .group("shop", group)
        .catalog(catalog.process(name.unwrap_or("command")));
    Cluster::connect(&config).await.unwrap()
}

/// Reads a page until it has a text.
async fn eventually(served: &Served, path: &str, text: &str) -> String {
    let begun = Instant::now();
    loop {
        let response = served.get(path).await;
        assert_eq!(
            (response.status, response.header("cache-control")),
            (200, "no-store")
        );
        let page = response.body;
        if page.contains(text) {
            return page;
        }
        assert!(
            begun.elapsed() < Duration::from_mins(2),
            "{text} is not in {page}"
        );
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

#[tokio::test]
async fn the_command_shows_the_calls_and_anomalies_of_the_applications() {
    let folder = tempfile::tempdir().unwrap();
    let command = process(folder.path(), None).await;
    command.setup().table::<Order>().run().await.unwrap();
    let at = |name: &str| format!("sqlite://{}/{name}", folder.path().display());
    let document = format!(
        "name = 'test'\n[databases.default]\nprimary = '{}'\n[groups.shop]\nlogical_shards = 4\n\
         [[groups.shop.servers]]\nname = 'a'\nprimary = '{}'\n[[groups.shop.servers]]\nname = 'b'\nprimary = '{}'\n",
        at("default.db"),
        at("a"),
        at("b"),
    );
    command
        .catalog()
        .unwrap()
        .initialize(&document)
        .await
        .unwrap();
    let served = Served::start(&command, Options::new().of_command()).await;
    let page = served.get("/traffic").await.body;
    assert!(
        page.contains("the calls of the command that serves this page"),
        "{page}"
    );

    let application = process(folder.path(), Some("checkout")).await;
    Order { id: 1, user_id: 7 }
        .insert(&application)
        .await
        .unwrap();
    // A logical shard with five times the median load of a group of four is hot.
    let busy = application.clone();
    let calls = tokio::spawn(async move {
        loop {
            Order::on(7).count(&busy).await.unwrap();
        }
    });
    let shard = application.locate(&Order::shard(7)).unwrap().shard.unwrap();
    for other in (0..4).filter(|other| *other != shard) {
        Order::on_shard(other).count(&application).await.unwrap();
    }
    let page = eventually(&served, "/traffic", "the calls of all processes").await;
    assert!(
        page.contains("checkout") && page.contains("INSERT INTO"),
        "{page}"
    );
    eventually(&served, "/", &format!("shop, logical shard {shard} on")).await;
    let page = eventually(&served, &format!("/shard/shop/{shard}"), "in a second").await;
    assert!(page.contains("Calls of all processes"), "{page}");
    let page = eventually(&served, &format!("/shard/shop/{shard}"), "Largest tables").await;
    assert!(
        page.contains("<td data-label=\"Table\">orders</td>"),
        "{page}"
    );
    calls.abort();
}
