//! A hundred servers that each answer after ten milliseconds, and a hundred SQLite files.

use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use shard_orm_tests::relay::Relay;
use shard_orm_tests::servers::PostgresServer;
use tokio::sync::oneshot;

use crate::cost::rounds;
use crate::machine::{CLIENT_CORE, SERVER_CORE, bind_to, folder};
use crate::top::{self, Way};

const SERVERS: u32 = 100;
const ORDERS: i64 = 20_000;
/// In each direction.
const DELAY: Duration = Duration::from_millis(5);
const OPERATIONS: usize = 10;

const WAYS: [(&str, Way); 3] = [
    ("one of them", Way::One),
    ("scatter() over all", Way::Scatter),
    ("on_shard(n) of each, all at once", Way::SideBySide),
];

/// Relays to one server, on the servers' core and in a thread of their own; they end when it is dropped.
struct Relays {
    urls: Vec<String>,
    end: Option<oneshot::Sender<()>>,
    thread: Option<thread::JoinHandle<()>>,
}

impl Relays {
    fn start(server: &str) -> Self {
        let (send, urls) = mpsc::channel();
        let (end, ended) = oneshot::channel();
        let server = server.to_owned();
        let thread = thread::spawn(move || {
            bind_to(SERVER_CORE);
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .unwrap();
            runtime.block_on(async move {
                let mut relays = Vec::new();
                for _ in 0..SERVERS {
                    let relay = Relay::to(&server).await;
                    relay.delay(DELAY);
                    relays.push(relay);
                }
                let urls: Vec<String> = relays.iter().map(|relay| relay.url(&server)).collect();
                send.send(urls).unwrap();
                // An error means the same: nobody asks any more.
                let _ = ended.await;
            });
        });
        Self {
            urls: urls.recv().unwrap(),
            end: Some(end),
            thread: Some(thread),
        }
    }
}

impl Drop for Relays {
    fn drop(&mut self) {
        self.end.take();
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

pub(crate) async fn servers(given: usize) {
    bind_to(SERVER_CORE);
    let server = PostgresServer::start().await.unwrap();
    let relays = Relays::start(server.url());
    bind_to(CLIENT_CORE);
    // Its namespaces have different names, so one database has them all. It is filled without delay.
    let direct = vec![server.url().to_owned()];
    top::open(SERVERS, &direct, ORDERS).await.close().await;
    let cluster = top::connect(SERVERS, &relays.urls).await;
    let costs = rounds(WAYS.len(), given, async |index| {
        let way = WAYS[index].1;
        way.run(&cluster, SERVERS, OPERATIONS).await;
        way.run(&cluster, SERVERS, OPERATIONS).await
    })
    .await;
    let names = WAYS.map(|(name, _)| name);
    crate::print(
        "100 PostgreSQL servers of 10 ms, one logical shard on each",
        &names,
        &costs,
    );
    cluster.close().await;
}

pub(crate) async fn files(given: usize) {
    bind_to(CLIENT_CORE);
    let folder = folder();
    let url = format!("sqlite://{}", folder.path().display());
    let cluster = top::open(SERVERS, &[url], ORDERS).await;
    let ways = [
        ("one of them", Way::One),
        ("scatter() over all", Way::Scatter),
        ("on_shard(n) of each, one after the other", Way::InTurn),
    ];
    let costs = rounds(ways.len(), given, async |index| {
        let way = ways[index].1;
        way.run(&cluster, SERVERS, OPERATIONS).await;
        way.run(&cluster, SERVERS, OPERATIONS).await
    })
    .await;
    let names = ways.map(|(name, _)| name);
    crate::print(
        "100 SQLite files, one logical shard in each",
        &names,
        &costs,
    );
    cluster.close().await;
}
