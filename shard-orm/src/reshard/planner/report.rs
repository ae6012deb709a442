//! What a plan says of the servers, and of what it does not mend.

use std::collections::BTreeMap;

use super::board::Board;
use super::plan::{Action, Leftover, ServerLoad, Step, Why};
use crate::config::ServerState;

/// The steps of the moves, with each inactive server activated before its first one; and which are.
pub(super) fn steps(board: &Board<'_>) -> (Vec<Step>, Vec<bool>) {
    let servers = board.fleet.servers();
    let mut activated = vec![false; servers.len()];
    let mut steps = Vec::with_capacity(board.moves.len());
    for (item, from, to, why) in &board.moves {
        let (shard, target) = (&board.fleet.shards()[*item], &servers[*to]);
        let is_inactive = target.state == ServerState::Inactive;
        if is_inactive && !std::mem::replace(&mut activated[*to], true) {
            steps.push(Step {
                action: Action::Activate {
                    group: target.group.clone(),
                    server: target.name.clone(),
                },
                why: Why::ServersAreFull,
            });
        }
        steps.push(Step {
            action: Action::Move {
                group: shard.group.clone(),
                shard: shard.number,
                from: servers[*from].name.clone(),
                to: target.name.clone(),
                rows: shard.rows,
                bytes: shard.bytes,
            },
            why: *why,
        });
    }
    (steps, activated)
}

/// The servers as they are on the board.
pub(super) fn loads(board: &Board<'_>, activated: &[bool]) -> Vec<ServerLoad> {
    let servers = board.fleet.servers().iter().zip(activated).enumerate();
    let loads = servers.map(|(number, (server, activated))| {
        let machine = &board.machines[board.machine_of[number]];
        ServerLoad {
            group: server.group.clone(),
            name: server.name.clone(),
            state: if *activated {
                ServerState::Active
            } else {
                server.state
            },
            shards: 0,
            rows: 0,
            bytes: 0,
            load: clamp(machine.load),
            share: clamp(machine.share),
            capacity: machine.capacity,
        }
    });
    let mut loads: Vec<ServerLoad> = loads.collect();
    for (item, shard) in board.items.iter().zip(board.fleet.shards()) {
        let load = &mut loads[item.server];
        load.shards = load.shards.saturating_add(1);
        load.rows = load.rows.saturating_add(shard.rows);
        load.bytes = load.bytes.saturating_add(shard.bytes);
    }
    loads
}

/// What stays as it is, and why.
pub(super) fn leftovers(board: &Board<'_>, drain_only: bool) -> Vec<Leftover> {
    let mut left = Vec::new();
    let mut say = |server: usize, message: String| {
        let server = &board.fleet.servers()[server];
        left.push(Leftover {
            group: server.group.clone(),
            server: server.name.clone(),
            message,
        });
    };
    for ((server, reason), shards) in &stranded(board) {
        let shards: Vec<String> = shards.iter().map(ToString::to_string).collect();
        let plural = if shards.len() == 1 { "" } else { "s" };
        let shards = shards.join(", ");
        say(
            *server,
            format!("keeps logical shard{plural} {shards}: {reason}"),
        );
    }
    for (machine, own) in board.machines.iter().enumerate() {
        if drain_only {
            break;
        }
        let Some(server) = board.machine_of.iter().position(|on| *on == machine) else {
            continue;
        };
        if own.weight == 0 {
            continue;
        }
        let excess = own.excess_bytes();
        if excess > 0 {
            say(
                server,
                format!(
                    "stays {excess} bytes above its capacity: no other server has room for more"
                ),
            );
        }
        let largest = own.items.iter().next_back();
        let largest = largest.filter(|(cost, _)| u128::from(*cost) > own.upper);
        if let Some((_, item)) = largest {
            let shard = board.fleet.shards()[*item].number;
            let message = format!(
                "stays above its share: logical shard {shard} alone is larger; it has to be split"
            );
            say(server, message);
        } else if own.load > own.upper {
            let message =
                "stays above its share: no move is worth its bytes, or no server has room";
            say(server, message.to_owned());
        } else if own.load < own.lower {
            let message = "stays below its share: no move to it is worth its bytes";
            say(server, message.to_owned());
        }
    }
    left
}

/// The logical shards on servers that should not hold them, by server and reason.
fn stranded(board: &Board<'_>) -> BTreeMap<(usize, String), Vec<u32>> {
    let mut stranded: BTreeMap<(usize, String), Vec<u32>> = BTreeMap::new();
    for (number, item) in board.items.iter().enumerate() {
        let shard = &board.fleet.shards()[number];
        let is_pinned_here =
            item.pin == Some(item.server) && !board.kinds[item.kind].allowed[item.server];
        let reason = if is_pinned_here {
            "pinned here; remove the pin".to_owned()
        } else if !board.must_leave(number) {
            continue;
        } else if let Some(pin) = item.pin.filter(|pin| !board.kinds[item.kind].allowed[*pin]) {
            let server = &board.fleet.servers()[pin].name;
            format!(
                "pinned to server `{server}`, which may not take it; activate that one, or remove the pin"
            )
        } else {
            let possible = (0..board.machines.len())
                .filter(|machine| board.server_at(number, *machine).is_some());
            let room = possible.map(|machine| {
                let own = &board.machines[machine];
                own.capacity.map_or(u64::MAX, |capacity| {
                    clamp(u128::from(capacity).saturating_sub(own.bytes))
                })
            });
            match room.max() {
                None => "no server may take it; add one, or activate one".to_owned(),
                Some(room) => format!(
                    "the servers that may take it have room for {room} bytes at most; add a server, or raise \
                     a capacity"
                ),
            }
        };
        stranded
            .entry((item.server, reason))
            .or_default()
            .push(shard.number);
    }
    stranded
}

fn clamp(number: u128) -> u64 {
    u64::try_from(number).unwrap_or(u64::MAX)
}
