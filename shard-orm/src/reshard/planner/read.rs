//! Puts a fleet on the board: servers and logical shards by number, and who may hold what.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::Planner;
use super::activate::{self, Demand};
use super::board::{Board, Item, Kind, Machine};
use super::fleet::Fleet;
use crate::error::{Error, Result};

impl Planner {
    /// The fleet with its numbers, and which servers are in use.
    pub(super) fn board<'f>(&self, fleet: &'f Fleet) -> Result<(Board<'f>, Vec<bool>)> {
        let servers = fleet.servers();
        let mut by_name: BTreeMap<(&str, &str), usize> = BTreeMap::new();
        let mut by_machine: BTreeMap<&str, usize> = BTreeMap::new();
        let mut machine_of = Vec::with_capacity(servers.len());
        for (number, server) in servers.iter().enumerate() {
            let name = (&*server.group, &*server.name);
            if by_name.insert(name, number).is_some() {
                return Err(Error::configuration(format!(
                    "server `{}` of group `{}` is described twice",
                    server.name, server.group
                )));
            }
            let next = by_machine.len();
            machine_of.push(*by_machine.entry(&server.machine).or_insert(next));
        }
        let mut machines = vec![Machine::default(); by_machine.len()];
        for (server, machine) in servers.iter().zip(&machine_of) {
            let capacity = match &self.capacity_of {
                Some(capacity_of) => capacity_of(server),
                None => server.capacity,
            };
            let own = &mut machines[*machine];
            own.capacity = own.capacity.into_iter().chain(capacity).min();
        }
        let mut kinds: HashMap<_, usize> = HashMap::new();
        let mut demands: Vec<Demand> = Vec::new();
        let mut items = Vec::with_capacity(fleet.shards().len());
        let mut known = BTreeSet::new();
        let named = fleet.next.iter();
        let mut numbers: BTreeMap<&str, u32> = named.map(|(of, next)| (&**of, *next)).collect();
        for shard in fleet.shards() {
            let server = |name: &str| {
                by_name.get(&(&*shard.group, name)).copied().ok_or_else(|| {
                    Error::configuration(format!(
                        "logical shard {} of group `{}` is on, or pinned to, server `{name}`, which the group \
                         does not have",
                        shard.number, shard.group
                    ))
                })
            };
            if !known.insert((&*shard.group, shard.number)) {
                return Err(Error::configuration(format!(
                    "logical shard {} of group `{}` is described twice",
                    shard.number, shard.group
                )));
            }
            let own = server(&shard.server)?;
            let class = shard.class.as_deref();
            let database = servers[own].database.filter(|_| !self.is_between_databases);
            let next = kinds.len();
            let kind = (&*shard.group, class, database);
            let kind = *kinds.entry(kind).or_insert(next);
            if kind == next {
                let allowed = servers.iter().map(|server| {
                    let allowed = self.allowed.as_ref();
                    server.group == shard.group
                        && database.is_none_or(|own| server.database == Some(own))
                        && allowed.is_none_or(|allowed| allowed(class, server))
                });
                demands.push(Demand {
                    allowed: allowed.collect(),
                    bytes: 0,
                });
            }
            demands[kind].bytes += u128::from(shard.bytes);
            let pins = self.pins.get(&*shard.group);
            let pin = match pins.and_then(|pins| pins.get(&shard.number)) {
                None => None,
                Some(None) => Some(own),
                Some(Some(name)) => Some(server(name)?),
            };
            let free = numbers.entry(&shard.group).or_default();
            *free = (*free).max(shard.number.saturating_add(1));
            items.push(Item {
                number: shard.number,
                cost: self.cost_of(shard).max(1),
                bytes: shard.bytes,
                rows: shard.rows,
                kind,
                server: own,
                pin,
                moved: false,
                due: None,
            });
        }
        let capacities: Vec<Option<u64>> = machines.iter().map(|own| own.capacity).collect();
        let in_use = activate::in_use(
            servers,
            &machine_of,
            &capacities,
            &demands,
            self.fill_percent,
        );
        for (number, server) in servers.iter().enumerate() {
            if in_use[number] {
                let own = &mut machines[machine_of[number]];
                own.weight = own.weight.max(server.weight);
            }
        }
        let kinds = demands.into_iter().map(|demand| {
            let allowed = demand.allowed.iter().zip(&in_use);
            let allowed: Vec<bool> = allowed.map(|(allowed, used)| *allowed && *used).collect();
            let mut server_of = vec![None; machines.len()];
            for (server, _) in allowed.iter().enumerate().filter(|(_, allowed)| **allowed) {
                server_of[machine_of[server]].get_or_insert(server);
            }
            Kind {
                allowed,
                server_of,
                order: 0,
                component: usize::MAX,
            }
        });
        let kinds = kinds.collect();
        for (number, item) in items.iter().enumerate() {
            let own = &mut machines[machine_of[item.server]];
            own.load += u128::from(item.cost);
            own.bytes += u128::from(item.bytes);
            own.items.insert((item.cost, number));
        }
        let board = Board {
            fleet,
            items,
            kinds,
            machines,
            machine_of,
            orders: Vec::new(),
            next: numbers,
            kept: Vec::new(),
            changes: Vec::new(),
        };
        Ok((board, in_use))
    }
}
