//! A supervisor in a process of its own: this program, started again for one test.

use std::env;
use std::io::Write as _;
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;
use shard_orm::config::Config;
use shard_orm::lock::{DatabaseLocks, LeaseLocks, LockManager, RedisLocks};
use shard_orm::prelude::*;
use shard_orm::sync::{StaticSync, Supervisor};
use shard_orm_tests::servers::{Signal, signal};
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::{Child, ChildStdout, Command};
use tokio::sync::watch;

use crate::fixture::{Fixture, Item, LIMIT, Price};

/// The variables by which a process learns what to do.
const CONFIGURATION: &str = "SHARD_ORM_SYNC_WORKER";
const LOCKS: &str = "SHARD_ORM_SYNC_LOCKS";
const TTL: &str = "SHARD_ORM_SYNC_TTL_MS";
/// What a line begins with that says how the copies stand.
const STATUS: &str = "status of the copies: ";

/// What keeps supervisors apart.
#[derive(Debug, Clone)]
pub(crate) enum Locks {
    Nothing,
    Lease,
    Session,
    Redis(String),
}

impl Locks {
    /// As one process has them.
    pub(crate) async fn manager(&self, cluster: &Cluster) -> Option<Arc<dyn LockManager>> {
        Some(match self {
            Self::Nothing => return None,
            Self::Lease => {
                let locks = LeaseLocks::new(cluster, "default").unwrap();
                locks.setup().await.unwrap();
                Arc::new(locks)
            }
            Self::Session => Arc::new(DatabaseLocks::new(cluster, "default").unwrap()),
            Self::Redis(url) => Arc::new(
                RedisLocks::new(url)
                    .unwrap()
                    .response_timeout(Duration::from_millis(400)),
            ),
        })
    }

    fn text(&self) -> &str {
        match self {
            Self::Nothing => "nothing",
            Self::Lease => "lease",
            Self::Session => "session",
            Self::Redis(url) => url,
        }
    }

    fn read(text: String) -> Self {
        match text.as_str() {
            "nothing" => Self::Nothing,
            "lease" => Self::Lease,
            "session" => Self::Session,
            _ => Self::Redis(text),
        }
    }
}

/// Keeps up the copies of a cluster, as each process here does.
pub(crate) async fn supervise(cluster: &Cluster, locks: &Locks, ttl: Duration) -> Supervisor {
    let mut supervise = StaticSync::supervise(cluster)
        .every(Duration::from_millis(40))
        .longest_pause(Duration::from_millis(400))
        .lock_ttl(ttl);
    if let Some(locks) = locks.manager(cluster).await {
        supervise = supervise.locks(locks);
    }
    supervise.run().unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "a process of other tests, which start it"]
async fn process() {
    let Ok(configuration) = env::var(CONFIGURATION) else {
        return;
    };
    let config = Config::from_toml(&configuration).unwrap();
    let cluster = Cluster::connect(&config).await.unwrap();
    cluster.register_static::<Item>();
    cluster.register_static::<Price>();
    let locks = Locks::read(env::var(LOCKS).unwrap());
    let ttl = Duration::from_millis(env::var(TTL).unwrap().parse().unwrap());
    let supervisor = supervise(&cluster, &locks, ttl).await;
    loop {
        let status = serde_json::to_string(&supervisor.status()).unwrap();
        // Fails when nobody reads any more, and ends the process.
        writeln!(std::io::stdout(), "{STATUS}{status}").unwrap();
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// A supervisor in a process of its own. Dropped, it is killed.
#[derive(Debug)]
pub(crate) struct Worker {
    child: Child,
    status: watch::Receiver<Vec<Value>>,
}

impl Worker {
    /// Starts a process; it has begun when this returns.
    pub(crate) async fn start(fixture: &Fixture, locks: &Locks, ttl: Duration) -> Self {
        // It does not outlive the test, however that ends.
        let mut child = Command::new("setpriv")
            .args(["--pdeathsig", "KILL"])
            .arg(env::current_exe().unwrap())
            .args(["--exact", "worker::process", "--ignored", "--nocapture"])
            .env(CONFIGURATION, &fixture.toml)
            .env(LOCKS, locks.text())
            .env(TTL, ttl.as_millis().to_string())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let output = child.stdout.take().unwrap();
        let (said, status) = watch::channel(Vec::new());
        tokio::spawn(listen(output, said));
        let worker = Self { child, status };
        worker
            .until("it has begun", |copies| !copies.is_empty())
            .await;
        worker
    }

    /// Waits until its copies stand so.
    pub(crate) async fn until(&self, what: &str, holds: impl Fn(&[Value]) -> bool) -> Vec<Value> {
        let mut status = self.status.clone();
        let found = status.wait_for(|copies| holds(copies));
        match tokio::time::timeout(LIMIT, found).await {
            Ok(Ok(copies)) => copies.clone(),
            Ok(Err(_)) => panic!("{what}: the process has ended"),
            Err(_) => panic!("{what}, not within {LIMIT:?}: {:?}", self.status.borrow()),
        }
    }

    pub(crate) fn signal(&self, sent: Signal) {
        signal(self.child.id().unwrap(), sent);
    }

    /// Kills it, and waits for its end.
    pub(crate) async fn kill(mut self) {
        self.child.kill().await.unwrap();
    }
}

async fn listen(output: ChildStdout, said: watch::Sender<Vec<Value>>) {
    let mut lines = BufReader::new(output).lines();
    while let Ok(Some(line)) = lines.next_line().await {
        // The harness's own words may stand before it.
        let Some((_, status)) = line.split_once(STATUS) else {
            continue;
        };
        // A line of a process that was killed may be cut.
        if let Ok(copies) = serde_json::from_str(status) {
            said.send_replace(copies);
        }
    }
}
