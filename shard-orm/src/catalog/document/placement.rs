//! The change of the places of logical shards, and of the keys that they own.

use std::collections::BTreeMap;

use toml::Value;

use super::Document;
use crate::catalog::Part;
use crate::error::{Error, Result, names};
use crate::route::OwnedKeys;
use crate::topology::{Group, Topology};

impl Document {
    /// Puts logical shards on servers, in the namespaces of these generations. Where keys change their owners, those
    /// of `parts` own what they list, and until now the logical shards of `from` did; of these, the ones that are not
    /// among `parts` are unused from then on. Can be repeated. `topology` is that of the document.
    pub(crate) fn place(
        &mut self,
        topology: &Topology,
        group: &str,
        parts: &[Part],
        from: &[Part],
    ) -> Result<()> {
        let described = topology.group(group).ok_or_else(|| {
            let known = topology.groups().iter().map(|group| group.name());
            Error::configuration(format!(
                "unknown group `{group}`; the topology has {}",
                names(known)
            ))
        })?;
        let (mut servers, mut generations) = (BTreeMap::new(), BTreeMap::new());
        for placement in described.placements() {
            let namespace = placement.namespace();
            let Some(own) = described.servers().get(placement.server()) else {
                continue;
            };
            servers.insert(namespace.shard(), own.name().to_string());
            generations.insert(namespace.shard(), namespace.generation());
        }
        if !parts
            .iter()
            .chain(from)
            .any(|part| servers.contains_key(&part.shard))
        {
            let shards = parts.iter().map(|part| part.shard.to_string());
            return Err(Error::configuration(format!(
                "of group `{group}`, logical shard {} is not in use",
                shards.collect::<Vec<_>>().join(", ")
            )));
        }
        for part in from {
            servers.remove(&part.shard);
        }
        for part in parts {
            let mut known = described.servers().iter();
            if !known.any(|own| **own.name() == *part.server) {
                let known = described.servers().iter().map(|server| &**server.name());
                return Err(Error::configuration(format!(
                    "group `{group}` has no server `{}`; it has {}",
                    part.server,
                    names(known)
                )));
            }
            servers.insert(part.shard, part.server.clone());
            generations.insert(part.shard, part.generation);
        }
        if parts.iter().any(|part| part.keys != OwnedKeys::Fixed) {
            self.assign(described, parts, from)?;
        }
        self.set_shards(group, &servers)?;
        self.set_generations(group, &generations)
    }

    /// Changes the owners of keys.
    fn assign(&mut self, group: &Group, parts: &[Part], from: &[Part]) -> Result<()> {
        let shards = parts.iter().chain(from).map(|part| part.shard);
        let shards: Vec<u32> = shards.collect();
        let highest = shards.iter().max().map_or(0, |highest| highest + 1);
        let count = group.logical_shards().max(highest);
        let mut strategy = group.strategy().clone();
        for part in parts {
            // The number of logical shards is that of the strategy until it has ranges of its own.
            strategy =
                strategy.assigned(group.logical_shards(), &part.keys, part.shard, &shards)?;
        }
        let text = strategy.to_string();
        if text == group.strategy().to_string() {
            return Ok(());
        }
        let unreadable = |_| Error::configuration("a strategy that cannot be written");
        let table: toml::Table = format!("strategy = {text}").parse().map_err(unreadable)?;
        let fingerprint = group.fingerprint();
        let mut former = fingerprint.former.clone();
        if !former.contains(&fingerprint.routing) {
            former.push(fingerprint.routing.clone());
        }
        let own = self.group_mut(group.name())?;
        own.extend(table);
        own.insert("logical_shards".to_owned(), i64::from(count).into());
        let former = former.into_iter().map(Value::String).collect();
        own.insert("former_routings".to_owned(), Value::Array(former));
        Ok(())
    }
}
