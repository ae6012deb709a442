//! What is known of the servers of one topology, and the looks that a health check makes.
//!
//! Called by `cluster::health`. What a monitor sees stands in a server's `Watch`; the rest is what
//! its pools heard last, and what is asked of it here.

use std::sync::Arc;
use std::time::Instant;

use futures_util::StreamExt as _;
use futures_util::future::join_all;
use tokio::time::timeout;

use super::{Links, ServerLinks};
use crate::backend::{self, Observed};
use crate::connect::namespace_handle::NamespaceHandle;
use crate::connect::pool::{Heard, Pool};
use crate::connect::roles::Standing;
use crate::connect::watch::{EndpointReport, Watch};
use crate::error::ErrorKind;

/// How many files of one server are looked at side by side.
const FILES_AT_A_TIME: usize = 8;

/// What is known of one server.
#[derive(Debug)]
pub(crate) struct ServerReport {
    pub(crate) watch: Arc<Watch>,
    pub(crate) endpoints: Vec<EndpointReport>,
}

impl Links {
    /// Asks each endpoint of each server how it stands now.
    pub(crate) async fn look(&self) {
        let asked = Instant::now();
        join_all(self.servers().map(|server| async move {
            if server.is_closed() {
                return;
            }
            if server.watch.is_watched() {
                server.watch.look_again().await;
            } else if let Some(_turn) = server.watch.turn_to_look(asked).await {
                match server.pools.first() {
                    Some(pool) => look_at(&server.watch, pool).await,
                    None => self.look_at_files(server).await,
                }
            }
        }))
        .await;
    }

    /// What is known of each server. With `asked`, what was heard before it counts for nothing.
    pub(crate) fn reports(&self, asked: Option<Instant>) -> Vec<ServerReport> {
        self.servers()
            .map(|server| {
                let mut endpoints = server.watch.report(asked);
                for (index, report) in endpoints.iter_mut().enumerate() {
                    self.hear(server, index, report);
                }
                ServerReport {
                    watch: Arc::clone(&server.watch),
                    endpoints,
                }
            })
            .collect()
    }

    /// Adds what the pools of an endpoint heard.
    fn hear(&self, server: &ServerLinks, index: usize, report: &mut EndpointReport) {
        let pools = self.pools_of(server, index);
        if pools.iter().any(|pool| pool.is_closed()) {
            report.standing = Standing::Unreachable;
            report.problem = Some("the cluster was closed".to_owned());
            return;
        }
        let asked = report.looked;
        if !server.watch.is_watched() {
            hear_last(&pools, index, report);
        }
        if report.standing != Standing::Unreachable && report.problem.is_none() {
            // What is open serves on, and this is what comes next.
            report.problem = pools.iter().find_map(|pool| pool.not_opened());
        }
        let refusal = match server.pools.get(index) {
            Some(pool) => pool.refusal(),
            None => self
                .handles_of(server)
                .find_map(|handle| handle.refusal(index)),
        };
        if let Some(refusal) = refusal.filter(|_| report.standing == Standing::Primary) {
            // That an endpoint is full is told by writes alone; its role it tells itself.
            let full = refusal.kind == ErrorKind::StorageFull;
            if full || asked.is_none_or(|asked| asked < refusal.at) {
                report.writable = Some(false);
                report.standing = if full {
                    Standing::Full
                } else {
                    Standing::Fenced
                };
                report.problem = Some(refusal.problem);
            }
        }
    }

    /// The pools of an endpoint: one, but for SQLite, where each file has its own.
    fn pools_of(&self, server: &ServerLinks, index: usize) -> Vec<Arc<Pool>> {
        if let Some(pool) = server.pools.get(index) {
            return vec![Arc::clone(pool)];
        }
        let handles = self.handles_of(server);
        handles
            .flat_map(|handle| handle.pools_of_endpoint(index))
            .collect()
    }

    /// The places of a server.
    fn handles_of<'l>(
        &'l self,
        server: &'l ServerLinks,
    ) -> impl Iterator<Item = &'l Arc<NamespaceHandle>> {
        let of_groups = self.groups.iter();
        let of_groups = of_groups.flat_map(|group| group.handles.iter().chain(&group.statics));
        let of_databases = self.databases.values().map(|database| &database.handle);
        let handles = of_groups.chain(of_databases);
        handles.filter(|handle| Arc::ptr_eq(&handle.watch, &server.watch))
    }

    /// Looks at all files of a SQLite server.
    async fn look_at_files(&self, server: &ServerLinks) {
        let watch = &server.watch;
        let limit = watch.settings().probe_timeout;
        for index in 0..watch.endpoints() {
            let began = Instant::now();
            let looks = self
                .handles_of(server)
                .map(|handle| handle.look_at_file(index));
            let mut looks = futures_util::stream::iter(looks).buffer_unordered(FILES_AT_A_TIME);
            let all = async {
                while let Some(look) = looks.next().await {
                    look?;
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
            watch.note_asked(index, began, found);
        }
    }
}

impl ServerLinks {
    fn is_closed(&self) -> bool {
        self.pools.iter().any(|pool| pool.is_closed())
    }
}

/// Takes what the pools heard since the last look.
fn hear_last(pools: &[Arc<Pool>], index: usize, report: &mut EndpointReport) {
    let heard: Vec<Heard> = pools.iter().filter_map(|pool| pool.heard()).collect();
    let is_news = |heard: &&Heard| report.looked.is_none_or(|looked| looked < heard.at);
    let news = heard.iter().filter(is_news);
    let problem = news.clone().find(|heard| heard.problem.is_some());
    let Some(heard) = problem.or_else(|| news.max_by_key(|heard| heard.at)) else {
        return;
    };
    let stood = report.standing;
    report.looked = Some(heard.at);
    report.problem.clone_from(&heard.problem);
    report.standing = match (&heard.problem, stood) {
        (Some(_), _) => {
            report.writable = None;
            Standing::Unreachable
        }
        (None, Standing::Unknown | Standing::Unreachable) if index == 0 => Standing::Primary,
        (None, Standing::Unknown | Standing::Unreachable) => Standing::Serving,
        (None, stood) => stood,
    };
}

/// Looks at the only endpoint of a server.
async fn look_at(watch: &Watch, pool: &Arc<Pool>) {
    let began = Instant::now();
    let limit = watch.settings().probe_timeout;
    let found = match timeout(limit, ask(pool)).await {
        Ok(found) => found,
        Err(_) => Err(format!("no answer within {limit:?} (`probe_timeout`)")),
    };
    watch.note_asked(0, began, found);
}

/// Asks over an idle connection; over one beside the pool when all are in use, or none is open.
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
    let opened = pool.open_beside().await;
    let mut conn = opened.map_err(|error| error.to_string())?;
    let observed = backend::observe(&mut conn).await;
    let observed = observed.map_err(|failure| failure.error.to_string())?;
    conn.close().await;
    Ok(observed)
}
