//! Two servers with a logical shard each, and a catalog.

use std::ops::Range;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use shard_orm::Dialect;
use shard_orm::catalog::Document;
use shard_orm::config::{Catalog, Config, Database};
use shard_orm::prelude::*;
use shard_orm::reshard::{Job, JobState, Pace};
use shard_orm::sqlx::{AssertSqlSafe, Connection as _, SqliteConnection, raw_sql};
use shard_orm_tests::servers::{MariaDbServer, PostgresServer};
use tempfile::TempDir;

use crate::machine::folder;

/// Three integers, two short texts, and a time as an integer, with three indexes.
#[derive(Debug, Clone, PartialEq, ShardModel)]
#[shard(group = "bench", table = "orders")]
pub(crate) struct Order {
    #[shard(primary_key)]
    pub(crate) id: i64,
    #[shard(key, index)]
    pub(crate) user_id: i64,
    pub(crate) quantity: i32,
    #[shard(length = 40)]
    pub(crate) item: String,
    #[shard(length = 40)]
    pub(crate) note: String,
    #[shard(index)]
    pub(crate) placed_at: i64,
}

impl Order {
    pub(crate) fn new(id: i64, user_id: i64) -> Self {
        Self {
            id,
            user_id,
            quantity: 1,
            item: format!("tea number {}", id % 100),
            note: "as soon as you can".to_owned(),
            placed_at: 1_700_000_000_000_000 + id,
        }
    }
}

/// The logical shard that moves, at first from server `a` to `b`.
pub(crate) const MOVING: u32 = 0;

#[derive(Debug)]
#[allow(dead_code, reason = "held for their drop")]
enum Kept {
    Postgres(PostgresServer),
    MariaDb(MariaDbServer),
    Folder(TempDir),
}

#[derive(Debug)]
pub(crate) struct Fleet {
    pub(crate) dialect: Dialect,
    pub(crate) cluster: Cluster,
    config: Config,
    urls: Vec<String>,
    _kept: Vec<Kept>,
}

impl Fleet {
    pub(crate) async fn open(dialect: Dialect) -> Self {
        let mut kept = Vec::new();
        let mut urls = Vec::new();
        for _ in 0..2 {
            let (url, own) = start(dialect).await;
            urls.push(url);
            kept.push(own);
        }
        let default = match dialect {
            Dialect::Sqlite => format!("{}/catalog.db", urls[0]),
            Dialect::Postgres => urls[0].clone(),
            Dialect::MySql => format!("{}/home", urls[0]),
        };
        let document = format!(
            "name = 'bench'\n[databases.default]\nprimary = '{default}'\n[groups.bench]\nlogical_shards = 2\n\
             namespace = 'bench_{{shard}}'\npool = {{ max_connections = 16 }}\n\
             [[groups.bench.servers]]\nname = 'a'\nprimary = '{}'\nshards = '0..1'\n\
             [[groups.bench.servers]]\nname = 'b'\nprimary = '{}'\nshards = '1..2'\n",
            urls[0], urls[1]
        );
        let document = Document::of_configuration(&document).unwrap();
        let catalog = Catalog::new("default")
            .poll(Duration::from_millis(100))
            .heartbeat(None);
        let config = Config::new("bench")
            .database("default", Database::new(&default))
            .catalog(catalog);
        let cluster = Cluster::connect(&config).await.unwrap();
        cluster
            .catalog()
            .unwrap()
            .initialize(&document.to_string())
            .await
            .unwrap();
        cluster.close().await;
        let cluster = Cluster::connect(&config).await.unwrap();
        cluster.setup().table::<Order>().run().await.unwrap();
        Self {
            dialect,
            cluster,
            config,
            urls,
            _kept: kept,
        }
    }

    /// Another process.
    pub(crate) async fn process(&self) -> Cluster {
        Cluster::connect(&self.config).await.unwrap()
    }

    /// The keys of the logical shard that moves.
    pub(crate) fn keys(&self) -> impl Iterator<Item = i64> {
        let shard = |key: &i64| self.cluster.locate(&Order::shard(*key)).unwrap().shard;
        (1..).filter(move |key| shard(key) == Some(MOVING))
    }

    /// The first of them.
    pub(crate) fn key(&self) -> i64 {
        self.keys().next().unwrap()
    }

    /// Where the logical shard is now: the index of its server, and the name of its namespace.
    fn place(&self) -> (usize, String) {
        let place = self.cluster.locate(&Order::shard(self.key())).unwrap();
        let index = usize::from(place.server == "b");
        (index, place.namespace.to_string())
    }

    /// The name of the server on which the logical shard is.
    pub(crate) fn here(&self) -> &'static str {
        if self.place().0 == 0 { "a" } else { "b" }
    }

    /// The name of the server on which the logical shard is not.
    pub(crate) fn other(&self) -> &'static str {
        if self.place().0 == 0 { "b" } else { "a" }
    }

    /// Moves the logical shard to the other server, up to where the old rows are level. The job is to be finished.
    pub(crate) async fn move_away(&self, pace: Pace) -> Job {
        let reshard = self.cluster.reshard().unwrap();
        let request = reshard
            .move_shard("bench", MOVING, self.other())
            .accept_relaxed_durability()
            .pace(pace);
        let job = request.start().await.unwrap();
        let job = reshard.run(job.id).await.unwrap();
        assert_eq!(job.state, JobState::Holding, "{job:?}");
        job
    }

    /// Captures the writes of the logical shard for a while, at a pace at which hardly a row is copied, and gives it up.
    pub(crate) async fn capture_for(&self, time: Duration) -> Range<Instant> {
        let reshard = self.cluster.reshard().unwrap();
        let request = reshard
            .move_shard("bench", MOVING, self.other())
            .accept_relaxed_durability()
            .pace(Pace::RowsPerSecond(100));
        let job = request.start().await.unwrap().id;
        let runner = reshard.clone();
        let running = tokio::spawn(async move { runner.run(job).await.unwrap() });
        while reshard.job(job).await.unwrap().state != JobState::Copying {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        let since = Instant::now();
        tokio::time::sleep(time).await;
        let span = since..Instant::now();
        reshard.abort(job).await.unwrap();
        let job = running.await.unwrap();
        assert_eq!(job.state, JobState::Aborted, "{job:?}");
        span
    }

    pub(crate) async fn finish(&self, job: u64) {
        let reshard = self.cluster.reshard().unwrap();
        reshard.finish(job).await.unwrap();
        let job = reshard.run(job).await.unwrap();
        assert_eq!(job.state, JobState::Finished, "{job:?}");
    }

    /// Replaces the rows of the logical shard by so many, all of one key.
    pub(crate) async fn fill(&self, rows: i64) {
        self.fill_with_keys(rows, 1).await;
    }

    /// Replaces the rows of the logical shard by so many, of so many keys.
    pub(crate) async fn fill_with_keys(&self, rows: i64, keys: usize) {
        let (server, namespace) = self.place();
        let cases = self.keys().take(keys).enumerate();
        let cases = cases.map(|(number, key)| format!(" WHEN {number} THEN {key}"));
        let key = format!("CASE id % {keys}{} END", cases.collect::<String>());
        let columns = |text: &str| {
            format!(
                "SELECT id, {key}, id % 100, {text}, 'as soon as you can', 1700000000000000 + id FROM "
            )
        };
        let fill = match self.dialect {
            Dialect::Postgres => format!(
                "TRUNCATE {namespace}.orders; INSERT INTO {namespace}.orders {} \
                 generate_series(1::bigint, {rows}) AS id; VACUUM ANALYZE {namespace}.orders; CHECKPOINT",
                columns("'tea number ' || id % 100")
            ),
            Dialect::MySql => format!(
                "USE {namespace}; TRUNCATE orders; INSERT INTO orders {} \
                 (SELECT seq AS id FROM seq_1_to_{rows}) AS ids; ANALYZE TABLE orders",
                columns("CONCAT('tea number ', id % 100)")
            ),
            Dialect::Sqlite => format!(
                "DELETE FROM orders; INSERT INTO orders WITH RECURSIVE ids (id) AS \
                 (SELECT 1 UNION ALL SELECT id + 1 FROM ids WHERE id < {rows}) {} ids; ANALYZE",
                columns("'tea number ' || id % 100")
            ),
        };
        self.run(server, &namespace, &fill).await;
    }

    /// Gives the first rows of the logical shard to a key.
    pub(crate) async fn give_rows(&self, rows: i64, key: i64) {
        let (server, namespace) = self.place();
        let table = match self.dialect {
            Dialect::Sqlite => "orders".to_owned(),
            Dialect::Postgres | Dialect::MySql => format!("{namespace}.orders"),
        };
        let give = format!("UPDATE {table} SET user_id = {key} WHERE id <= {rows}");
        self.run(server, &namespace, &give).await;
    }

    /// Copies the rows by what comes with the database, and builds the indexes after.
    pub(crate) async fn copy_by_hand(&self) {
        let (server, namespace) = self.place();
        let (from, into) = (&self.urls[server], &self.urls[1 - server]);
        match self.dialect {
            Dialect::Postgres => {
                self.run(
                    1 - server,
                    "",
                    "CREATE SCHEMA by_hand; CREATE TABLE by_hand.orders (id bigint NOT NULL PRIMARY KEY, \
                     user_id bigint NOT NULL, quantity int NOT NULL, item varchar(40) NOT NULL, \
                     note varchar(40) NOT NULL, placed_at bigint NOT NULL)",
                )
                .await;
                let psql = |url: &str, sql: &str| {
                    let mut psql = Command::new("psql");
                    psql.args(["-qX", "-d", url, "-c", sql]);
                    psql
                };
                let out = format!("COPY {namespace}.orders TO STDOUT (FORMAT binary)");
                pipe(
                    psql(from, &out),
                    psql(into, "COPY by_hand.orders FROM STDIN (FORMAT binary)"),
                );
                self.run(
                    1 - server,
                    "",
                    "CREATE INDEX ON by_hand.orders (user_id); CREATE INDEX ON by_hand.orders (placed_at); \
                     ANALYZE by_hand.orders",
                )
                .await;
            }
            Dialect::MySql => {
                self.run(1 - server, "", "CREATE DATABASE by_hand").await;
                let mut dump = client("mariadb-dump", from);
                dump.args(["--single-transaction", &namespace, "orders"]);
                let mut load = client("mariadb", into);
                load.arg("by_hand");
                pipe(dump, load);
            }
            Dialect::Sqlite => {
                let file =
                    |url: &str, name: &str| format!("{}/{name}.db", &url["sqlite://".len()..]);
                let attach = format!(
                    "PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL; ATTACH '{}' AS old; \
                     CREATE TABLE orders (id INTEGER PRIMARY KEY, user_id INTEGER NOT NULL, \
                     quantity INTEGER NOT NULL, item TEXT NOT NULL, note TEXT NOT NULL, \
                     placed_at INTEGER NOT NULL); INSERT INTO orders SELECT * FROM old.orders; \
                     CREATE INDEX a ON orders (user_id); CREATE INDEX b ON orders (placed_at); ANALYZE",
                    file(from, &namespace)
                );
                let _ = into;
                self.run(1 - server, "by_hand", &attach).await;
            }
        }
    }

    pub(crate) async fn remove_copy(&self) {
        let other = 1 - self.place().0;
        match self.dialect {
            Dialect::Postgres => {
                self.run(other, "", "DROP SCHEMA by_hand CASCADE; CHECKPOINT")
                    .await
            }
            Dialect::MySql => self.run(other, "", "DROP DATABASE by_hand").await,
            Dialect::Sqlite => {
                for suffix in ["", "-wal", "-shm"] {
                    let folder = &self.urls[other]["sqlite://".len()..];
                    let _ = std::fs::remove_file(format!("{folder}/by_hand.db{suffix}"));
                }
            }
        }
    }

    async fn run(&self, server: usize, namespace: &str, sql: &str) {
        let url = &self.urls[server];
        match self.dialect {
            Dialect::Postgres => {
                for sql in sql.split("; ") {
                    let mut psql = Command::new("psql");
                    done(psql.args(["-qAtX", "-v", "ON_ERROR_STOP=1", "-d", url, "-c", sql]));
                }
            }
            Dialect::MySql => done(client("mariadb", url).args(["-e", sql])),
            Dialect::Sqlite => {
                let mut connection =
                    SqliteConnection::connect(&format!("{url}/{namespace}.db?mode=rwc"))
                        .await
                        .unwrap();
                raw_sql(AssertSqlSafe(sql.to_owned()))
                    .execute(&mut connection)
                    .await
                    .unwrap();
                connection.close().await.unwrap();
            }
        }
    }
}

async fn start(dialect: Dialect) -> (String, Kept) {
    match dialect {
        Dialect::Postgres => {
            let settings = [("shared_buffers", "512MB"), ("max_wal_size", "4GB")];
            let server = PostgresServer::start_with(&settings).await.unwrap();
            (server.url().to_owned(), Kept::Postgres(server))
        }
        Dialect::MySql => {
            let settings = [
                ("innodb-buffer-pool-size", "1G"),
                ("innodb-log-file-size", "1G"),
            ];
            let server = MariaDbServer::start_with(&settings).await.unwrap();
            // A catalog takes no passwords.
            done(client("mariadb", server.url()).args([
                "-e",
                "CREATE USER 'bench'@'%' IDENTIFIED BY ''; GRANT ALL ON *.* TO 'bench'@'%'; CREATE DATABASE home",
            ]));
            let (_, place) = server.url().split_once('@').unwrap();
            (format!("mysql://bench@{place}"), Kept::MariaDb(server))
        }
        Dialect::Sqlite => {
            let folder = folder();
            (
                format!("sqlite://{}", folder.path().display()),
                Kept::Folder(folder),
            )
        }
    }
}

/// A client of MariaDB for an address.
fn client(program: &str, url: &str) -> Command {
    let rest = url.strip_prefix("mysql://").unwrap();
    let (account, place) = rest.split_once('@').unwrap();
    let (user, password) = account.split_once(':').unwrap_or((account, ""));
    let (host, port) = place.split('/').next().unwrap().split_once(':').unwrap();
    let mut command = Command::new(program);
    command
        .arg("--no-defaults")
        .args(["--host", host, "--port", port, "--user", user])
        .env("MYSQL_PWD", password);
    command
}

fn pipe(mut from: Command, mut into: Command) {
    let mut giving = from.stdout(Stdio::piped()).spawn().unwrap();
    let mut taking = into.stdin(giving.stdout.take().unwrap()).spawn().unwrap();
    assert!(giving.wait().unwrap().success());
    assert!(taking.wait().unwrap().success());
}

fn done(command: &mut Command) {
    let output = command.output().unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
}
