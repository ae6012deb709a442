//! `process`: the processes that use the cluster.

use crate::Result;
use crate::exit::Exit;
use crate::output::process as print;
use crate::session::Session;

/// Show the processes that use the cluster.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// List the processes with the epoch that each one uses.
    List,
}

pub(super) async fn run(args: &Args, session: &Session<'_>) -> Result<Exit> {
    let Command::List = args.command;
    let cluster = session.open().await?;
    let catalog = cluster.catalog()?;
    let newest = catalog.current().await?.map(|revision| revision.epoch);
    print::list(session.output, &catalog.processes().await?, newest)?;
    Ok(Exit::Done)
}
