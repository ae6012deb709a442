//! The statistics of the pages: of all processes that publish theirs, or of the process that serves the pages.

use std::sync::Arc;

use shard_orm::Cluster;
use shard_orm::statistics::{Anomaly, FleetProcess, FleetStatistics, Rules, Statistics};

use crate::reading::Seen;

/// The statistics of all processes, and what is unusual in them.
#[derive(Debug)]
pub(crate) struct Fleet {
    pub(crate) processes: Vec<FleetProcess>,
    statistics: Arc<Statistics>,
    /// The most unusual ones of each rule first.
    anomalies: Vec<Anomaly>,
    is_counted: bool,
}

/// The statistics on a page.
#[derive(Debug)]
pub(crate) struct Calls {
    pub(crate) statistics: Arc<Statistics>,
    pub(crate) anomalies: Vec<Anomaly>,
    /// Whether they are of all processes.
    pub(crate) are_of_fleet: bool,
}

impl From<FleetStatistics> for Fleet {
    fn from(fleet: FleetStatistics) -> Self {
        let counted = fleet.counted().count();
        Self {
            is_counted: counted > 0,
            anomalies: Rules::new().find(&fleet.statistics),
            statistics: Arc::new(fleet.statistics),
            processes: fleet.processes,
        }
    }
}

impl Calls {
    /// Those of the fleet if a process of it counts, and of this process otherwise.
    pub(crate) fn new(cluster: &Cluster, fleet: &Seen<Fleet>) -> Self {
        if let Some(fleet) = fleet.value.as_deref().filter(|fleet| fleet.is_counted) {
            return Self {
                statistics: Arc::clone(&fleet.statistics),
                anomalies: fleet.anomalies.clone(),
                are_of_fleet: true,
            };
        }
        let own = cluster.statistics();
        Self {
            anomalies: Rules::new().find(&own),
            statistics: Arc::new(own),
            are_of_fleet: false,
        }
    }
}
