//! `job`: the jobs that move logical shards.

use std::time::Duration;

use shard_orm::reshard::{Job, Mirror, Pace, Reshard};

use crate::Result;
use crate::exit::{Exit, Failure};
use crate::interrupt::interrupted;
use crate::output::job as print;
use crate::prompt::confirm;
use crate::session::Session;

/// The time between two looks at a job.
const PERIOD: Duration = Duration::from_millis(250);

/// Show and steer the jobs that move logical shards.
///
/// A job whose process has ended goes on with `job run`, on any machine that reaches the servers.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
    shard-orm job list
    shard-orm job run 7
    shard-orm job throttle 7 --pace 5000
    shard-orm job mirror 7 20%
    shard-orm job supervise
    shard-orm job finish 7 --yes")]
pub struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// List the jobs, the newest first.
    List,
    /// Show a job.
    Show(JobArgs),
    /// Show a job until it waits for an operator, or is over.
    Watch(JobArgs),
    /// Run a job that no process runs, from where it stopped.
    Run(RunArgs),
    /// Let a job stand still before its switch.
    Pause(JobArgs),
    /// Run a job that stands still.
    Resume(JobArgs),
    /// Change how fast a job copies rows.
    Throttle(ThrottleArgs),
    /// Change which share of the application's reads is sent to the target too before the switch; 0% is none.
    Mirror(ChangeMirrorArgs),
    /// Let a job switch though a replica of its source lacks the fence, and could take over without it.
    AcceptReplicaRisk(JobArgs),
    /// Give a job up before its switch: the logical shard stays where it is.
    Abort(JobArgs),
    /// Take the logical shard back to its old server, with all that was written since.
    Reverse(JobArgs),
    /// Remove the old rows. The job cannot be reversed any more.
    Finish(FinishArgs),
    /// Take over jobs whose process has ended, until it is interrupted.
    Supervise,
}

#[derive(Debug, clap::Args)]
struct JobArgs {
    /// The number of the job.
    #[arg(value_name = "JOB")]
    job: u64,
}

#[derive(Debug, clap::Args)]
struct RunArgs {
    #[command(flatten)]
    job: JobArgs,
    /// After the switch, keep the old rows level until the job is finished or reversed.
    #[arg(long)]
    hold: bool,
}

#[derive(Debug, clap::Args)]
struct ThrottleArgs {
    #[command(flatten)]
    job: JobArgs,
    /// How fast rows are copied: `gentle` gives way to the application, `full` does not, and a number is
    /// the most rows in a second.
    #[arg(long, value_name = "PACE")]
    pace: Pace,
}

#[derive(Debug, clap::Args)]
struct ChangeMirrorArgs {
    #[command(flatten)]
    job: JobArgs,
    /// The share of the reads, such as `5%`.
    #[arg(value_name = "PERCENT")]
    mirror: Mirror,
    #[command(flatten)]
    lasting: MirrorArgs,
}

/// How long reads are mirrored.
#[derive(Debug, clap::Args)]
pub(super) struct MirrorArgs {
    /// How long reads are mirrored before the switch.
    #[arg(long, value_name = "SECONDS", default_value_t = 60)]
    mirror_for: u64,
}

impl MirrorArgs {
    pub(super) fn lasting(&self, mirror: Mirror) -> Mirror {
        mirror.lasting(Duration::from_secs(self.mirror_for))
    }
}

#[derive(Debug, clap::Args)]
struct FinishArgs {
    #[command(flatten)]
    job: JobArgs,
    /// Do not ask.
    #[arg(short, long)]
    yes: bool,
}

pub(super) async fn run(args: &Args, session: &Session<'_>) -> Result<Exit> {
    let cluster = session.open().await?;
    let reshard = cluster.reshard()?;
    match &args.command {
        Command::List => {
            print::list(session.output, &reshard.jobs().await?)?;
            Ok(Exit::Done)
        }
        Command::Show(args) => {
            print::show(session.output, &reshard.job(args.job).await?)?;
            Ok(Exit::Done)
        }
        Command::Watch(args) => watch(session, &reshard, args.job).await,
        Command::Run(args) => run_and_watch(session, &reshard, args.job.job, args.hold).await,
        Command::Pause(args) => {
            print::show(session.output, &reshard.pause(args.job).await?)?;
            Ok(Exit::Done)
        }
        Command::Resume(args) => {
            reshard.resume(args.job).await?;
            run_and_watch(session, &reshard, args.job, false).await
        }
        Command::Throttle(args) => {
            let job = reshard.throttle(args.job.job, args.pace).await?;
            print::show(session.output, &job)?;
            Ok(Exit::Done)
        }
        Command::Mirror(args) => {
            let mirror = args.lasting.lasting(args.mirror);
            let job = reshard.mirror(args.job.job, mirror).await?;
            print::show(session.output, &job)?;
            Ok(Exit::Done)
        }
        Command::AcceptReplicaRisk(args) => {
            let job = reshard.accept_replica_risk(args.job).await?;
            print::show(session.output, &job)?;
            Ok(Exit::Done)
        }
        Command::Abort(args) => {
            let job = reshard.abort(args.job).await?;
            go_on(session, &reshard, &job).await
        }
        Command::Reverse(args) => {
            let job = reshard.reverse(args.job).await?;
            go_on(session, &reshard, &job).await
        }
        Command::Supervise => {
            let supervisor = reshard.supervise();
            interrupted().await?;
            supervisor.stop().await;
            Ok(Exit::Done)
        }
        Command::Finish(args) => {
            let job = reshard.job(args.job.job).await?;
            let question = format!("{job}: the rows at the old place are removed for good.");
            if !args.yes && !confirm(&question)? {
                return Ok(Exit::Failed);
            }
            let job = reshard.finish(job.id).await?;
            go_on(session, &reshard, &job).await
        }
    }
}

/// Runs a job, or watches it while another process does.
async fn go_on(session: &Session<'_>, reshard: &Reshard, job: &Job) -> Result<Exit> {
    if job.owner.is_some() && !job.lease.is_zero() {
        return watch(session, reshard, job.id).await;
    }
    run_and_watch(session, reshard, job.id, false).await
}

/// Runs a job and shows its progress. An interruption stops the process between two steps: the job stays
/// as it is, and can be run again.
pub(super) async fn run_and_watch(
    session: &Session<'_>,
    reshard: &Reshard,
    job: u64,
    hold: bool,
) -> Result<Exit> {
    let running = async {
        if hold {
            reshard.run_to_the_end(job).await
        } else {
            reshard.run(job).await
        }
    };
    tokio::pin!(running);
    let mut shown = print::Progress::new(session.output);
    loop {
        tokio::select! {
            ended = &mut running => {
                let ended = ended?;
                print::show(session.output, &ended)?;
                return Ok(Exit::Done);
            }
            signal = interrupted() => {
                signal?;
                return stop(session, reshard, job).await;
            }
            () = tokio::time::sleep(PERIOD) => shown.update(&reshard.job(job).await?),
        }
    }
}

/// Leaves a job. From the fence to the new topology writes wait for it, so that is brought to its end.
async fn stop(session: &Session<'_>, reshard: &Reshard, job: u64) -> Result<Exit> {
    let mut seen = reshard.job(job).await?;
    while matches!(seen.state.name(), "switching" | "parting" | "reversing") {
        tokio::time::sleep(PERIOD).await;
        seen = reshard.job(job).await?;
    }
    print::show(session.output, &seen)?;
    Err(Failure::Interrupted)
}

/// Shows a job until it is over, or waits for an operator.
async fn watch(session: &Session<'_>, reshard: &Reshard, job: u64) -> Result<Exit> {
    let mut shown = print::Progress::new(session.output);
    loop {
        let seen = reshard.job(job).await?;
        shown.update(&seen);
        if seen.state.is_over() || seen.owner.is_none() {
            print::show(session.output, &seen)?;
            return Ok(Exit::of(seen.message.is_empty()));
        }
        tokio::select! {
            signal = interrupted() => {
                signal?;
                return Err(Failure::Interrupted);
            }
            () = tokio::time::sleep(PERIOD) => {}
        }
    }
}
