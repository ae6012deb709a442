//! The private test servers respond, survive a crash, and leave nothing behind.

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};

use shard_orm_tests::database::{fresh_mariadb_prefix, fresh_postgres};
use shard_orm_tests::servers::{
    self, MARIADB_VARIABLE, MariaDbServer, POSTGRES_VARIABLE, PostgresServer, REDIS_VARIABLE,
    RedisServer, Signal, signal, signal_tree,
};
use sqlx::{AssertSqlSafe, Connection, Executor, MySqlConnection, PgConnection};

const LIMIT: Duration = Duration::from_mins(1);

/// Waits until `condition` holds.
fn eventually(what: &str, mut condition: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !condition() {
        assert!(begun.elapsed() < LIMIT, "not within {LIMIT:?}: {what}");
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// True while a process runs in `folder` or below it: all processes of a server do.
fn is_used(folder: &Path) -> bool {
    fs::read_dir("/proc")
        .unwrap()
        .flatten()
        .filter_map(|entry| fs::read_link(entry.path().join("cwd")).ok())
        .any(|cwd| cwd.starts_with(folder))
}

#[tokio::test]
async fn a_postgres_server_keeps_its_address_and_its_rows_over_a_crash_and_a_stop() {
    let mut server = PostgresServer::start().await.unwrap();
    let url = server.url().to_owned();
    let mut before = PgConnection::connect(&url).await.unwrap();
    before.execute("CREATE TABLE kept (n int)").await.unwrap();
    before.execute("INSERT INTO kept VALUES (7)").await.unwrap();

    server.kill9();
    assert_eq!(server.pid(), None);
    assert!(
        !is_used(server.folder()),
        "a process of the server was left over"
    );
    assert!(before.execute("SELECT 1").await.is_err());
    assert!(PgConnection::connect(&url).await.is_err());

    server.restart().await.unwrap();
    server.stop().await.unwrap();
    assert!(
        !is_used(server.folder()),
        "a process of the server was left over"
    );
    server.restart().await.unwrap();
    assert_eq!(server.url(), url);
    let mut after = PgConnection::connect(&url).await.unwrap();
    let kept: i32 = sqlx::query_scalar("SELECT n FROM kept")
        .fetch_one(&mut after)
        .await
        .unwrap();
    assert_eq!(kept, 7);
}

#[tokio::test]
async fn a_mariadb_server_keeps_its_address_and_its_rows_over_a_crash_and_a_stop() {
    let mut server = MariaDbServer::start().await.unwrap();
    let url = server.url().to_owned();
    let mut before = MySqlConnection::connect(&url).await.unwrap();
    before.execute("CREATE DATABASE d").await.unwrap();
    before.execute("CREATE TABLE d.kept (n int)").await.unwrap();
    before
        .execute("INSERT INTO d.kept VALUES (7)")
        .await
        .unwrap();

    server.kill9();
    assert_eq!(server.pid(), None);
    assert!(
        !is_used(server.folder()),
        "a process of the server was left over"
    );
    assert!(before.execute("SELECT 1").await.is_err());
    assert!(MySqlConnection::connect(&url).await.is_err());

    server.restart().await.unwrap();
    server.stop().await.unwrap();
    server.restart().await.unwrap();
    assert_eq!(server.url(), url);
    let mut after = MySqlConnection::connect(&url).await.unwrap();
    let kept: i32 = sqlx::query_scalar("SELECT n FROM d.kept")
        .fetch_one(&mut after)
        .await
        .unwrap();
    assert_eq!(kept, 7);
}

#[tokio::test]
async fn a_dropped_server_leaves_no_process_and_no_folder() {
    let postgres = PostgresServer::start().await.unwrap();
    let mariadb = MariaDbServer::start().await.unwrap();
    let redis = RedisServer::start().await.unwrap();
    let folders = [postgres.folder(), mariadb.folder(), redis.folder()].map(Path::to_owned);
    for folder in &folders {
        assert!(is_used(folder), "no process runs in {}", folder.display());
    }
    drop((postgres, mariadb, redis));
    for folder in &folders {
        assert!(
            !is_used(folder),
            "a process is left over in {}",
            folder.display()
        );
        assert!(!folder.exists(), "{} is left over", folder.display());
    }
}

#[tokio::test]
async fn a_stopped_process_tree_hangs_until_it_is_continued() {
    let server = PostgresServer::start().await.unwrap();
    let mut connection = PgConnection::connect(server.url()).await.unwrap();
    signal_tree(server.pid().unwrap(), Signal::SIGSTOP);
    let mut answer = connection.execute("SELECT 1");
    let early = tokio::time::timeout(Duration::from_millis(300), &mut answer).await;
    assert!(early.is_err(), "a stopped server answered");
    signal_tree(server.pid().unwrap(), Signal::SIGCONT);
    tokio::time::timeout(LIMIT, answer).await.unwrap().unwrap();
}

/// Lists the segments of System V shared memory, of which PostgreSQL holds one while it runs.
fn shared_memory_of(pid: u32) -> bool {
    let pid = pid.to_string();
    fs::read_to_string("/proc/sysvipc/shm")
        .unwrap()
        .lines()
        // The fifth column is the process that made the segment.
        .any(|line| line.split_whitespace().nth(4) == Some(pid.as_str()))
}

#[tokio::test]
async fn a_killed_postgres_server_leaves_no_shared_memory_when_it_is_dropped() {
    let mut server = PostgresServer::start().await.unwrap();
    let pid = server.pid().unwrap();
    server.kill9();
    assert!(
        shared_memory_of(pid),
        "the segment that the drop has to remove is not there"
    );
    drop(server);
    assert!(!shared_memory_of(pid));
}

#[tokio::test]
async fn settings_reach_the_servers() {
    let postgres = PostgresServer::start_with(&[("work_mem", "8MB")])
        .await
        .unwrap();
    let mut connection = PgConnection::connect(postgres.url()).await.unwrap();
    let work_mem: String = sqlx::query_scalar("SHOW work_mem")
        .fetch_one(&mut connection)
        .await
        .unwrap();
    assert_eq!(work_mem, "8MB");

    let mariadb = MariaDbServer::start_with(&[("max-connections", "123")])
        .await
        .unwrap();
    let mut connection = MySqlConnection::connect(mariadb.url()).await.unwrap();
    let connections: i64 = sqlx::query_scalar("SELECT CAST(@@max_connections AS SIGNED)")
        .fetch_one(&mut connection)
        .await
        .unwrap();
    assert_eq!(connections, 123);
}

#[tokio::test]
async fn a_server_that_does_not_start_is_reported_with_its_log() {
    let error = PostgresServer::start_with(&[("max_connections", "many")])
        .await
        .unwrap_err()
        .to_string();
    assert!(error.contains("invalid value for parameter"), "{error}");
    let error = MariaDbServer::start_with(&[("no-such-option", "1")])
        .await
        .unwrap_err()
        .to_string();
    assert!(error.contains("no-such-option"), "{error}");
}

#[tokio::test]
async fn fresh_postgres_databases_are_distinct_and_removed_with_their_connections() {
    let (one, two) = (fresh_postgres().await, fresh_postgres().await);
    assert_ne!(one.name(), two.name());
    let mut inside = PgConnection::connect(one.url()).await.unwrap();
    let current: String = sqlx::query_scalar("SELECT current_database()")
        .fetch_one(&mut inside)
        .await
        .unwrap();
    assert_eq!(current, one.name());

    let name = one.name().to_owned();
    drop(one);
    assert!(inside.execute("SELECT 1").await.is_err());
    let mut server = PgConnection::connect(servers::postgres().await.unwrap())
        .await
        .unwrap();
    let left: i64 = sqlx::query_scalar("SELECT count(*) FROM pg_database WHERE datname = $1")
        .bind(name)
        .fetch_one(&mut server)
        .await
        .unwrap();
    assert_eq!(left, 0);
}

#[tokio::test]
async fn a_fresh_mariadb_prefix_removes_its_own_databases_and_no_others() {
    let (one, two) = (fresh_mariadb_prefix().await, fresh_mariadb_prefix().await);
    assert_ne!(one.prefix(), two.prefix());
    let address = one.create_database("a").await;
    let mut server = MySqlConnection::connect(&address).await.unwrap();
    let direct = AssertSqlSafe(format!("CREATE DATABASE {}b", one.prefix()));
    server.execute(direct).await.unwrap();
    two.create_database("a").await;

    let (gone, kept) = (one.prefix().to_owned(), two.prefix().to_owned());
    drop(one);
    let names: Vec<String> =
        sqlx::query_scalar("SELECT CAST(schema_name AS CHAR) FROM information_schema.schemata")
            .fetch_all(&mut server)
            .await
            .unwrap();
    assert_eq!(
        names.iter().filter(|name| name.starts_with(&gone)).count(),
        0,
        "{names:?}"
    );
    assert_eq!(
        names.iter().filter(|name| name.starts_with(&kept)).count(),
        1,
        "{names:?}"
    );
}

#[tokio::test]
async fn the_shared_servers_answer() {
    let mut postgres = PgConnection::connect(servers::postgres().await.unwrap())
        .await
        .unwrap();
    let prepared: String = sqlx::query_scalar("SHOW max_prepared_transactions")
        .fetch_one(&mut postgres)
        .await
        .unwrap();
    assert_eq!(prepared, "64");
    let mut mariadb = MySqlConnection::connect(servers::mariadb().await.unwrap())
        .await
        .unwrap();
    mariadb.ping().await.unwrap();
    assert!(
        servers::redis()
            .await
            .unwrap()
            .starts_with("redis://127.0.0.1:")
    );
}

/// `test-servers run`, with a command that tells its PostgreSQL server's address and goes on until it is ended.
struct Runner {
    child: Child,
    output: BufReader<ChildStdout>,
}

impl Runner {
    fn start(script: &str) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_test-servers"))
            .args(["run", "sh", "-c", script])
            // Only PostgreSQL is started: it has the most processes, and is the only one not simply killed.
            .env_remove(POSTGRES_VARIABLE)
            .env(MARIADB_VARIABLE, "mysql://given")
            .env(REDIS_VARIABLE, "redis://given")
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let output = BufReader::new(child.stdout.take().unwrap());
        Self { child, output }
    }

    fn line(&mut self) -> String {
        let mut line = String::new();
        self.output.read_line(&mut line).unwrap();
        line.trim_end().to_owned()
    }
}

impl Drop for Runner {
    fn drop(&mut self) {
        // For a test that failed; otherwise it has ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

async fn postgres_folder(url: &str) -> std::path::PathBuf {
    let mut connection = PgConnection::connect(url).await.unwrap();
    let data: String = sqlx::query_scalar("SHOW data_directory")
        .fetch_one(&mut connection)
        .await
        .unwrap();
    let folder = Path::new(&data).parent().unwrap().to_owned();
    assert!(is_used(&folder));
    folder
}

#[tokio::test]
async fn the_runner_gives_addresses_and_returns_the_status_of_its_command() {
    let mut runner = Runner::start(&format!(
        "echo ${POSTGRES_VARIABLE} ${MARIADB_VARIABLE} ${REDIS_VARIABLE}; exit 7"
    ));
    let line = runner.line();
    assert!(line.starts_with("postgres://postgres@127.0.0.1:"), "{line}");
    assert!(line.ends_with("mysql://given redis://given"), "{line}");
    assert_eq!(runner.child.wait().unwrap().code(), Some(7));
    assert!(
        PgConnection::connect(line.split(' ').next().unwrap())
            .await
            .is_err()
    );
}

#[tokio::test]
async fn an_interrupted_runner_ends_its_command_and_its_server() {
    let mut runner = Runner::start(&format!(
        "echo ${POSTGRES_VARIABLE}; echo $$; sleep 1000; echo end"
    ));
    let folder = postgres_folder(&runner.line()).await;
    let command = runner.line();
    signal(runner.child.id(), Signal::SIGTERM);
    assert_eq!(runner.child.wait().unwrap().code(), Some(128 + 15));
    assert!(!Path::new("/proc").join(command).exists());
    assert_eq!(runner.line(), "", "the command went on");
    assert!(!is_used(&folder));
    assert!(!folder.exists());
}

#[tokio::test]
async fn a_killed_runner_leaves_no_server_and_no_folder() {
    let mut runner = Runner::start(&format!("echo ${POSTGRES_VARIABLE}; exec sleep 1000"));
    let folder = postgres_folder(&runner.line()).await;
    runner.child.kill().unwrap();
    runner.child.wait().unwrap();
    eventually("the server ends", || !is_used(&folder));
    eventually("the folder is removed", || !folder.exists());
    assert_eq!(
        runner.line(),
        "",
        "the command ended, which closed its output"
    );
}
