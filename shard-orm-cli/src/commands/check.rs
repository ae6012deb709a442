//! `check`: what is wrong with a cluster.

use std::path::{Path, PathBuf};
use std::time::Duration;

use shard_orm::Cluster;
use shard_orm::admin::{
    CheckOptions, CheckReport, Finding, check, check_migrations, findings_of_configuration,
};
use shard_orm::migrate::Migrations;

use crate::Result;
use crate::exit::{Exit, Failure};
use crate::output;
use crate::session::Session;

/// Find out what is wrong with a cluster, and how to mend it.
///
/// It changes nothing. It checks the configuration; that every endpoint answers, in its role; versions and clocks; that
/// the namespaces exist and belong where they are, and have the versions of the migration files; that
/// static tables are in step with their sources; and that the pools of all processes fit the limits of the servers. The exit code is 3 if it finds
/// an error or a warning.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
    shard-orm check --processes 12
    shard-orm check --json | jq -r '.findings[] | select(.severity == \"error\") | .message'")]
pub struct Args {
    /// The number of processes that open the cluster at the same time, each with its own pools.
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..))]
    processes: u32,
    /// The largest difference of clocks, in milliseconds.
    #[arg(long, value_name = "MILLISECONDS", default_value_t = 1_000)]
    clock_difference: u64,
    /// The longest time since a static table last caught up with its source, in seconds.
    #[arg(long, value_name = "SECONDS", default_value_t = 3_600)]
    sync_age: u64,
    /// The folder of migrations. Without it, `migrations` is checked if it exists.
    #[arg(long, value_name = "FOLDER")]
    migrations: Option<PathBuf>,
}

impl Args {
    /// The findings about migrations; none without a folder.
    async fn migrations(&self, cluster: &Cluster) -> Result<Vec<Finding>> {
        let folder = match &self.migrations {
            Some(folder) => folder.as_path(),
            None => Path::new("migrations"),
        };
        if !folder.is_dir() {
            return match &self.migrations {
                None => Ok(Vec::new()),
                Some(folder) => Err(Failure::Usage(format!(
                    "there is no folder {}; name one that exists with --migrations",
                    folder.display()
                ))),
            };
        }
        Ok(match Migrations::from_folder(folder) {
            Ok(migrations) => check_migrations(cluster, &migrations).await,
            Err(error) => findings_of_configuration(&error),
        })
    }
}

pub(super) async fn run(args: &Args, session: &Session<'_>) -> Result<Exit> {
    let options = CheckOptions::new()
        .processes(args.processes)
        .clock_difference(Duration::from_millis(args.clock_difference))
        .sync_age(Duration::from_secs(args.sync_age));
    let report = match session.open().await {
        Ok(cluster) => {
            let mut report = check(&cluster, options).await?;
            report.extend(args.migrations(&cluster).await?);
            report
        }
        Err(Failure::Library(error)) => {
            let findings = findings_of_configuration(&error);
            if findings.is_empty() {
                return Err(error.into());
            }
            CheckReport::of_findings(findings)
        }
        Err(failure) => return Err(failure),
    };
    output::check::print(session.output, &report)?;
    Ok(if report.is_ok() {
        Exit::Done
    } else {
        Exit::Findings
    })
}
