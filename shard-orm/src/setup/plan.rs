//! What `setup` does to a group, or why it does nothing: the records that its servers hold, compared
//! with the topology.
//!
//! Called by `setup` with a survey, before anything is created.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::report::{Report, find};
use crate::connect::{NamespaceHandle, Record, Survey, compare};
use crate::error::{Error, Result};
use crate::exec::names;
use crate::topology::Group;

/// What was allowed beside the rules, by calls that say so.
#[derive(Debug, Clone, Default)]
pub(super) struct Allowed {
    /// Logical shards to be created empty although the group was set up before.
    pub(super) missing: BTreeSet<u32>,
    /// Pins are taken over when their keys have no rows elsewhere.
    pub(super) pins: bool,
}

/// What is done to a group.
#[derive(Debug)]
pub(super) struct Plan {
    /// The identity that the group has in its records.
    pub(super) group_id: Option<String>,
    /// The record of each logical shard that has one.
    pub(super) shards: Vec<Option<Record>>,
    /// The record of the static tables of each server that has one.
    pub(super) statics: Vec<Option<Record>>,
    /// The identities of named databases in the records, by name.
    pub(super) databases: BTreeMap<String, String>,
    /// The pins in the records, when they are not those of the topology.
    pub(super) former_pins: Option<BTreeMap<i64, u32>>,
}

/// Compares what the servers hold with what the topology expects at these places.
///
/// # Errors
/// `Configuration` with everything that is wrong and the edit that keeps all rows where they are;
/// what a server said that could not be looked at.
pub(super) fn plan(
    group: &Group,
    handles: &[Arc<NamespaceHandle>],
    statics: &[Arc<NamespaceHandle>],
    survey: &Survey,
    allowed: &Allowed,
) -> Result<Plan> {
    for looked in &survey.servers {
        if let Err(error) = looked.outcome() {
            return Err(Error::new(
                error.kind(),
                format!(
                    "{}; `setup` looks at all servers before it creates anything, so run it as a job of \
                     its own, when all of them are there: a start without it does not need them",
                    error.message()
                ),
            ));
        }
    }
    let cluster = handles.first().map_or("", |handle| &*handle.cluster);
    let mut report = Report::new(group, survey, cluster);
    let at = |handle: &NamespaceHandle| find(survey, &handle.server, handle.namespace.name());
    let mut shards = Vec::with_capacity(handles.len());
    for handle in handles.iter().chain(statics) {
        let Some((looked, found)) = at(handle) else {
            continue;
        };
        if let Err(error) = compare(handle, &looked.label, &found.record) {
            report.problems.push(error.message().to_owned());
        }
    }
    for handle in handles {
        shards.push(at(handle).map(|(_, found)| found.record.clone()));
    }
    if report.problems.is_empty() {
        report.identities();
        report.twice();
        report.routing();
    }
    let former_pins = report.pins(allowed.pins);
    if report.problems.is_empty() {
        report.missing(handles, &shards, allowed);
    }
    let group_id = report
        .layouts()
        .map(|layout| layout.group_id.clone())
        .next();
    let mut databases = BTreeMap::new();
    for layout in report.layouts() {
        databases.extend(names(&layout.databases).filter_map(|pair| {
            let (name, id) = pair.split_once('=')?;
            Some((name.to_owned(), id.to_owned()))
        }));
    }
    report.finish()?;
    Ok(Plan {
        databases,
        group_id,
        shards,
        statics: statics
            .iter()
            .map(|handle| at(handle).map(|(_, found)| found.record.clone()))
            .collect(),
        former_pins,
    })
}
