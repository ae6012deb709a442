//! The change of a logical shard's place.

use std::collections::BTreeMap;

use super::Document;
use crate::error::{Error, Result, names};
use crate::topology::Topology;

impl Document {
    /// Puts a logical shard on a server, in the namespace of this generation. `topology` is that of the
    /// document.
    pub(crate) fn place(
        &mut self,
        topology: &Topology,
        group: &str,
        (shard, server, generation): (u32, &str, u32),
    ) -> Result<()> {
        let described = topology.group(group).ok_or_else(|| {
            let known = topology.groups().iter().map(|group| group.name());
            Error::configuration(format!(
                "unknown group `{group}`; the topology has {}",
                names(known)
            ))
        })?;
        if !described
            .servers()
            .iter()
            .any(|own| &**own.name() == server)
        {
            let known = described.servers().iter().map(|server| &**server.name());
            return Err(Error::configuration(format!(
                "group `{group}` has no server `{server}`; it has {}",
                names(known)
            )));
        }
        let mut servers = BTreeMap::new();
        let mut generations = BTreeMap::new();
        for placement in described.placements() {
            let namespace = placement.namespace();
            let Some(own) = described.servers().get(placement.server()) else {
                continue;
            };
            servers.insert(namespace.shard(), own.name().to_string());
            generations.insert(namespace.shard(), namespace.generation());
        }
        if !servers.contains_key(&shard) {
            return Err(Error::configuration(format!(
                "logical shard {shard} of group `{group}` is not in use"
            )));
        }
        servers.insert(shard, server.to_owned());
        generations.insert(shard, generation);
        self.set_shards(group, &servers)?;
        self.set_generations(group, &generations)
    }
}
