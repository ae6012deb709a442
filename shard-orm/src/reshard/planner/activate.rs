//! Which inactive servers are brought in: the first ones in their order, while those in use are too full.

use super::fleet::Server;
use crate::config::ServerState;

/// What is asked of the servers, for the logical shards of one group and class.
pub(super) struct Demand {
    /// By server: whether it may hold them, whatever its state.
    pub(super) allowed: Vec<bool>,
    pub(super) bytes: u128,
}

/// The servers that hold logical shards, by server: the active ones, and the inactive ones that are needed.
pub(super) fn in_use(
    servers: &[Server],
    machine_of: &[usize],
    capacities: &[Option<u64>],
    demands: &[Demand],
    fill_percent: u32,
) -> Vec<bool> {
    let is_active = |server: &Server| server.state == ServerState::Active && server.weight > 0;
    let mut in_use: Vec<bool> = servers.iter().map(is_active).collect();
    loop {
        let needed = full(&in_use, machine_of, capacities, demands, fill_percent);
        let next = servers.iter().enumerate().find(|(number, server)| {
            let is_needed = || {
                let mut demands = demands.iter().zip(&needed);
                demands.any(|(demand, is_full)| *is_full && demand.allowed[*number])
            };
            server.state == ServerState::Inactive
                && server.weight > 0
                && !in_use[*number]
                && is_needed()
        });
        match next {
            Some((number, _)) => in_use[number] = true,
            None => return in_use,
        }
    }
}

/// For each demand, whether the servers in use that meet it are too full.
fn full(
    in_use: &[bool],
    machine_of: &[usize],
    capacities: &[Option<u64>],
    demands: &[Demand],
    fill_percent: u32,
) -> Vec<bool> {
    let machines = |demand: &Demand| -> Vec<usize> {
        let servers = demand.allowed.iter().zip(in_use).enumerate();
        let servers = servers.filter(|(_, (allowed, in_use))| **allowed && **in_use);
        servers.map(|(server, _)| machine_of[server]).collect()
    };
    let held: Vec<Vec<usize>> = demands.iter().map(machines).collect();
    // Demands with a machine in common are met together.
    let mut part: Vec<usize> = (0..demands.len()).collect();
    let mut first_of: Vec<Option<usize>> = vec![None; capacities.len()];
    for (demand, machines) in held.iter().enumerate() {
        for machine in machines {
            match first_of[*machine] {
                None => first_of[*machine] = Some(demand),
                Some(other) => {
                    let (old, new) = (part[demand], part[other]);
                    for own in part.iter_mut().filter(|own| **own == old) {
                        *own = new;
                    }
                }
            }
        }
    }
    let is_full = |demand: usize| {
        if held[demand].is_empty() {
            return true;
        }
        let own = part[demand];
        let bytes: u128 = demands
            .iter()
            .zip(&part)
            .filter(|(_, part)| **part == own)
            .map(|(demand, _)| demand.bytes)
            .sum();
        let machines = first_of.iter().zip(capacities);
        let mut machines = machines.filter(|(first, _)| first.is_some_and(|one| part[one] == own));
        let capacity = machines.try_fold(0_u128, |sum, (_, capacity)| {
            capacity.map(|capacity| sum + u128::from(capacity))
        });
        capacity.is_some_and(|capacity| bytes * 100 > capacity * u128::from(fill_percent))
    };
    (0..demands.len()).map(is_full).collect()
}
