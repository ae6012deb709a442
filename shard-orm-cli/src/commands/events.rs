//! `events`: the audit log.

use std::time::Duration;

use crate::Result;
use crate::exit::Exit;
use crate::output::events as print;
use crate::session::Session;

/// How often new events are looked for.
const PAUSE: Duration = Duration::from_secs(1);
/// The most events that are read at once.
const PAGE: u32 = 1_000;

/// Show what was done to the cluster, and by whom.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
    shard-orm events
    shard-orm events --follow --json")]
pub struct Args {
    /// The number of past events.
    #[arg(short = 'n', long, value_name = "N", default_value_t = 20)]
    limit: u32,
    /// Go on with new events, until it is interrupted. With --json, one document on each line.
    #[arg(short, long)]
    follow: bool,
}

pub(super) async fn run(args: &Args, session: &Session<'_>) -> Result<Exit> {
    let cluster = session.open().await?;
    let catalog = cluster.catalog()?;
    let mut events = catalog.events(args.limit).await?;
    if !args.follow {
        print::list(session.output, &events)?;
        return Ok(Exit::Done);
    }
    let mut last = 0;
    loop {
        for event in &events {
            print::line(session.output, event)?;
            last = event.number;
        }
        tokio::time::sleep(PAUSE).await;
        events = catalog.events_after(last, PAGE).await?;
    }
}
