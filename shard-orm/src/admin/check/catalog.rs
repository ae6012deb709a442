//! Checks of the catalog: whether it answers, and whether processes follow it.

use std::time::Duration;

use super::finding::{CheckReport, Severity};
use crate::catalog::Document;
use crate::cluster::{Catalog, Cluster};

/// Processes that have been silent for longer have ended, or cannot reach the catalog.
const ALIVE: Duration = Duration::from_mins(1);

/// The catalog's database, and the processes that have reported within a minute.
pub(super) struct Listed {
    pub(super) database: String,
    pub(super) processes: u32,
}

/// What the catalog lists; `None` for a cluster without one. No processes if it cannot be read, which
/// is a finding of [`check`].
pub(super) async fn listed(cluster: &Cluster) -> Option<Listed> {
    let catalog = cluster.catalog().ok()?;
    let processes = catalog.processes().await.unwrap_or_default();
    let alive = processes.iter().filter(|one| one.silent_for < ALIVE);
    Some(Listed {
        database: catalog.database().to_owned(),
        processes: u32::try_from(alive.count()).unwrap_or(u32::MAX),
    })
}

/// Checks the catalog of a cluster that has one.
pub(super) async fn check(cluster: &Cluster, report: &mut CheckReport) {
    let Ok(catalog) = cluster.catalog() else {
        return;
    };
    match catalog.current().await {
        Err(error) => report.add(
            Severity::Error,
            "catalog_unavailable",
            "catalog",
            format!("it cannot be read: {error}"),
            "see why its database does not answer; the cluster serves meanwhile, and cannot be changed",
        ),
        Ok(None) => report.add(
            Severity::Warning,
            "catalog_empty",
            "catalog",
            "it holds no topology, so processes use their configuration files",
            "store the configuration with `shard-orm catalog init`",
        ),
        Ok(Some(newest)) => {
            let own = cluster.topology().epoch();
            if own != newest.epoch {
                report.add(
                    Severity::Error,
                    "catalog_not_followed",
                    "catalog",
                    format!(
                        "its last epoch is {}, and this process uses epoch {own}",
                        newest.epoch
                    ),
                    "see the log of this process, and `shard-orm catalog history`",
                );
            }
            let running = processes(&catalog, newest.epoch, report).await;
            let document = newest.document.parse::<Document>();
            let worker = document.ok().and_then(|document| document.fixed_worker());
            if let Some(worker) = worker.filter(|_| running > 1) {
                report.add(
                    Severity::Warning,
                    "ids_worker_shared",
                    "catalog",
                    format!(
                        "its `[ids]` make {worker} the worker of each of {running} processes that have \
                         no `worker` of their own, so that their ids may repeat"
                    ),
                    "write `worker = { lease = \"default\" }`, or set a different `worker` in the \
                     configuration of each process",
                );
            }
        }
    }
}

/// Finds processes that stay behind, and returns the number of all that are running.
async fn processes(catalog: &Catalog, newest: u64, report: &mut CheckReport) -> usize {
    // The tables that hold them were read a moment ago.
    let processes = catalog.processes().await.unwrap_or_default();
    let running = processes.iter().filter(|one| one.silent_for < ALIVE);
    let running = running.count();
    let behind = |epoch: u64, silent: Duration| epoch < newest && silent < ALIVE;
    for one in processes {
        if behind(one.epoch, one.silent_for) {
            report.add(
                Severity::Warning,
                "process_behind",
                format!("process {} ({} on {})", one.name, one.pid, one.host),
                format!("it uses epoch {}, and the last one is {newest}", one.epoch),
                "see its log: it lacks an environment variable, or does not reach the catalog",
            );
        }
    }
    running
}
