//! What does not fit between a group and what its servers hold, and the edit that would.
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
use crate::topology::Group;

/// How many keys or shards a message lists.
const LISTED: usize = 8;

/// The namespace of this name on a server.
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

/// What is wrong with a group, while it is found.
pub(super) struct Report<'s> {
    group: &'s Group,
    survey: &'s Survey,
    /// The records of the group's logical shards, wherever they are.
    own: Vec<(&'s SurveyedServer, &'s Finding)>,
    pub(super) problems: Vec<String>,
    /// Lines for the configuration, that keep all rows where they are.
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

    /// Whether the group was set up to its end. Records of the first version do not say that, and
    /// count as if they did.
    fn was_set_up(&self) -> bool {
        let is_ready = |layout: &Layout| layout.ready;
        self.own
            .iter()
            .any(|(_, found)| found.record.layout.as_ref().is_none_or(is_ready))
    }

    /// Two groups of one name on the servers of the configuration.
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

    /// Logical shards with more than one namespace.
    pub(super) fn twice(&mut self) {
        let mut of_shard: BTreeMap<i64, Vec<(&SurveyedServer, &Finding)>> = BTreeMap::new();
        for (looked, found) in &self.own {
            of_shard
                .entry(found.record.shard)
                .or_default()
                .push((looked, found));
        }
        let twice: Vec<_> = of_shard
            .iter()
            .filter(|(_, found)| found.len() > 1)
            .collect();
        for (shard, found) in twice.iter().take(LISTED) {
            let handles: Vec<String> = found
                .iter()
                .map(|(looked, found)| {
                    format!("namespace `{}` on {}", found.namespace, looked.label)
                })
                .collect();
            self.problems.push(format!(
                "logical shard {shard} lives {} times: in {}; find out which of them has the rows, and \
                 remove the others",
                found.len(),
                handles.join(" and in ")
            ));
        }
        if twice.len() > LISTED {
            let more = count(twice.len() - LISTED, "logical shard");
            self.problems
                .push(format!("{more} more live more than once"));
        }
    }

    /// Another number of logical shards or another strategy.
    pub(super) fn routing(&mut self) {
        let own = self.group.fingerprint();
        let other = self.layouts().find(|layout| layout.routing != own.routing);
        if let Some(layout) = other {
            self.problems.push(format!(
                "it was set up with {}, and the configuration has {}: keys would be looked for where \
                 their rows are not",
                described(layout.logical_shards, &layout.strategy),
                described(own.logical_shards.into(), &own.strategy),
            ));
            self.edit
                .push(format!("logical_shards = {}", layout.logical_shards));
            self.edit.push(format!("strategy = {}", layout.strategy));
            if layout.logical_shards == i64::from(own.logical_shards)
                && layout.strategy == own.strategy
            {
                self.edit.push(
                    "the `namespace` template, or the strategy made in code, as it was".to_owned(),
                );
            }
            return;
        }
        // Records of the first version do not say how many there were.
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

    /// Other pins; gives those of the records.
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
                        "key {key} was pinned to shard {shard} and is not any more"
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
            let more = changes.len().saturating_sub(LISTED);
            changes.truncate(LISTED);
            if more > 0 {
                changes.push(format!("{more} more"));
            }
            if changes.is_empty() {
                changes.push("a change of pins was interrupted".to_owned());
            }
            self.problems.push(format!(
                "it was set up with other pins ({}); rows of these keys may be elsewhere. To have that \
                 checked and the pins taken over: `cluster.setup().table::<..>().accept_pins(\"{}\")`, \
                 with all models of the group",
                changes.join("; "),
                self.group.name()
            ));
            let pins: Vec<String> = former
                .iter()
                .take(LISTED)
                .map(|(key, shard)| format!("\"{key}\" = {shard}"))
                .collect();
            let dots = if former.len() > LISTED { ", .." } else { "" };
            self.edit
                .push(format!("pins = {{ {}{dots} }}", pins.join(", ")));
        }
        Some(former)
    }

    /// Namespaces that a group has lost which was set up before.
    pub(super) fn missing(
        &mut self,
        handles: &[Arc<NamespaceHandle>],
        found: &[Option<Record>],
        allowed: &Allowed,
    ) {
        if !self.was_set_up() {
            return;
        }
        // By the server that is to have them and the one that has them, the shards.
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
                "{} {} on server `{from}` (in namespace `{name}`{}), but the configuration looks for {} on \
                 server `{to}`, in namespace `{}`",
                Runs::of(shards.iter().copied()).in_words(),
                if shards.len() == 1 { "is" } else { "are" },
                if shards.len() == 1 { "" } else { " and so on" },
                if shards.len() == 1 { "it" } else { "them" },
                handles[first as usize].namespace.name(),
            ));
        }
        for (to, shards) in &nowhere {
            let runs = Runs::of(shards.iter().copied());
            self.problems.push(format!(
                "{} should be on server `{to}` and {} on no server of the configuration; if a server was \
                 removed, or its URL leads elsewhere now, bring it back. If the rows are lost: \
                 `cluster.setup().create_missing(\"{}\", [{}])` creates {} empty",
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

    /// The servers of all logical shards as they were found.
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
            .push("or give each server its former URL".to_owned());
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
            "group `{}` does not fit what its servers hold, and nothing was created:",
            self.group.name()
        );
        for problem in &self.problems {
            // Writing to a text does not fail.
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
    let numbers: Vec<String> = shards.iter().take(LISTED).map(u32::to_string).collect();
    let dots = if shards.len() > LISTED { ", .." } else { "" };
    format!("{}{dots}", numbers.join(", "))
}
