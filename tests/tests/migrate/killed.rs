//! Runs in processes that are killed.

use std::env;
use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use shard_orm::config::Config;
use shard_orm::migrate::Migrations;
use shard_orm::prelude::*;
use shard_orm::route::mix64;
use shard_orm_tests::behaviours;
use shard_orm_tests::sample;

use crate::Order;
use crate::deployment::{Deployment, NOTES, folder, write};

const CONFIGURATION: &str = "SHARD_ORM_TEST_CONFIGURATION";
const FOLDER: &str = "SHARD_ORM_TEST_FOLDER";
/// The beginning of a line that is written for each event.
const EVENT: &str = "event ";

/// The process that is killed.
#[test]
#[ignore = "run by the other tests of this file as a process"]
fn process() {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async {
        let config = Config::from_toml(&env::var(CONFIGURATION).unwrap()).unwrap();
        let cluster = Cluster::connect(&config).await.unwrap();
        let migrations = Migrations::from_folder(env::var(FOLDER).unwrap()).unwrap();
        run(&cluster, &migrations)
            .on_event(|_| println!("{EVENT}"))
            .up()
            .await
            .unwrap();
    });
}

pub(crate) fn run(cluster: &Cluster, migrations: &Migrations) -> shard_orm::migrate::Migrate {
    let run = cluster.migrate(migrations).lease(Duration::from_secs(3));
    run.wait_for_lock(Duration::from_mins(5))
}

/// Lets a process migrate, and kills it after so many events.
pub(crate) async fn kill_after(deployment: &Deployment<'_>, folder: &Path, events: u64) {
    let (toml, path) = (deployment.toml(), folder.to_owned());
    let mut left = events;
    let killed = tokio::task::spawn_blocking(move || {
        // It does not outlive the test, however that ends.
        let mut child = Command::new("setpriv")
            .args(["--pdeathsig", "KILL"])
            .arg(env::current_exe().unwrap())
            .args(["--exact", "killed::process", "--ignored", "--nocapture"])
            .env(CONFIGURATION, toml)
            .env(FOLDER, path)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut is_reached = false;
        let output = BufReader::new(child.stdout.take().unwrap());
        for line in output.lines() {
            if line.unwrap().contains(EVENT) {
                if left == 0 {
                    is_reached = true;
                    break;
                }
                left -= 1;
            }
        }
        if is_reached {
            child.kill().unwrap();
        }
        let status = child.wait().unwrap();
        assert!(
            is_reached || status.success(),
            "it ended by itself: {status}"
        );
    });
    killed.await.unwrap();
}

/// The statements of a version. A table of MariaDB has room for 64 keys.
fn change(number: u64) -> String {
    const OF_A_TABLE: u64 = 50;
    let (table, position) = ((number - 1) / OF_A_TABLE, (number - 1) % OF_A_TABLE);
    let create = match position {
        0 => format!("CREATE TABLE t{table} (id BIGINT PRIMARY KEY);\n"),
        _ => String::new(),
    };
    format!(
        "{create}ALTER TABLE t{table} ADD COLUMN c{number} INT;\n\
         CREATE INDEX by_c{number} ON t{table} (c{number});\n\
         INSERT INTO notes (id) VALUES ({number});\n"
    )
}

/// How many processes are killed.
pub(crate) fn kills() -> u64 {
    sample::kills(4)
}

behaviours! { (Order), 64 shards on 2 servers, |options| options;
    async fn a_run_that_is_killed_is_completed_by_the_next(fixture: &Fixture) {
        let deployment = Deployment::new(fixture, "killed").await;
        let folder = folder(&[NOTES]);
        let mut random = sample::seed();
        for number in 0..kills() {
            if number > 0 {
                write(folder.path(), &format!("shop/{}_change.sql", number + 1), &change(number));
            }
            random = mix64(random);
            // A migration of 64 namespaces has 129 events.
            kill_after(&deployment, folder.path(), random % 120).await;
        }
        let migrations = Migrations::from_folder(folder.path()).unwrap();
        run(&deployment.cluster, &migrations).up().await.unwrap();
        run(&deployment.cluster, &migrations).check().await.unwrap();
        let drift = run(&deployment.cluster, &migrations).drift().await.unwrap();
        assert!(drift.is_empty(), "{drift:?}");
        let first = deployment.tables(0).await;
        let rows = kills() - 1;
        for shard in deployment.shards() {
            assert_eq!(deployment.tables(shard).await, first, "shard {shard}");
            let found = crate::Note::on(shard).count(&deployment.cluster).await.unwrap();
            assert_eq!(found, rows, "shard {shard}");
        }
    }
}
