//! The program as a process: what it copies, how it is ended, and what it says when it cannot
//! start.

#![allow(clippy::unwrap_used)]

use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use shard_orm::Cluster;
use shard_orm::prelude::*;
use tempfile::TempDir;

#[derive(Debug, Clone, PartialEq, StaticModel)]
#[static_model(source = "default", groups = ["flights"], table = "airlines")]
struct Airline {
    #[static_model(primary_key, length = 2)]
    carrier: String,
    name: String,
}

#[derive(Debug, ShardModel)]
#[shard(group = "flights", table = "flights")]
struct Flight {
    #[shard(key, primary_key)]
    aircraft: i64,
}

fn worker() -> Command {
    Command::new(env!("CARGO_BIN_EXE_sync-worker"))
}

/// The example's own configuration, in a folder of its own.
fn configuration() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    let own = Path::new(env!("CARGO_MANIFEST_DIR")).join("shard-orm.toml");
    std::fs::copy(own, folder.path().join("shard-orm.toml")).unwrap();
    folder
}

fn signal(child: &Child, sent: Signal) {
    kill(Pid::from_raw(child.id().try_into().unwrap()), sent).unwrap();
}

#[tokio::test]
async fn it_copies_until_it_is_ended_by_a_signal() {
    let folder = configuration();
    let file = folder.path().join("shard-orm.toml");
    for sent in [Signal::SIGTERM, Signal::SIGINT] {
        let mut child = worker()
            .arg(&file)
            .args(["--every", "50ms", "--locks", "lease", "--json"])
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        // It has created the tables.
        let first: serde_json::Value =
            serde_json::from_str(&lines.next().unwrap().unwrap()).unwrap();
        assert_eq!(first.as_array().unwrap().len(), 4);
        let cluster = Cluster::open(&file).await.unwrap();
        cluster.setup().table::<Flight>().run().await.unwrap();
        let airline = Airline {
            carrier: format!("{sent:?}")[3..5].to_owned(),
            name: format!("{sent} Airways"),
        };
        airline.clone().insert(&cluster).await.unwrap();
        // The copies of both servers have it.
        for key in 0..16 {
            let at = Flight::shard(key);
            while Airline::find_copy(&cluster, at.clone(), airline.carrier.as_str())
                .await
                .unwrap()
                .is_none()
            {
                lines.next().unwrap().unwrap();
            }
        }
        signal(&child, sent);
        let last = lines.map(Result::unwrap).last();
        assert!(child.wait().unwrap().success(), "{last:?}");
        // Times are as people and tools expect them.
        if let Some(last) = last {
            let last: serde_json::Value = serde_json::from_str(&last).unwrap();
            for copy in last.as_array().unwrap() {
                let run = copy["last_run"].as_str().unwrap();
                assert!(
                    run.starts_with("20") && run.ends_with('Z') && run.contains('T'),
                    "{copy}"
                );
                assert!(copy["took_seconds"].as_f64().unwrap() < 600.0, "{copy}");
            }
        }
        // Its locks were given back: the next one does not wait for their end.
    }
}

#[test]
fn it_says_why_it_cannot_start() {
    let folder = configuration();
    let output = worker()
        .arg(folder.path().join("none.toml"))
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(1));
    let errors = String::from_utf8(output.stderr).unwrap();
    assert!(
        errors.starts_with("sync-worker: configuration: "),
        "{errors}"
    );

    // SQLite has no sessions that could keep locks.
    let output = worker()
        .arg(folder.path().join("shard-orm.toml"))
        .args(["--locks", "database"])
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(1));

    let output = worker().args(["--every", "soon"]).output().unwrap();
    assert_eq!(output.status.code(), Some(2));
}

#[test]
fn its_help_names_all_options() {
    let output = worker().arg("--help").output().unwrap();
    assert!(output.status.success());
    let help = String::from_utf8(output.stdout).unwrap();
    for option in [
        "--every",
        "--locks",
        "--lock-ttl",
        "--json",
        "[CONFIGURATION]",
    ] {
        assert!(help.contains(option), "{help}");
    }
}
