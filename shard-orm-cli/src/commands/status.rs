//! `status`: the state of servers and namespaces.

use std::time::Duration;

use shard_orm::admin::{Status, StatusOptions, status};

use crate::Result;
use crate::exit::{Exit, Failure};
use crate::output;
use crate::session::Session;

/// Show servers with role, version and lag, and namespaces with rows and bytes.
///
/// Rows and bytes are estimates of the databases, marked with `~`, unless --exact is given. SQLite
/// has no estimates of rows.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
    shard-orm status
    shard-orm status --exact --json | jq '.groups[].shards[].rows'
    shard-orm status --watch 5")]
pub struct Args {
    /// Only this group, without the named databases.
    #[arg(short, long)]
    group: Option<String>,
    /// Count the rows of all tables.
    #[arg(long)]
    exact: bool,
    /// Refresh it after so many seconds, until it is interrupted. With --json, one document on each
    /// line.
    #[arg(
        long,
        value_name = "SECONDS",
        num_args = 0..=1,
        default_missing_value = "2",
        value_parser = clap::value_parser!(u64).range(1..)
    )]
    watch: Option<u64>,
}

pub(super) async fn run(args: &Args, session: &Session<'_>) -> Result<Exit> {
    let cluster = session.open().await?;
    let options = StatusOptions::new().exact(args.exact);
    loop {
        let mut found = status(&cluster, options).await?;
        if let Some(group) = &args.group {
            found.groups.retain(|one| one.name == *group);
            found.databases.clear();
            if found.groups.is_empty() {
                return Err(Failure::Usage(format!(
                    "unknown group `{group}`; see the names in the configuration"
                )));
            }
        }
        output::status::print(session.output, &found, args.watch.is_some())?;
        let Some(seconds) = args.watch else {
            return Ok(Exit::of(is_complete(&found)));
        };
        tokio::time::sleep(Duration::from_secs(seconds)).await;
    }
}

/// Whether every endpoint has answered.
fn is_complete(status: &Status) -> bool {
    let of_groups = status.groups.iter().flat_map(|group| &group.servers);
    let of_databases = status.databases.iter().map(|database| &database.server);
    of_groups
        .chain(of_databases)
        .flat_map(|server| &server.endpoints)
        .all(|endpoint| endpoint.role.is_some())
}
