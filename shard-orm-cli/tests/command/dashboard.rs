//! The page during a move: it shows what the other commands and the databases say, and steers the job.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::process::{Child, Stdio};

use shard_orm::Dialect;
use shard_orm::prelude::*;
use shard_orm_tests::fixture::{Fixture, FixtureOptions};
use shard_orm_tests::servers::{Signal, signal};
use shard_orm_tests::waiting::eventually;

use crate::fixture::{Folder, configuration};
use crate::servers::Order;

/// The rows of the logical shard that moves.
const ROWS: i64 = 3_000;
/// So few rows in a second that the move lasts until it is told to hurry.
const PACE: &str = "100";
const TOKEN: &str = "0123456789abcdef";

/// A dashboard, which is killed when the test fails.
struct Dashboard {
    process: Child,
    address: String,
}

impl Dashboard {
    fn start(folder: &Folder) -> Self {
        folder.write("token", TOKEN);
        let mut command = folder.command(&[
            "dashboard",
            "--bind",
            "127.0.0.1:0",
            "--token-file",
            "token",
            "--allow-actions",
        ]);
        let mut process = command.stdout(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        let stdout = process.stdout.take().unwrap();
        BufReader::new(stdout).read_line(&mut line).unwrap();
        let address = line.trim().strip_prefix("the dashboard is on http://");
        let address = address.unwrap().trim_end_matches('/').to_owned();
        Self { process, address }
    }

    fn get(&self, path: &str) -> String {
        let response = self.send(&format!("GET {path}"), "");
        assert!(response.starts_with("HTTP/1.1 200 "), "{response}");
        response
    }

    /// Sends the form of a job with these fields.
    fn act(&self, action: &str, fields: &str) {
        let page = self.get("/moves");
        let (_, form) = page.split_once("name=\"form\" value=\"").unwrap();
        let fields = format!("form={}&{fields}", form.split('"').next().unwrap());
        let response = self.send(&format!("POST /job/1/{action}"), &fields);
        assert!(response.starts_with("HTTP/1.1 303 "), "{response}");
    }

    fn send(&self, what: &str, fields: &str) -> String {
        let mut stream = TcpStream::connect(&self.address).unwrap();
        let request = format!(
            "{what} HTTP/1.1\r\nHost: {}\r\nAuthorization: Bearer {TOKEN}\r\nContent-Length: {}\r\n\
             Content-Type: application/x-www-form-urlencoded\r\nConnection: close\r\n\r\n{fields}",
            self.address,
            fields.len()
        );
        stream.write_all(request.as_bytes()).unwrap();
        let mut response = String::new();
        stream.read_to_string(&mut response).unwrap();
        response
    }
}

impl Drop for Dashboard {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// A folder whose configuration has a catalog, which holds it.
fn folder(fixture: &Fixture) -> Folder {
    let text = configuration(fixture, fixture.server_urls());
    let text = text.replacen('\n', "\ncatalog = \"default\"\n", 1);
    let folder = Folder::new(&text);
    let initialized = folder.run(&["catalog", "init"]);
    assert_eq!(initialized.code, 0, "{initialized:?}");
    folder
}

async fn the_page_follows_a_move(dialect: Dialect) {
    let fixture = FixtureOptions::new(dialect, 4, 2)
        .open(|setup| setup.table::<Order>())
        .await;
    let key = fixture.key_of_shard(0);
    let orders = (0..ROWS).map(|id| Order { id, user_id: key });
    Order::insert_many(&fixture.cluster, orders.collect())
        .await
        .unwrap();
    let folder = folder(&fixture);
    let mut dashboard = Dashboard::start(&folder);
    let page = dashboard.get("/?colour=state");
    let cells = page.matches("href=\"/shard/shop/").count();
    assert_eq!(cells, 4, "{page}");
    assert!(dashboard.get("/moves").contains("There are none."));

    let arguments = [
        "reshard",
        "move",
        "--shard",
        "0",
        "--to",
        "server-1",
        "--run",
        "--pace",
        PACE,
        "--accept-relaxed-durability",
    ];
    let mut command = folder.command(&arguments);
    command.stdout(Stdio::null()).stderr(Stdio::null());
    let mut moving = command.spawn().unwrap();
    eventually("the page shows the copy", async || {
        dashboard.get("/moves").contains(">copying</span>")
    })
    .await;
    let jobs = folder.run(&["job", "list", "--json"]).json(0);
    assert_eq!(jobs["jobs"][0]["state"], "copying", "{jobs}");
    let page = dashboard.get("/moves");
    assert!(page.contains("server-0 → server-1"), "{page}");
    assert!(page.contains("at most 100 rows/s"), "{page}");
    eventually("the page says why it is slow", async || {
        dashboard
            .get("/moves")
            .contains("at most 100 rows/s: an operator has set this pace")
    })
    .await;
    let shown = folder.run(&["job", "show", "1"]).stdout;
    assert!(
        shown.contains("slower   at most 100 rows/s: an operator has set this pace"),
        "{shown}"
    );
    let page = dashboard.get("/?colour=state");
    let cell = "Logical shard 0 on server server-0: is moving";
    assert!(page.contains(cell), "{page}");

    dashboard.act("throttle", "pace=full");
    assert!(moving.wait().unwrap().success());
    eventually("the page shows the end of the copy", async || {
        dashboard.get("/moves").contains(">holding</span>")
    })
    .await;
    let events = folder.run(&["events", "--json"]).json(0);
    let mut events = events["events"].as_array().unwrap().iter();
    let hurried = events.find(|event| {
        let message = event["message"].as_str().unwrap();
        message.ends_with(": its pace is full")
    });
    let actor = hurried.unwrap()["actor"].as_str().unwrap();
    assert!(actor.ends_with(" via dashboard"), "{actor}");
    let rows = format!(
        "<dt>Rows</dt><dd>{},{:03} of about ",
        ROWS / 1_000,
        ROWS % 1_000
    );
    let page = dashboard.get("/moves");
    assert!(page.contains(&rows), "{page}");
    eventually("the page has the new topology", async || {
        let page = dashboard.get("/shard/shop/0");
        page.contains("<dt>Server</dt><dd>server-1</dd>")
            && page.contains("<td data-label=\"Server since\">server-1</td>")
    })
    .await;
    let page = dashboard.get("/topology?from=1&to=2");
    assert!(page.contains("From epoch 1 to 2"), "{page}");
    let finish = "`shard-orm job finish 1` removes them";
    assert!(dashboard.get("/").contains(finish));

    signal(dashboard.process.id(), Signal::SIGINT);
    assert_eq!(dashboard.process.wait().unwrap().code(), Some(0));
}

#[tokio::test]
async fn the_page_follows_a_move_on_postgres() {
    the_page_follows_a_move(Dialect::Postgres).await;
}

#[tokio::test]
async fn the_page_follows_a_move_on_sqlite() {
    the_page_follows_a_move(Dialect::Sqlite).await;
}

#[tokio::test]
async fn a_server_that_is_down_needs_attention_once() {
    let folder = Folder::new(
        "name = \"shop\"\n[groups.shop]\nlogical_shards = 2\n[[groups.shop.servers]]\nname = \"away\"\n\
         primary = \"postgres://app@127.0.0.1:1/shop\"\n",
    );
    let dashboard = Dashboard::start(&folder);
    let item = "shop, server away</strong>: it does not serve its 2 logical shards";
    let checked = "check that the server is running";
    eventually("the page says so, and what to do", async || {
        let page = dashboard.get("/");
        page.contains(item) && page.contains(checked)
    })
    .await;
    let page = dashboard.get("/");
    assert_eq!(page.matches(checked).count(), 1, "{page}");
    assert!(!page.contains("shop/away ("), "{page}");
}

#[test]
fn actions_and_an_address_that_others_reach_are_refused_without_a_token() {
    let folder = Folder::new(
        "[groups.shop]\nlogical_shards = 2\n[[groups.shop.servers]]\nname = \"a\"\nprimary = \"sqlite://data/a\"\n",
    );
    let refused = folder.run(&["dashboard", "--bind", "0.0.0.0:0"]);
    assert_eq!(refused.code, 2, "{refused:?}");
    assert!(refused.stderr.contains("--token-file"), "{refused:?}");
    let refused = folder.run(&["dashboard", "--allow-actions"]);
    assert_eq!(refused.code, 2, "{refused:?}");
    assert!(refused.stderr.contains("--token-file"), "{refused:?}");
    folder.write("token", "short");
    let refused = folder.run(&["dashboard", "--token-file", "token"]);
    assert_eq!(refused.code, 1, "{refused:?}");
    assert!(
        refused.stderr.contains("16 to 1,024 characters"),
        "{refused:?}"
    );
}
