//! Reports the differences between a group and its servers, and the edit that resolves them.
//!
//! Filled by `plan`.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::sync::Arc;

use super::plan::Allowed;
use crate::config::Runs;
use crate::connect::{
    Finding, Layout, NamespaceHandle, Record, STATICS, Survey, SurveyedServer, described,
};
use crate::error::{Error, Result};
use crate::exec::names;
use crate::topology::{CUT, Group};

/// The maximum number of keys or shards in a message.
const MAX_LISTED: usize = 8;

/// The namespace with this name on a server.
pub(super) fn find<'s>(
    survey: &'s Survey,
    server: &str,
    namespace: &str,
) -> Option<(&'s SurveyedServer, &'s Finding)> {
    let looked = survey.servers.iter().find(|one| &*one.server == server)?;
    let held = looked.outcome.as_ref().ok()?;
    let found = held
        .records
        .iter()
        .find(|found| found.namespace == namespace)?;
    Some((looked, found))
}

/// The problems of a group.
pub(super) struct Report<'s> {
    group: &'s Group,
    survey: &'s Survey,
    /// The records of the group's logical shards on all servers.
    own: Vec<(&'s SurveyedServer, &'s Finding)>,
    pub(super) problems: Vec<String>,
    /// Lines for the configuration that keep all rows where they are.
    edit: Vec<String>,
}

impl<'s> Report<'s> {
    pub(super) fn new(group: &'s Group, survey: &'s Survey, cluster: &str) -> Self {
        let is_own = |(_, found): &(&SurveyedServer, &Finding)| {
            let record = &found.record;
            record.cluster == cluster && record.group == group.name() && record.shard != STATICS
        };
        Self {
            group,
            survey,
            own: survey.findings().filter(is_own).collect(),
            problems: Vec::new(),
            edit: Vec::new(),
        }
    }

    pub(super) fn layouts(&self) -> impl Iterator<Item = &'s Layout> {
        self.own
            .iter()
            .filter_map(|(_, found)| found.record.layout.as_ref())
    }

    /// Whether the setup of the group was completed. Records of the first version do not say so,
    /// and count as complete.
    fn was_set_up(&self) -> bool {
        let is_ready = |layout: &Layout| layout.ready;
        self.own
            .iter()
            .any(|(_, found)| found.record.layout.as_ref().is_none_or(is_ready))
    }

    /// Detects two groups of one name on the servers of the configuration.
    pub(super) fn identities(&mut self) {
        let mut groups: BTreeMap<&str, Vec<(&SurveyedServer, &Finding)>> = BTreeMap::new();
        for (looked, found) in &self.own {
            if let Some(layout) = &found.record.layout {
                groups
                    .entry(&layout.group_id)
                    .or_default()
                    .push((looked, found));
            }
        }
        if groups.len() < 2 {
            return;
        }
        let each: Vec<String> = groups
            .values()
            .map(|found| {
                let (looked, first) = found[0];
                format!(
                    "{} as namespace `{}` on {}",
                    count(found.len(), "namespace"),
                    first.namespace,
                    looked.label
                )
            })
            .collect();
        self.problems.push(format!(
            "the servers hold namespaces of {} different groups of this name, such as {}; another \
             application or environment uses the same cluster name and group: correct the URLs, or \
             give one of them another `name`",
            groups.len(),
            each.join(", and ")
        ));
    }

    /// Detects logical shards with more than one namespace.
    pub(super) fn duplicates(&mut self) {
        let mut of_shard: BTreeMap<i64, Vec<(&SurveyedServer, &Finding)>> = BTreeMap::new();
        for (looked, found) in &self.own {
            of_shard
                .entry(found.record.shard)
                .or_default()
                .push((looked, found));
        }
        let duplicates: Vec<_> = of_shard
            .iter()
            .filter(|(_, found)| found.len() > 1)
            .collect();
        for (shard, found) in duplicates.iter().take(MAX_LISTED) {
            let found_at: Vec<String> = found
                .iter()
                .map(|(looked, found)| {
                    format!("namespace `{}` on {}", found.namespace, looked.label)
                })
                .collect();
            self.problems.push(format!(
                "logical shard {shard} exists {} times: in {}; find out which of them has the \
                 rows, and remove the others",
                found.len(),
                found_at.join(" and in ")
            ));
        }
        if duplicates.len() > MAX_LISTED {
            let more = count(duplicates.len() - MAX_LISTED, "logical shard");
            self.problems
                .push(format!("{more} more exist more than once"));
        }
    }

    /// Detects a different number of logical shards or strategy.
    pub(super) fn routing(&mut self) {
        let own = self.group.fingerprint();
        let other = self.layouts().find(|layout| !own.accepts(&layout.routing));
        if let Some(layout) = other {
            self.problems.push(format!(
                "it was set up with {}, and the configuration has {}, which would route keys to \
                 the wrong shards",
                described(layout.logical_shards, &layout.strategy),
                described(own.logical_shards.into(), &own.strategy),
            ));
            self.edit
                .push(format!("logical_shards = {}", layout.logical_shards));
            self.edit.push(match layout.strategy.strip_suffix(CUT) {
                Some(first) => format!("the former strategy, which begins with {first}"),
                None => format!("strategy = {}", layout.strategy),
            });
            if layout.logical_shards == i64::from(own.logical_shards)
                && layout.strategy == own.strategy
            {
                self.edit.push(
                    "the former `namespace` template, or the former strategy in code".to_owned(),
                );
            }
            return;
        }
        let used: BTreeSet<i64> = self.group.shards().map(i64::from).collect();
        let shards = self.own.iter().map(|(_, found)| found.record.shard);
        let unused = shards.filter_map(|shard| u32::try_from(shard).ok());
        let unused: Vec<u32> = unused
            .filter(|shard| *shard < own.logical_shards && !used.contains(&i64::from(*shard)))
            .collect();
        if !unused.is_empty() {
            self.problems.push(format!(
                "its servers hold {}, to which the configuration routes no key; give each a range \
                 or a pin, or remove its namespace if the rows are no longer needed",
                Runs::of(unused).in_words(),
            ));
        }
        // Records of the first version lack the number of shards.
        let beyond = self.own.iter().map(|(_, found)| found.record.shard).max();
        if let Some(last) = beyond.filter(|last| *last >= i64::from(own.logical_shards)) {
            self.problems.push(format!(
                "its servers hold logical shard {last}, but the configuration has `logical_shards = {}`",
                own.logical_shards
            ));
            self.edit
                .push(format!("logical_shards = {} or more", last + 1));
        }
    }

    /// Detects different pins; returns those of the records.
    pub(super) fn pins(&mut self, allowed: bool) -> Option<BTreeMap<i64, u32>> {
        let own = self.group.fingerprint();
        if self.layouts().all(|layout| layout.pins == own.pins) {
            return None;
        }
        let mut former = BTreeMap::new();
        for (_, found) in &self.own {
            let (Some(layout), Ok(shard)) =
                (&found.record.layout, u32::try_from(found.record.shard))
            else {
                continue;
            };
            former.extend(
                names(&layout.pinned_keys).filter_map(|key| Some((key.parse().ok()?, shard))),
            );
        }
        if !allowed {
            let next: BTreeMap<i64, u32> = self.group.router().pins().iter().collect();
            let mut changes = Vec::new();
            for key in former.keys().chain(next.keys()).collect::<BTreeSet<_>>() {
                match (former.get(key), next.get(key)) {
                    (Some(shard), None) => changes.push(format!(
                        "key {key} was pinned to shard {shard} and no longer is"
                    )),
                    (None, Some(shard)) => {
                        changes.push(format!("key {key} is pinned to shard {shard} and was not"))
                    }
                    (Some(one), Some(other)) if one != other => {
                        changes.push(format!(
                            "key {key} was pinned to shard {one} and is pinned to {other}"
                        ));
                    }
                    _ => {}
                }
            }
            let more = changes.len().saturating_sub(MAX_LISTED);
            changes.truncate(MAX_LISTED);
            if more > 0 {
                changes.push(format!("{more} more"));
            }
            if changes.is_empty() {
                changes.push("a change of pins was interrupted".to_owned());
            }
            self.problems.push(format!(
                "it was set up with other pins ({}); rows of these keys may be elsewhere. To check \
                 this and accept the pins: `cluster.setup().table::<..>().accept_pins(\"{}\")`, \
                 with all models of the group",
                changes.join("; "),
                self.group.name()
            ));
            let pins: Vec<String> = former
                .iter()
                .take(MAX_LISTED)
                .map(|(key, shard)| format!("\"{key}\" = {shard}"))
                .collect();
            let dots = if former.len() > MAX_LISTED {
                ", .."
            } else {
                ""
            };
            self.edit
                .push(format!("pins = {{ {}{dots} }}", pins.join(", ")));
        }
        Some(former)
    }

    /// Detects namespaces that are missing although the group was set up before.
    pub(super) fn missing(
        &mut self,
        handles: &[Arc<NamespaceHandle>],
        found: &[Option<Record>],
        allowed: &Allowed,
    ) {
        if !self.was_set_up() {
            return;
        }
        // The shards, by expected and actual server.
        let mut elsewhere: BTreeMap<(&str, &str), Vec<u32>> = BTreeMap::new();
        let mut nowhere: BTreeMap<&str, Vec<u32>> = BTreeMap::new();
        for (handle, _) in handles
            .iter()
            .zip(found)
            .filter(|(_, found)| found.is_none())
        {
            let shard = handle.namespace.shard();
            let own = self.own.iter();
            let at = own
                .clone()
                .find(|(_, found)| found.record.shard == i64::from(shard));
            match at {
                Some((looked, _)) => {
                    elsewhere
                        .entry((&handle.server, &looked.server))
                        .or_default()
                        .push(shard);
                }
                None if allowed.missing.contains(&shard) => {}
                None => nowhere.entry(&handle.server).or_default().push(shard),
            }
        }
        for ((to, from), shards) in &elsewhere {
            let first = shards.first().copied().unwrap_or_default();
            let name = self
                .own
                .iter()
                .find(|(_, found)| found.record.shard == i64::from(first))
                .map_or("", |(_, found)| &found.namespace);
            self.problems.push(format!(
                "{} {} on server `{from}` (in namespace `{name}`{}), but the configuration expects \
                 {} on server `{to}`, in namespace `{}`",
                Runs::of(shards.iter().copied()).in_words(),
                if shards.len() == 1 { "is" } else { "are" },
                if shards.len() == 1 { "" } else { " and so on" },
                if shards.len() == 1 { "it" } else { "them" },
                handles
                    .iter()
                    .find(|handle| handle.namespace.shard() == first)
                    .map_or("", |handle| handle.namespace.name()),
            ));
        }
        for (to, shards) in &nowhere {
            let runs = Runs::of(shards.iter().copied());
            self.problems.push(format!(
                "{} should be on server `{to}` and {} on no server of the configuration; if a \
                 server was removed, or its URL now leads elsewhere, bring it back. If the rows \
                 are lost: `cluster.setup().create_missing(\"{}\", [{}])` creates {} empty",
                runs.in_words(),
                if shards.len() == 1 { "is" } else { "are" },
                self.group.name(),
                listed(shards),
                if shards.len() == 1 { "it" } else { "them" },
            ));
        }
        if !elsewhere.is_empty() {
            self.placement(handles);
        }
    }

    /// The actual servers of all logical shards.
    fn placement(&mut self, handles: &[Arc<NamespaceHandle>]) {
        let mut of_server: BTreeMap<&str, Vec<u32>> = BTreeMap::new();
        for handle in handles {
            let shard = handle.namespace.shard();
            let at_home = find(self.survey, &handle.server, handle.namespace.name()).is_some();
            let at = self
                .own
                .iter()
                .find(|(_, found)| found.record.shard == i64::from(shard));
            let server = match at {
                Some((looked, _)) if !at_home => &*looked.server,
                _ => &*handle.server,
            };
            of_server.entry(server).or_default().push(shard);
        }
        for server in self.group.servers() {
            let shards = of_server.get(&**server.name());
            self.edit.push(match shards {
                Some(shards) => format!(
                    "of server `{}`: shards = {} (and no weight)",
                    server.name(),
                    Runs::of(shards.iter().copied())
                ),
                None => format!("of server `{}`: weight = 0", server.name()),
            });
        }
        self.edit
            .push("or restore each server's former URL".to_owned());
        let renamed = self.own.iter().find(|(_, found)| {
            handles
                .iter()
                .find(|handle| i64::from(handle.namespace.shard()) == found.record.shard)
                .is_some_and(|handle| **handle.namespace.name() != *found.namespace)
        });
        if let Some((_, found)) = renamed {
            let shard = found.record.shard.to_string();
            let template = match found.namespace.rfind(&shard) {
                Some(at) => {
                    let (before, rest) = found.namespace.split_at(at);
                    format!("{before}{{shard}}{}", &rest[shard.len()..])
                }
                None => found.namespace.clone(),
            };
            self.edit.push(format!("namespace = \"{template}\""));
        }
    }

    pub(super) fn finish(self) -> Result<()> {
        if self.problems.is_empty() {
            return Ok(());
        }
        let mut text = format!(
            "group `{}` does not match its servers, and nothing was created:",
            self.group.name()
        );
        for problem in &self.problems {
            // Writing to a string does not fail.
            let _ = write!(text, "\n  - {problem}");
        }
        if !self.edit.is_empty() {
            let _ = write!(
                text,
                "\n  to keep all rows where they are, write in `[groups.{}]`:",
                self.group.name()
            );
            for line in &self.edit {
                let _ = write!(text, "\n      {line}");
            }
        }
        Err(Error::configuration(text))
    }
}

fn count(number: usize, what: &str) -> String {
    if number == 1 {
        format!("1 {what}")
    } else {
        format!("{number} {what}s")
    }
}

fn listed(shards: &[u32]) -> String {
    let numbers: Vec<String> = shards.iter().take(MAX_LISTED).map(u32::to_string).collect();
    let dots = if shards.len() > MAX_LISTED {
        ", .."
    } else {
        ""
    };
    format!("{}{dots}", numbers.join(", "))
}
