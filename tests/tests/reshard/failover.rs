//! Servers that fail over while a logical shard moves, and replicas that lag behind.

use std::time::Duration;

use shard_orm::prelude::*;
use shard_orm::reshard::{JobState, Pace};
use shard_orm_tests::waiting::eventually;

use self::bed::{Bed, ROWS, run, url};
use crate::{MOVING, Order};

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

pub(crate) mod bed;
mod replicas;
mod staying;
mod target;

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
    if dialect == Dialect::Postgres {
        let forbid = "CREATE FUNCTION forbid() RETURNS event_trigger LANGUAGE plpgsql \
             AS $$ BEGIN RAISE EXCEPTION 'tables keep their names'; END $$";
        let shard_orm_tests::servers::Node::Postgres(server) = &bed.source else {
            unreachable!("a server of PostgreSQL");
        };
        server.run_in_shop(forbid).await.unwrap();
        let trigger = "CREATE EVENT TRIGGER forbids ON ddl_command_start WHEN TAG IN ('ALTER TABLE') \
             EXECUTE FUNCTION forbid()";
        server.run_in_shop(trigger).await.unwrap();
        let always = "ALTER EVENT TRIGGER forbids ENABLE ALWAYS";
        server.run_in_shop(always).await.unwrap();
        let found = plan().await;
        let expected = "cannot be closed at the switch, as a rehearsal has shown";
        assert!(found.iter().any(|one| one.contains(expected)), "{found:?}");
        assert!(found[0].contains("tables keep their names"), "{found:?}");
        server
            .run_in_shop("DROP EVENT TRIGGER forbids")
            .await
            .unwrap();
        assert_eq!(plan().await, Vec::<String>::new());
    }
    if dialect == Dialect::MySql {
        run("REVOKE SUPER, BINLOG ADMIN ON *.* FROM mover@'%'").await;
    }
    run(hinder).await;
    let found = plan().await;
    assert!(found.iter().any(|one| one.contains(expected)), "{found:?}");
    run(help).await;
    assert_eq!(plan().await, Vec::<String>::new());
}

on_both! {
    while_rows_are_copied, a_failover_while_rows_are_copied_postgres, a_failover_while_rows_are_copied_mariadb;
    before_the_fence, a_failover_before_the_fence_postgres, a_failover_before_the_fence_mariadb;
    after_the_switch, a_failover_after_the_switch_postgres, a_failover_after_the_switch_mariadb;
    without_rights, what_hinders_a_move_is_told_before_postgres, what_hinders_a_move_is_told_before_mariadb;
    while_a_replica_lags, a_copy_waits_for_a_replica_that_lags_postgres, a_copy_waits_for_a_replica_that_lags_mariadb;
    with_a_replica_that_lags, a_replica_that_lags_is_not_read_postgres, a_replica_that_lags_is_not_read_mariadb;
}
