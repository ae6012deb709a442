//! `sync`: the copies of static tables.

mod write;

use clap::Subcommand;
use shard_orm::admin::{sync_status, verify_copies};

use crate::Result;
use crate::exit::Exit;
use crate::output;
use crate::session::Session;

/// Synchronize static tables, show their state, and compare them with their sources.
///
/// `run` and `supervise` know no models, and so no hooks. They refuse a table if its application has
/// recorded that hooks take part, or has not recorded yet that none do.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
    shard-orm sync status
    shard-orm sync run
    shard-orm sync run airlines --source default
    shard-orm sync supervise --locks default
    shard-orm sync verify airlines")]
pub struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Bring the copies up to date with their sources once.
    ///
    /// Copies are synchronized as by the application, from the position that its last run has recorded.
    /// The exit code is 1 if a copy is not up to date, or a table was refused. Interrupted, it rolls back
    /// what is not committed; the next run continues from there.
    Run(write::RunArgs),
    /// Keep the copies up to date until it is interrupted.
    ///
    /// Prints a line whenever the state of a copy changes. Copies that are created later are not
    /// included.
    Supervise(write::SuperviseArgs),
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

impl Args {
    /// Whether copies are written.
    pub(super) fn writes(&self) -> bool {
        matches!(self.command, Command::Run(_) | Command::Supervise(_))
    }
}

pub(super) async fn run(args: &Args, session: &Session<'_>) -> Result<Exit> {
    let cluster = session.open().await?;
    match &args.command {
        Command::Run(args) => write::run(args, session, &cluster).await,
        Command::Supervise(args) => write::supervise(args, session, &cluster).await,
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
