//! The pages of a command show the calls of the processes that publish theirs, and what is unusual in them.

#![allow(clippy::unwrap_used)]

mod support;

use std::path::Path;
use std::time::{Duration, Instant, SystemTime};

use shard_orm::Cluster;
use shard_orm::config::{Catalog, Config, Database, Group, Server};
use shard_orm::prelude::*;
use shard_orm::sqlx::{self, Connection as _};
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

/// Milliseconds.
const HOUR: i64 = 3_600_000;

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

/// A catalog with a document in which both servers have a capacity of a megabyte.
async fn initialized(folder: &Path, command: &Cluster) {
    let at = |name: &str| format!("sqlite://{}/{name}", folder.display());
    let document = format!(
        "name = 'test'\n[databases.default]\nprimary = '{}'\n[groups.shop]\nlogical_shards = 4\n\
         [[groups.shop.servers]]\nname = 'a'\nprimary = '{}'\ncapacity = 1000000\n\
         [[groups.shop.servers]]\nname = 'b'\nprimary = '{}'\ncapacity = 1000000\n",
        at("default.db"),
        at("a"),
        at("b"),
    );
    let catalog = command.catalog().unwrap();
    catalog.initialize(&document).await.unwrap();
}

#[tokio::test]
async fn a_server_that_has_grown_for_days_is_found_at_the_first_look() {
    let folder = tempfile::tempdir().unwrap();
    let command = process(folder.path(), None).await;
    initialized(folder.path(), &command).await;
    let url = format!("sqlite://{}/default.db", folder.path().display());
    let mut catalog = sqlx::SqliteConnection::connect(&url).await.unwrap();
    let since = SystemTime::UNIX_EPOCH.elapsed().unwrap();
    let now = i64::try_from(since.as_millis()).unwrap();
    for hours in 0..=72 {
        let (at, period) = (now - hours * HOUR, now / HOUR - hours);
        let sizes = format!("[shop]\na = {}\nb = 500000", 900_000 - 1_000 * hours);
        let insert = "INSERT INTO shard_orm_size (cluster_name, period, taken_at, sizes) VALUES ('test', ?, ?, ?)";
        let insert = sqlx::query(insert).bind(period).bind(at).bind(sizes);
        insert.execute(&mut catalog).await.unwrap();
    }
    let served = Served::start(&command, Options::new().of_command()).await;
    let page = served.get("/").await.body;
    assert!(
        page.contains("shop/a</strong>: it will be full in"),
        "{page}"
    );
    assert!(
        !page.contains("shop/b</strong>: it will be full in"),
        "{page}"
    );
    let sizes = command.server_sizes().await.unwrap();
    assert!(sizes.iter().all(|server| server.samples.len() == 73));
}

#[tokio::test]
async fn the_page_measures_on_request_if_no_process_has() {
    let folder = tempfile::tempdir().unwrap();
    let command = process(folder.path(), None).await;
    initialized(folder.path(), &command).await;
    command.setup().table::<Order>().run().await.unwrap();
    // By itself it writes nothing, nor upgrades the tables of a catalog of an earlier version.
    let url = format!("sqlite://{}/default.db", folder.path().display());
    let mut catalog = sqlx::SqliteConnection::connect(&url).await.unwrap();
    for change in [
        "DROP TABLE shard_orm_size",
        "UPDATE shard_orm_catalog SET tables_version = 5",
    ] {
        sqlx::query(change).execute(&mut catalog).await.unwrap();
    }
    let served = Served::start(&command, Options::new().of_command()).await;
    assert_eq!(served.get("/").await.status, 200);
    assert!(command.server_sizes().await.unwrap().is_empty());
    let version = "SELECT tables_version FROM shard_orm_catalog";
    let version: i64 = sqlx::query_scalar(version)
        .fetch_one(&mut catalog)
        .await
        .unwrap();
    assert_eq!(version, 5);

    let options = Options::new().of_command().measure_sizes();
    let served = Served::start(&command, options).await;
    assert_eq!(served.get("/").await.status, 200);
    let sizes = command.server_sizes().await.unwrap();
    assert_eq!(sizes.len(), 2, "{sizes:?}");
    assert!(
        sizes.iter().all(|server| server.samples[0].1 > 0),
        "{sizes:?}"
    );
}

#[tokio::test]
async fn charts_have_the_calls_of_each_group() {
    let folder = tempfile::tempdir().unwrap();
    let command = process(folder.path(), None).await;
    let served = Served::start(&command, Options::new()).await;
    command.setup().table::<Order>().run().await.unwrap();
    for id in 0..200 {
        Order { id, user_id: id }.insert(&command).await.unwrap();
    }
    let page = served.get("/traffic").await.body;
    for title in [
        "Calls in a second, group shop",
        "Errors in a second, group shop",
        "Latency, group shop: p99 as a whole line, p50 as a broken one",
    ] {
        assert!(
            page.contains(&format!("title\">{title}</title>")),
            "{title}: {page}"
        );
    }
    assert_eq!(page.matches("<svg role=\"img\"").count() % 3, 0);
    assert!(
        page.contains("<polyline class=\"p99\" points=\"298.0,"),
        "{page}"
    );
    let group = command
        .statistics()
        .groups
        .into_iter()
        .find(|group| group.group == "shop");
    let window = group.unwrap().windows.one;
    assert_eq!((window.calls, window.errors), (200, 0));
    let row = "<td data-label=\"Group\">shop</td><td data-label=\"Calls\">";
    let (_, calls) = page.split_once(row).unwrap();
    assert!(!calls.starts_with("0.0/s"), "{page}");
}
