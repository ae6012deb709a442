//! Checks how ids are to be made.

use std::time::Duration;

use crate::config::{Config, Report, Worker};
use crate::route::Router;

const TTL: std::ops::RangeInclusive<Duration> = Duration::from_secs(1)..=Duration::from_hours(1);
const BLOCK: std::ops::RangeInclusive<u32> = 1..=1_000_000;

/// Reports what is wrong in `[ids]`.
pub(super) fn ids(config: &Config, report: &mut Report) {
    let ids = &config.ids;
    let layout = ids.layout();
    if let Err(error) = &layout
        && !report.has("ids")
    {
        report.add_error("ids", error);
    }
    match (&ids.worker, layout) {
        (Some(Worker::Number(worker)), Ok(layout)) if *worker > layout.last_worker() => {
            report.add(
                "ids.worker",
                format!(
                    "worker {worker} does not fit into {} bits; use 0 to {}, or set `worker_bits`",
                    layout.worker_bits(),
                    layout.last_worker()
                ),
            );
        }
        (Some(Worker::Lease(database)), _) => {
            known(config, "ids.worker.lease", database, report);
        }
        _ => {}
    }
    if !TTL.contains(&ids.lease_ttl) {
        report.add(
            "ids.worker.ttl",
            format!("a lease of {:?}; use 1s to 1h", ids.lease_ttl),
        );
    }
    if let Some(database) = &ids.tables {
        known(config, "ids.tables", database, report);
    }
    if !BLOCK.contains(&ids.block) && !report.has("ids.block") {
        report.add(
            "ids.block",
            format!(
                "a block of {} ids; use {} to {}",
                ids.block,
                BLOCK.start(),
                BLOCK.end()
            ),
        );
    }
}

fn known(config: &Config, path: &str, database: &str, report: &mut Report) {
    if !report.has(path) && !config.databases.iter().any(|(name, _)| name == database) {
        report.add(
            path,
            format!(
                "there is no database `{}`; describe it as [databases.<name>], or name one that is",
                database.escape_debug()
            ),
        );
    }
}

/// Reports a group whose rows are to be found by their ids alone, and cannot be.
pub(super) fn find_by_id(path: &str, router: Option<&Router>, report: &mut Report) {
    if let Some(router) = router
        && !router.finds_by_hash()
    {
        report.add(
            format!("{path}.find_by_id"),
            format!(
                "an id holds bits of the key's hash, which say nothing under the strategy `{}`; use \
                 the strategy \"hash\", or leave `find_by_id` out and name the key",
                router.strategy().name()
            ),
        );
    }
}
