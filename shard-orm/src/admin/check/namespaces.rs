//! Checks of namespaces: whether they exist, and belong where the configuration expects them.

use std::sync::Arc;

use super::finding::{CheckReport, Severity};
use crate::cluster::Cluster;
use crate::connect::NamespaceHandle;
use crate::error::ErrorKind;
use crate::setup::{Presence, presence};
use crate::topology::Group;

/// The largest number of namespaces in a message.
const LISTED: usize = 8;

/// Surveys the servers of a group. Returns what exists, if the group matches its servers.
pub(super) async fn check(
    cluster: &Cluster,
    group: &Group,
    report: &mut CheckReport,
) -> Option<Presence> {
    let place = format!("group {}", group.name());
    let presence = match presence(cluster, group).await {
        Ok(presence) => presence,
        Err(error) => {
            let advice = match error.kind() {
                ErrorKind::Configuration => {
                    "follow the message; what it calls `create_missing` is `shard-orm setup \
                     --create-missing`"
                }
                _ => "see why the server does not answer, and check again",
            };
            report.add(
                Severity::Error,
                "namespaces",
                place,
                error.message(),
                advice,
            );
            return None;
        }
    };
    if presence.found == 0 {
        report.add(
            Severity::Error,
            "not_set_up",
            &*place,
            format!(
                "none of its {} logical shards has a namespace",
                group.logical_shards()
            ),
            "create them with `shard-orm setup`, or with `cluster.setup()` in the application",
        );
        return Some(presence);
    }
    if !presence.missing.is_empty() {
        report.add(
            Severity::Error,
            "namespaces_missing",
            &*place,
            format!(
                "the setup was interrupted: {} do not exist",
                listed(&presence.missing)
            ),
            "complete it with `shard-orm setup`",
        );
    }
    if !presence.incomplete.is_empty() {
        report.add(
            Severity::Error,
            "setup_incomplete",
            &*place,
            format!(
                "the setup was interrupted, or is running: {} are not ready",
                listed(&presence.incomplete)
            ),
            "complete it with `shard-orm setup`",
        );
    }
    if !presence.missing_statics.is_empty() {
        report.add(
            Severity::Error,
            "static_namespaces_missing",
            &*place,
            format!(
                "static tables exist on other servers of the group, and {} do not",
                listed(&presence.missing_statics)
            ),
            "create them with `cluster.setup()` in the application, which knows their models",
        );
    }
    Some(presence)
}

/// `namespaces shop_3, shop_4 on server a`, at most eight of them.
fn listed(handles: &[Arc<NamespaceHandle>]) -> String {
    let mut names: Vec<String> = handles
        .iter()
        .take(LISTED)
        .map(|handle| format!("`{}` on server {}", handle.namespace.name(), handle.server))
        .collect();
    if handles.len() > LISTED {
        names.push(format!("{} more", handles.len() - LISTED));
    }
    format!("the namespaces {}", names.join(", "))
}
