//! Migrations of many namespaces on one server: one after another, and several at once; a run with nothing to do; and an
//! application beside a migration that waits.
//!
//! In rounds that alternate; each migration adds a column to the one table of each namespace.

mod waiting;

use std::time::{Duration, Instant};

use shard_orm::config::{Config, Group, Server};
use shard_orm::migrate::Migrations;
use shard_orm::prelude::*;
use shard_orm_tests::database::fresh_postgres_on;
use shard_orm_tests::servers::{MariaDbServer, PostgresServer};

const USAGE: &str = "\
usage: cargo bench -p shard-orm-benches --bench migrate -- [OPTION]...

  --sqlite, --postgres, --mariadb   only this database
  --waiting                         only the application beside a migration that waits
  --rounds N                        rounds (7)
  --namespaces N                    namespaces of PostgreSQL and MariaDB (256); SQLite has four times as many
";

/// The namespaces that are migrated at the same time.
const AT_ONCE: [usize; 3] = [1, 2, 4];

/// Measures one kind of server.
async fn measure(name: &str, url: &str, namespaces: u32, rounds: usize) {
    let group = Group::new(namespaces).namespace("migrated_{shard}");
    let config = Config::new("bench").group("bench", group.server(Server::new("a", url)));
    let cluster = Cluster::connect(&config).await.unwrap();
    let mut files = vec![(
        "bench/1_rows.sql".to_owned(),
        "CREATE TABLE migrated_rows (id BIGINT PRIMARY KEY)".to_owned(),
    )];
    up(&cluster, &files, 4).await;
    let mut times: Vec<Vec<Duration>> = vec![Vec::new(); AT_ONCE.len() + 1];
    for _ in 0..rounds {
        for (which, at_once) in AT_ONCE.into_iter().enumerate() {
            let version = files.len() + 1;
            let text = format!("ALTER TABLE migrated_rows ADD COLUMN c{version} INT");
            files.push((format!("bench/{version}_column.sql"), text));
            let took = up(&cluster, &files, at_once).await;
            times[which].push(took);
        }
        let took = up(&cluster, &files, 4).await;
        times[AT_ONCE.len()].push(took);
    }
    println!("\n{name}, {namespaces} namespaces, {rounds} rounds, medians");
    let medians: Vec<f64> = times.into_iter().map(median).collect();
    for (at_once, seconds) in AT_ONCE.iter().zip(&medians) {
        println!(
            "  {at_once} at once: {:>8.1} ms, {:>5.2} times as fast as one",
            seconds * 1e3,
            medians[0] / seconds
        );
    }
    println!("  nothing to do: {:>6.1} ms", medians[AT_ONCE.len()] * 1e3);
    cluster.close().await;
}

async fn up(cluster: &Cluster, files: &[(String, String)], at_once: usize) -> Duration {
    let files: Vec<(&str, &str)> = files
        .iter()
        .map(|(path, text)| (&**path, &**text))
        .collect();
    let migrations = Migrations::embedded(&files).unwrap();
    let since = Instant::now();
    let run = cluster
        .migrate(&migrations)
        .without_canary()
        .per_server(at_once);
    run.up().await.unwrap();
    since.elapsed()
}

fn median(mut times: Vec<Duration>) -> f64 {
    times.sort_unstable();
    times[times.len() / 2].as_secs_f64()
}

fn main() {
    let mut only: Option<String> = None;
    let mut only_waiting = false;
    let (mut rounds, mut namespaces) = (7, 256);
    let mut arguments = std::env::args().skip(1);
    while let Some(argument) = arguments.next() {
        let mut number = || {
            arguments
                .next()
                .and_then(|number| number.parse::<u32>().ok())
        };
        let known = match argument.as_str() {
            "--sqlite" | "--postgres" | "--mariadb" => {
                only = Some(argument[2..].to_owned());
                Some(())
            }
            "--waiting" => {
                only_waiting = true;
                Some(())
            }
            "--rounds" => number().map(|number| rounds = number as usize),
            "--namespaces" => number().map(|number| namespaces = number),
            // Given by cargo.
            "--bench" => Some(()),
            _ => None,
        };
        if known.is_none() {
            print!("{USAGE}");
            std::process::exit(2);
        }
    }
    let wanted = |name: &str| only.as_deref().is_none_or(|only| only == name);
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    if wanted("sqlite") && !only_waiting {
        let folder = shard_orm_tests::scratch::folder("migrated");
        let url = format!("sqlite://{}", folder.path().display());
        runtime.block_on(measure("SQLite", &url, 4 * namespaces, rounds));
    }
    if wanted("postgres") {
        runtime.block_on(async {
            let server = PostgresServer::start().await.unwrap();
            let database = fresh_postgres_on(server.url()).await;
            if !only_waiting {
                measure("PostgreSQL", database.url(), namespaces, rounds).await;
            }
            waiting::measure("PostgreSQL", database.url()).await;
        });
    }
    if wanted("mariadb") {
        runtime.block_on(async {
            let server = MariaDbServer::start().await.unwrap();
            if !only_waiting {
                measure("MariaDB", server.url(), namespaces, rounds).await;
            }
            waiting::measure("MariaDB", server.url()).await;
        });
    }
}
