//! Traffic that knows nothing of the library: TPC-B by `pgbench`, straight to the tables of the moving shard.

use std::process::{Command, Output, Stdio};
use std::time::Duration;

use shard_orm::prelude::*;
use shard_orm::reshard::{JobState, Pace};
use shard_orm_tests::behaviours;
use shard_orm_tests::fixture::Fixture;

use crate::{MOVING, Order, Setting, cluster};

/// `pgbench` in the namespace that moves.
fn pgbench(fixture: &Fixture, arguments: &[&str]) -> Command {
    let mut command = Command::new("pgbench");
    command
        .args(arguments)
        .arg(&fixture.server_urls()[0])
        .env("PGOPTIONS", "-c search_path=shop_0")
        .stdin(Stdio::null());
    command
}

/// The number of transactions that were acknowledged, by the summary.
fn acknowledged(output: &Output) -> i64 {
    let text = String::from_utf8_lossy(&output.stdout);
    let line = text
        .lines()
        .find_map(|line| line.strip_prefix("number of transactions actually processed: "));
    let number = line.unwrap_or_else(|| panic!("{output:?}"));
    number.split('/').next().unwrap().trim().parse().unwrap()
}

behaviours! { (Order, Setting), 4 shards on 2 servers, |options| options;
    async fn foreign_traffic_is_stopped_and_not_lost(fixture: &Fixture) {
        if fixture.dialect != Dialect::Postgres {
            return;
        }
        let operator = cluster(fixture).await;
        let made = pgbench(fixture, &["-i", "-q", "-I", "dtgp"]).output().unwrap();
        assert!(made.status.success(), "{made:?}");
        let source = fixture.raw_namespace(MOVING);
        source.run("ALTER TABLE shop_0.pgbench_history ADD COLUMN id bigserial PRIMARY KEY").await;
        let traffic = pgbench(fixture, &["-n", "-c", "4", "-R", "200", "-T", "600", "-M", "prepared"])
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        // At a rate that a busy machine can follow: before the move, and until the fence ends it.
        tokio::time::sleep(Duration::from_millis(500)).await;
        let reshard = operator.reshard().unwrap();
        let job = reshard.move_shard("shop", MOVING, "server-1").pace(Pace::Full).start().await.unwrap();
        let job = reshard.run(job.id).await.unwrap();
        assert_eq!(job.state, JobState::Holding, "{job:?}");
        let output = tokio::task::spawn_blocking(move || traffic.wait_with_output()).await.unwrap().unwrap();
        let processed = acknowledged(&output);
        assert!(processed > 0, "{output:?}");

        let target = fixture.raw_namespace_on(1, "shop_0_g2");
        let number = async |sql: &str| -> i64 {
            let sql = sql.replace("FROM ", "FROM shop_0_g2.pgbench_");
            target.text(&sql).await.unwrap().parse().unwrap()
        };
        assert_eq!(number("SELECT count(*)::text FROM history").await, processed);
        let delta = number("SELECT sum(delta)::text FROM history").await;
        assert_eq!(number("SELECT sum(abalance)::text FROM accounts").await, delta);
        assert_eq!(number("SELECT sum(tbalance)::text FROM tellers").await, delta);
        assert_eq!(number("SELECT sum(bbalance)::text FROM branches").await, delta);
        assert_eq!(number("SELECT count(*)::text FROM accounts").await, 100_000);
    }
}
