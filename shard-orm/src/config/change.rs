//! What a running cluster can take over of another description, and what it cannot.

use super::{Config, Group};
use crate::error::{Error, Result};

impl Config {
    /// Whether a cluster that runs by this description can go on by `next`: whatever is in both has
    /// to be found in the same place by the same key, or rows would be looked for where they are
    /// not.
    pub(crate) fn check_change(&self, next: &Self) -> Result<()> {
        let mut problems = Vec::new();
        if self.name != next.name {
            problems.push(format!(
                "the cluster is called `{}`, and not `{}`",
                self.name, next.name
            ));
        }
        if self.ids != next.ids {
            problems.push("`[ids]` is another one".to_owned());
        }
        for (name, group) in &self.groups {
            let Some((_, next)) = next.groups.iter().find(|(own, _)| own == name) else {
                continue;
            };
            let changes = group.changes(name, next);
            problems.extend(
                changes
                    .into_iter()
                    .map(|what| format!("group `{name}` has another {what}")),
            );
        }
        if problems.is_empty() {
            return Ok(());
        }
        Err(Error::configuration(format!(
            "a running cluster does not take this configuration: {}; leave these as they are, or \
             open a new cluster by it once the rows are where it says",
            problems.join(", ")
        )))
    }
}

impl Group {
    /// What is another one in `next` and decides where a row is.
    fn changes(&self, name: &str, next: &Self) -> Vec<&'static str> {
        let template = |group: &Self| {
            let default = || format!("{name}_{{shard}}");
            group.namespace.clone().unwrap_or_else(default)
        };
        let mut own_pins = self.pins.clone();
        let mut next_pins = next.pins.clone();
        own_pins.sort_unstable();
        next_pins.sort_unstable();
        [
            (
                "number of logical shards",
                self.logical_shards == next.logical_shards,
            ),
            ("strategy", self.strategy.is_same(&next.strategy)),
            ("list of pins", own_pins == next_pins),
            ("template of namespaces", template(self) == template(next)),
        ]
        .into_iter()
        .filter_map(|(what, same)| (!same).then_some(what))
        .collect()
    }
}
