//! The pages of clusters of SQLite files: what they say, what they refuse, and what they say when a source
//! fails.

#![allow(clippy::unwrap_used)]

mod support;

use std::path::Path;

use shard_orm::Cluster;
use shard_orm::config::{Catalog, Config, Database, Group, Server};
use shard_orm::prelude::*;
use shard_orm::testing;
use shard_orm_dashboard::{Options, Token, check_bind};
use support::{Response, Served};

#[derive(Debug, PartialEq, ShardModel)]
#[shard(group = "shop", table = "orders")]
struct Order {
    #[shard(primary_key)]
    id: i64,
    #[shard(key)]
    user_id: i64,
}

const TOKEN: &str = "0123456789abcdef";
const PATHS: [&str; 8] = [
    "/",
    "/shard/shop/3",
    "/moves",
    "/traffic",
    "/processes",
    "/topology",
    "/static",
    "/ask",
];

async fn test_cluster() -> testing::TestCluster {
    testing::cluster::<Order>().await.unwrap()
}

#[tokio::test]
async fn each_page_answers_with_its_heading_and_the_headers_that_protect_it() {
    let cluster = test_cluster().await;
    let served = Served::start(&cluster, Options::new()).await;
    for path in PATHS {
        let page = served.get(path).await;
        assert_eq!(page.status, 200, "{path}: {}", page.body);
        assert_eq!(page.body.matches("<h1>").count(), 1, "{path}");
        assert!(page.body.contains("<main id=\"main\""), "{path}");
        assert!(page.body.contains("UTC"), "{path}");
        let policy = page.header("content-security-policy");
        assert!(
            policy.contains("frame-ancestors 'none'") && !policy.contains("unsafe"),
            "{policy}"
        );
        assert_eq!(page.header("x-content-type-options"), "nosniff");
        assert_eq!(page.header("cache-control"), "no-store");
        assert_eq!(page.header("referrer-policy"), "same-origin");
        for inline in ["<style", "style=", "onclick=", "http://", "https://"] {
            assert!(!page.body.contains(inline), "{path} has {inline}");
        }
    }
    for asset in ["/assets/style.css", "/assets/live.js"] {
        assert_eq!(served.get(asset).await.status, 200);
    }
}

#[tokio::test]
async fn the_map_has_a_cell_with_facts_for_each_logical_shard() {
    let cluster = test_cluster().await;
    let topology = cluster.topology();
    let group = topology.group("shop").unwrap();
    let served = Served::start(&cluster, Options::new()).await;
    let page = served.get("/?colour=state").await.body;
    for shard in group.shards() {
        let server = group.placement(shard).unwrap().server();
        let server = group.servers()[server].name();
        let facts = format!("aria-label=\"Logical shard {shard} on server {server}: present");
        assert!(page.contains(&facts), "{facts}\n{page}");
        assert!(page.contains(&format!("href=\"/shard/shop/{shard}\"")));
    }
    assert_eq!(
        page.matches("class=\"cell present\"").count(),
        group.shards().count() + 1
    );
}

#[tokio::test]
async fn the_traffic_is_that_of_the_process() {
    let cluster = test_cluster().await;
    for id in 0..3 {
        Order { id, user_id: id }.insert(&*cluster).await.unwrap();
    }
    let served = Served::start(&cluster, Options::new()).await;
    let page = served.get("/traffic").await.body;
    assert!(page.contains("the process that serves this page"), "{page}");
    assert!(page.contains("INSERT INTO"), "{page}");
    let command = Served::start(&cluster, Options::new().of_command()).await;
    let page = command.get("/traffic").await.body;
    assert!(page.contains("not of any application"), "{page}");
}

#[tokio::test]
async fn a_key_and_a_logical_shard_are_found_where_the_library_sends_them() {
    let cluster = test_cluster().await;
    let served = Served::start(&cluster, Options::new()).await;
    let place = cluster.locate(&Order::shard(42)).unwrap();
    let shard = place.shard.unwrap();
    for question in ["what=key&value=42", &format!("what=shard&value={shard}")] {
        let page = served
            .get(&format!("/ask?group=shop&{question}"))
            .await
            .body;
        assert!(page.contains(&format!("{shard} of shop</a>")), "{page}");
        assert!(page.contains(&place.namespace), "{page}");
    }
    for question in ["key", "id", "shard"] {
        let page = served
            .get(&format!("/ask?what={question}&value=none%00"))
            .await;
        assert_eq!(page.status, 200);
        assert!(
            page.body.contains("role=\"alert\""),
            "{question}: {}",
            page.body
        );
    }
    let page = served
        .get("/ask?what=id&value=181190950180423594")
        .await
        .body;
    assert!(page.contains("<dt>Worker</dt><dd>7</dd>"), "{page}");
}

#[tokio::test]
async fn foreign_hosts_are_refused() {
    let cluster = test_cluster().await;
    let served = Served::start(&cluster, Options::new().host("ops.example.com")).await;
    for (host, status) in [
        ("localhost:7070", 200),
        ("ops.example.com", 200),
        ("evil.example.com", 403),
        ("localhost.evil.example.com", 403),
        ("", 403),
    ] {
        let request = format!("GET /moves HTTP/1.1\r\nHost: {host}\r\n");
        let response = served.send(&request, "").await;
        assert_eq!(response.status, status, "{host}");
        assert_eq!(response.body.contains("<h1>"), status == 200, "{host}");
    }
    let twice = "GET / HTTP/1.1\r\nHost: localhost\r\nHost: evil.example.com\r\n";
    let other = "GET http://evil.example.com/ HTTP/1.1\r\nHost: localhost\r\n";
    for request in [twice, other, "GET / HTTP/1.1\r\n"] {
        let response = served.send(request, "").await;
        assert!(matches!(response.status, 400 | 403), "{request}");
    }
}

#[tokio::test]
async fn every_page_needs_the_token() {
    let cluster = test_cluster().await;
    let token = Token::new(TOKEN).unwrap();
    let served = Served::start(&cluster, Options::new().token(token)).await;
    let with = async |path: &str, header: &str| -> Response {
        let request = format!("GET {path} HTTP/1.1\r\nHost: localhost\r\n{header}");
        served.send(&request, "").await
    };
    for path in PATHS.into_iter().chain(["/none"]) {
        for wrong in [
            "",
            "Authorization: Bearer 0123456789abcdeF\r\n",
            "Authorization: Basic 0123456789abcdef\r\n",
            "Cookie: shard_orm_dashboard=0123456789abcdef\r\n",
            "Cookie: shard_orm_dashboard=\r\n",
        ] {
            let response = with(path, wrong).await;
            assert_eq!(response.status, 401, "{path} {wrong}");
            assert!(!response.body.contains("shop"), "{path} {wrong}");
        }
    }
    let right = format!("Authorization: Bearer {TOKEN}\r\n");
    assert_eq!(with("/", &right).await.status, 200);

    let log_in = async |token: &str| served.post("/login", "", &format!("token={token}")).await;
    let wrong = log_in("wrong").await;
    assert_eq!((wrong.status, wrong.header("set-cookie")), (401, ""));
    let logged_in = log_in(TOKEN).await;
    assert_eq!((logged_in.status, logged_in.header("location")), (303, "/"));
    let cookie = logged_in.header("set-cookie").to_owned();
    assert!(
        cookie.contains("HttpOnly; SameSite=Strict") && !cookie.contains(TOKEN),
        "{cookie}"
    );
    let cookie = cookie.split(';').next().unwrap();
    assert_eq!(
        with("/", &format!("Cookie: {cookie}\r\n")).await.status,
        200
    );
}

#[test]
fn an_address_that_others_reach_needs_a_token() {
    let token = || Options::new().token(Token::new(TOKEN).unwrap());
    for address in ["0.0.0.0", "10.0.0.5", "::", "2001:db8::1"] {
        let address = address.parse().unwrap();
        assert!(check_bind(address, Options::new()).is_err());
        assert!(check_bind(address, token()).is_ok());
    }
    assert!(check_bind("::1".parse().unwrap(), Options::new()).is_ok());
}

#[tokio::test]
async fn huge_and_changing_requests_are_refused() {
    let cluster = test_cluster().await;
    let served = Served::start(&cluster, Options::new()).await;
    let long = "a".repeat(3_000);
    assert_eq!(served.get(&format!("/ask?value={long}")).await.status, 414);
    assert_eq!(served.get(&format!("/{long}")).await.status, 414);
    for path in [
        "/shard/shop/99",
        "/shard/none/1",
        "/shard/shop/x",
        "/shard/shop/-1",
        "/none",
    ] {
        assert_eq!(served.get(path).await.status, 404, "{path}");
    }
    for method in ["POST", "PUT", "DELETE", "OPTIONS"] {
        let request = format!("{method} / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n");
        assert_eq!(served.send(&request, "").await.status, 405, "{method}");
    }
    let header = format!(
        "GET / HTTP/1.1\r\nHost: localhost\r\nX: {}\r\n",
        "a".repeat(64_000)
    );
    assert_eq!(served.send(&header, "").await.status, 431);
    let body = format!("token={}", "a".repeat(100_000));
    assert_eq!(served.post("/login", "", &body).await.status, 413);
}

/// The script of a text that must not run.
const SCRIPT: &str = "<script>alert(1)</script>\"'&";

#[tokio::test]
async fn texts_of_the_catalog_and_of_requests_are_not_markup() {
    let folder = tempfile::tempdir().unwrap();
    let (cluster, document) = with_catalog(folder.path()).await;
    let catalog = cluster.catalog().unwrap().operator(SCRIPT);
    let first = catalog.initialize(&document).await.unwrap();
    let changed = format!("{document}weight = 2\n");
    catalog.change(&first, &changed, SCRIPT).await.unwrap();
    let served = Served::start(&cluster, Options::new()).await;
    for path in ["/topology", "/moves"] {
        let page = served.get(path).await.body;
        assert!(page.contains("&#60;script&#62;alert(1)"), "{path}: {page}");
        assert!(!page.contains("<script>"), "{path}: {page}");
    }
    let value = "%3Cscript%3Ealert(1)%3C/script%3E%22'%26";
    for path in [
        format!("/ask?value={value}"),
        format!("/ask?value=1&group={value}"),
        format!("/topology?from={value}&to={value}"),
        format!("/?colour={value}"),
        format!("/traffic?minutes={value}"),
        format!("/shard/{value}/1"),
        format!("/{value}"),
    ] {
        let page = served.get(&path).await;
        assert!(!page.body.contains("<script>"), "{path}: {}", page.body);
    }
    let page = served.get(&format!("/ask?value={value}")).await.body;
    assert!(page.contains("&#60;script&#62;alert(1)"), "{page}");
}

#[tokio::test]
async fn a_server_that_is_down_is_said_and_the_rest_is_shown() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| format!("sqlite://{}/{name}", folder.path().display());
    let group = Group::new(4)
        .server(Server::new("here", at("here")))
        .server(Server::new("away", at("away")));
    let config = Config::new("test").group("shop", group);
    let cluster = Cluster::connect(&config).await.unwrap();
    cluster.setup().table::<Order>().run().await.unwrap();
    cluster.close().await;
    std::fs::remove_dir_all(folder.path().join("away")).unwrap();
    std::fs::write(folder.path().join("away"), "a file, not a folder").unwrap();

    let cluster = Cluster::connect(&config).await.unwrap();
    let _ = cluster.check_health().await;
    let served = Served::start(&cluster, Options::new()).await;
    let page = served.get("/?colour=state").await;
    assert_eq!(page.status, 200);
    let item = "shop, server away</strong>: it does not serve its 2 logical shards";
    assert!(page.body.contains(item), "{}", page.body);
    // Two cells of the map and one of the legend.
    for class in ["unserved", "present"] {
        let cell = format!("class=\"cell {class}\"");
        let cells = page.body.matches(&cell).count();
        assert_eq!(cells, 3, "{class}: {}", page.body);
    }
}

/// A cluster whose catalog is empty, with a local copy, and the document for it.
async fn with_catalog(folder: &Path) -> (Cluster, String) {
    let at = |name: &str| format!("sqlite://{}/{name}", folder.display());
    let document = format!(
        "name = 'test'\n[databases.default]\nprimary = '{}'\n[groups.shop]\nlogical_shards = 4\n\
         [[groups.shop.servers]]\nname = 'a'\nprimary = '{}'\n",
        at("default.db"),
        at("a"),
    );
    let catalog = Catalog::new("default")
        .heartbeat(None)
        .local_copy(folder.join("copy"));
    let config = Config::new("test")
        .database("default", Database::new(at("default.db")))
        .catalog(catalog);
    (Cluster::connect(&config).await.unwrap(), document)
}

#[tokio::test]
async fn a_catalog_that_is_down_is_said_and_the_rest_is_shown() {
    let folder = tempfile::tempdir().unwrap();
    let (cluster, document) = with_catalog(folder.path()).await;
    let catalog = cluster.catalog().unwrap();
    let first = catalog.initialize(&document).await.unwrap();
    let changed = format!("{document}weight = 2\n");
    let comment = "a gets more";
    catalog.change(&first, &changed, comment).await.unwrap();
    let served = Served::start(&cluster, Options::new()).await;
    let page = served.get("/topology?from=1&to=2").await.body;
    assert!(page.contains("groups.shop.servers[a].weight"), "{page}");
    assert!(page.contains(comment), "{page}");
    cluster.close().await;

    // Another process, which starts with the local copy.
    std::fs::remove_file(folder.path().join("default.db")).unwrap();
    std::fs::create_dir(folder.path().join("default.db")).unwrap();
    let (cluster, _) = with_catalog(folder.path()).await;
    let served = Served::start(&cluster, Options::new()).await;
    for path in ["/moves", "/processes", "/topology"] {
        let page = served.get(path).await;
        assert_eq!(page.status, 200, "{path}");
        assert!(
            page.body.contains("Could not read"),
            "{path}: {}",
            page.body
        );
    }
    let page = served.get("/").await;
    assert_eq!(page.status, 200);
    assert!(page.body.contains("Group shop"), "{}", page.body);
    assert!(
        page.body.contains("The catalog cannot be followed"),
        "{}",
        page.body
    );
    assert_eq!(page.body.matches("href=\"/shard/shop/").count(), 4);
}

#[tokio::test]
async fn a_cluster_without_a_catalog_says_what_it_lacks() {
    let cluster = test_cluster().await;
    let served = Served::start(&cluster, Options::new()).await;
    for path in ["/moves", "/processes", "/topology"] {
        let page = served.get(path).await.body;
        assert!(
            page.contains("the cluster has no catalog"),
            "{path}: {page}"
        );
        assert!(!page.contains("role=\"alert\""), "{path}: {page}");
    }
}

#[tokio::test]
async fn links_begin_with_the_path_where_it_is_mounted() {
    let cluster = test_cluster().await;
    let router = shard_orm_dashboard::router(&cluster, Options::new().mounted_at("/ops"));
    let served = Served::of(axum::Router::new().nest("/ops", router)).await;
    let page = served.get("/ops").await;
    assert_eq!(page.status, 200);
    assert!(
        page.body.contains("href=\"/ops/shard/shop/3\""),
        "{}",
        page.body
    );
    assert!(!page.body.contains("href=\"/shard"), "{}", page.body);
    for path in ["/ops/moves", "/ops/shard/shop/3", "/ops/assets/style.css"] {
        assert_eq!(served.get(path).await.status, 200, "{path}");
    }
}

#[tokio::test]
async fn a_large_fleet_is_one_page() {
    let folder = tempfile::tempdir().unwrap();
    let mut group = Group::new(1_024);
    for number in 0..64 {
        let url = format!("sqlite://{}/{number}", folder.path().display());
        group = group.server(Server::new(format!("server-{number}"), url));
    }
    let config = Config::new("test").group("shop", group);
    let cluster = Cluster::connect(&config).await.unwrap();
    let served = Served::start(&cluster, Options::new()).await;
    let page = served.get("/").await.body;
    assert_eq!(page.matches("href=\"/shard/shop/").count(), 1_024);
    assert_eq!(page.matches("<article class=\"card\">").count(), 64);
    assert!(page.len() < 600_000, "{} bytes", page.len());
}
