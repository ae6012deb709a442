//! `migrate`: changes the tables of all namespaces by files of SQL.

mod lint;

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use shard_orm::Cluster;
use shard_orm::migrate::{Event, Migrate, Migrations, Report, Resolution};

use crate::Result;
use crate::exit::{Exit, Failure};
use crate::output;
use crate::output::migrate as print;
use crate::output::progress::Progress;
use crate::session::Session;

/// What a run of migrations counts.
const MIGRATIONS: &str = "migrations";

/// Changes the tables of all namespaces by files of SQL.
///
/// The folder of migrations has a folder for each group, for the static tables of each group
/// (GROUP.static) and for each named database, with files in the layout of sqlx:
/// VERSION_NAME.sql, or VERSION_NAME.up.sql and VERSION_NAME.down.sql.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// Apply the missing migrations: to one namespace first, then to the others by server.
    Up(UpArgs),
    /// Show which namespaces have which version. The exit code is 3 if one lacks a version.
    Status(ScopeArgs),
    /// Compare the tables of all namespaces with the files. The exit code is 3 if one deviates.
    Drift(DriftArgs),
    /// Revert the versions after one, the latest first.
    Down(DownArgs),
    /// Revert the latest version of each folder, and apply it again.
    Redo(RunArgs),
    /// Record versions as applied without running them, for tables that exist already.
    Fake(FakeArgs),
    /// Decide about a statement at which a version was interrupted.
    Resolve(ResolveArgs),
    /// Find statements that are dangerous for tables in use. The exit code is 3 if there are some.
    Lint(lint::Args),
}

/// Which migrations, and where.
#[derive(Debug, clap::Args)]
struct ScopeArgs {
    /// The folder of migrations.
    #[arg(long, value_name = "FOLDER", default_value = "migrations")]
    migrations: PathBuf,
    /// Only this group, static tables (GROUP.static) or named database. Can be repeated.
    #[arg(long, value_name = "NAME", visible_alias = "group")]
    only: Vec<String>,
    /// Only this logical shard. Can be repeated.
    #[arg(long, value_name = "N")]
    shard: Vec<u32>,
    /// Only the namespaces on this server. Can be repeated.
    #[arg(long, value_name = "NAME")]
    server: Vec<String>,
}

/// How they are run.
#[derive(Debug, clap::Args)]
struct RunArgs {
    #[command(flatten)]
    scope: ScopeArgs,
    /// How long one attempt waits for a lock, behind which the application queues, in milliseconds.
    #[arg(long, value_name = "MS", default_value_t = 10)]
    lock_timeout: u64,
    /// How long a migration is attempted in one namespace for lack of locks, in seconds.
    #[arg(long, value_name = "S", default_value_t = 60)]
    lock_wait: u64,
    /// Namespaces of one server that are migrated at the same time.
    #[arg(long, value_name = "N", default_value_t = 4)]
    per_server: usize,
    /// Failed namespaces after which no further one is started.
    #[arg(long, value_name = "N")]
    max_failures: Option<usize>,
    /// How long to wait for another operator, in seconds.
    #[arg(long, value_name = "S", default_value_t = 0)]
    wait: u64,
}

#[derive(Debug, clap::Args)]
struct UpArgs {
    #[command(flatten)]
    run: RunArgs,
    /// Show what would be applied, and change nothing.
    #[arg(long)]
    dry_run: bool,
    /// The last version to apply.
    #[arg(long, value_name = "VERSION")]
    to: Option<i64>,
    /// Also apply migrations of the phase `contract`: no process runs any more that uses what they
    /// remove.
    #[arg(long)]
    contract: bool,
    /// Do not look in the catalog for processes that use what migrations of the phase `contract` remove.
    #[arg(long, requires = "contract")]
    ignore_uses: bool,
    #[command(flatten)]
    throttle: ThrottleArgs,
    /// Seconds to wait after the first namespace before the others are started.
    #[arg(long, value_name = "S", default_value_t = 0)]
    canary_pause: u64,
    /// Migrate all namespaces at once, without a first one.
    #[arg(long, conflicts_with = "canary_pause")]
    no_canary: bool,
    #[command(flatten)]
    allow: lint::AllowArgs,
    /// Do not ask before statements that are dangerous for tables in use.
    #[arg(short, long)]
    yes: bool,
}

/// How fast backfills run.
#[derive(Debug, clap::Args)]
struct ThrottleArgs {
    /// Rows of a backfill's batch, instead of what its file says.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    batch: Option<u64>,
    /// The most rows that backfills read in a second, on each server.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    rows_per_second: Option<u64>,
    /// The pause after each batch of a backfill, in milliseconds.
    #[arg(long, value_name = "MS", default_value_t = 0)]
    batch_pause: u64,
}

impl ThrottleArgs {
    fn limit(&self, mut run: Migrate) -> Migrate {
        if let Some(rows) = self.batch {
            run = run.batch(rows);
        }
        if let Some(rows) = self.rows_per_second {
            run = run.rows_per_second(rows);
        }
        run.batch_pause(Duration::from_millis(self.batch_pause))
    }
}

#[derive(Debug, clap::Args)]
struct DriftArgs {
    #[command(flatten)]
    scope: ScopeArgs,
    /// Compare the namespaces with each other only, without a scratch namespace in which the files
    /// are run: for an account that may not create one.
    #[arg(long)]
    without_scratch: bool,
    /// Namespaces of one server that are read at the same time.
    #[arg(long, value_name = "N", default_value_t = 4)]
    per_server: usize,
}

#[derive(Debug, clap::Args)]
struct DownArgs {
    #[command(flatten)]
    run: RunArgs,
    /// The version to go back to; 0 reverts all.
    #[arg(long, value_name = "VERSION")]
    to: i64,
    /// Do not ask.
    #[arg(short, long)]
    yes: bool,
}

#[derive(Debug, clap::Args)]
struct FakeArgs {
    #[command(flatten)]
    run: RunArgs,
    /// The last version to record; all without it.
    #[arg(long, value_name = "VERSION")]
    to: Option<i64>,
}

#[derive(Debug, clap::Args)]
struct ResolveArgs {
    #[command(flatten)]
    run: RunArgs,
    /// The interrupted version.
    #[arg(long = "at", value_name = "VERSION")]
    version: i64,
    /// The statement has run.
    #[arg(long, required_unless_present = "again", conflicts_with = "again")]
    done: bool,
    /// The statement has not run, and is to be run again.
    #[arg(long)]
    again: bool,
}

impl ScopeArgs {
    fn migrate(&self, cluster: &Cluster) -> Result<Migrate> {
        if !self.migrations.is_dir() {
            return Err(Failure::Usage(format!(
                "there is no folder {}; name one with --migrations, or write one with `shard-orm init`",
                self.migrations.display()
            )));
        }
        let migrations = Migrations::from_folder(&self.migrations)?;
        let mut run = cluster.migrate(&migrations);
        run = self.only.iter().fold(run, |run, name| run.only(name));
        run = self.shard.iter().fold(run, |run, shard| run.shard(*shard));
        Ok(self
            .server
            .iter()
            .fold(run, |run, server| run.server(server)))
    }
}

impl RunArgs {
    fn migrate(&self, cluster: &Cluster) -> Result<Migrate> {
        let run = self.scope.migrate(cluster)?;
        let run = run
            .lock_timeout(Duration::from_millis(self.lock_timeout))
            .lock_wait(Duration::from_secs(self.lock_wait))
            .per_server(self.per_server)
            .wait_for_lock(Duration::from_secs(self.wait));
        Ok(match self.max_failures {
            Some(failures) => run.max_failures(failures),
            None => run,
        })
    }
}

pub(super) async fn run(args: &Args, session: &Session<'_>) -> Result<Exit> {
    let command = &args.command;
    if let Command::Lint(args) = command {
        // It connects to no server.
        return lint::run(args, session).await;
    }
    let cluster = session.open().await?;
    let exit = run_on(command, &cluster, session).await;
    cluster.close().await;
    exit
}

async fn run_on(command: &Command, cluster: &Cluster, session: &Session<'_>) -> Result<Exit> {
    match command {
        Command::Lint(args) => lint::run(args, session).await,
        Command::Up(args) => up(args, cluster, session).await,
        Command::Status(args) => {
            let status = args.migrate(cluster)?.status().await?;
            print::status(session.output, &status)?;
            Ok(if status.is_current() {
                Exit::Done
            } else {
                Exit::Findings
            })
        }
        Command::Drift(args) => {
            let run = args.scope.migrate(cluster)?.per_server(args.per_server);
            let run = if args.without_scratch {
                run.without_scratch()
            } else {
                run
            };
            let drift = watched(run, "namespaces").drift().await?;
            output::drift::print(session.output, &drift)?;
            Ok(if drift.deviations().next().is_some() {
                Exit::Findings
            } else {
                Exit::of(drift.is_empty())
            })
        }
        Command::Down(args) => {
            let question = format!(
                "The versions after {} are reverted in all namespaces.",
                args.to
            );
            if !args.yes && !crate::prompt::confirm(&question)? {
                return Ok(Exit::Failed);
            }
            let run = watched(args.run.migrate(cluster)?, MIGRATIONS);
            report(run.down(args.to).await, session)
        }
        Command::Redo(args) => report(
            watched(args.migrate(cluster)?, MIGRATIONS).redo().await,
            session,
        ),
        Command::Fake(args) => {
            let run = args.run.migrate(cluster)?;
            let run = match args.to {
                Some(to) => run.to(to),
                None => run,
            };
            report(run.fake().await, session)
        }
        Command::Resolve(args) => {
            let resolution = if args.done {
                Resolution::Done
            } else {
                Resolution::Again
            };
            let run = args.run.migrate(cluster)?;
            report(run.resolve(args.version, resolution).await, session)
        }
    }
}

async fn up(args: &UpArgs, cluster: &Cluster, session: &Session<'_>) -> Result<Exit> {
    let mut run = args.run.migrate(cluster)?;
    if let Some(to) = args.to {
        run = run.to(to);
    }
    if args.contract {
        run = run.contract();
    }
    if args.ignore_uses {
        run = run.ignore_uses();
    }
    run = args.throttle.limit(run);
    let dangerous = lint::pending(&run, &args.allow, session).await?;
    if args.dry_run {
        print::plan(session.output, &run.plan().await?)?;
        return Ok(Exit::Done);
    }
    if dangerous > 0 && !args.yes && !crate::prompt::confirm(&lint::question(dangerous))? {
        return Ok(Exit::Failed);
    }
    if args.no_canary {
        run = run.without_canary();
    } else if args.canary_pause > 0 {
        let pause = Duration::from_secs(args.canary_pause);
        run = run.after_canary(move |_| async move {
            tokio::time::sleep(pause).await;
            Ok(())
        });
    }
    report(watched(run, MIGRATIONS).up().await, session)
}

/// Shows the progress of a run over so many of these.
fn watched(run: Migrate, noun: &'static str) -> Migrate {
    let progress: Arc<Mutex<Option<Progress>>> = Arc::default();
    run.on_event(move |event| {
        // No code that can panic runs under the lock.
        let mut progress = progress.lock().unwrap_or_else(PoisonError::into_inner);
        match (&event, &*progress) {
            (Event::Planned { steps, .. }, _) => *progress = Some(Progress::new(*steps, noun)),
            (Event::Done { .. } | Event::Read { .. }, Some(progress)) => progress.done(false),
            // The report says why.
            (Event::Failed(_), Some(progress)) => progress.done(true),
            (
                Event::Waiting {
                    location,
                    waited,
                    blockers,
                },
                Some(progress),
            ) => {
                progress.say(&print::waiting(location, *waited, blockers));
            }
            (
                Event::Batch {
                    location,
                    version,
                    batches,
                    rows,
                },
                Some(progress),
            ) => {
                progress.note(&print::batch(location, *version, *batches, *rows));
            }
            _ => {}
        }
    })
}

/// Prints the report of a run, also of one that has failed.
fn report(outcome: shard_orm::Result<Report>, session: &Session<'_>) -> Result<Exit> {
    match outcome {
        Ok(report) => {
            print::report(session.output, &report)?;
            Ok(Exit::Done)
        }
        Err(error) => match Report::of(&error) {
            Some(report) => {
                print::report(session.output, report)?;
                Ok(Exit::Failed)
            }
            None => Err(error.into()),
        },
    }
}
