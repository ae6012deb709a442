//! Checks of the catalog: whether it answers, and whether processes follow it.

use std::time::Duration;

use super::finding::{CheckReport, Severity};
use crate::cluster::{Catalog, Cluster};

/// Processes that have been silent for longer have ended, or cannot reach the catalog.
const ALIVE: Duration = Duration::from_mins(1);

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
            processes(&catalog, newest.epoch, report).await;
        }
    }
}

async fn processes(catalog: &Catalog, newest: u64, report: &mut CheckReport) {
    // The tables that hold them were read a moment ago.
    let Ok(processes) = catalog.processes().await else {
        return;
    };
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
}
