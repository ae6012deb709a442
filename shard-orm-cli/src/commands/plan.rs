//! `plan`: the plans that are carried out.

use std::time::Duration;

use shard_orm::reshard::{Cancel, Reshard, StepState, StoredPlan};

use crate::Result;
use crate::commands::rebalance::{tell, watched};
use crate::exit::{Exit, Failure};
use crate::interrupt::interrupted;
use crate::output::plan as print;
use crate::prompt::choose;
use crate::session::Session;

/// The time between two looks at a plan that another process runs.
const PERIOD: Duration = Duration::from_millis(250);

/// Show and steer the plans of `reshard rebalance`, `reshard split --auto`, `server drain` and `server activate`.
///
/// A plan is stored when it is begun with --run. One whose process has ended goes on with `plan run`, on any machine
/// that reaches the servers.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
    shard-orm plan list
    shard-orm plan show 3
    shard-orm plan pause 3
    shard-orm plan resume 3
    shard-orm plan cancel 3 --jobs abort")]
pub struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// List the plans, the newest first.
    List,
    /// Show a plan with its steps and their jobs.
    Show(PlanArgs),
    /// Run a plan that no process runs, from where it stopped.
    Run(PlanArgs),
    /// Let a plan start no further step, and let its jobs stand still before their switch.
    Pause(PlanArgs),
    /// Run a plan that stands still.
    Resume(PlanArgs),
    /// Give a plan up: it starts nothing more.
    ///
    /// What has begun is brought to its end, or given up before its switch: with a terminal, you are asked.
    Cancel(CancelArgs),
}

#[derive(Debug, clap::Args)]
struct PlanArgs {
    /// The number of the plan.
    #[arg(value_name = "PLAN")]
    plan: u64,
}

#[derive(Debug, clap::Args)]
struct CancelArgs {
    #[command(flatten)]
    plan: PlanArgs,
    /// Whether jobs that have begun are finished or aborted. Do not ask.
    #[arg(long, value_name = "HOW")]
    jobs: Option<Jobs>,
}

#[derive(Debug, Clone, Copy, clap::ValueEnum)]
enum Jobs {
    /// Bring them to their end.
    Finish,
    /// Give those up that have not switched yet.
    Abort,
}

pub(super) async fn run(args: &Args, session: &Session<'_>) -> Result<Exit> {
    let cluster = session.open().await?;
    let reshard = cluster.reshard()?;
    match &args.command {
        Command::List => {
            print::list(session.output, &reshard.plans().await?)?;
            Ok(Exit::Done)
        }
        Command::Show(args) => {
            print::stored(session.output, &reshard.plan(args.plan).await?)?;
            Ok(Exit::Done)
        }
        Command::Run(args) => run_and_show(session, &reshard, args.plan).await,
        Command::Pause(args) => {
            print::stored(session.output, &reshard.pause_plan(args.plan).await?)?;
            Ok(Exit::Done)
        }
        Command::Resume(args) => {
            let plan = reshard.resume_plan(args.plan).await?;
            go_on(session, &reshard, &plan).await
        }
        Command::Cancel(args) => {
            let plan = reshard.plan(args.plan.plan).await?;
            let how = cancel(args, &plan)?;
            let plan = reshard.cancel_plan(plan.id, how).await?;
            go_on(session, &reshard, &plan).await
        }
    }
}

/// What becomes of the jobs of a plan that is cancelled.
fn cancel(args: &CancelArgs, plan: &StoredPlan) -> Result<Cancel> {
    let begun = plan
        .steps
        .iter()
        .filter(|step| step.state == StepState::Begun);
    let begun = begun.count();
    let jobs = match args.jobs {
        Some(jobs) => jobs,
        // Nothing is to be decided.
        None if begun == 0 => Jobs::Finish,
        None => {
            let question = format!(
                "{plan} has begun {begun} that are not done: finish them, or abort those that have not switched yet?"
            );
            let answer = choose(
                &question,
                &["finish", "abort"],
                "--jobs finish or --jobs abort",
            )?;
            if answer == 0 {
                Jobs::Finish
            } else {
                Jobs::Abort
            }
        }
    };
    Ok(match jobs {
        Jobs::Finish => Cancel::Finish,
        Jobs::Abort => Cancel::Abort,
    })
}

async fn run_and_show(session: &Session<'_>, reshard: &Reshard, plan: u64) -> Result<Exit> {
    let plan = watched(session, reshard.run_plan(plan, tell(session))).await?;
    print::stored(session.output, &plan)?;
    Ok(Exit::Done)
}

/// Runs a plan, or waits until it is over while another process does.
async fn go_on(session: &Session<'_>, reshard: &Reshard, plan: &StoredPlan) -> Result<Exit> {
    if plan.state.is_over() || !plan.is_run() {
        return run_and_show(session, reshard, plan.id).await;
    }
    let mut seen = plan.clone();
    while seen.is_run() && !seen.state.is_over() {
        tokio::select! {
            signal = interrupted() => {
                signal?;
                return Err(Failure::Interrupted);
            }
            () = tokio::time::sleep(PERIOD) => {}
        }
        seen = reshard.plan(plan.id).await?;
    }
    print::stored(session.output, &seen)?;
    Ok(Exit::of(seen.message.is_empty()))
}
