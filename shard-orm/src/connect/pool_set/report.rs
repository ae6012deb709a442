//! Health reports of the servers of one topology, and the probes of a health check.
//!
//! Called by `cluster::health`. Combines a server's `Health` with the last outcomes of its pools
//! and with probes made here.

use std::sync::Arc;
use std::time::Instant;

use futures_util::StreamExt as _;
use futures_util::future::join_all;
use tokio::time::timeout;

use super::{PoolSet, ServerPools};
use crate::backend::{self, Observed};
use crate::connect::health::{EndpointReport, Health};
use crate::connect::namespace_handle::NamespaceHandle;
use crate::connect::pool::{LastOutcome, Pool};
use crate::connect::roles::EndpointStatus;
use crate::error::ErrorKind;

/// The number of files of one server that are probed concurrently.
const FILES_AT_A_TIME: usize = 8;

/// The health of one server.
#[derive(Debug)]
pub(crate) struct ServerReport {
    pub(crate) health: Arc<Health>,
    pub(crate) endpoints: Vec<EndpointReport>,
}

impl PoolSet {
    /// Probes every endpoint of every server now.
    pub(crate) async fn probe(&self) {
        let asked = Instant::now();
        join_all(self.servers().map(|server| async move {
            if server.is_closed() {
                return;
            }
            if server.health.is_monitored() {
                server.health.probe_now().await;
            } else if let Some(_turn) = server.health.begin_on_demand(asked).await {
                match server.pools.first() {
                    Some(pool) => probe_endpoint(&server.health, pool).await,
                    None => self.probe_files(server).await,
                }
            }
        }))
        .await;
    }

    /// The health of each server. With `asked`, earlier results are outdated.
    pub(crate) fn reports(&self, asked: Option<Instant>) -> Vec<ServerReport> {
        self.servers()
            .map(|server| {
                let mut endpoints = server.health.report(asked);
                for (index, report) in endpoints.iter_mut().enumerate() {
                    self.add_outcomes(server, index, report);
                }
                ServerReport {
                    health: Arc::clone(&server.health),
                    endpoints,
                }
            })
            .collect()
    }

    /// Adds the last outcomes of an endpoint's pools.
    fn add_outcomes(&self, server: &ServerPools, index: usize, report: &mut EndpointReport) {
        let pools = self.pools_of(server, index);
        if pools.iter().any(|pool| pool.is_closed()) {
            report.status = EndpointStatus::Unreachable;
            report.problem = Some("the cluster was closed".to_owned());
            return;
        }
        let asked = report.probed;
        if !server.health.is_monitored() {
            apply_last_outcome(&pools, index, report);
        }
        if report.status != EndpointStatus::Unreachable && report.problem.is_none() {
            // Open connections still work, but no new one can be opened.
            report.problem = pools.iter().find_map(|pool| pool.open_error());
        }
        let refusal = match server.pools.get(index) {
            Some(pool) => pool.refusal(),
            None => self
                .handles_of(server)
                .find_map(|handle| handle.refusal(index)),
        };
        if let Some(refusal) = refusal.filter(|_| report.status == EndpointStatus::Primary) {
            // Only a write can find a full disk; the role is known from the probe.
            let full = refusal.kind == ErrorKind::StorageFull;
            if full || asked.is_none_or(|asked| asked < refusal.at) {
                report.writable = Some(false);
                report.status = if full {
                    EndpointStatus::Full
                } else {
                    EndpointStatus::Fenced
                };
                report.problem = Some(refusal.problem);
            }
        }
    }

    /// The pools of an endpoint: one, or one per file on SQLite.
    pub(super) fn pools_of(&self, server: &ServerPools, index: usize) -> Vec<Arc<Pool>> {
        if let Some(pool) = server.pools.get(index) {
            return vec![Arc::clone(pool)];
        }
        let handles = self.handles_of(server);
        handles
            .flat_map(|handle| handle.pools_of_endpoint(index))
            .collect()
    }

    /// The handles of a server.
    fn handles_of<'l>(
        &'l self,
        server: &'l ServerPools,
    ) -> impl Iterator<Item = &'l Arc<NamespaceHandle>> {
        let of_groups = self.groups.iter();
        let of_groups =
            of_groups.flat_map(|group| group.handles.iter().flatten().chain(&group.statics));
        let of_databases = self.databases.values().map(|database| &database.handle);
        let handles = of_groups.chain(of_databases);
        handles.filter(|handle| Arc::ptr_eq(&handle.health, &server.health))
    }

    /// Probes all files of a SQLite server.
    async fn probe_files(&self, server: &ServerPools) {
        let health = &server.health;
        let limit = health.settings().probe_timeout;
        for index in 0..health.endpoints() {
            let began = Instant::now();
            let probes = self
                .handles_of(server)
                .map(|handle| handle.probe_file(index));
            let mut probes = futures_util::stream::iter(probes).buffer_unordered(FILES_AT_A_TIME);
            let all = async {
                while let Some(probe) = probes.next().await {
                    probe?;
                }
                Ok(())
            };
            let found = match timeout(limit, all).await {
                Ok(found) => found,
                Err(_) => Err(format!("no answer within {limit:?} (`probe_timeout`)")),
            };
            let found = found.map(|()| Observed {
                writable: index == 0,
                follows: index > 0,
                position: None,
            });
            health.note_on_demand(index, began, found);
        }
    }
}

impl ServerPools {
    fn is_closed(&self) -> bool {
        self.pools.iter().any(|pool| pool.is_closed())
    }
}

/// Applies outcomes that are newer than the last probe.
fn apply_last_outcome(pools: &[Arc<Pool>], index: usize, report: &mut EndpointReport) {
    let last_outcome: Vec<LastOutcome> = pools
        .iter()
        .filter_map(|pool| pool.last_outcome())
        .collect();
    let is_news =
        |last_outcome: &&LastOutcome| report.probed.is_none_or(|probed| probed < last_outcome.at);
    let outcomes = last_outcome.iter().filter(is_news);
    let problem = outcomes
        .clone()
        .find(|last_outcome| last_outcome.problem.is_some());
    let Some(last_outcome) =
        problem.or_else(|| outcomes.max_by_key(|last_outcome| last_outcome.at))
    else {
        return;
    };
    let stood = report.status;
    report.probed = Some(last_outcome.at);
    report.problem.clone_from(&last_outcome.problem);
    report.status = match (&last_outcome.problem, stood) {
        (Some(_), _) => {
            report.writable = None;
            EndpointStatus::Unreachable
        }
        (None, EndpointStatus::Unknown | EndpointStatus::Unreachable) if index == 0 => {
            EndpointStatus::Primary
        }
        (None, EndpointStatus::Unknown | EndpointStatus::Unreachable) => EndpointStatus::Serving,
        (None, stood) => stood,
    };
}

/// Probes the only endpoint of a server.
async fn probe_endpoint(health: &Health, pool: &Arc<Pool>) {
    let began = Instant::now();
    let limit = health.settings().probe_timeout;
    let found = match timeout(limit, ask(pool)).await {
        Ok(found) => found,
        Err(_) => Err(format!("no answer within {limit:?} (`probe_timeout`)")),
    };
    health.note_on_demand(0, began, found);
}

/// Probes over an idle connection, or over a dedicated one if none is idle.
async fn ask(pool: &Arc<Pool>) -> Result<Observed, String> {
    if let Some(mut lease) = pool.at_once()
        && let Ok(conn) = lease.conn()
    {
        match backend::observe(conn).await {
            Ok(observed) => {
                lease.settle();
                return Ok(observed);
            }
            Err(failure) if failure.lost => lease.lost(),
            Err(failure) => return Err(failure.error.to_string()),
        }
    }
    let opened = pool.open_dedicated().await;
    let mut conn = opened.map_err(|error| error.to_string())?;
    let observed = backend::observe(&mut conn).await;
    let observed = observed.map_err(|failure| failure.error.to_string())?;
    conn.close().await;
    Ok(observed)
}
