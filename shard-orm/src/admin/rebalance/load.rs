//! The measured load of logical shards, for plans by load.

use std::collections::BTreeMap;

use crate::cluster::Cluster;
use crate::error::{Error, Result};

/// The load of each logical shard with calls, by group and number.
pub(super) type Loads = BTreeMap<(String, u32), u64>;

/// The time in calls of each logical shard in microseconds a second, within the last 15 minutes of all processes that
/// publish their statistics.
#[cfg(feature = "metrics")]
pub(super) async fn loads(cluster: &Cluster) -> Result<Loads> {
    let fleet = cluster.fleet_statistics().await?;
    let shards = fleet.statistics.shards.into_iter();
    let loads: Loads = shards
        .filter(|shard| shard.windows.fifteen.calls > 0)
        .map(|shard| {
            let window = &shard.windows.fifteen;
            let micros = window.busy.as_micros().saturating_mul(1_000);
            let load = micros / window.over.as_millis().max(1);
            (
                (shard.group, shard.shard),
                u64::try_from(load).unwrap_or(u64::MAX),
            )
        })
        .collect();
    if loads.is_empty() {
        return Err(Error::new(
            crate::error::ErrorKind::NotFound,
            "no calls were measured: no process of the last minute has published statistics with calls of the last 15 \
             minutes. Processes publish them with the feature `metrics` and a heartbeat; `shard-orm stats` lists them",
        ));
    }
    Ok(loads)
}

#[cfg(not(feature = "metrics"))]
#[allow(clippy::unused_async)] // As with the feature.
pub(super) async fn loads(_cluster: &Cluster) -> Result<Loads> {
    Err(Error::configuration(
        "a plan by load needs the feature `metrics`, by which calls are measured",
    ))
}
