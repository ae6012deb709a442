//! The regions whose logical shards a server may hold.
//!
//! A topology says where each logical shard is, and not where those of a region may be. So a plan takes none to a server
//! that has none of its region, unless the operator names the server for it.

use std::collections::BTreeSet;

use crate::config::ServerState;
use crate::reshard::planner::{Fleet, Leftover, Server};

/// Servers with the regions that they may hold: group, server, region.
#[derive(Debug, Clone, Default)]
pub(super) struct Regions(BTreeSet<(String, String, String)>);

impl Regions {
    /// The regions that servers hold, and those for which they are named.
    pub(super) fn of<'n>(
        fleet: &Fleet,
        named: impl Iterator<Item = &'n (String, String, String)>,
    ) -> Self {
        let held = fleet.shards().iter().filter_map(|shard| {
            let region = shard.class.clone()?;
            Some((shard.group.clone(), shard.server.clone(), region))
        });
        Self(held.chain(named.cloned()).collect())
    }

    /// Whether a server may hold the logical shards of a region. Those of groups without regions may be anywhere.
    pub(super) fn allows(&self, region: Option<&str>, server: &Server) -> bool {
        region.is_none_or(|region| {
            let at = (server.group.clone(), server.name.clone(), region.to_owned());
            self.0.contains(&at)
        })
    }

    /// The servers that could hold something, and may hold nothing.
    pub(super) fn without(&self, fleet: &Fleet) -> Vec<Leftover> {
        let has_regions = |group: &str| {
            let mut own = fleet.shards().iter().filter(|shard| shard.group == group);
            own.any(|shard| shard.class.is_some())
        };
        let is_in_use = |server: &&Server| {
            server.state == ServerState::Active
                && server.weight > 0
                && has_regions(&server.group)
                && !self
                    .0
                    .iter()
                    .any(|(group, name, _)| *group == server.group && *name == server.name)
        };
        let servers = fleet.servers().iter().filter(is_in_use);
        servers
            .map(|server| Leftover {
                group: server.group.clone(),
                server: server.name.clone(),
                message: format!(
                    "holds no logical shard of a region, and gets none; name its region, as in `--region eu={}`",
                    server.name
                ),
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::reshard::planner::Shard;

    #[test]
    fn a_server_may_hold_the_regions_that_it_holds_and_those_for_which_it_is_named() {
        let mut fleet = Fleet::new();
        for name in ["eu-1", "us-1", "new", "spare"] {
            fleet.server(Server::new("shop", name));
        }
        fleet.server(Server::new("shop", "gone").state(ServerState::Draining));
        fleet.server(Server::new("log", "a"));
        fleet.shard(Shard::new("shop", 0, "eu-1").class("eu"));
        fleet.shard(Shard::new("shop", 1, "us-1").class("us"));
        fleet.shard(Shard::new("log", 0, "a"));
        let named = [("shop".to_owned(), "new".to_owned(), "eu".to_owned())];
        let regions = Regions::of(&fleet, named.iter());
        let allowed = |region| {
            let servers = fleet.servers().iter();
            let servers = servers.filter(|server| regions.allows(region, server));
            servers
                .map(|server| server.name.as_str())
                .collect::<Vec<_>>()
        };
        assert_eq!(allowed(Some("eu")), ["eu-1", "new"]);
        assert_eq!(allowed(Some("us")), ["us-1"]);
        assert_eq!(allowed(None).len(), 6);
        let without = regions.without(&fleet);
        let without: Vec<&str> = without.iter().map(|left| left.server.as_str()).collect();
        assert_eq!(without, ["spare"]);
    }
}
