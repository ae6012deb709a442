//! The recorders and pools of all servers, for `cluster::statistics`.

use std::sync::Arc;
use std::time::Instant;

use super::PoolSet;
use crate::observe::ServerRecorder;

/// The figures of one server.
#[derive(Debug)]
pub(crate) struct ServerFigures {
    pub(crate) group: Arc<str>,
    pub(crate) server: Arc<str>,
    pub(crate) observed: Arc<ServerRecorder>,
    /// When its recorder began.
    pub(crate) begun: Instant,
    /// By endpoint.
    pub(crate) pools: Vec<PoolFigures>,
}

/// The connections to one endpoint.
#[derive(Debug, Clone, Copy)]
pub(crate) struct PoolFigures {
    pub(crate) endpoint: usize,
    /// Whether the endpoint is a replica at this moment.
    pub(crate) replica: bool,
    pub(crate) max: u64,
    pub(crate) size: u64,
    pub(crate) in_use: u64,
    pub(crate) waiting: u64,
}

impl PoolSet {
    /// The figures of each server.
    pub(crate) fn figures(&self) -> Vec<ServerFigures> {
        let figures = self.servers().map(|server| {
            let health = &server.health;
            let pools = (0..health.endpoints()).map(|endpoint| {
                let mut figures = PoolFigures {
                    endpoint,
                    replica: endpoint != health.last_primary(),
                    max: 0,
                    size: 0,
                    in_use: 0,
                    waiting: 0,
                };
                for pool in self.pools_of(server, endpoint) {
                    pool.add_to(&mut figures);
                }
                figures
            });
            ServerFigures {
                group: Arc::clone(health.shared_group()),
                server: Arc::clone(health.shared_server()),
                observed: Arc::clone(&server.observed),
                begun: server.observed.begun,
                pools: pools.collect(),
            }
        });
        figures.collect()
    }
}
