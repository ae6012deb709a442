//! Plans the setup of a group: compares the records on its servers with the topology.
//!
//! Called by `setup` with a survey, before anything is created.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::report::{Report, find};
use crate::connect::{NamespaceHandle, Record, Survey, compare};
use crate::error::{Error, Result};
use crate::exec::names;
use crate::topology::Group;

/// Explicit permissions.
#[derive(Debug, Clone, Default)]
pub(super) struct Allowed {
    /// Logical shards to create empty, although the group was set up before.
    pub(super) missing: BTreeSet<u32>,
    /// Whether to accept new pins if their keys have no rows elsewhere.
    pub(super) pins: bool,
}

/// The plan for a group.
#[derive(Debug)]
pub(super) struct Plan {
    /// The id of the group in its records.
    pub(super) group_id: Option<String>,
    /// The record of each logical shard that has one.
    pub(super) shards: Vec<Option<Record>>,
    /// The record of the static tables of each server that has one.
    pub(super) statics: Vec<Option<Record>>,
    /// The ids of named databases in the records, by name.
    pub(super) databases: BTreeMap<String, String>,
    /// The pins in the records, if they differ from the topology's.
    pub(super) former_pins: Option<BTreeMap<i64, u32>>,
}

/// Compares the records on the servers with the topology.
///
/// # Errors
/// `Configuration` with all problems, and the edit that keeps all rows where they are; the error of
/// a server that could not be surveyed.
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
                    "{}; `setup` surveys all servers before it creates anything, so run it as a \
                     separate job while all of them are running: a program that starts without \
                     `setup` does not need them",
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
        report.duplicates();
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
