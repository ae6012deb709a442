//! The parts of a configuration that a running cluster can and cannot change.

use super::{Config, Group};
use crate::error::{Error, Result};

impl Config {
    /// Whether a running cluster can be reconfigured to `next`. Every group in both must route each
    /// key to the same logical shard and namespace; otherwise rows would not be found.
    pub(crate) fn check_change(&self, next: &Self) -> Result<()> {
        let mut problems = Vec::new();
        if self.name != next.name {
            problems.push(format!(
                "the cluster's name is `{}`, not `{}`",
                self.name, next.name
            ));
        }
        if self.ids != next.ids {
            problems.push("`[ids]` differs".to_owned());
        }
        for (name, group) in &self.groups {
            let Some((_, next)) = next.groups.iter().find(|(own, _)| own == name) else {
                continue;
            };
            let changes = group.changes(name, next);
            problems.extend(
                changes
                    .into_iter()
                    .map(|what| format!("group `{name}` has a different {what}")),
            );
        }
        if problems.is_empty() {
            return Ok(());
        }
        Err(Error::configuration(format!(
            "a running cluster cannot take this configuration: {}; leave these as they are, or \
             open a new cluster with it once the rows have been moved",
            problems.join(", ")
        )))
    }
}

impl Group {
    /// The part that differs in `next` and would change where a row is.
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
            (
                "strategy",
                self.strategy.is_same(&next.strategy, self.logical_shards),
            ),
            ("list of pins", own_pins == next_pins),
            ("namespace template", template(self) == template(next)),
        ]
        .into_iter()
        .filter_map(|(what, same)| (!same).then_some(what))
        .collect()
    }
}
