//! Checks of the limits of servers: connections, prepared statements and locks, for all processes
//! together.

use std::collections::BTreeMap;

use super::finding::{CheckReport, Severity};
use super::{CheckOptions, Looked};
use crate::backend::notify;
use crate::catalog::CHANNEL;
use crate::connect::statements_of;

/// The connections that one server needs, and accepts.
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct ConnectionBudget {
    /// The endpoints of the configuration that lead to the server.
    pub endpoints: Vec<String>,
    /// The connections of all pools of all processes, with those that monitor replicas, and those that
    /// listen for changes of the catalog.
    pub needed: u64,
    /// The connections that it accepts from ordinary accounts.
    pub accepted: u64,
}

/// The demand on one running server, by all endpoints of the configuration that lead to it.
#[derive(Default)]
struct Demand {
    endpoints: Vec<String>,
    connections: u64,
    statements: u64,
    namespaces: u64,
    relations: u64,
    accepted: Option<u64>,
    prepared_statements: Option<u64>,
    lock_entries: Option<u64>,
    locks_per_transaction: Option<u64>,
}

/// Adds up the demand on each server, and compares it with the limits.
///
/// `catalog` is the database of the catalog, if there is one.
pub(super) fn check(
    looked: &[Looked],
    options: CheckOptions,
    catalog: Option<&str>,
    report: &mut CheckReport,
) {
    let processes = u64::from(options.processes);
    for (_, demand) in demands(looked, processes, catalog) {
        let place = demand.endpoints.join(", ");
        connections(&place, &demand, processes, report);
        statements(&place, &demand, processes, report);
        locks(&place, &demand, report);
    }
}

/// The demand by running server.
fn demands(looked: &[Looked], processes: u64, catalog: Option<&str>) -> BTreeMap<String, Demand> {
    let mut demands: BTreeMap<String, Demand> = BTreeMap::new();
    for one in looked {
        let monitored = u64::from(one.endpoints.len() > 1);
        let namespaces = one.server.shards.len();
        let is_catalog = one.server.is_database && Some(&*one.server.group) == catalog;
        let listens = is_catalog && notify(one.server.dialect, CHANNEL).is_some();
        let endpoints = one.server.endpoints.iter().zip(&one.endpoints);
        for (index, (endpoint, seen)) in endpoints.enumerate() {
            let Ok(seen) = seen else { continue };
            // SQLite has no server, and no limits.
            let Some(process) = seen.facts.process.clone() else {
                continue;
            };
            let demand = demands.entry(process).or_default();
            let label = endpoint.label();
            if !demand.endpoints.contains(&label) {
                demand.endpoints.push(label);
            }
            let pool = u64::from(endpoint.pool().max_connections);
            let statements = statements_of(endpoint, namespaces.max(1)) as u64;
            let listener = u64::from(listens && index == 0);
            demand.connections += (pool + monitored + listener) * processes;
            demand.statements += pool * statements * processes;
            demand.namespaces += namespaces as u64;
            if index == 0 {
                let relations = one.sizes.iter().flatten();
                demand.relations += relations.filter_map(|size| size.relations).sum::<u64>();
            }
            demand.accepted = seen.facts.max_connections;
            demand.prepared_statements = seen.facts.prepared_statements;
            demand.lock_entries = seen.facts.lock_entries;
            demand.locks_per_transaction = seen.facts.locks_per_transaction;
        }
    }
    demands
}

fn connections(place: &str, demand: &Demand, processes: u64, report: &mut CheckReport) {
    let Some(accepted) = demand.accepted else {
        return;
    };
    report.budgets.push(ConnectionBudget {
        endpoints: demand.endpoints.clone(),
        needed: demand.connections,
        accepted,
    });
    if demand.connections <= accepted {
        return;
    }
    let fit = accepted * processes / demand.connections;
    report.add(
        Severity::Warning,
        "connection_budget",
        place,
        format!(
            "the pools of {} open up to {} connections, and the server accepts {accepted}",
            counted(processes, "process", "processes"),
            demand.connections
        ),
        if fit > 0 {
            format!(
                "lower `max_connections` of the pools, raise it on the server, or run at most {fit} \
                 such processes"
            )
        } else {
            "lower `max_connections` of the pools, or raise it on the server".to_owned()
        },
    );
}

fn statements(place: &str, demand: &Demand, processes: u64, report: &mut CheckReport) {
    let Some(limit) = demand.prepared_statements else {
        return;
    };
    if demand.statements <= limit {
        return;
    }
    let share = (limit / demand.connections.max(1)).max(1);
    report.add(
        Severity::Warning,
        "prepared_statements",
        place,
        format!(
            "the connections of {} keep up to {} prepared statements for {}, and the server keeps \
             {limit} (`max_prepared_stmt_count`)",
            counted(processes, "process", "processes"),
            demand.statements,
            counted(demand.namespaces, "namespace", "namespaces"),
        ),
        format!(
            "raise `max_prepared_stmt_count` on the server, or set `statement_cache = {share}` for \
             the pools"
        ),
    );
}

/// A statement over all namespaces locks the tables that it reads and their indexes; a dump locks
/// all.
fn locks(place: &str, demand: &Demand, report: &mut CheckReport) {
    let (Some(entries), Some(own)) = (demand.lock_entries, demand.locks_per_transaction) else {
        return;
    };
    // The tables are not known before the first setup.
    let relations = demand.relations.max(demand.namespaces);
    if relations <= entries {
        return;
    }
    let wanted = (own * relations).div_ceil(entries.max(1));
    report.add(
        Severity::Warning,
        "lock_table",
        place,
        format!(
            "{} hold {relations} tables and indexes, and all sessions of the server share {entries} \
             locks (`max_locks_per_transaction` is {own}): a dump, or a statement over all \
             namespaces, runs out of them",
            counted(demand.namespaces, "namespace", "namespaces"),
        ),
        format!("set `max_locks_per_transaction` to {wanted} or more, and restart the server"),
    );
}

fn counted(number: u64, one: &str, several: &str) -> String {
    format!("{number} {}", if number == 1 { one } else { several })
}
