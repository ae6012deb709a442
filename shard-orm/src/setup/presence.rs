//! Which namespaces of a group exist, for a check that creates nothing.

use std::sync::Arc;

use super::plan::{Allowed, plan};
use crate::cluster::Cluster;
use crate::connect::NamespaceHandle;
use crate::error::Result;
use crate::topology::Group;

/// The namespaces of a group that matches its servers.
#[derive(Debug, Default)]
pub(crate) struct Presence {
    /// The logical shards without a namespace.
    pub(crate) missing: Vec<Arc<NamespaceHandle>>,
    /// The logical shards whose record does not say that the setup was completed.
    pub(crate) incomplete: Vec<Arc<NamespaceHandle>>,
    /// The servers that lack the static tables which others have.
    pub(crate) missing_statics: Vec<Arc<NamespaceHandle>>,
    /// The static tables that exist.
    pub(crate) statics: Vec<Arc<NamespaceHandle>>,
    /// The number of logical shards with a namespace.
    pub(crate) found: usize,
}

/// Surveys the servers of a group, as [`Cluster::setup`] does.
///
/// # Errors
/// `Configuration` if the group does not match its servers, with the edit that keeps all rows where
/// they are; otherwise the error of a server.
pub(crate) async fn presence(cluster: &Cluster, group: &Group) -> Result<Presence> {
    let guard = cluster.guard_of_group(group.name())?;
    let handles = cluster.handles_of_group(group.name())?;
    let statics = cluster.static_handles(group.name())?;
    let survey = guard.survey().await;
    let plan = plan(group, &handles, &statics, &survey, &Allowed::default())?;
    let mut presence = Presence::default();
    for (handle, record) in handles.into_iter().zip(plan.shards) {
        match record {
            None => presence.missing.push(handle),
            Some(record) => {
                presence.found += 1;
                if record.layout.is_some_and(|layout| !layout.ready) {
                    presence.incomplete.push(handle);
                }
            }
        }
    }
    for (handle, record) in statics.into_iter().zip(plan.statics) {
        match record {
            None => presence.missing_statics.push(handle),
            Some(_) => presence.statics.push(handle),
        }
    }
    if presence.statics.is_empty() {
        presence.missing_statics.clear();
    }
    Ok(presence)
}
