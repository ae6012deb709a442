//! Servers that are killed or cut off while logical shards move: the source, the target, and that of the catalog.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use shard_orm::catalog::Document;
use shard_orm::config::{self, Config, Database};
use shard_orm::prelude::*;
use shard_orm::reshard::{Job, JobState, Reshard};
use shard_orm::route::mix64;
use shard_orm::sqlx::{Connection as _, MySqlConnection};
use shard_orm_tests::relay::Relay;
use shard_orm_tests::sample;
use shard_orm_tests::servers::{MariaDbServer, PostgresServer};
use tokio::task::JoinSet;

use crate::{MOVING, Order};

/// A server whose acknowledged commits outlive its process, behind a network that may fail.
struct Server {
    process: Process,
    relay: Relay,
}

enum Process {
    Postgres(PostgresServer),
    MariaDb(MariaDbServer),
}

/// What befalls a server.
#[derive(Debug, Clone, Copy)]
enum Outage {
    /// It is killed, and started again.
    Killed,
    /// Nothing comes through, and then all of it.
    Silent,
    /// Nothing comes through, and then connections end.
    CutOff,
    /// What is asked is done, but connections end instead of an answer.
    Unanswered,
}

impl Outage {
    fn of(random: u64) -> Self {
        match random % 6 {
            0..3 => Self::Killed,
            3 => Self::Silent,
            4 => Self::CutOff,
            _ => Self::Unanswered,
        }
    }
}

impl Server {
    async fn start(dialect: Dialect) -> Self {
        let process = Process::start(dialect).await;
        let relay = Relay::to(process.url()).await;
        Self { process, relay }
    }

    /// Its URL, by way of the network.
    fn url(&self) -> String {
        let url = self.relay.url(self.process.url());
        match (&self.process, url.split_once('@')) {
            (Process::MariaDb(_), Some((_, place))) => {
                format!("mysql://catalog@{}", place.trim_end_matches('/'))
            }
            _ => url,
        }
    }

    async fn suffer(&mut self, outage: Outage, time: Duration) {
        match outage {
            Outage::Killed => self.process.kill_and_restart(time).await,
            Outage::Silent | Outage::CutOff => {
                self.relay.hang(true);
                tokio::time::sleep(time).await;
                if let Outage::CutOff = outage {
                    self.relay.lead_to(self.process.url()).await;
                }
                self.relay.hang(false);
            }
            Outage::Unanswered => {
                self.relay.lose_answers(true);
                tokio::time::sleep(time).await;
                self.relay.lose_answers(false);
            }
        }
    }
}

impl Process {
    async fn start(dialect: Dialect) -> Self {
        match dialect {
            Dialect::Postgres => {
                let settings = [("synchronous_commit", "on")];
                Self::Postgres(PostgresServer::start_with(&settings).await.unwrap())
            }
            _ => {
                let settings = [("innodb-flush-log-at-trx-commit", "1")];
                let server = MariaDbServer::start_with(&settings).await.unwrap();
                let mut connection = MySqlConnection::connect(server.url()).await.unwrap();
                let account = "CREATE USER 'catalog'@'%' IDENTIFIED BY ''; GRANT ALL ON *.* TO 'catalog'@'%'; \
                     CREATE DATABASE home";
                shard_orm::sqlx::raw_sql(account)
                    .execute(&mut connection)
                    .await
                    .unwrap();
                Self::MariaDb(server)
            }
        }
    }

    fn url(&self) -> &str {
        match self {
            Self::Postgres(server) => server.url(),
            Self::MariaDb(server) => server.url(),
        }
    }

    async fn kill_and_restart(&mut self, after: Duration) {
        match self {
            Self::Postgres(server) => {
                server.kill9();
                tokio::time::sleep(after).await;
                server.restart().await.unwrap();
            }
            Self::MariaDb(server) => {
                server.kill9();
                tokio::time::sleep(after).await;
                server.restart().await.unwrap();
            }
        }
    }
}

/// An application that gives its rows one number after the other, each until it is acknowledged, and reads them: none may
/// be older than what was acknowledged.
struct Application {
    stop: Arc<AtomicBool>,
    tasks: JoinSet<Vec<Order>>,
}

const ROWS: i64 = 60;
const TASKS: i64 = 4;

impl Application {
    fn start(cluster: &Cluster, key: i64) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let mut tasks = JoinSet::new();
        for task in 0..TASKS {
            let (stop, cluster) = (Arc::clone(&stop), cluster.clone());
            tasks.spawn(async move {
                let mut rows = rows(key);
                rows.retain(|row| row.id % TASKS == task);
                let mut next = 0_usize;
                'all: while !stop.load(Ordering::Relaxed) {
                    next += 1;
                    let at = next % rows.len();
                    let mut row = rows[at].clone();
                    row.amount = i32::try_from(next).ok();
                    // What is not acknowledged is sent again: it may have been carried out or not.
                    while let Err(error) = row.update(&cluster).await {
                        assert!(may_pass(&error), "{error:?}");
                        if stop.load(Ordering::Relaxed) {
                            // Either is right.
                            while let Err(error) = row.reload(&cluster).await {
                                assert!(may_pass(&error), "{error:?}");
                                tokio::time::sleep(Duration::from_millis(20)).await;
                            }
                            rows[at] = row;
                            break 'all;
                        }
                        tokio::time::sleep(Duration::from_millis(10)).await;
                    }
                    rows[at] = row.clone();
                    match Order::get(&cluster, key, row.id).await {
                        Ok(found) => {
                            assert_eq!(found, row, "a read is older than an acknowledged write")
                        }
                        Err(error) => assert!(may_pass(&error), "{error:?}"),
                    }
                    tokio::time::sleep(Duration::from_millis(2)).await;
                }
                rows
            });
        }
        Self { stop, tasks }
    }

    async fn end(self) -> Vec<Order> {
        self.stop.store(true, Ordering::Relaxed);
        let mut rows = self.tasks.join_all().await.concat();
        rows.sort_by_key(|row| row.id);
        rows
    }
}

fn rows(key: i64) -> Vec<Order> {
    let row = |id| Order {
        id,
        user_id: key,
        code: format!("code {id}"),
        amount: None,
    };
    (0..ROWS).map(row).collect()
}

/// Whether a call failed because a server is away, or a logical shard is moving.
fn may_pass(error: &shard_orm::Error) -> bool {
    error.is_retryable()
        || matches!(
            error.kind(),
            ErrorKind::Unavailable | ErrorKind::OutcomeUnknown | ErrorKind::Timeout
        )
}

/// Runs a job, however often it takes.
async fn run(reshard: &Reshard, job: u64) -> Job {
    loop {
        match reshard.run(job).await {
            Ok(job) => return job,
            Err(error) => {
                assert!(
                    may_pass(&error) || error.kind() == ErrorKind::Conflict,
                    "{error:?}"
                );
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        }
    }
}

/// Asks until the catalog answers.
macro_rules! asked {
    ($call:expr) => {
        loop {
            match $call.await {
                Ok(done) => break Some(done),
                Err(error) if error.kind() == ErrorKind::Conflict => break None,
                Err(error) => assert!(may_pass(&error), "{error:?}"),
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
}

async fn outages_lose_nothing(dialect: Dialect) {
    let mut servers = Vec::new();
    for _ in 0..3 {
        servers.push(Server::start(dialect).await);
    }
    let urls: Vec<String> = servers.iter().map(Server::url).collect();
    let home = match dialect {
        Dialect::MySql => format!("{}/home", urls[2]),
        _ => urls[2].clone(),
    };
    let document = format!(
        "name = 'outages'\n[databases.default]\nprimary = '{home}'\n[groups.shop]\nlogical_shards = 2\n\
         namespace = 'outages_{{shard}}'\npool = {{ acquire_timeout = '2s' }}\n\
         [[groups.shop.servers]]\nname = 'a'\nprimary = '{}'\nshards = '0..1'\n\
         [[groups.shop.servers]]\nname = 'b'\nprimary = '{}'\nshards = '1..2'\n",
        urls[0], urls[1]
    );
    let catalog = config::Catalog::new("default")
        .poll(Duration::from_millis(100))
        .heartbeat(None);
    let config = Config::new("outages")
        .database("default", Database::new(&home))
        .catalog(catalog);
    let operator = Cluster::connect(&config).await.unwrap();
    let document = Document::of_configuration(&document).unwrap().to_string();
    operator
        .catalog()
        .unwrap()
        .initialize(&document)
        .await
        .unwrap();
    operator.close().await;
    let operator = Cluster::connect(&config).await.unwrap();
    operator.setup().table::<Order>().run().await.unwrap();
    let application = Cluster::connect(&config).await.unwrap();
    let is_moving = |key: &i64| operator.locate(&Order::shard(*key)).unwrap().shard == Some(MOVING);
    let key = (1..).find(is_moving).unwrap();
    Order::insert_many(&application, rows(key)).await.unwrap();
    let traffic = Application::start(&application, key);

    let reshard = operator.reshard().unwrap().lease(Duration::from_secs(1));
    let mut random = sample::seed();
    let mut job: Option<u64> = None;
    let mut there = "b";
    for _ in 0..sample::kills(5) {
        random = mix64(random);
        let id = match job {
            Some(id) => id,
            None => {
                asked!(reshard.move_shard("shop", MOVING, there).start())
                    .unwrap()
                    .id
            }
        };
        let running = tokio::spawn({
            let reshard = reshard.clone();
            async move { run(&reshard, id).await }
        });
        tokio::time::sleep(Duration::from_millis(random % 400)).await;
        let which = (random >> 16) as usize % servers.len();
        let away = Duration::from_millis(random >> 32 & 0x1ff);
        let outage = Outage::of(random >> 48);
        println!("server {which}: {outage:?}");
        let (_, done) = tokio::join!(servers[which].suffer(outage, away), running);
        let done = done.unwrap();
        println!("{done:?}");
        job = Some(id);
        match done.state {
            JobState::Holding if random.is_multiple_of(3) => drop(asked!(reshard.reverse(id))),
            JobState::Holding => drop(asked!(reshard.finish(id))),
            JobState::Finished => {
                there = if there == "b" { "a" } else { "b" };
                job = None;
            }
            _ => job = None,
        }
    }
    if let Some(id) = job {
        let done = run(&reshard, id).await;
        if done.state == JobState::Holding {
            asked!(reshard.finish(id)).unwrap();
            run(&reshard, id).await;
        }
    }
    let expected = traffic.end().await;
    let mut found = Order::on(key).all(&application).await.unwrap();
    found.sort_by_key(|order| order.id);
    assert_eq!(found, expected);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn postgres_servers_that_are_killed_or_cut_off_during_moves_lose_nothing() {
    outages_lose_nothing(Dialect::Postgres).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn mariadb_servers_that_are_killed_or_cut_off_during_moves_lose_nothing() {
    outages_lose_nothing(Dialect::MySql).await;
}
