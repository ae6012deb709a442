//! `sync`: the copies of static tables.

use clap::Subcommand;
use shard_orm::admin::{sync_status, verify_copies};

use crate::Result;
use crate::exit::Exit;
use crate::output;
use crate::session::Session;

/// Show how static tables are synchronized, and compare them with their sources.
///
/// Copies are written by the application, which knows their models and hooks.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Show when each copy last caught up with its source, and what went wrong.
    Status,
    /// Compare copies with their source, row by row. The exit code is 3 if rows differ.
    ///
    /// A row that is written meanwhile, or that a copy does not have yet, is a difference.
    Verify {
        /// The named database of the source; not needed if the configuration has only one.
        #[arg(long, value_name = "DATABASE")]
        source: Option<String>,
        /// The tables; without one, all that have a copy.
        #[arg(value_name = "TABLE")]
        tables: Vec<String>,
    },
}

pub(super) async fn run(args: &Args, session: &Session<'_>) -> Result<Exit> {
    let cluster = session.open().await?;
    match &args.command {
        Command::Status => {
            output::sync::print_status(session.output, &sync_status(&cluster).await?)?;
            Ok(Exit::Done)
        }
        Command::Verify { source, tables } => {
            let verified = verify_copies(&cluster, source.as_deref(), tables).await?;
            output::sync::print_verified(session.output, &verified)?;
            let failed = verified.iter().any(|one| one.result.is_err());
            let mut compared = verified.iter().filter_map(|one| one.result.as_ref().ok());
            Ok(match (failed, compared.all(|found| found.is_equal())) {
                (true, _) => Exit::Failed,
                (false, true) => Exit::Done,
                (false, false) => Exit::Findings,
            })
        }
    }
}
