//! Accounts and weights are changed by the command while processes serve: no call fails.

use std::fs;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use shard_orm::config::Config;
use shard_orm::prelude::*;
use shard_orm::sqlx::{AssertSqlSafe, Connection as _, MySqlConnection, PgConnection};
use shard_orm::sqlx::{query_scalar, raw_sql};
use shard_orm_tests::servers::{MariaDbServer, PostgresServer};
use shard_orm_tests::waiting::eventually;

use crate::fixture::{BINARY, Folder};
use crate::servers::Order;

/// The variable with the configuration of a process, which is this program once more.
const CONFIGURATION: &str = "SHARD_ORM_TEST_CONFIGURATION";

/// A server whose accounts have passwords.
enum Server {
    Postgres(PostgresServer),
    MariaDb(MariaDbServer),
}

impl Server {
    async fn postgres() -> Self {
        let server = PostgresServer::start().await.unwrap();
        // The administrator needs no password, everybody else does.
        let rules =
            "host all postgres 127.0.0.1/32 trust\nhost all all 127.0.0.1/32 scram-sha-256\n";
        fs::write(server.folder().join("data/pg_hba.conf"), rules).unwrap();
        let server = Self::Postgres(server);
        server.run("CREATE DATABASE shop").await;
        server.run("SELECT pg_reload_conf()").await;
        server
    }

    async fn mariadb() -> Self {
        let server = Self::MariaDb(MariaDbServer::start().await.unwrap());
        server.run("CREATE DATABASE main").await;
        server
    }

    /// Its address for its administrator.
    fn url(&self) -> &str {
        match self {
            Self::Postgres(server) => server.url(),
            Self::MariaDb(server) => server.url(),
        }
    }

    /// User and password of the administrator.
    fn administrator(&self) -> (String, String) {
        let (account, _) = self
            .url()
            .split_once("://")
            .unwrap()
            .1
            .split_once('@')
            .unwrap();
        let (user, password) = account.split_once(':').unwrap_or((account, "none"));
        (user.to_owned(), password.to_owned())
    }

    /// The address with these variables for the account: of the group's server, and of the database.
    fn urls(&self, user: &str, password: &str) -> (String, String) {
        let (scheme, rest) = self.url().split_once("://").unwrap();
        let (_, address) = rest.split_once('@').unwrap();
        let host = address.split('/').next().unwrap();
        let at = format!("{scheme}://${{{user}}}:${{{password}}}@{host}");
        match self {
            Self::Postgres(_) => (format!("{at}/shop"), format!("{at}/shop")),
            Self::MariaDb(_) => (at.clone(), format!("{at}/main")),
        }
    }

    async fn run(&self, sql: &str) {
        let statement = raw_sql(AssertSqlSafe(sql.to_owned()));
        match self {
            Self::Postgres(server) => {
                let mut connection = PgConnection::connect(server.url()).await.unwrap();
                statement.execute(&mut connection).await.map(drop).unwrap();
            }
            Self::MariaDb(server) => {
                let mut connection = MySqlConnection::connect(server.url()).await.unwrap();
                statement.execute(&mut connection).await.map(drop).unwrap();
            }
        }
    }

    /// The sessions of an account.
    async fn sessions(&self, account: &str) -> i64 {
        match self {
            Self::Postgres(server) => {
                let mut connection = PgConnection::connect(server.url()).await.unwrap();
                let sql = "SELECT count(*) FROM pg_stat_activity WHERE usename = $1";
                let counted = query_scalar(sql).bind(account);
                counted.fetch_one(&mut connection).await.unwrap()
            }
            Self::MariaDb(server) => {
                let mut connection = MySqlConnection::connect(server.url()).await.unwrap();
                let sql = "SELECT count(*) FROM information_schema.processlist WHERE user = ?";
                let counted = query_scalar(sql).bind(account);
                counted.fetch_one(&mut connection).await.unwrap()
            }
        }
    }

    async fn drop_account(&self, account: &str) {
        match self {
            Self::Postgres(_) => self.run(&format!("ALTER ROLE {account} NOLOGIN")).await,
            Self::MariaDb(_) => self.run(&format!("DROP USER {account}")).await,
        }
    }
}

/// A process with traffic.
pub(crate) struct Process {
    child: Child,
    calls: Arc<AtomicU64>,
}

impl Process {
    pub(crate) fn start(folder: &Folder, variables: &[(&str, &str)]) -> Self {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args([
                "rotation::traffic_of_a_process",
                "--exact",
                "--ignored",
                "--nocapture",
            ])
            .env(CONFIGURATION, folder.path().join("shard-orm.toml"))
            .envs(variables.iter().copied())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let calls = Arc::<AtomicU64>::default();
        let (stdout, seen) = (child.stdout.take().unwrap(), Arc::clone(&calls));
        std::thread::spawn(move || {
            for line in BufReader::new(stdout).lines().map_while(Result::ok) {
                if let Some((_, number)) = line.rsplit_once("calls ") {
                    seen.store(number.parse().unwrap(), Ordering::Relaxed);
                }
            }
        });
        Self { child, calls }
    }

    /// Waits for some more calls.
    pub(crate) async fn goes_on(&mut self) {
        let begun = self.calls.load(Ordering::Relaxed);
        eventually("the process goes on", async || {
            let ended = self.child.try_wait().unwrap();
            assert!(ended.is_none(), "a call failed");
            self.calls.load(Ordering::Relaxed) >= begun + 100
        })
        .await;
    }

    pub(crate) fn end(mut self) {
        drop(self.child.stdin.take());
        assert!(self.child.wait().unwrap().success(), "a call failed");
    }
}

/// Writes and reads until the standard input ends; the first error ends it.
#[tokio::test]
#[ignore = "a process of another test"]
async fn traffic_of_a_process() {
    let Some(file) = std::env::var_os(CONFIGURATION) else {
        return;
    };
    let cluster = Cluster::open(file).await.unwrap();
    let ended = tokio::task::spawn_blocking(|| std::io::stdin().read_to_end(&mut Vec::new()));
    let first = i64::from(std::process::id()) << 32;
    let mut number = 0;
    while !ended.is_finished() {
        let tasks = (0..8).map(|task| {
            let cluster = cluster.clone();
            let id = first + number * 8 + task;
            tokio::spawn(async move {
                let order = Order { id, user_id: id };
                // A session sees its write, wherever it reads.
                let session = cluster.session();
                let order = order.insert(&session).await.unwrap();
                assert_eq!(Order::get(&session, id, id).await.unwrap(), order);
                Order::on(id).count(&cluster).await.unwrap();
            })
        });
        for task in tasks.collect::<Vec<_>>() {
            task.await.unwrap();
        }
        number += 1;
        let mut stdout = std::io::stdout();
        writeln!(stdout, "calls {}", number * 16).unwrap();
        stdout.flush().unwrap();
    }
    cluster.close().await;
}

async fn rotate(server: Server) {
    let (group, database) = server.urls("OLD_USER", "OLD_PASSWORD");
    let folder = Folder::new(&format!(
        "name = \"rotation\"\ncatalog = {{ database = \"default\", poll = \"200ms\", heartbeat = \"200ms\" }}\n\
         [pool]\nmax_connections = 4\nconnect_timeout = \"1m\"\nacquire_timeout = \"1m\"\n[databases.default]\nprimary = \"{database}\"\n[groups.shop]\n\
         logical_shards = 4\n[[groups.shop.servers]]\nname = \"a\"\nprimary = \"{group}\"\n"
    ));
    let (user, password) = server.administrator();
    let operator = |arguments: &[&str]| {
        let mut command = Command::new(BINARY);
        command
            .args(arguments)
            .current_dir(folder.path())
            .env_remove("SHARD_ORM_CONFIG")
            .envs([("OLD_USER", &user), ("NEW_USER", &user)])
            .envs([("OLD_PASSWORD", &password), ("NEW_PASSWORD", &password)])
            .envs([("FIRST", "first-secret"), ("SECOND", "second-secret")]);
        let output = command.output().unwrap();
        assert!(output.status.success(), "{arguments:?}: {output:?}");
        String::from_utf8(output.stdout).unwrap()
    };
    // The tables of the application.
    let administrator = fs::read_to_string(folder.path().join("shard-orm.toml")).unwrap();
    let administrator = administrator
        .replace("${OLD_USER}", &user)
        .replace("${OLD_PASSWORD}", &password);
    let config = Config::from_toml(&administrator).unwrap().unlisted();
    let cluster = Cluster::connect(&config).await.unwrap();
    cluster.setup().table::<Order>().run().await.unwrap();
    cluster.close().await;

    operator(&["catalog", "init"]);
    operator(&[
        "user",
        "setup",
        "--application",
        "app_1",
        "--application-password",
        "FIRST",
    ]);
    let variables = [
        ("OLD_USER", "app_1"),
        ("OLD_PASSWORD", "first-secret"),
        ("NEW_USER", "app_2"),
        ("NEW_PASSWORD", "second-secret"),
    ];
    let mut processes = [
        Process::start(&folder, &variables),
        Process::start(&folder, &variables),
    ];
    for process in &mut processes {
        process.goes_on().await;
    }
    assert!(server.sessions("app_1").await > 0);

    operator(&[
        "user",
        "setup",
        "--application",
        "app_2",
        "--application-password",
        "SECOND",
    ]);
    let (group, database) = server.urls("NEW_USER", "NEW_PASSWORD");
    operator(&["server", "set", "a", "--primary", &group]);
    operator(&["database", "set", "default", "--primary", &database]);
    eventually("all processes use the last epoch", async || {
        let listed = operator(&["process", "list", "--json"]);
        listed.matches("\"epoch\": 3").count() == 3
    })
    .await;
    for process in &mut processes {
        process.goes_on().await;
    }
    eventually("nobody uses the old account", async || {
        server.sessions("app_1").await == 0
    })
    .await;
    server.drop_account("app_1").await;
    for process in &mut processes {
        process.goes_on().await;
    }
    assert!(server.sessions("app_2").await > 0);
    operator(&["server", "set", "a", "--weight", "2"]);
    for mut process in processes {
        process.goes_on().await;
        process.end();
    }
}

#[tokio::test]
async fn an_account_is_rotated_under_traffic_postgres() {
    rotate(Server::postgres().await).await;
}

#[tokio::test]
async fn an_account_is_rotated_under_traffic_mariadb() {
    rotate(Server::mariadb().await).await;
}
