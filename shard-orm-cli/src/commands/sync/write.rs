//! `sync run` and `sync supervise`.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use shard_orm::Cluster;
use shard_orm::admin::{
    StopSignal, SyncEvent, SyncOptions, supervise_copies, sync_copies, sync_status,
};
use shard_orm::lock::LeaseLocks;

use crate::Result;
use crate::exit::{Exit, Failure};
use crate::interrupt::interrupted;
use crate::output::progress::Progress;
use crate::output::sync as print;
use crate::output::text::count;
use crate::session::Session;

/// The time between two looks at the rows that were written.
const COUNTED: Duration = Duration::from_secs(1);
/// The time between two looks at the states of the copies.
const LOOKED: Duration = Duration::from_millis(250);

/// Which copies, and how.
#[derive(Debug, clap::Args)]
struct SyncArgs {
    /// The tables; without one, all that have a copy.
    #[arg(value_name = "TABLE")]
    tables: Vec<String>,
    /// Only tables of this named database. Also the source of tables for which none is recorded; not
    /// needed for them if the configuration has only one.
    #[arg(long, value_name = "DATABASE")]
    source: Option<String>,
    /// Also copy tables whose application has hooks, or has not recorded whether it has: all rows, as
    /// they are at the source, over what the hooks have left out or changed.
    #[arg(long)]
    without_hooks: bool,
    /// The named database with the locks (LeaseLocks) of the application's supervisors. Copies whose lock
    /// another process holds are left to it.
    #[arg(long, value_name = "DATABASE")]
    locks: Option<String>,
}

#[derive(Debug, clap::Args)]
pub(super) struct RunArgs {
    #[command(flatten)]
    sync: SyncArgs,
}

#[derive(Debug, clap::Args)]
pub(super) struct SuperviseArgs {
    #[command(flatten)]
    sync: SyncArgs,
    /// The time between two looks at the changes of a table, in milliseconds.
    #[arg(long, value_name = "MS", default_value_t = 750, value_parser = clap::value_parser!(u64).range(1..))]
    every: u64,
}

impl SyncArgs {
    fn options(&self, cluster: &Cluster) -> Result<SyncOptions> {
        let mut options = SyncOptions::new();
        for table in &self.tables {
            options = options.table(table);
        }
        if let Some(source) = &self.source {
            options = options.source(source);
        }
        if self.without_hooks {
            options = options.without_hooks();
        }
        if let Some(locks) = &self.locks {
            options = options.locks(Arc::new(LeaseLocks::new(cluster, locks)?));
        }
        Ok(options)
    }
}

/// The progress of a run, once its copies are known.
#[derive(Debug, Clone, Default)]
struct Shown(Arc<Mutex<Option<Progress>>>);

impl Shown {
    fn with(&self, show: impl FnOnce(&mut Option<Progress>)) {
        // No code that can panic runs under the lock.
        show(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner));
    }

    fn event(&self, event: &SyncEvent) {
        self.with(|progress| match (event, progress) {
            (SyncEvent::Planned { copies }, progress) => {
                *progress = Some(Progress::new(*copies, "copies"));
            }
            (SyncEvent::Ended { is_level, .. }, Some(progress)) => progress.done(!is_level),
            _ => {}
        });
    }

    /// Shows how many rows were written, as it is recorded with each commit.
    async fn count(self, cluster: Cluster) {
        let Ok(before) = rows_changed(&cluster).await else {
            return;
        };
        loop {
            tokio::time::sleep(COUNTED).await;
            if let Ok(now) = rows_changed(&cluster).await {
                let rows = format!("{} written", count(now.saturating_sub(before), "row"));
                self.with(|progress| {
                    if let Some(progress) = progress {
                        progress.note(&rows);
                    }
                });
            }
        }
    }

    fn finish(&self) {
        self.with(|progress| {
            if let Some(progress) = progress.take() {
                progress.finish();
            }
        });
    }
}

async fn rows_changed(cluster: &Cluster) -> Result<u64> {
    let copies = sync_status(cluster).await?;
    Ok(copies.iter().map(|copy| copy.rows_changed).sum())
}

pub(super) async fn run(args: &RunArgs, session: &Session<'_>, cluster: &Cluster) -> Result<Exit> {
    let (stop, shown) = (StopSignal::default(), Shown::default());
    let seen = shown.clone();
    let options = args.sync.options(cluster)?.stop_on(stop.clone());
    let options = options.on_event(move |event| seen.event(&event));
    let counting = tokio::spawn(shown.clone().count(cluster.clone()));
    let mut running = Box::pin(sync_copies(cluster, &options));
    let synced = loop {
        tokio::select! {
            synced = &mut running => break synced,
            signal = interrupted() => {
                signal?;
                if stop.is_stopped() {
                    return Err(Failure::Interrupted);
                }
                stop.stop();
            }
        }
    };
    counting.abort();
    shown.finish();
    let synced = synced?;
    print::print_synced(session.output, &synced)?;
    Ok(match synced.interrupted.is_empty() {
        true => Exit::of(synced.is_complete()),
        false => Exit::Interrupted,
    })
}

pub(super) async fn supervise(
    args: &SuperviseArgs,
    session: &Session<'_>,
    cluster: &Cluster,
) -> Result<Exit> {
    let options = args.sync.options(cluster)?;
    let options = options.every(Duration::from_millis(args.every));
    let supervised = supervise_copies(cluster, &options).await?;
    print::print_refused(session.output, &supervised.refused)?;
    let supervisor = supervised.supervisor;
    let mut states = BTreeMap::new();
    let mut interruption = Box::pin(interrupted());
    let outcome = loop {
        tokio::select! {
            signal = &mut interruption => break signal.map_err(Failure::from),
            () = tokio::time::sleep(LOOKED) => {}
        }
        let printed = supervisor.status().into_iter().try_for_each(|copy| {
            let state = print::state(&copy);
            if states.get(&copy.copy) == Some(&state) {
                return Ok(());
            }
            print::print_state(session.output, &copy, &state)?;
            states.insert(copy.copy, state);
            Ok(())
        });
        if let Err(closed) = printed {
            break Err(closed);
        }
    };
    supervisor.stop().await;
    outcome.map(|()| Exit::Done)
}
