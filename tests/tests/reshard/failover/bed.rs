//! Two servers with a standby each, and a logical shard that moves from one to the other.

use std::time::Duration;

use shard_orm::catalog::Document;
use shard_orm::config::{self, Config, Database};
use shard_orm::prelude::*;
use shard_orm::reshard::{Job, JobState, MoveShard, Pace, Reshard};
use shard_orm_tests::scratch;
use shard_orm_tests::servers::{Node, Rights};
use shard_orm_tests::waiting::eventually;
use tempfile::TempDir;

use crate::writer::assert_rows;
use crate::{MOVING, Order};

/// The rows of the moving shard.
pub(crate) const ROWS: i64 = 8_000;
/// A rate at which their copy takes some seconds.
pub(crate) const SLOW: u64 = 3_000;

/// An account of MariaDB without a password: a catalog takes none.
pub(crate) const CREATE_ACCOUNT: &str = "CREATE USER mover@'%' IDENTIFIED BY ''; GRANT ALL ON *.* TO mover@'%'; \
     REVOKE READ_ONLY ADMIN ON *.* FROM mover@'%'; SET GLOBAL log_bin_trust_function_creators = 1";

/// Two logical shards on two servers, each with a standby; the catalog is a file.
pub(crate) struct Bed {
    pub(crate) dialect: Dialect,
    pub(crate) source: Node,
    pub(crate) source_standby: Node,
    pub(crate) target: Node,
    pub(crate) target_standby: Node,
    pub(crate) operator: Cluster,
    pub(crate) application: Cluster,
    pub(crate) key: i64,
    pub(crate) rows: Vec<Order>,
    _folder: TempDir,
}

pub(crate) fn url(dialect: Dialect, node: &Node) -> String {
    let url = node.url_of(Rights::Ordinary);
    match dialect {
        Dialect::Postgres => url.replace(":client-secret", ""),
        _ => url.replace("client:client-secret", "mover"),
    }
}

impl Bed {
    pub(crate) async fn new(dialect: Dialect) -> Self {
        Self::with_max_lag(dialect, Duration::from_hours(1)).await
    }

    pub(crate) async fn with_max_lag(dialect: Dialect, max_lag: Duration) -> Self {
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

    pub(crate) fn reshard(&self) -> Reshard {
        self.operator.reshard().unwrap()
    }

    /// Begins the move, whatever replicas do.
    pub(crate) async fn start(&self) -> (u64, tokio::task::JoinHandle<Job>) {
        let request = self.request().pace(Pace::RowsPerSecond(SLOW));
        self.start_with(request.accept_replica_risk()).await
    }

    /// The move.
    pub(crate) fn request(&self) -> MoveShard {
        let request = self.reshard().move_shard("shop", MOVING, "b");
        request.accept_relaxed_durability()
    }

    /// Begins the move by this request.
    pub(crate) async fn start_with(
        &self,
        request: MoveShard,
    ) -> (u64, tokio::task::JoinHandle<Job>) {
        let job = request.start().await.unwrap();
        let reshard = self.reshard();
        (
            job.id,
            tokio::spawn(async move { run(&reshard, job.id).await }),
        )
    }

    pub(crate) async fn until(&self, job: u64, state: JobState) {
        eventually("the job is so far", async || {
            let job = self.reshard().job(job).await.unwrap();
            assert!(job.state <= state, "{job:?}");
            job.state == state && (state != JobState::Copying || job.copied.rows > 0)
        })
        .await;
    }

    /// Lets the standby of the source hear nothing any more.
    pub(crate) async fn cut_off(&self) {
        self.cut(&self.source_standby).await;
    }

    pub(crate) async fn cut(&self, standby: &Node) {
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
    pub(crate) async fn write_what_is_lost(&self) {
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

    pub(crate) async fn fail_over(&mut self) {
        self.source.kill9();
        self.source_standby.promote().await.unwrap();
    }

    pub(crate) async fn fail_over_target(&mut self) {
        self.target.kill9();
        self.target_standby.promote().await.unwrap();
    }

    /// Changes a row, as soon as writes are taken again.
    pub(crate) async fn write(&mut self, at: usize) {
        let mut row = self.rows[at].clone();
        row.amount = Some(7);
        eventually("writes are taken again", async || {
            row.update(&self.application).await.is_ok()
        })
        .await;
        self.rows[at] = row;
    }

    pub(crate) async fn assert_rows(&self) {
        assert_rows(&self.application, self.key, &self.rows).await;
    }
}

pub(crate) fn order(user_id: i64, id: i64) -> Order {
    Order {
        id,
        user_id,
        code: format!("code {id}"),
        amount: Some(0),
    }
}

/// Runs a job, however often it takes.
pub(crate) async fn run(reshard: &Reshard, job: u64) -> Job {
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
