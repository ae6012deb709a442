//! `reshard rebalance`, and the plans of `server drain` and `server activate`.

use std::time::{Duration, SystemTime};

use shard_orm::admin::Rebalance;
use shard_orm::reshard::planner::{Cost, Planner};
use shard_orm::reshard::{CarryOut, Hours, Job, Pace, PlanEvent, Reshard};

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
    /// Move so many logical shards at most.
    #[arg(long, value_name = "N")]
    max_moves: Option<usize>,
    /// Leave this logical shard where it is. Can be repeated.
    #[arg(long, value_name = "SHARD", value_delimiter = ',')]
    keep: Vec<u32>,
}

/// How a plan is carried out.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Options of --run")]
pub(super) struct CarryOutArgs {
    /// How many moves run at the same time. A server takes part in one of them at most.
    #[arg(long, value_name = "N", default_value_t = 1)]
    concurrency: usize,
    /// The hours, by UTC, in which moves are started.
    #[arg(long, value_name = "HH:MM-HH:MM")]
    between: Option<Hours>,
    /// How fast rows are copied: `gentle` gives way to the application, `full` does not, and a number is
    /// the most rows in a second.
    #[arg(long, value_name = "PACE", default_value_t)]
    pace: Pace,
    /// Accept sources that acknowledge commits before they are durable (MySQL and MariaDB).
    #[arg(long)]
    accept_relaxed_durability: bool,
    /// Switch even if a replica of a source lacks the fence, and could take over without it.
    #[arg(long)]
    accept_replica_risk: bool,
}

#[derive(Debug, Clone, Copy, clap::ValueEnum)]
enum By {
    /// The bytes on disk.
    Bytes,
    /// The rows.
    Rows,
    /// The number of logical shards.
    Shards,
}

impl PlanArgs {
    /// The planner; `group` is the group of the logical shards that stay.
    pub(super) fn planner(&self, group: impl FnOnce() -> Result<String>) -> Result<Planner> {
        let cost = match self.by {
            By::Bytes => Cost::Bytes,
            By::Rows => Cost::Rows,
            By::Shards => Cost::Shards,
        };
        let mut planner = Planner::new().cost(cost).threshold(self.threshold);
        if let Some(moves) = self.max_moves {
            planner = planner.most_moves(moves);
        }
        if !self.keep.is_empty() {
            let group = group()?;
            for shard in &self.keep {
                planner = planner.keep(&group, *shard);
            }
        }
        Ok(planner)
    }
}

impl CarryOutArgs {
    fn how(&self) -> CarryOut {
        let mut how = CarryOut::new()
            .concurrency(self.concurrency)
            .pace(self.pace);
        if let Some(hours) = self.between {
            how = how.between(hours);
        }
        if self.accept_relaxed_durability {
            how = how.accept_relaxed_durability();
        }
        if self.accept_replica_risk {
            how = how.accept_replica_risk();
        }
        how
    }
}

pub(super) async fn run(args: &RebalanceArgs, session: &Session<'_>) -> Result<Exit> {
    let cluster = session.open().await?;
    let group = || session.group(&cluster, args.group.as_deref());
    let planner = args.plan.planner(group)?;
    let mut rebalance = Rebalance::new(&cluster)?.planner(planner);
    if let Some(group) = &args.group {
        rebalance = rebalance.group(group);
    }
    if args.run {
        return carry_out(session, &rebalance, &args.carry_out).await;
    }
    show(session, &rebalance, &args.carry_out).await
}

/// Prints a plan.
pub(super) async fn show(
    session: &Session<'_>,
    rebalance: &Rebalance,
    args: &CarryOutArgs,
) -> Result<Exit> {
    let plan = rebalance.plan().await?;
    print::plan(session.output, &plan, args.pace)?;
    Ok(Exit::Done)
}

/// Carries a plan out. An interruption leaves the jobs that run where another process can go on.
pub(super) async fn carry_out(
    session: &Session<'_>,
    rebalance: &Rebalance,
    args: &CarryOutArgs,
) -> Result<Exit> {
    let how = args.how();
    let is_quiet = session.output.is_json();
    let tell = |event: PlanEvent| {
        if !is_quiet {
            // If nobody reads it, the work goes on.
            let _ = session.output.message(&in_words(&event));
        }
    };
    let done = {
        let running = rebalance.run(&how, tell);
        tokio::pin!(running);
        tokio::select! {
            plan = &mut running => Some(plan?),
            signal = interrupted() => {
                signal?;
                None
            }
        }
    };
    let Some(plan) = done else {
        return stop(session, &session.open().await?.reshard()?).await;
    };
    print::carried_out(session.output, &plan)?;
    Ok(Exit::Done)
}

fn in_words(event: &PlanEvent) -> String {
    match event {
        PlanEvent::Waits(until) => {
            let left = until.duration_since(SystemTime::now()).unwrap_or_default();
            format!(
                "no move is started before {}, in {}",
                time(*until),
                duration(left)
            )
        }
        PlanEvent::Activated(group, server) => {
            format!("server `{server}` of group `{group}` is active")
        }
        PlanEvent::Started(job) => format!("{job} begins"),
        PlanEvent::Moved(job) => {
            let pause = job.copied.pause.map_or_else(String::new, |pause| {
                format!("; writes waited for {}", duration(pause))
            });
            format!("job {} is done: {} rows{pause}", job.id, job.copied.rows)
        }
        _ => String::new(),
    }
}

/// Leaves the jobs. From the fence to the new topology writes wait for one, so that is brought to its end.
async fn stop(session: &Session<'_>, reshard: &Reshard) -> Result<Exit> {
    loop {
        let jobs = reshard.jobs().await?;
        let open: Vec<&Job> = jobs
            .iter()
            .filter(|job| job.planned && !job.state.is_over())
            .collect();
        let is_closed = |job: &&Job| matches!(job.state.name(), "switching" | "reversing");
        if open.iter().any(is_closed) {
            tokio::time::sleep(PERIOD).await;
            continue;
        }
        for job in open {
            let message = format!(
                "{job} is left `{}`; the same command goes on, or `shard-orm job run {}`",
                job.state, job.id
            );
            session.output.message(&message)?;
        }
        return Err(Failure::Interrupted);
    }
}
