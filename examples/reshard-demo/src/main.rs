//! Two servers grow to three while an application reads and writes.
//!
//! `cargo run -p reshard-demo` needs no server: it uses SQLite in a temporary folder. `bank` opens the
//! cluster, `traffic` is the application, and `move_shards` is all that an operator does.

mod bank;
mod ledger;
mod model;
mod screen;
mod signals;
mod traffic;
mod watch;

use std::error::Error;
use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

use clap::Parser;
use shard_orm::Cluster;
use shard_orm::catalog::Document;
use shard_orm::config::ServerState;
use shard_orm::reshard::{Job, JobState, Pace, Reshard};
use shard_orm::topology::{Group, Topology};
use tokio::runtime::Runtime;

use crate::bank::{Bank, CUSTOMERS, GROUP};
use crate::screen::Screen;
use crate::signals::Interrupt;
use crate::traffic::Traffic;
use crate::watch::Watch;

/// The new server, and the folder of its namespaces.
const NEW_SERVER: (&str, &str) = ("c", "sqlite://c");
/// The logical shards that it gets: a third of those of each other server.
const MOVED: [u32; 4] = [4, 5, 10, 11];
/// The most rows that a move copies in a second. Without a limit, so few rows take no time.
const PACE: Pace = Pace::RowsPerSecond(10_000);
/// How long the traffic is shown before the moves, and after them.
const PAUSE: Duration = Duration::from_secs(2);
/// The exit status of a program interrupted by a signal.
const INTERRUPTED: u8 = 130;

/// Grows a cluster from two servers to three while an application reads and writes.
///
/// Prints the calls of the application twice a second, while four of twelve logical shards move to
/// the new server. Then compares all rows with the writes that were acknowledged. No database server
/// is needed: the data is on SQLite, in a temporary folder that is removed at the end.
///
/// Ctrl-C aborts the current move, compares the rows and ends; a second one ends the program at once.
/// Exit status: 0 if no call failed and no row was lost, 1 otherwise, 2 for invalid options, 130 after
/// Ctrl-C.
#[derive(Debug, Parser)]
#[command(name = "reshard-demo", version)]
struct Options {}

fn main() -> ExitCode {
    let Options {} = Options::parse();
    match start() {
        Ok(code) => code,
        Err(error) => {
            eprintln!("reshard-demo: {error}");
            ExitCode::FAILURE
        }
    }
}

fn start() -> Result<ExitCode, Box<dyn Error>> {
    let folder = tempfile::tempdir()?;
    let runtime = Runtime::new()?;
    let outcome = runtime.block_on(async {
        let (interrupt, second) = signals::listen()?;
        tokio::select! {
            outcome = run(folder.path(), interrupt) => outcome,
            () = second => Ok(ExitCode::from(INTERRUPTED)),
        }
    });
    // After an early end, tasks may still write to the folder.
    runtime.shutdown_timeout(Duration::from_secs(1));
    let removed = folder.close();
    let code = outcome?;
    removed?;
    Ok(code)
}

async fn run(folder: &Path, mut interrupt: Interrupt) -> Result<ExitCode, Box<dyn Error>> {
    let mut screen = Screen::new();
    screen.heading("A bank on two servers")?;
    let bank = tokio::select! {
        bank = Bank::open(folder) => bank?,
        () = interrupt.requested() => return Ok(ExitCode::from(INTERRUPTED)),
    };
    let Bank {
        application,
        operator,
        mut ledger,
    } = bank;
    screen.places(group(&application.topology())?)?;
    screen.rows(CUSTOMERS, ledger.rows())?;

    screen.heading("Four logical shards move to a third server")?;
    screen.text(&Traffic::load())?;
    let reshard = operator.reshard()?;
    let traffic = Traffic::start(application.clone());
    let mut watch = Watch::new(screen, traffic, &interrupt, &reshard)?;
    watch.alone(PAUSE).await?;
    if !interrupt.is_requested() {
        let epoch = add_server(&operator).await?;
        watch.screen.added(NEW_SERVER.0, epoch)?;
    }
    let jobs = move_shards(&mut watch, &reshard, &interrupt).await?;
    watch.alone(PAUSE).await?;
    let time = watch.elapsed();
    let Watch {
        mut screen,
        traffic,
        ..
    } = watch;
    let (calls, acknowledged) = traffic.stop().await?;
    ledger.append(acknowledged);

    screen.heading("The new placement")?;
    screen.places(group(&application.topology())?)?;
    if !jobs.is_empty() {
        screen.heading("The moves")?;
        screen.jobs(&jobs)?;
    }
    screen.heading("The result")?;
    let audit = ledger.audit(&application).await?;
    screen.result(time, &calls, &audit)?;
    application.close().await;
    operator.close().await;
    Ok(if calls.errors > 0 || !audit.is_clean() {
        ExitCode::FAILURE
    } else if interrupt.is_requested() {
        ExitCode::from(INTERRUPTED)
    } else {
        ExitCode::SUCCESS
    })
}

/// Adds a server without logical shards, as `shard-orm server add` does, and returns the epoch of the
/// new topology.
async fn add_server(operator: &Cluster) -> shard_orm::Result<u64> {
    let (name, url) = NEW_SERVER;
    let add = |topology: &mut Document| topology.add_server(GROUP, name, url, ServerState::Active);
    let revision = operator.catalog()?.edit("a third server", add).await?;
    Ok(revision.epoch)
}

/// Moves logical shards to the new server, one after the other, until the program is interrupted.
async fn move_shards(
    watch: &mut Watch,
    reshard: &Reshard,
    interrupt: &Interrupt,
) -> Result<Vec<Job>, Box<dyn Error>> {
    let mut moved = Vec::new();
    for shard in MOVED {
        if interrupt.is_requested() {
            break;
        }
        let request = reshard.move_shard(GROUP, shard, NEW_SERVER.0);
        let job = request.pace(PACE).start().await?;
        let job = watch.job(job.id, reshard.run(job.id)).await?;
        if job.state != JobState::Holding {
            watch.screen.aborted(&job)?;
            break;
        }
        watch.screen.switched(&job)?;
        // Until here the old rows were kept level with the new ones, and the move could be reversed.
        reshard.finish(job.id).await?;
        moved.push(watch.job(job.id, reshard.run(job.id)).await?);
    }
    Ok(moved)
}

fn group(topology: &Topology) -> Result<&Group, String> {
    topology
        .group(GROUP)
        .ok_or_else(|| format!("the topology has no group `{GROUP}`"))
}
