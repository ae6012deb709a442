//! What a plan says of the servers, and of what it does not mend.

use std::collections::BTreeMap;

use super::board::{Board, Change};
use super::level::Scope;
use super::plan::{Action, Leftover, ServerLoad, SplitPart, Step, Why};
use crate::config::ServerState;

/// The steps, with each inactive server activated before it gets a logical shard; and which are.
pub(super) fn steps(board: &Board<'_>) -> (Vec<Step>, Vec<bool>) {
    let servers = board.fleet.servers();
    let mut activated = vec![false; servers.len()];
    let mut steps = Vec::with_capacity(board.changes.len());
    for change in &board.changes {
        let (action, why, targets) = step(board, change);
        for target in targets {
            let is_inactive = servers[target].state == ServerState::Inactive;
            if is_inactive && !std::mem::replace(&mut activated[target], true) {
                steps.push(Step {
                    action: Action::Activate {
                        group: servers[target].group.clone(),
                        server: servers[target].name.clone(),
                    },
                    why: Why::ServersAreFull,
                });
            }
        }
        steps.push(Step { action, why });
    }
    (steps, activated)
}

/// The action of a change, why, and the servers that get logical shards.
fn step(board: &Board<'_>, change: &Change) -> (Action, Why, Vec<usize>) {
    let servers = board.fleet.servers();
    match change {
        Change::Move {
            item,
            from,
            to,
            why,
            rows,
            bytes,
        } => {
            let action = Action::Move {
                group: servers[*to].group.clone(),
                shard: board.items[*item].number,
                from: servers[*from].name.clone(),
                to: servers[*to].name.clone(),
                rows: *rows,
                bytes: *bytes,
            };
            (action, *why, vec![*to])
        }
        Change::Split { whole, parts } => {
            let server = &servers[whole.server];
            let made = parts.iter().map(|(item, on)| SplitPart {
                shard: board.items[*item].number,
                server: servers[*on].name.clone(),
                rows: board.items[*item].rows,
                bytes: board.items[*item].bytes,
            });
            let action = Action::Split {
                group: server.group.clone(),
                shard: whole.number,
                from: server.name.clone(),
                parts: made.collect(),
                rows: whole.rows,
                bytes: whole.bytes,
            };
            let why = whole.due.map_or(Why::LargerThanShare, |due| due.why);
            (action, why, parts.iter().map(|(_, on)| *on).collect())
        }
    }
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
    for item in &board.items {
        let load = &mut loads[item.server];
        load.shards = load.shards.saturating_add(1);
        load.rows = load.rows.saturating_add(item.rows);
        load.bytes = load.bytes.saturating_add(item.bytes);
    }
    loads
}

/// What stays as it is, and why.
pub(super) fn leftovers(board: &Board<'_>, scope: Scope) -> Vec<Leftover> {
    let mut left = Vec::new();
    let mut say = |server: usize, message: String| {
        let server = &board.fleet.servers()[server];
        left.push(Leftover {
            group: server.group.clone(),
            server: server.name.clone(),
            message,
        });
    };
    if scope == Scope::Split {
        let items = board.items.iter().enumerate();
        let due = items.filter(|(_, item)| item.due.is_some());
        for item in due.map(|(item, _)| item).chain(board.kept.iter().copied()) {
            let (own, advice) = (&board.items[item], advice(board, item));
            let message = format!("keeps logical shard {} as it is: {advice}", own.number);
            say(own.server, message);
        }
        return left;
    }
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
        if scope == Scope::Drain {
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
            let shard = board.items[*item].number;
            let advice = advice(board, *item);
            let message =
                format!("stays above its share: logical shard {shard} alone is larger; {advice}");
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

/// What to do with a logical shard that is larger than a share.
fn advice(board: &Board<'_>, item: usize) -> String {
    let own = &board.items[item];
    // A part is beyond the logical shards of the fleet.
    let whole = board.fleet.shards().get(item);
    match whole.and_then(|shard| shard.whole.as_deref()) {
        Some(why) => format!("it cannot be split: {why}"),
        None if own.pin.is_some() => "it is pinned, and not split".to_owned(),
        None if own.due.is_some() => "no servers have room for its parts".to_owned(),
        None if board.kept.contains(&item) => "it has too few rows to be split".to_owned(),
        None => "split it with `shard-orm reshard split --auto`".to_owned(),
    }
}

/// The logical shards on servers that should not hold them, by server and reason.
fn stranded(board: &Board<'_>) -> BTreeMap<(usize, String), Vec<u32>> {
    let mut stranded: BTreeMap<(usize, String), Vec<u32>> = BTreeMap::new();
    for (number, item) in board.items.iter().enumerate() {
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
                None if has_other_databases(board, item.server) => {
                    "no server with its kind of database may take it; add one, or plan with `--between-databases`"
                        .to_owned()
                }
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
            .push(item.number);
    }
    stranded
}

/// Whether servers of the same group have another kind of database than this one.
fn has_other_databases(board: &Board<'_>, server: usize) -> bool {
    let servers = board.fleet.servers();
    let own = &servers[server];
    let mut others = servers.iter().filter(|other| other.group == own.group);
    others.any(|other| other.database != own.database)
}

fn clamp(number: u128) -> u64 {
    u64::try_from(number).unwrap_or(u64::MAX)
}
