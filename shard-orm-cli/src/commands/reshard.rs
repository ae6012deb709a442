//! `reshard`: moves of logical shards between servers.

use shard_orm::reshard::{MoveShard, Pace};

use crate::Result;
use crate::commands::job::run_and_watch;
use crate::commands::rebalance::{self, RebalanceArgs};
use crate::exit::Exit;
use crate::output::job as print;
use crate::session::Session;

/// Move logical shards to other servers, while the application writes.
///
/// Prints what would be done and what stands against it. With --run it creates a job and runs it until
/// the shard is at its new place and its old rows are kept level, so that the job can be reversed;
/// `job finish` removes the old rows.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
    shard-orm reshard move --shard 3 --to b
    shard-orm reshard move --shard 3 --to b --run --pace 20000
    shard-orm reshard clone --shard 3 --to test --run
    shard-orm reshard rebalance
    shard-orm reshard rebalance --by rows --run --concurrency 2 --between 22:00-06:00")]
pub struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// Move a logical shard to another server.
    Move(MoveArgs),
    /// Copy a logical shard to another server, into a namespace that never serves it.
    Clone(MoveArgs),
    /// Move logical shards so that each server gets its share.
    ///
    /// Prints the plan: what moves, why, and the servers before and after. With --run it is carried out, each
    /// move as a job that is finished by itself. Interrupted, the same command plans anew and goes on.
    Rebalance(RebalanceArgs),
}

#[derive(Debug, clap::Args)]
struct MoveArgs {
    /// The group; not needed if the configuration has only one.
    #[arg(short, long)]
    group: Option<String>,
    /// The number of the logical shard.
    #[arg(short, long, value_name = "N")]
    shard: u32,
    /// The server to which it goes.
    #[arg(long, value_name = "SERVER")]
    to: String,
    /// Do it. Otherwise it is only examined.
    #[arg(long, conflicts_with = "dry_run")]
    run: bool,
    /// Only examine it, as without --run.
    #[arg(long)]
    dry_run: bool,
    /// How fast rows are copied: `gentle` gives way to the application, `full` does not, and a number is
    /// the most rows in a second.
    #[arg(long, value_name = "PACE", default_value_t)]
    pace: Pace,
    /// Accept a source that acknowledges commits before they are durable (MySQL and MariaDB).
    #[arg(long)]
    accept_relaxed_durability: bool,
    /// Switch even if a replica of the source lacks the fence, and could take over without it.
    #[arg(long)]
    accept_replica_risk: bool,
}

pub(super) async fn run(args: &Args, session: &Session<'_>) -> Result<Exit> {
    let cluster = session.open().await?;
    let reshard = cluster.reshard()?;
    let (args, request): (&MoveArgs, MoveShard) = match &args.command {
        Command::Move(args) => {
            let group = session.group(&cluster, args.group.as_deref())?;
            (args, reshard.move_shard(&group, args.shard, &args.to))
        }
        Command::Clone(args) => {
            let group = session.group(&cluster, args.group.as_deref())?;
            (args, reshard.clone_shard(&group, args.shard, &args.to))
        }
        Command::Rebalance(args) => return rebalance::run(args, session).await,
    };
    let mut request = request.pace(args.pace);
    if args.accept_relaxed_durability {
        request = request.accept_relaxed_durability();
    }
    if args.accept_replica_risk {
        request = request.accept_replica_risk();
    }
    if !args.run {
        let planned = request.plan().await?;
        print::planned(session.output, &planned)?;
        return Ok(Exit::of(planned.obstacles.is_empty()));
    }
    let job = request.start().await?;
    run_and_watch(session, &reshard, job.id, false).await
}
