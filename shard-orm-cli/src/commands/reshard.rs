//! `reshard`: moves of logical shards between servers, and splits.

use shard_orm::admin::Rebalance;
use shard_orm::reshard::{ChangeKeys, Job, MoveShard, Planned};

use crate::Result;
use crate::commands::before_switch::BeforeSwitchArgs;
use crate::commands::job::run_and_watch;
use crate::commands::rebalance::{self, ColumnArgs, CopyArgs, LimitArgs, PlanArgs, RebalanceArgs};
use crate::commands::types::TypeArgs;
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
    shard-orm reshard move --shard 3 --to b --run --mirror 5% --mirror-for 600
    shard-orm reshard move --shard 3 --to b --run --gradual 5,25,100 --step-for 600
    shard-orm reshard clone --shard 3 --to test --run
    shard-orm reshard split --shard 3 --into a,b
    shard-orm reshard split --shard 3 --into a,b --at c000000000000000 --run
    shard-orm reshard split --auto --larger-than 50GB
    shard-orm reshard split --auto --number 64 --run
    shard-orm reshard merge --shards 3,16 --to a --run
    shard-orm reshard isolate --key 42 --to b --run
    shard-orm reshard rebalance
    shard-orm reshard rebalance --split --run
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
    /// Split a logical shard into two or more: each gets a part of its keys.
    ///
    /// The first part keeps the number of the logical shard. By default, the parts have about equally many rows.
    ///
    /// With --auto, a plan says which logical shards are split, into how many parts, and on which servers. With --run
    /// it is carried out, as of `rebalance`.
    Split(Box<SplitArgs>),
    /// Merge logical shards whose keys are next to each other into one.
    ///
    /// It keeps the lowest of their numbers; the others are not used again.
    Merge(MergeArgs),
    /// Split the logical shard of a key so that the key gets a logical shard of its own.
    Isolate(IsolateArgs),
    /// Move logical shards so that each server gets its share.
    ///
    /// Prints the plan: what moves, why, and the servers before and after. With --run it is stored and carried out,
    /// each step as a job that is finished by itself. Interrupted, `plan run` goes on, and the same command plans anew.
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
    #[command(flatten)]
    how: How,
}

#[derive(Debug, clap::Args)]
#[command(mut_args(not_of_one_split))]
struct SplitArgs {
    /// The group; not needed if the configuration has only one.
    #[arg(short, long)]
    group: Option<String>,
    /// Plan which logical shards are split, and on which servers: those that are larger than a server's share.
    #[arg(long, conflicts_with_all = ["shard", "into", "at", "copy_all", "gradual"])]
    auto: bool,
    /// With --auto: split logical shards of more bytes than this, such as 50GB.
    #[arg(long, value_name = "BYTES", value_parser = rebalance::size, requires = "auto")]
    larger_than: Option<u64>,
    /// With --auto: split the largest logical shards, so that the group has so many.
    #[arg(
        long,
        value_name = "N",
        requires = "auto",
        conflicts_with = "larger_than"
    )]
    number: Option<u32>,
    /// The number of the logical shard.
    #[arg(short, long, value_name = "N", required_unless_present = "auto")]
    shard: Option<u32>,
    /// The server of each part, in the order of their keys. It may be the same for several.
    #[arg(
        long,
        value_name = "SERVER",
        value_delimiter = ',',
        required_unless_present = "auto"
    )]
    into: Vec<String>,
    /// The first position of each part but the first one: 16 hexadecimal digits of a hash, or a key under the
    /// strategy `range`.
    #[arg(
        long,
        value_name = "POSITION",
        value_delimiter = ',',
        allow_hyphen_values = true
    )]
    at: Vec<String>,
    #[command(flatten)]
    parts: PartArgs,
    #[command(flatten)]
    how: How,
    #[command(flatten)]
    limits: LimitArgs,
    #[command(flatten)]
    plan: PlanArgs,
}

/// The options of a plan cannot be used with a logical shard.
fn not_of_one_split(arg: clap::Arg) -> clap::Arg {
    const OF_PLAN: [&str; 11] = [
        "larger_than",
        "number",
        "by",
        "threshold",
        "max_moves",
        "keep_shard",
        "region",
        "between_databases",
        "concurrency",
        "between",
        "max_statements",
    ];
    match OF_PLAN.contains(&arg.get_id().as_str()) {
        true => arg.conflicts_with("shard"),
        false => arg,
    }
}

#[derive(Debug, clap::Args)]
struct MergeArgs {
    /// The group; not needed if the configuration has only one.
    #[arg(short, long)]
    group: Option<String>,
    /// The numbers of the logical shards.
    #[arg(short, long, value_name = "N", value_delimiter = ',', required = true)]
    shards: Vec<u32>,
    /// The server to which all go.
    #[arg(long, value_name = "SERVER")]
    to: String,
    #[command(flatten)]
    columns: ColumnArgs,
    #[command(flatten)]
    how: How,
}

#[derive(Debug, clap::Args)]
struct IsolateArgs {
    /// The group; not needed if the configuration has only one.
    #[arg(short, long)]
    group: Option<String>,
    /// The shard key.
    #[arg(short, long, value_name = "KEY", allow_hyphen_values = true)]
    key: i64,
    /// The server of its logical shard.
    #[arg(long, value_name = "SERVER")]
    to: String,
    #[command(flatten)]
    parts: PartArgs,
    #[command(flatten)]
    how: How,
}

/// The parts of a logical shard.
#[derive(Debug, clap::Args)]
struct PartArgs {
    /// Copy all parts, so that the job can be reversed. Otherwise one stays in its tables where that is possible.
    #[arg(long)]
    copy_all: bool,
    #[command(flatten)]
    columns: ColumnArgs,
}

#[derive(Debug, clap::Args)]
struct How {
    /// Do it. Otherwise it is only examined.
    #[arg(long, conflicts_with = "dry_run")]
    run: bool,
    /// Only examine it, as without --run.
    #[arg(long)]
    dry_run: bool,
    #[command(flatten)]
    copy: CopyArgs,
    #[command(flatten)]
    before: BeforeSwitchArgs,
    #[command(flatten)]
    types: TypeArgs,
}

pub(super) async fn run(args: &Args, session: &Session<'_>) -> Result<Exit> {
    let cluster = session.open().await?;
    let reshard = cluster.reshard()?;
    let (how, group) = match &args.command {
        Command::Move(args) | Command::Clone(args) => (&args.how, &args.group),
        Command::Split(args) if args.auto => return split(args, session).await,
        Command::Split(args) => (&args.how, &args.group),
        Command::Merge(args) => (&args.how, &args.group),
        Command::Isolate(args) => (&args.how, &args.group),
        Command::Rebalance(args) => return rebalance::run(args, session).await,
    };
    let group = session.group(&cluster, group.as_deref())?;
    let request = match &args.command {
        Command::Move(args) => Request::Move(reshard.move_shard(&group, args.shard, &args.to)),
        Command::Clone(args) => Request::Move(reshard.clone_shard(&group, args.shard, &args.to)),
        Command::Split(args) => {
            let shard = args.shard.unwrap_or_default();
            let mut split = reshard.split_shard(&group, shard, &args.into);
            if !args.at.is_empty() {
                split = split.at(&args.at);
            }
            Request::ChangeKeys(args.parts.name(split))
        }
        Command::Merge(args) => {
            let shards = args.shards.iter().copied();
            let merge = reshard.merge_shards(&group, shards, &args.to);
            Request::ChangeKeys(args.columns.name(merge))
        }
        Command::Isolate(args) => {
            let split = reshard.isolate(&group, args.key, &args.to)?;
            Request::ChangeKeys(args.parts.name(split))
        }
        Command::Rebalance(_) => return Ok(Exit::Done),
    };
    let request = request.with(how);
    if !how.run {
        let planned = request.plan().await?;
        print::planned(session.output, &planned)?;
        return Ok(Exit::of(planned.obstacles.is_empty()));
    }
    let job = request.start().await?;
    run_and_watch(session, &reshard, job.id, false).await
}

/// Plans splits, and carries the plan out if that is asked for.
async fn split(args: &SplitArgs, session: &Session<'_>) -> Result<Exit> {
    let cluster = session.open().await?;
    let group = session.group(&cluster, args.group.as_deref())?;
    let mut planner = args.plan.planner(|| Ok(group.clone()))?.split_only();
    if let Some(splits) = rebalance::splits(args.auto, args.larger_than, args.number) {
        planner = planner.split(splits);
    }
    let how = rebalance::how(
        &args.limits,
        (&args.how.copy, &args.how.before),
        (&args.parts.columns, &args.how.types),
    );
    let rebalance = Rebalance::new(&cluster)?
        .planner(planner)
        .group(&group)
        .how(how);
    let rebalance = args.plan.regions(rebalance, || Ok(group.clone()))?;
    if args.how.run {
        return rebalance::carry_out(session, &rebalance).await;
    }
    rebalance::show(session, &rebalance, args.how.copy.pace).await
}

/// What is asked of the library.
enum Request {
    Move(MoveShard),
    ChangeKeys(ChangeKeys),
}

impl Request {
    fn with(self, how: &How) -> Self {
        macro_rules! with {
            ($request:ident) => {{
                let mut request = $request.pace(how.copy.pace);
                for (table, column, of) in how.types.columns() {
                    request = request.column_type(table, column, of);
                }
                if let Some(mirror) = how.before.mirror() {
                    request = request.mirror(mirror);
                }
                if let Some(gradual) = how.before.gradual() {
                    request = request.gradual(gradual);
                }
                if how.copy.accept_relaxed_durability {
                    request = request.accept_relaxed_durability();
                }
                if how.copy.accept_replica_risk {
                    request = request.accept_replica_risk();
                }
                request
            }};
        }
        match self {
            Self::Move(request) => Self::Move(with!(request)),
            Self::ChangeKeys(request) => Self::ChangeKeys(with!(request)),
        }
    }

    async fn plan(&self) -> shard_orm::Result<Planned> {
        match self {
            Self::Move(request) => request.plan().await,
            Self::ChangeKeys(request) => request.plan().await,
        }
    }

    async fn start(&self) -> shard_orm::Result<Job> {
        match self {
            Self::Move(request) => request.start().await,
            Self::ChangeKeys(request) => request.start().await,
        }
    }
}

impl PartArgs {
    fn name(&self, request: ChangeKeys) -> ChangeKeys {
        let request = self.columns.name(request);
        match self.copy_all {
            true => request.copy_all(),
            false => request,
        }
    }
}

impl ColumnArgs {
    fn name(&self, mut request: ChangeKeys) -> ChangeKeys {
        for column in &self.key_column {
            request = match column.split_once('=') {
                Some((table, column)) => request.key_of(table, column),
                None => request.key(column),
            };
        }
        for table in &self.keep {
            request = request.keep(table);
        }
        request
    }
}
