//! `check`: what is wrong with a cluster.

use std::time::Duration;

use shard_orm::admin::{CheckOptions, CheckReport, check, findings_of_configuration};

use crate::Result;
use crate::exit::{Exit, Failure};
use crate::output;
use crate::session::Session;

/// Find out what is wrong with a cluster, and how to mend it.
///
/// It changes nothing. It checks the configuration; that every endpoint answers, in its role; versions and clocks; that
/// the namespaces exist and belong where they are; that static tables are in step with their sources;
/// and that the pools of all processes fit the limits of the servers. The exit code is 3 if it finds
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
}

pub(super) async fn run(args: &Args, session: &Session<'_>) -> Result<Exit> {
    let options = CheckOptions::new()
        .processes(args.processes)
        .clock_difference(Duration::from_millis(args.clock_difference))
        .sync_age(Duration::from_secs(args.sync_age));
    let report = match session.open().await {
        Ok(cluster) => check(&cluster, options).await?,
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
