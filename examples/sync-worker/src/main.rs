//! A worker process that synchronizes static tables.
//!
//! `cargo run -p sync-worker` needs no server: it uses SQLite in the folder `data` next to
//! `shard-orm.toml`. `--help` lists the options.

mod model;
mod options;
mod status;

use std::error::Error;
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use shard_orm::Cluster;
use shard_orm::lock::{DatabaseLocks, LeaseLocks, LockManager, RedisLocks};
use shard_orm::sync::{StaticSync, Supervisor};
use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::model::{Airline, Airport};
use crate::options::{Locks, Options};
use crate::status::Screen;

/// The named database with the source tables and the locks.
const DATABASE: &str = "default";
/// The exit status of a program interrupted by SIGINT.
const INTERRUPTED: u8 = 130;

#[tokio::main]
async fn main() -> ExitCode {
    let options = Options::read();
    tracing_subscriber::fmt()
        .with_max_level(tracing_subscriber::filter::LevelFilter::WARN)
        .with_writer(std::io::stderr)
        .init();
    match run(&options).await {
        Ok(code) => code,
        Err(error) => {
            eprintln!("sync-worker: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn run(options: &Options) -> Result<ExitCode, Box<dyn Error>> {
    // From here on, signals are handled.
    let mut signals = Signals::listen()?;
    let (cluster, supervisor) = match signals.unless_one_comes(start(options)).await {
        Some(started) => started?,
        None => return Ok(ExitCode::SUCCESS),
    };
    let mut screen = Screen::new(options.json);
    loop {
        screen.show(&supervisor.status())?;
        let pause = tokio::time::sleep(options.every.max(Duration::from_millis(100)));
        if signals.unless_one_comes(pause).await.is_none() {
            break;
        }
    }
    screen.end("stopping after the current transactions")?;
    let ended = async {
        supervisor.stop().await;
        cluster.close().await;
    };
    match signals.unless_one_comes(ended).await {
        Some(()) => Ok(ExitCode::SUCCESS),
        // Exits without waiting for running tasks.
        None => std::process::exit(INTERRUPTED.into()),
    }
}

/// Opens the cluster, creates missing tables, and starts the supervisor.
async fn start(options: &Options) -> Result<(Cluster, Supervisor), Box<dyn Error>> {
    let own = Path::new(env!("CARGO_MANIFEST_DIR")).join("shard-orm.toml");
    let file = options.configuration.as_ref().unwrap_or(&own);
    let cluster = Cluster::open(file).await?;
    let setup = cluster.setup().table::<Airline>().table::<Airport>();
    setup.run().await?;
    cluster.register_static::<Airline>();
    cluster.register_static::<Airport>();
    let mut supervise = StaticSync::supervise(&cluster)
        .every(options.every)
        .lock_ttl(options.lock_ttl);
    if let Some(locks) = locks(options, &cluster).await? {
        supervise = supervise.locks(locks);
    }
    let supervisor = supervise.run()?;
    Ok((cluster, supervisor))
}

async fn locks(
    options: &Options,
    cluster: &Cluster,
) -> shard_orm::Result<Option<Arc<dyn LockManager>>> {
    Ok(Some(match &options.locks {
        Locks::Nothing | Locks::Unknown => return Ok(None),
        Locks::Lease => {
            let locks = LeaseLocks::new(cluster, DATABASE)?;
            locks.setup().await?;
            Arc::new(locks)
        }
        Locks::Database => Arc::new(DatabaseLocks::new(cluster, DATABASE)?),
        Locks::Redis(url) => Arc::new(RedisLocks::connect(url).await?),
    }))
}

/// SIGINT and SIGTERM.
struct Signals {
    interrupt: Signal,
    terminate: Signal,
}

impl Signals {
    fn listen() -> std::io::Result<Self> {
        Ok(Self {
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
        })
    }

    /// Awaits a future; returns `None` if a signal arrives first.
    async fn unless_one_comes<T>(&mut self, future: impl Future<Output = T>) -> Option<T> {
        tokio::select! {
            _ = self.interrupt.recv() => None,
            _ = self.terminate.recv() => None,
            value = future => Some(value),
        }
    }
}
