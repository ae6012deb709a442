//! Ids of several processes: with clocks that step, one stopped beyond its lease, one killed.
#![cfg(all(feature = "sqlite", feature = "postgres", feature = "mysql"))]

use std::collections::HashSet;
use std::env;
use std::process::Stdio;
use std::time::{Duration, Instant};

use shard_orm::Dialect;
use shard_orm::id::Layout;
use shard_orm_tests::database::{
    MariaDbPrefix, PostgresDatabase, fresh_mariadb_prefix, fresh_postgres,
};
use shard_orm_tests::scratch;
use shard_orm_tests::servers::{Signal, signal};
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader, Lines};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};

const PROCESSES: u32 = 8;
/// How long a process may take for what is waited for.
const LIMIT: Duration = Duration::from_mins(2);

/// How many ids each process makes: a sample, or all with `SHARD_ORM_TEST_IDS=1000000`.
fn ids_of_each(sample: usize) -> usize {
    env::var("SHARD_ORM_TEST_IDS").map_or(sample, |count| count.parse().unwrap())
}

fn maker() -> Command {
    let mut command = Command::new("setpriv");
    // It does not outlive the test, however that ends.
    command
        .args(["--pdeathsig", "KILL", env!("CARGO_BIN_EXE_id-maker")])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .kill_on_drop(true);
    command
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ids_are_unique_and_rising_despite_unsteady_clocks() {
    let count = ids_of_each(50_000);
    let makers = (0..PROCESSES).map(|worker| async move {
        let seed = u64::from(worker) * 77_777 + u64::from(std::process::id());
        let words = [worker.to_string(), count.to_string(), seed.to_string()];
        let mut child = maker().arg("clock").args(words).spawn().unwrap();
        let mut bytes = Vec::with_capacity(count * 8);
        let mut out = child.stdout.take().unwrap();
        out.read_to_end(&mut bytes).await.unwrap();
        assert!(child.wait().await.unwrap().success());
        let ids: Vec<i64> = bytes
            .chunks_exact(8)
            .map(|bytes| i64::from_le_bytes(bytes.try_into().unwrap()))
            .collect();
        assert_eq!(ids.len(), count);
        assert!(ids.is_sorted_by(|a, b| a < b), "seed {seed}");
        ids
    });
    let mut all = futures_util::future::join_all(makers).await.concat();
    all.sort_unstable();
    let made = all.len();
    all.dedup();
    assert_eq!((made, all.len()), (PROCESSES as usize * count, made));
}

/// A database that several processes share.
struct Fixture {
    url: String,
    _guard: Guard,
}

#[allow(dead_code)] // They are held, not read.
enum Guard {
    Folder(TempDir),
    Postgres(PostgresDatabase),
    MariaDb(MariaDbPrefix),
}

impl Fixture {
    async fn new(dialect: Dialect) -> Self {
        match dialect {
            Dialect::Sqlite => {
                let folder = scratch::folder("ids");
                Self {
                    url: format!("sqlite://{}", folder.path().join("default.db").display()),
                    _guard: Guard::Folder(folder),
                }
            }
            Dialect::Postgres => {
                let database = fresh_postgres().await;
                Self {
                    url: database.url().to_owned(),
                    _guard: Guard::Postgres(database),
                }
            }
            _ => {
                let prefix = fresh_mariadb_prefix().await;
                Self {
                    url: prefix.create_database("main").await,
                    _guard: Guard::MariaDb(prefix),
                }
            }
        }
    }

    /// A process whose workers and sequences are in this database.
    async fn process(&self, ids: &str) -> Process {
        let configuration = format!(
            "[databases.default]\nprimary = \"{}\"\n[ids]\ntables = \"default\"\n{ids}\n",
            self.url
        );
        let mut child = maker().args(["database", &configuration]).spawn().unwrap();
        let mut process = Process {
            input: child.stdin.take().unwrap(),
            output: BufReader::new(child.stdout.take().unwrap()).lines(),
            child,
        };
        assert_eq!(process.line().await, "ready");
        process
    }
}

struct Process {
    child: Child,
    input: ChildStdin,
    output: Lines<BufReader<ChildStdout>>,
}

impl Process {
    async fn line(&mut self) -> String {
        let line = tokio::time::timeout(LIMIT, self.output.next_line()).await;
        line.unwrap().unwrap().unwrap()
    }

    async fn ask(&mut self, what: &str, count: usize) -> Result<Vec<i64>, String> {
        let line = format!("{what} {count}\n");
        self.input.write_all(line.as_bytes()).await.unwrap();
        let answer = self.line().await;
        if answer.starts_with("error") {
            return Err(answer);
        }
        Ok(answer.split(' ').map(|id| id.parse().unwrap()).collect())
    }

    async fn notes(&mut self, count: usize) -> Vec<i64> {
        self.ask("notes", count).await.unwrap()
    }

    async fn tickets(&mut self, count: usize) -> Vec<i64> {
        self.ask("tickets", count).await.unwrap()
    }

    /// Asks until ids are made.
    async fn notes_at_last(&mut self, count: usize) -> Vec<i64> {
        let begun = Instant::now();
        loop {
            match self.ask("notes", count).await {
                Ok(ids) => return ids,
                Err(error) => assert!(begun.elapsed() < LIMIT, "{error}"),
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    fn pid(&self) -> u32 {
        self.child.id().unwrap()
    }

    async fn kill(mut self) {
        self.child.kill().await.unwrap();
    }
}

async fn leased_workers_generate_unique_ids(dialect: Dialect) {
    const BATCH: usize = 500;
    let fixture = Fixture::new(dialect).await;
    let batches = ids_of_each(3 * BATCH).div_ceil(BATCH);
    let makers = (0..PROCESSES).map(|_| async {
        let mut process = fixture.process("worker = { lease = \"default\" }").await;
        let mut ids = Vec::new();
        for _ in 0..batches {
            ids.extend(process.notes(BATCH).await);
        }
        assert!(ids.is_sorted_by(|a, b| a < b));
        // Kept to the end, so that no worker is given back.
        (ids, process)
    });
    let all = futures_util::future::join_all(makers).await;
    let layout = Layout::default();
    let workers: HashSet<u32> = all
        .iter()
        .map(|(ids, _)| layout.parts(ids[0]).unwrap().worker)
        .collect();
    assert_eq!(workers.len(), PROCESSES as usize);
    let different: HashSet<i64> = all
        .iter()
        .flat_map(|(ids, _)| ids.iter().copied())
        .collect();
    assert_eq!(different.len(), PROCESSES as usize * batches * BATCH);
}

async fn a_process_suspended_beyond_its_lease_generates_no_id(dialect: Dialect) {
    // The second keeps its lease on a busy machine too. Two workers, so that the third process has to wait for the one that is stopped.
    const IDS: &str =
        "worker = { lease = \"default\", ttl = \"4s\" }\nsequence_bits = 13\nworker_bits = 1";
    let layout = Layout::new(13, 1, 8).unwrap();
    let worker = |id: i64| layout.parts(id).unwrap().worker;
    let fixture = Fixture::new(dialect).await;
    let mut first = fixture.process(IDS).await;
    let mut second = fixture.process(IDS).await;
    let mut third = fixture.process(IDS).await;
    let mut all = first.notes(100).await;
    let stopped = worker(all[0]);
    all.extend(second.notes(100).await);
    let refused = third.ask("notes", 1).await.unwrap_err();
    assert!(refused.contains("all 2 worker ids"), "{refused}");

    signal(first.pid(), Signal::SIGSTOP);
    let taken = third.notes_at_last(100).await;
    assert_eq!(worker(taken[0]), stopped);
    all.extend(taken);
    signal(first.pid(), Signal::SIGCONT);
    let refused = first.ask("notes", 1).await.unwrap_err();
    assert!(refused.contains("all 2 worker ids"), "{refused}");

    // A process that is killed gives nothing back: its lease runs out.
    let freed = worker(second.notes(1).await[0]);
    second.kill().await;
    let again = first.notes_at_last(100).await;
    assert_eq!(worker(again[0]), freed);
    all.extend(again);
    all.extend(third.notes(100).await);
    let different: HashSet<&i64> = all.iter().collect();
    assert_eq!(different.len(), 500);
}

async fn a_killed_process_leaves_a_gap_and_no_duplicate(dialect: Dialect) {
    let fixture = Fixture::new(dialect).await;
    let mut first = fixture.process("block = 10").await;
    assert_eq!(first.tickets(3).await, [1, 2, 3]);
    first.kill().await;
    let mut second = fixture.process("block = 10").await;
    assert_eq!(second.tickets(12).await, (11..=22).collect::<Vec<_>>());
    let mut third = fixture.process("block = 10").await;
    assert_eq!(third.tickets(1).await, [31]);
}

macro_rules! on_each_database {
    ($($name:ident)+) => {$(
        mod $name {
            use super::*;

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn sqlite() {
                super::$name(Dialect::Sqlite).await;
            }

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn postgres() {
                super::$name(Dialect::Postgres).await;
            }

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn mariadb() {
                super::$name(Dialect::MySql).await;
            }
        }
    )+};
}

on_each_database! {
    leased_workers_generate_unique_ids
    a_process_suspended_beyond_its_lease_generates_no_id
    a_killed_process_leaves_a_gap_and_no_duplicate
}
