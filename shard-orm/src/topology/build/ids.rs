//! Checks the configuration of generated ids.

use std::time::Duration;

use crate::config::{Config, Report, Worker};
use crate::route::Router;

const TTL: std::ops::RangeInclusive<Duration> = Duration::from_secs(1)..=Duration::from_hours(1);
const BLOCK: std::ops::RangeInclusive<u32> = 1..=1_000_000;

/// Reports problems in `[ids]`.
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
            format!("the lease TTL is {:?}; use 1s to 1h", ids.lease_ttl),
        );
    }
    if let Some(database) = &ids.tables {
        known(config, "ids.tables", database, report);
    }
    if !BLOCK.contains(&ids.block) && !report.has("ids.block") {
        report.add(
            "ids.block",
            format!(
                "the block size is {}; use {} to {}",
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
                "unknown database `{}`; add it as [databases.<name>], or use the name of another \
                 one",
                database.escape_debug()
            ),
        );
    }
}

/// Reports a group with `find_by_id` under a strategy that does not support it.
pub(super) fn find_by_id(path: &str, router: Option<&Router>, report: &mut Report) {
    if let Some(router) = router
        && !router.finds_by_hash()
    {
        report.add(
            format!("{path}.find_by_id"),
            format!(
                "an id holds bits of the key's hash, by which the strategy `{}` does not route; \
                 use the strategy \"hash\", or remove `find_by_id` and query with the key",
                router.strategy().name()
            ),
        );
    }
}
