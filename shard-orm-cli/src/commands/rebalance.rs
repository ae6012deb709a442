//! `reshard rebalance`, and the plans of `reshard split --auto`, `server drain` and `server activate`.

use std::time::{Duration, SystemTime};

use shard_orm::admin::Rebalance;
use shard_orm::reshard::planner::{Cost, Planner, Splits};
use shard_orm::reshard::{CarryOut, Hours, Job, Pace, PlanEvent, Reshard};

use super::before_switch::BeforeSwitchArgs;
use super::types::TypeArgs;
use crate::Result;
use crate::exit::{Exit, Failure};
use crate::interrupt::interrupted;
use crate::output::plan as print;
use crate::output::text::{duration, time};
use crate::session::Session;

/// The time between two looks at the jobs that are left.
const PERIOD: Duration = Duration::from_millis(250);

#[derive(Debug, clap::Args)]
pub(super) struct RebalanceArgs {
    /// Move the logical shards of this group only.
    #[arg(short, long)]
    group: Option<String>,
    /// Split logical shards that are larger than a server's share.
    #[arg(long)]
    split: bool,
    /// Split logical shards of more bytes than this instead, such as 50GB.
    #[arg(long, value_name = "BYTES", value_parser = size)]
    larger_than: Option<u64>,
    #[command(flatten)]
    plan: PlanArgs,
    /// Carry the plan out. Otherwise it is only printed.
    #[arg(long, conflicts_with = "dry_run")]
    run: bool,
    /// Only print the plan, as without --run.
    #[arg(long)]
    dry_run: bool,
    #[command(flatten)]
    carry_out: CarryOutArgs,
}

/// What is planned.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Options of the plan")]
pub(super) struct PlanArgs {
    /// What is brought into balance.
    #[arg(long, value_name = "MEASURE", default_value = "bytes")]
    by: By,
    /// By how many percent a server may be above or below its share.
    #[arg(long, value_name = "PERCENT", default_value_t = 10)]
    threshold: u32,
    /// Move or split so many logical shards at most.
    #[arg(long, value_name = "N")]
    max_moves: Option<usize>,
    /// Leave this logical shard where it is. Can be repeated.
    #[arg(long, value_name = "SHARD", value_delimiter = ',')]
    keep_shard: Vec<u32>,
    /// Let a server hold the logical shards of a region of which it has none yet. Can be repeated.
    #[arg(long, value_name = "REGION=SERVER", value_parser = region)]
    region: Vec<(String, String)>,
    /// Move logical shards to servers with another kind of database too, such as from MariaDB to PostgreSQL.
    #[arg(long)]
    between_databases: bool,
}

/// How a plan is carried out.
#[derive(Debug, clap::Args)]
pub(super) struct CarryOutArgs {
    #[command(flatten)]
    limits: LimitArgs,
    #[command(flatten)]
    copy: CopyArgs,
    #[command(flatten)]
    before: BeforeSwitchArgs,
    #[command(flatten)]
    columns: ColumnArgs,
    #[command(flatten)]
    types: TypeArgs,
}

/// When steps are started.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Options of --run")]
pub(super) struct LimitArgs {
    /// How many steps run at the same time. A server takes part in one of them at most.
    #[arg(long, value_name = "N", default_value_t = 1)]
    concurrency: usize,
    /// The hours, by UTC, in which steps are started.
    #[arg(long, value_name = "HH:MM-HH:MM")]
    between: Option<Hours>,
    /// Start no step while more statements than this run on one of its servers.
    #[arg(long, value_name = "N")]
    max_statements: Option<u64>,
}

/// How rows are copied.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Options of --run")]
pub(super) struct CopyArgs {
    /// How fast rows are copied: `gentle` gives way to the application, `full` does not, and a number is
    /// the most rows in a second.
    #[arg(long, value_name = "PACE", default_value_t)]
    pub(super) pace: Pace,
    /// Accept a source that acknowledges commits before they are durable (MySQL and MariaDB).
    #[arg(long)]
    pub(super) accept_relaxed_durability: bool,
    /// Switch even if a replica of the source lacks the fence, and could take over without it.
    #[arg(long)]
    pub(super) accept_replica_risk: bool,
}

/// By which columns rows are divided, where the catalog has not seen the models.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Options of splits")]
pub(super) struct ColumnArgs {
    /// The column of the shard key: of one table, as TABLE=COLUMN, or of all that have such a column.
    #[arg(long, value_name = "COLUMN")]
    pub(super) key_column: Vec<String>,
    /// A table without a shard key, whose rows all stay with the part that keeps the number.
    #[arg(long, value_name = "TABLE")]
    pub(super) keep: Vec<String>,
}

#[derive(Debug, Clone, Copy, clap::ValueEnum)]
enum By {
    /// The bytes on disk.
    Bytes,
    /// The rows.
    Rows,
    /// The number of logical shards.
    Shards,
    /// The time in calls of the last 15 minutes, as `stats` shows it.
    Load,
}

impl PlanArgs {
    /// The planner; `group` is the group of the logical shards that stay.
    pub(super) fn planner(&self, group: impl FnOnce() -> Result<String>) -> Result<Planner> {
        let cost = match self.by {
            By::Bytes => Cost::Bytes,
            By::Rows => Cost::Rows,
            By::Shards => Cost::Shards,
            By::Load => Cost::Measured,
        };
        let mut planner = Planner::new().cost(cost).threshold(self.threshold);
        if let Some(moves) = self.max_moves {
            planner = planner.most_moves(moves);
        }
        if self.between_databases {
            planner = planner.between_databases();
        }
        if !self.keep_shard.is_empty() {
            let group = group()?;
            for shard in &self.keep_shard {
                planner = planner.keep(&group, *shard);
            }
        }
        Ok(planner)
    }

    /// Names the servers of regions; `group` is their group.
    pub(super) fn regions(
        &self,
        mut rebalance: Rebalance,
        group: impl FnOnce() -> Result<String>,
    ) -> Result<Rebalance> {
        if !self.region.is_empty() {
            let group = group()?;
            for (region, server) in &self.region {
                rebalance = rebalance.region(&group, region, server);
            }
        }
        Ok(rebalance)
    }
}

fn region(text: &str) -> std::result::Result<(String, String), String> {
    let parts = text.split_once('=');
    let parts = parts.filter(|(region, server)| !region.is_empty() && !server.is_empty());
    let (region, server) = parts.ok_or("write the region and the server, such as eu=eu-3")?;
    Ok((region.to_owned(), server.to_owned()))
}

impl CarryOutArgs {
    pub(super) fn how(&self) -> CarryOut {
        let columns = (&self.columns, &self.types);
        how(&self.limits, (&self.copy, &self.before), columns)
    }

    pub(super) fn pace(&self) -> Pace {
        self.copy.pace
    }
}

/// How a plan is carried out.
pub(super) fn how(
    limits: &LimitArgs,
    (copy, before): (&CopyArgs, &BeforeSwitchArgs),
    (columns, types): (&ColumnArgs, &TypeArgs),
) -> CarryOut {
    let mut how = CarryOut::new()
        .concurrency(limits.concurrency)
        .pace(copy.pace);
    if let Some(hours) = limits.between {
        how = how.between(hours);
    }
    if let Some(most) = limits.max_statements {
        how = how.most_statements(most);
    }
    if copy.accept_relaxed_durability {
        how = how.accept_relaxed_durability();
    }
    if copy.accept_replica_risk {
        how = how.accept_replica_risk();
    }
    if let Some(mirror) = before.mirror() {
        how = how.mirror(mirror);
    }
    if let Some(gradual) = before.gradual() {
        how = how.gradual(gradual);
    }
    for column in &columns.key_column {
        how = match column.split_once('=') {
            Some((table, column)) => how.key_of(table, column),
            None => how.key(column),
        };
    }
    for table in &columns.keep {
        how = how.keep(table);
    }
    for (table, column, of) in types.columns() {
        how = how.column_type(table, column, of);
    }
    how
}

/// Reads a number of bytes, with a unit or without.
pub(super) fn size(text: &str) -> std::result::Result<u64, String> {
    const UNITS: [(&str, u64); 9] = [
        ("KiB", 1 << 10),
        ("MiB", 1 << 20),
        ("GiB", 1 << 30),
        ("TiB", 1 << 40),
        ("KB", 1_000),
        ("MB", 1_000_000),
        ("GB", 1_000_000_000),
        ("TB", 1_000_000_000_000),
        ("", 1),
    ];
    let mut units = UNITS.iter();
    let found = units.find_map(|(unit, factor)| {
        let number = text.strip_suffix(unit)?.trim_end();
        Some((number.parse::<u64>().ok()?, *factor))
    });
    let bytes = found.and_then(|(number, factor)| number.checked_mul(factor));
    let bytes = bytes.filter(|bytes| *bytes > 0);
    bytes.ok_or_else(|| "write a number of bytes, such as 50GB, 512MiB or 1000000".to_owned())
}

pub(super) async fn run(args: &RebalanceArgs, session: &Session<'_>) -> Result<Exit> {
    let cluster = session.open().await?;
    let group = || session.group(&cluster, args.group.as_deref());
    let mut planner = args.plan.planner(group)?;
    if let Some(splits) = splits(args.split, args.larger_than, None) {
        planner = planner.split(splits);
    }
    let mut rebalance = Rebalance::new(&cluster)?
        .planner(planner)
        .how(args.carry_out.how());
    rebalance = args.plan.regions(rebalance, group)?;
    if let Some(group) = &args.group {
        rebalance = rebalance.group(group);
    }
    if args.run {
        return carry_out(session, &rebalance).await;
    }
    show(session, &rebalance, args.carry_out.pace()).await
}

/// What is split.
pub(super) fn splits(auto: bool, larger_than: Option<u64>, shards: Option<u32>) -> Option<Splits> {
    match (larger_than, shards) {
        (Some(bytes), _) => Some(Splits::AboveBytes(bytes)),
        (None, Some(shards)) => Some(Splits::Into(shards)),
        (None, None) => auto.then_some(Splits::AboveShare),
    }
}

/// Prints a plan.
pub(super) async fn show(session: &Session<'_>, rebalance: &Rebalance, pace: Pace) -> Result<Exit> {
    let plan = rebalance.plan().await?;
    print::plan(session.output, &plan, pace)?;
    Ok(Exit::Done)
}

/// Carries a plan out.
pub(super) async fn carry_out(session: &Session<'_>, rebalance: &Rebalance) -> Result<Exit> {
    let plan = watched(session, rebalance.run(tell(session))).await?;
    print::carried_out(session.output, &plan)?;
    Ok(Exit::Done)
}

/// Says what happens, unless the output is JSON.
pub(super) fn tell(session: &Session<'_>) -> impl FnMut(PlanEvent) + Send {
    let output = session.output;
    move |event| {
        if !output.is_json() {
            // If nobody reads it, the work goes on.
            let _ = output.message(&in_words(&event));
        }
    }
}

/// Runs a plan. An interruption leaves the jobs that run where another process can go on.
pub(super) async fn watched<T>(
    session: &Session<'_>,
    running: impl Future<Output = shard_orm::Result<T>>,
) -> Result<T> {
    let done = {
        tokio::pin!(running);
        tokio::select! {
            done = &mut running => Some(done?),
            signal = interrupted() => {
                signal?;
                None
            }
        }
    };
    match done {
        Some(done) => Ok(done),
        None => Err(stop(session, &session.open().await?.reshard()?).await?),
    }
}

fn in_words(event: &PlanEvent) -> String {
    match event {
        PlanEvent::Runs(plan) => format!("plan {plan} is carried out"),
        PlanEvent::Crowded(group, server, statements) => format!(
            "no step is started while {statements} statements run on server `{server}` of group `{group}`"
        ),
        PlanEvent::Waits(until) => {
            let left = until.duration_since(SystemTime::now()).unwrap_or_default();
            format!(
                "no step is started before {}, in {}",
                time(*until),
                duration(left)
            )
        }
        PlanEvent::Activated(group, server) => {
            format!("server `{server}` of group `{group}` is active")
        }
        PlanEvent::Started(job) => format!("{job} begins"),
        PlanEvent::Completed(job) => {
            let pause = job.copied.pause.map_or_else(String::new, |pause| {
                format!("; writes waited for {}", duration(pause))
            });
            format!("job {} is done: {} rows{pause}", job.id, job.copied.rows)
        }
        _ => String::new(),
    }
}

/// Leaves the jobs. From the fence to the new topology writes wait for one, so that is brought to its end.
async fn stop(session: &Session<'_>, reshard: &Reshard) -> Result<Failure> {
    loop {
        let jobs = reshard.jobs().await?;
        let open: Vec<&Job> = jobs
            .iter()
            .filter(|job| job.step.is_some() && !job.state.is_over())
            .collect();
        let is_closed =
            |job: &&Job| matches!(job.state.name(), "switching" | "parting" | "reversing");
        if open.iter().any(is_closed) {
            tokio::time::sleep(PERIOD).await;
            continue;
        }
        for job in open {
            session
                .output
                .message(&format!("{job} is left `{}`", job.state))?;
        }
        for plan in reshard.plans().await? {
            if !plan.state.is_over() {
                let message = format!(
                    "{plan} is left `{}`; `shard-orm plan run {}` goes on",
                    plan.state, plan.id
                );
                session.output.message(&message)?;
            }
        }
        return Ok(Failure::Interrupted);
    }
}
