//! Servers that fail over while a logical shard moves, and replicas that lag behind.

use std::time::Duration;

use shard_orm::catalog::Document;
use shard_orm::config::{self, Config, Database};
use shard_orm::prelude::*;
use shard_orm::reshard::{Job, JobState, Pace, Reshard};
use shard_orm_tests::scratch;
use shard_orm_tests::servers::{Node, Rights};
use shard_orm_tests::waiting::eventually;
use tempfile::TempDir;

use crate::writer::assert_rows;
use crate::{MOVING, Order};

/// The rows of the moving shard.
const ROWS: i64 = 8_000;
/// A rate at which their copy takes some seconds.
const SLOW: u64 = 3_000;

/// An account of MariaDB without a password: a catalog takes none.
const CREATE_ACCOUNT: &str = "CREATE USER mover@'%' IDENTIFIED BY ''; GRANT ALL ON *.* TO mover@'%'; \
     REVOKE READ_ONLY ADMIN ON *.* FROM mover@'%'; SET GLOBAL log_bin_trust_function_creators = 1";

/// Two logical shards on two servers, each with a standby; the catalog is a file.
struct Bed {
    dialect: Dialect,
    source: Node,
    source_standby: Node,
    target: Node,
    target_standby: Node,
    operator: Cluster,
    application: Cluster,
    key: i64,
    rows: Vec<Order>,
    _folder: TempDir,
}

fn url(dialect: Dialect, node: &Node) -> String {
    let url = node.url_of(Rights::Ordinary);
    match dialect {
        Dialect::Postgres => url.replace(":client-secret", ""),
        _ => url.replace("client:client-secret", "mover"),
    }
}

impl Bed {
    async fn new(dialect: Dialect) -> Self {
        Self::with_max_lag(dialect, Duration::from_hours(1)).await
    }

    async fn with_max_lag(dialect: Dialect, max_lag: Duration) -> Self {
        let source = Node::start_primary(dialect).await.unwrap();
        let source_standby = Node::start_replica(&source).await.unwrap();
        let target = Node::start_stranger(dialect).await.unwrap();
        let target_standby = Node::start_replica(&target).await.unwrap();
        if dialect == Dialect::MySql {
            for node in [&source, &target] {
                for statement in CREATE_ACCOUNT.split("; ") {
                    node.run(statement).await.unwrap();
                }
            }
            for node in [&source_standby, &target_standby] {
                node.run("SET GLOBAL log_bin_trust_function_creators = 1")
                    .await
                    .unwrap();
            }
        }
        let folder = scratch::folder("failover");
        let catalog = format!("sqlite://{}", folder.path().join("catalog.db").display());
        let document = format!(
            "name = 'failover'\n[databases.default]\nprimary = '{catalog}'\n[groups.shop]\nlogical_shards = 2\n\
             health = {{ probe_interval = '50ms', probe_timeout = '1s', max_lag = '{}s' }}\npool = {{ acquire_timeout = '2s' }}\n\
             [[groups.shop.servers]]\nname = 'a'\nprimary = '{}'\nreplicas = ['{}']\nshards = '0..1'\n\
             [[groups.shop.servers]]\nname = 'b'\nprimary = '{}'\nreplicas = ['{}']\nshards = '1..2'\n",
            max_lag.as_secs(),
            url(dialect, &source),
            url(dialect, &source_standby),
            url(dialect, &target),
            url(dialect, &target_standby),
        );
        let options = config::Catalog::new("default")
            .poll(Duration::from_millis(100))
            .heartbeat(None);
        let config = Config::new("failover")
            .database("default", Database::new(&catalog))
            .catalog(options);
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
        let is_moving =
            |key: &i64| operator.locate(&Order::shard(*key)).unwrap().shard == Some(MOVING);
        let key = (1..).find(is_moving).unwrap();
        let rows: Vec<Order> = (0..ROWS).map(|id| order(key, id)).collect();
        Order::insert_many(&application, rows.clone())
            .await
            .unwrap();
        source_standby.has_all_of(&source).await.unwrap();
        target_standby.has_all_of(&target).await.unwrap();
        Self {
            dialect,
            source,
            source_standby,
            target,
            target_standby,
            operator,
            application,
            key,
            rows,
            _folder: folder,
        }
    }

    fn reshard(&self) -> Reshard {
        self.operator.reshard().unwrap()
    }

    /// Begins the move.
    async fn start(&self) -> (u64, tokio::task::JoinHandle<Job>) {
        let request = self.reshard().move_shard("shop", MOVING, "b");
        let job = request
            .pace(Pace::RowsPerSecond(SLOW))
            .accept_relaxed_durability()
            .start()
            .await
            .unwrap();
        let reshard = self.reshard();
        (
            job.id,
            tokio::spawn(async move { run(&reshard, job.id).await }),
        )
    }

    async fn until(&self, job: u64, state: JobState) {
        eventually("the job is so far", async || {
            let job = self.reshard().job(job).await.unwrap();
            assert!(job.state <= state, "{job:?}");
            job.state == state && (state != JobState::Copying || job.copied.rows > 0)
        })
        .await;
    }

    /// Lets the standby of the source hear nothing any more.
    async fn cut_off(&self) {
        self.cut(&self.source_standby).await;
    }

    async fn cut(&self, standby: &Node) {
        let stop = match self.dialect {
            Dialect::Postgres => "ALTER SYSTEM SET primary_conninfo = ''; SELECT pg_reload_conf()",
            _ => "STOP SLAVE",
        };
        // `ALTER SYSTEM` runs outside of transactions.
        for statement in stop.split("; ") {
            standby.run(statement).await.unwrap();
        }
        if self.dialect == Dialect::Postgres {
            let receivers = "SELECT count(*) FROM pg_stat_wal_receiver";
            eventually("the standby receives nothing", async || {
                standby.number(receivers).await.unwrap() == 0
            })
            .await;
        }
    }

    /// Changes rows, which the standby does not hear of.
    async fn write_what_is_lost(&self) {
        for (id, at) in (0..5).zip(0_usize..) {
            order(self.key, ROWS + id)
                .insert(&self.application)
                .await
                .unwrap();
            let mut changed = self.rows[at].clone();
            changed.amount = Some(-1);
            changed.update(&self.application).await.unwrap();
            self.rows[100 + at]
                .clone()
                .delete(&self.application)
                .await
                .unwrap();
        }
    }

    async fn fail_over(&mut self) {
        self.source.kill9();
        self.source_standby.promote().await.unwrap();
    }

    async fn fail_over_target(&mut self) {
        self.target.kill9();
        self.target_standby.promote().await.unwrap();
    }

    /// Changes a row, as soon as writes are taken again.
    async fn write(&mut self, at: usize) {
        let mut row = self.rows[at].clone();
        row.amount = Some(7);
        eventually("writes are taken again", async || {
            row.update(&self.application).await.is_ok()
        })
        .await;
        self.rows[at] = row;
    }

    async fn assert_rows(&self) {
        assert_rows(&self.application, self.key, &self.rows).await;
    }
}

fn order(user_id: i64, id: i64) -> Order {
    Order {
        id,
        user_id,
        code: format!("code {id}"),
        amount: Some(0),
    }
}

/// Runs a job, however often it takes.
async fn run(reshard: &Reshard, job: u64) -> Job {
    loop {
        match reshard.run(job).await {
            Ok(job) => return job,
            Err(error) => {
                println!("{error:?}");
                let may_pass = error.is_retryable()
                    || matches!(error.kind(), ErrorKind::Unavailable | ErrorKind::Conflict);
                assert!(may_pass, "{error:?}");
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        }
    }
}

/// The source fails over while its rows are copied, to a standby that lacks the capture.
async fn while_rows_are_copied(dialect: Dialect) {
    let mut bed = Bed::new(dialect).await;
    bed.cut_off().await;
    let (job, running) = bed.start().await;
    bed.until(job, JobState::Copying).await;
    bed.write_what_is_lost().await;
    bed.fail_over().await;
    bed.write(10).await;
    let done = running.await.unwrap();
    assert_eq!(done.state, JobState::Holding, "{done:?}");
    assert!(done.copied.failovers > 0, "{done:?}");
    bed.assert_rows().await;
    bed.reshard().finish(job).await.unwrap();
    assert_eq!(run(&bed.reshard(), job).await.state, JobState::Finished);
    bed.assert_rows().await;
}

/// The source fails over while a transaction of the application keeps it from being closed: the target has rows that
/// the source has lost.
async fn before_the_fence(dialect: Dialect) {
    let mut bed = Bed::new(dialect).await;
    bed.cut_off().await;
    let (job, running) = bed.start().await;
    bed.until(job, JobState::Copying).await;
    let open = bed.application.begin(Order::shard(bed.key)).await.unwrap();
    Order::on(bed.key).count(&open).await.unwrap();
    bed.reshard().throttle(job, Pace::Full).await.unwrap();
    bed.until(job, JobState::Switching).await;
    bed.write_what_is_lost().await;
    bed.fail_over().await;
    drop(open);
    bed.write(10).await;
    let done = running.await.unwrap();
    assert_eq!(done.state, JobState::Holding, "{done:?}");
    assert!(done.copied.failovers > 0, "{done:?}");
    bed.assert_rows().await;
}

/// The source fails over after the switch, to a standby that lacks the fence, and the shard goes back there.
async fn after_the_switch(dialect: Dialect) {
    let mut bed = Bed::new(dialect).await;
    bed.cut_off().await;
    let (job, running) = bed.start().await;
    let done = running.await.unwrap();
    assert_eq!(done.state, JobState::Holding, "{done:?}");
    bed.write(10).await;
    bed.fail_over().await;
    bed.write(11).await;
    bed.reshard().reverse(job).await.unwrap();
    bed.write(12).await;
    let done = run(&bed.reshard(), job).await;
    assert_eq!(done.state, JobState::Reversed, "{done:?}");
    assert!(done.copied.failovers > 0, "{done:?}");
    assert_eq!(
        bed.operator.locate(&Order::shard(bed.key)).unwrap().server,
        "a"
    );
    bed.write(13).await;
    bed.assert_rows().await;
}

/// The target fails over while rows are copied, to a standby that lacks the last ones.
async fn of_the_target_while_rows_are_copied(dialect: Dialect) {
    let mut bed = Bed::new(dialect).await;
    let (job, running) = bed.start().await;
    bed.until(job, JobState::Copying).await;
    bed.target_standby.has_all_of(&bed.target).await.unwrap();
    bed.cut(&bed.target_standby).await;
    let before = bed.reshard().job(job).await.unwrap().copied.rows;
    bed.write(10).await;
    eventually("rows are copied that the standby lacks", async || {
        bed.reshard().job(job).await.unwrap().copied.rows > before
    })
    .await;
    bed.fail_over_target().await;
    bed.write(11).await;
    let done = running.await.unwrap();
    assert_eq!(done.state, JobState::Holding, "{done:?}");
    assert!(done.copied.failovers > 0, "{done:?}");
    bed.assert_rows().await;
    bed.reshard().finish(job).await.unwrap();
    assert_eq!(run(&bed.reshard(), job).await.state, JobState::Finished);
    bed.assert_rows().await;
}

/// The target fails over to a standby that has nothing of the job, and the job is aborted.
async fn of_the_target_to_nothing(dialect: Dialect) {
    let mut bed = Bed::new(dialect).await;
    bed.cut(&bed.target_standby).await;
    let (job, running) = bed.start().await;
    bed.until(job, JobState::Copying).await;
    bed.fail_over_target().await;
    bed.write(10).await;
    bed.reshard().abort(job).await.unwrap();
    // What ends it is either the abort, or the namespace that has gone.
    let _ = running.await;
    assert_eq!(run(&bed.reshard(), job).await.state, JobState::Aborted);
    bed.assert_rows().await;
    bed.write(11).await;
    bed.assert_rows().await;
}

/// The target fails over after the switch, to a standby that lacks the last writes: what it has counts, as for every
/// server that fails over, and the shard goes back with that.
async fn of_the_target_after_the_switch(dialect: Dialect) {
    let mut bed = Bed::new(dialect).await;
    let (job, running) = bed.start().await;
    let done = running.await.unwrap();
    assert_eq!(done.state, JobState::Holding, "{done:?}");
    bed.write(10).await;
    bed.target_standby.has_all_of(&bed.target).await.unwrap();
    bed.cut(&bed.target_standby).await;
    let kept = bed.rows[11].clone();
    bed.write(11).await;
    bed.fail_over_target().await;
    bed.rows[11] = kept;
    bed.write(12).await;
    bed.assert_rows().await;
    bed.reshard().reverse(job).await.unwrap();
    let done = run(&bed.reshard(), job).await;
    assert_eq!(done.state, JobState::Reversed, "{done:?}");
    bed.write(13).await;
    bed.assert_rows().await;
}

/// The target fails over to a standby that lacks the switch: the rows of the source are still there.
async fn of_the_target_without_the_switch(dialect: Dialect) {
    let mut bed = Bed::new(dialect).await;
    let (job, running) = bed.start().await;
    bed.until(job, JobState::Copying).await;
    let open = bed.application.begin(Order::shard(bed.key)).await.unwrap();
    Order::on(bed.key).count(&open).await.unwrap();
    bed.reshard().throttle(job, Pace::Full).await.unwrap();
    bed.until(job, JobState::Switching).await;
    bed.target_standby.has_all_of(&bed.target).await.unwrap();
    bed.cut(&bed.target_standby).await;
    drop(open);
    let done = running.await.unwrap();
    assert_eq!(done.state, JobState::Holding, "{done:?}");
    bed.fail_over_target().await;
    bed.reshard().reverse(job).await.unwrap();
    let done = run(&bed.reshard(), job).await;
    assert_eq!(done.state, JobState::Reversed, "{done:?}");
    bed.write(10).await;
    bed.assert_rows().await;
}

/// The replica of the new server lags: it is not read before it has the rows.
async fn with_a_replica_that_lags(dialect: Dialect) {
    let mut bed = Bed::new(dialect).await;
    bed.target_standby.pause_replay().await.unwrap();
    let (job, running) = bed.start().await;
    bed.reshard().throttle(job, Pace::Full).await.unwrap();
    let done = running.await.unwrap();
    assert_eq!(done.state, JobState::Holding, "{done:?}");
    bed.write(10).await;
    let reading = bed.application.read_from(Read::Replica);
    let before = std::time::Instant::now();
    for _ in 0..20 {
        let found = Order::get(reading, bed.key, 10).await.unwrap();
        assert_eq!(found, bed.rows[10]);
    }
    // Without waiting for the replica.
    assert!(
        before.elapsed() < Duration::from_secs(4),
        "{:?}",
        before.elapsed()
    );
    bed.target_standby.resume_replay().await.unwrap();
    bed.target_standby.has_all_of(&bed.target).await.unwrap();
    assert_eq!(
        Order::on(bed.key).count(reading).await.unwrap(),
        ROWS as u64
    );
    bed.assert_rows().await;
}

/// A replica of the old server lags: rows are copied when it has caught up.
async fn while_a_replica_lags(dialect: Dialect) {
    let mut bed = Bed::with_max_lag(dialect, Duration::from_secs(1)).await;
    bed.source_standby.pause_replay().await.unwrap();
    bed.write(10).await;
    let says_so = async |job: u64| {
        let job = bed.reshard().job(job).await.unwrap();
        assert!(job.state <= JobState::Copying, "{job:?}");
        job.message.contains("a replica of server `a` lags")
    };
    let (job, running) = bed.start().await;
    eventually("the copy waits", async || says_so(job).await).await;
    bed.source_standby.resume_replay().await.unwrap();
    eventually("the copy goes on", async || {
        let job = bed.reshard().job(job).await.unwrap();
        job.message.is_empty() && job.copied.rows > 0
    })
    .await;
    let done = running.await.unwrap();
    assert_eq!(done.state, JobState::Holding, "{done:?}");
    bed.assert_rows().await;
}

/// What the account may not do on a server that keeps a binary log, and a transaction that may keep tables locked for
/// any time, are told before a job begins.
async fn without_rights(dialect: Dialect) {
    let bed = Bed::new(dialect).await;
    let plan = async || {
        let reshard = bed.reshard();
        let request = reshard
            .move_shard("shop", MOVING, "b")
            .accept_relaxed_durability();
        let found = request.plan().await.unwrap().obstacles;
        found.iter().map(ToString::to_string).collect::<Vec<_>>()
    };
    assert_eq!(plan().await, Vec::<String>::new());
    let (hinder, help, expected) = match dialect {
        Dialect::Postgres => (
            "BEGIN; SELECT 1; PREPARE TRANSACTION 'half'",
            "ROLLBACK PREPARED 'half'",
            "`half` on server `a` is a prepared transaction",
        ),
        _ => (
            "SET GLOBAL log_bin_trust_function_creators = 0",
            "SET GLOBAL log_bin_trust_function_creators = 1",
            "on server `a` may create no triggers",
        ),
    };
    let run = async |text: &str| match dialect {
        Dialect::Postgres => {
            use shard_orm::sqlx::{AssertSqlSafe, Connection as _, Executor as _, PgConnection};
            let url = url(dialect, &bed.source);
            let mut connection = PgConnection::connect(&url).await.unwrap();
            let text = AssertSqlSafe(text.to_owned());
            connection
                .execute(shard_orm::sqlx::raw_sql(text))
                .await
                .unwrap();
            connection.close().await.unwrap();
        }
        _ => bed.source.run(text).await.unwrap(),
    };
    if dialect == Dialect::MySql {
        run("REVOKE SUPER, BINLOG ADMIN ON *.* FROM mover@'%'").await;
    }
    run(hinder).await;
    let found = plan().await;
    assert!(found.iter().any(|one| one.contains(expected)), "{found:?}");
    run(help).await;
    assert_eq!(plan().await, Vec::<String>::new());
}

macro_rules! on_both {
    ($($name:ident, $postgres:ident, $mariadb:ident;)+) => {
        $(
            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $postgres() {
                $name(Dialect::Postgres).await;
            }

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $mariadb() {
                $name(Dialect::MySql).await;
            }
        )+
    };
}

on_both! {
    while_rows_are_copied, a_failover_while_rows_are_copied_postgres, a_failover_while_rows_are_copied_mariadb;
    before_the_fence, a_failover_before_the_fence_postgres, a_failover_before_the_fence_mariadb;
    after_the_switch, a_failover_after_the_switch_postgres, a_failover_after_the_switch_mariadb;
    of_the_target_while_rows_are_copied, a_failover_of_the_target_while_rows_are_copied_postgres, a_failover_of_the_target_while_rows_are_copied_mariadb;
    of_the_target_to_nothing, a_failover_of_the_target_to_nothing_postgres, a_failover_of_the_target_to_nothing_mariadb;
    of_the_target_after_the_switch, a_failover_of_the_target_after_the_switch_postgres, a_failover_of_the_target_after_the_switch_mariadb;
    of_the_target_without_the_switch, a_failover_of_the_target_without_the_switch_postgres, a_failover_of_the_target_without_the_switch_mariadb;
    without_rights, what_hinders_a_move_is_told_before_postgres, what_hinders_a_move_is_told_before_mariadb;
    while_a_replica_lags, a_copy_waits_for_a_replica_that_lags_postgres, a_copy_waits_for_a_replica_that_lags_mariadb;
    with_a_replica_that_lags, a_replica_that_lags_is_not_read_postgres, a_replica_that_lags_is_not_read_mariadb;
}
