//! A gentle copy, and a plan, while many more statements run at one of the ends than before.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use shard_orm::admin::Rebalance;
use shard_orm::config::ServerState;
use shard_orm::prelude::*;
use shard_orm::reshard::planner::{Cost, Planner};
use shard_orm::reshard::{CarryOut, Job, JobState, Pace, PlanEvent, ThrottleReason};
use shard_orm::sqlx::{
    AssertSqlSafe, Connection as _, Executor as _, MySqlConnection, PgConnection, raw_sql,
};
use shard_orm_tests::servers::Node;
use shard_orm_tests::waiting::eventually;
use tokio::task::JoinSet;

use crate::Order;
use crate::failover::bed::{Bed, url};
use crate::fleet::set_state;

/// So many rows that their copy lasts longer than the test.
const ROWS: i64 = 400_000;
/// So many statements at a time are a crowd.
const STATEMENTS: usize = 40;

/// Runs a text once.
async fn run(dialect: Dialect, url: &str, text: String) {
    let text = raw_sql(AssertSqlSafe(text));
    match dialect {
        Dialect::Postgres => {
            let mut connection = PgConnection::connect(url).await.unwrap();
            connection.execute(text).await.unwrap();
            connection.close().await.unwrap();
        }
        _ => {
            let mut connection = MySqlConnection::connect(url).await.unwrap();
            connection.execute(text).await.unwrap();
            connection.close().await.unwrap();
        }
    }
}

async fn add_rows(bed: &Bed) {
    let at = bed.operator.locate(&Order::shard(bed.key)).unwrap();
    let (key, first, last) = (bed.key, 10_000, 10_000 + ROWS);
    let text = match bed.dialect {
        Dialect::Postgres => format!(
            "INSERT INTO {}.orders (id, user_id, code, amount) \
             SELECT i, {key}, 'code ' || i, 0 FROM generate_series({first}, {last}) AS i",
            at.namespace
        ),
        _ => format!(
            "INSERT INTO {0}.orders (id, user_id, code, amount) \
             SELECT seq, {key}, CONCAT('code ', seq), 0 FROM {0}.seq_{first}_to_{last}",
            at.namespace
        ),
    };
    run(bed.dialect, &url(bed.dialect, &bed.source), text).await;
}

/// Statements that run on a server all the time.
struct Load {
    stop: Arc<AtomicBool>,
    tasks: JoinSet<()>,
}

impl Load {
    fn on(dialect: Dialect, node: &Node) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let mut tasks = JoinSet::new();
        for _ in 0..STATEMENTS {
            let (stop, url) = (Arc::clone(&stop), url(dialect, node));
            tasks.spawn(async move {
                match dialect {
                    Dialect::Postgres => {
                        let mut connection = PgConnection::connect(&url).await.unwrap();
                        while !stop.load(Ordering::Relaxed) {
                            connection.execute("SELECT pg_sleep(0.3)").await.unwrap();
                        }
                    }
                    _ => {
                        let mut connection = MySqlConnection::connect(&url).await.unwrap();
                        while !stop.load(Ordering::Relaxed) {
                            connection.execute("SELECT SLEEP(0.3)").await.unwrap();
                        }
                    }
                }
            });
        }
        Self { stop, tasks }
    }

    async fn end(self) {
        self.stop.store(true, Ordering::Relaxed);
        self.tasks.join_all().await;
    }
}

/// Waits until the job says something while it copies.
async fn copying(bed: &Bed, job: u64, what: &str, condition: impl Fn(&Job) -> bool) {
    eventually(what, async || {
        let job = bed.reshard().job(job).await.unwrap();
        assert!(job.state <= JobState::Copying, "{job:?}");
        job.state == JobState::Copying && condition(&job)
    })
    .await;
}

async fn a_crowd_slows_a_copy(dialect: Dialect) {
    let bed = Bed::new(dialect).await;
    add_rows(&bed).await;
    let (job, running) = bed.start_with(bed.request().accept_replica_risk()).await;
    for (server, node) in [("a", &bed.source), ("b", &bed.target)] {
        copying(&bed, job, "the copy is not slowed", |job| {
            job.copied.rows > 0 && job.message.is_empty()
        })
        .await;
        let load = Load::on(dialect, node);
        let slowed = format!(
            "the copy gives way to the statements on server `{server}`, and copies 5000 rows"
        );
        copying(&bed, job, "the copy is as slow as it gets", |job| {
            let because = job.throttling().is_some_and(|why| {
                why.reason == ThrottleReason::Statements
                    && why.server.as_deref() == Some(server)
                    && why.rows_per_second == 5_000
            });
            because && job.message.contains(&slowed)
        })
        .await;
        load.end().await;
    }
    copying(&bed, job, "the copy is not slowed", |job| {
        job.message.is_empty()
    })
    .await;
    bed.reshard()
        .throttle(job, Pace::RowsPerSecond(6_000))
        .await
        .unwrap();
    copying(&bed, job, "the copy has a limit", |job| {
        let throttling = job
            .throttling()
            .map(|why| (why.reason, why.rows_per_second));
        throttling == Some((ThrottleReason::Limit, 6_000))
    })
    .await;
    bed.reshard().abort(job).await.unwrap();
    assert_eq!(running.await.unwrap().state, JobState::Aborted);
}

async fn a_crowd_holds_a_plan_up(dialect: Dialect) {
    let bed = Bed::new(dialect).await;
    set_state(&bed.operator, &["a"], ServerState::Draining).await;
    let how = CarryOut::new()
        .most_statements(20)
        .accept_relaxed_durability()
        .accept_replica_risk();
    let planner = Planner::new().cost(Cost::Shards);
    let rebalance = Rebalance::new(&bed.operator).unwrap();
    let rebalance = rebalance.planner(planner).how(how);
    let load = Load::on(dialect, &bed.source);
    let (said, mut heard) = tokio::sync::mpsc::unbounded_channel();
    let tell = move |event: PlanEvent| drop(said.send(event));
    let running = tokio::spawn(async move { rebalance.run(tell).await });
    loop {
        match heard.recv().await.unwrap() {
            PlanEvent::Crowded(group, server, statements) => {
                assert_eq!((&*group, &*server), ("shop", "a"));
                assert!(statements > 20, "{statements}");
                break;
            }
            PlanEvent::Runs(_) => {}
            event => panic!("{event:?}"),
        }
    }
    assert!(bed.reshard().jobs().await.unwrap().is_empty());
    load.end().await;
    let plan = running.await.unwrap().unwrap();
    assert!(plan.moves() > 0, "{plan:?}");
    bed.assert_rows().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_step_of_a_plan_waits_while_many_statements_run_postgres() {
    a_crowd_holds_a_plan_up(Dialect::Postgres).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_step_of_a_plan_waits_while_many_statements_run_mariadb() {
    a_crowd_holds_a_plan_up(Dialect::MySql).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_gentle_copy_gives_way_to_many_statements_postgres() {
    a_crowd_slows_a_copy(Dialect::Postgres).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_gentle_copy_gives_way_to_many_statements_mariadb() {
    a_crowd_slows_a_copy(Dialect::MySql).await;
}
