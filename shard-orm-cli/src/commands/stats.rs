//! `stats`: the calls of all processes, and what is unusual in them.

use shard_orm::admin::filling_servers;
use shard_orm::statistics::Rules;

use crate::Result;
use crate::exit::Exit;
use crate::output::stats as print;
use crate::session::Session;

/// Show the calls of all processes, and what is unusual in them.
///
/// Calls are shown by server, by logical shard and by statement.
/// Processes publish their statistics in the catalog, with the feature `metrics` and a heartbeat. The list of processes
/// says whose calls are counted, and how old the figures are. Servers that will be full soon are found by their sizes
/// of the last days, which processes measure once an hour.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
    shard-orm stats
    shard-orm stats --minutes 1 --group shop
    shard-orm stats --json")]
pub struct Args {
    /// The minutes over which calls are counted.
    #[arg(short, long, value_name = "N", default_value = "5", value_parser = ["1", "5", "15"])]
    minutes: String,
    /// Show this group, or this named database, only.
    #[arg(short, long)]
    group: Option<String>,
    /// How many logical shards and statements are shown, those with the most time first. JSON has all.
    #[arg(short = 'n', long, value_name = "N", default_value_t = 10)]
    limit: usize,
}

pub(super) async fn run(args: &Args, session: &Session<'_>) -> Result<Exit> {
    let cluster = session.open().await?;
    let mut fleet = cluster.fleet_statistics().await?;
    let rules = Rules::new();
    let mut anomalies = rules.find(&fleet.statistics);
    anomalies.extend(filling_servers(&cluster, &rules).await?);
    if let Some(group) = &args.group {
        let all = &mut fleet.statistics;
        all.servers.retain(|one| one.group == *group);
        all.incidents.retain(|one| one.group == *group);
        all.replicas.retain(|one| one.group == *group);
        all.shards.retain(|one| one.group == *group);
        all.tables.retain(|one| one.group == *group);
        all.statements.retain(|one| one.group == *group);
        anomalies.retain(|one| one.subject.group() == group);
    }
    let shown = print::Shown {
        minutes: args.minutes.parse().unwrap_or(5),
        limit: args.limit,
    };
    print::show(session.output, &fleet, &anomalies, shown)?;
    Ok(Exit::Done)
}
