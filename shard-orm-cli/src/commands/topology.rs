//! `topology`: changes of the whole topology.

use crate::Result;
use crate::exit::Exit;
use crate::output::catalog as print;
use crate::session::Session;

/// Change the topology in the catalog as a whole.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// Store the topology of an earlier epoch as a new epoch. Refused if logical shards were on other
    /// servers then.
    Rollback(RollbackArgs),
}

#[derive(Debug, clap::Args)]
struct RollbackArgs {
    /// The epoch to go back to.
    #[arg(value_name = "EPOCH")]
    epoch: u64,
}

pub(super) async fn run(args: &Args, session: &Session<'_>) -> Result<Exit> {
    let Command::Rollback(args) = &args.command;
    let cluster = session.open().await?;
    let revision = cluster.catalog()?.rollback(args.epoch).await?;
    print::changed(session.output, &revision)?;
    Ok(Exit::Done)
}
