//! The service as a process: requests, errors, metrics under load, and its end by a signal.

#![allow(clippy::unwrap_used)]

#[path = "../src/bin/load/client.rs"]
mod client;

use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use client::{Client, Response};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::Value;
use tempfile::TempDir;

/// The service on a port of its own, with data in a folder of its own.
struct Running {
    process: Child,
    address: String,
    _folder: TempDir,
}

impl Running {
    fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let own = Path::new(env!("CARGO_MANIFEST_DIR")).join("shard-orm.toml");
        let file = folder.path().join("shard-orm.toml");
        std::fs::copy(own, &file).unwrap();
        let mut process = Command::new(env!("CARGO_BIN_EXE_axum-service"))
            .arg(&file)
            .arg("127.0.0.1:0")
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut log = BufReader::new(process.stderr.take().unwrap()).lines();
        let address = log
            .by_ref()
            .find_map(|line| Some(line.unwrap().split_once("listening on ")?.1.to_owned()))
            .unwrap();
        // Read to its end, or the service would wait for the pipe.
        std::thread::spawn(move || log.for_each(drop));
        Self {
            process,
            address,
            _folder: folder,
        }
    }

    async fn client(&self) -> Client {
        Client::connect(&self.address).await.unwrap()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn json(response: &Response) -> Value {
    serde_json::from_str(&response.body).unwrap()
}

/// The sum of all series of a name with these labels.
fn metric(scraped: &str, name: &str, labels: &[&str]) -> f64 {
    let lines = scraped.lines().filter(|line| !line.starts_with('#'));
    let own = lines.filter(|line| line.split(['{', ' ']).next() == Some(name));
    let own = own.filter(|line| labels.iter().all(|label| line.contains(label)));
    own.map(|line| line.rsplit(' ').next().unwrap().parse::<f64>().unwrap())
        .sum()
}

#[tokio::test]
async fn orders_are_created_listed_and_ranked() {
    let service = Running::start();
    let mut client = service.client().await;
    for (user, quantity) in [(1, 5), (1, 70), (2, 30), (3, 90)] {
        let body = format!(r#"{{"item": "tea", "quantity": {quantity}}}"#);
        let created = client
            .post(&format!("/users/{user}/orders"), &body)
            .await
            .unwrap();
        assert_eq!(created.status, 201, "{created:?}");
        assert!(json(&created)["id"].is_string());
    }
    let page = json(&client.get("/users/1/orders?size=1").await.unwrap());
    assert_eq!(page["rows"][0]["quantity"], 70);
    let next = page["next"].as_str().unwrap();
    let page = json(
        &client
            .get(&format!("/users/1/orders?size=1&after={next}"))
            .await
            .unwrap(),
    );
    assert_eq!(page["rows"][0]["quantity"], 5);
    let top = json(&client.get("/top?limit=2").await.unwrap());
    let quantities: Vec<&Value> = top
        .as_array()
        .unwrap()
        .iter()
        .map(|order| &order["quantity"])
        .collect();
    assert_eq!(quantities, [90, 70]);
}

#[tokio::test]
async fn an_error_names_its_kind_and_the_request() {
    let service = Running::start();
    let mut client = service.client().await;
    let refused = client
        .post("/users/1/orders", r#"{"item": "", "quantity": 1}"#)
        .await
        .unwrap();
    assert_eq!(refused.status, 422);
    let id = json(&refused)["request_id"].as_str().unwrap().to_owned();
    assert!(
        refused.head.contains(&format!("x-request-id: {id}")),
        "{refused:?}"
    );
    let refused = client.get("/users/1/orders?after=nonsense").await.unwrap();
    assert_eq!(refused.status, 400);
    assert_eq!(json(&refused)["error"], "invalid cursor");
}

#[tokio::test]
async fn metrics_count_what_the_load_program_asks() {
    let service = Running::start();
    let loaded = Command::new(env!("CARGO_BIN_EXE_load"))
        .args([&*service.address, "1", "4"])
        .output()
        .unwrap();
    let text = String::from_utf8(loaded.stdout).unwrap();
    assert!(
        loaded.status.success() && text.contains(" 0 failed"),
        "{text}"
    );
    let mut client = service.client().await;
    let scraped = client.get("/metrics").await.unwrap().body;
    let inserts = metric(&scraped, "shard_orm_operations_total", &["verb=\"insert\""]);
    assert!(inserts > 0.0, "{scraped}");
    let created = metric(
        &scraped,
        "shard_orm_operation_duration_seconds_count",
        &["verb=\"insert\""],
    );
    assert_eq!(inserts, created);
    assert_eq!(
        metric(&scraped, "shard_orm_operation_errors_total", &[]),
        0.0
    );
    assert_eq!(
        metric(&scraped, "shard_orm_server_writable", &["group=\"shop\""]),
        2.0
    );
    assert!(metric(&scraped, "shard_orm_scatter_statements_count", &[]) > 0.0);
    assert!(scraped.contains("# HELP shard_orm_operations_total"));
}

#[tokio::test]
async fn it_is_ready_and_ends_after_a_signal() {
    let mut service = Running::start();
    let mut client = service.client().await;
    assert_eq!(client.get("/live").await.unwrap().status, 200);
    let ready = client.get("/ready").await.unwrap();
    assert_eq!(ready.status, 200);
    assert_eq!(json(&ready)["servers"][0]["reads"], "yes", "{ready:?}");
    drop(client);
    let pid = Pid::from_raw(service.process.id().try_into().unwrap());
    kill(pid, Signal::SIGTERM).unwrap();
    assert!(service.process.wait().unwrap().success());
}
