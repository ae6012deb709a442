//! Splits: which logical shards are too large, into how many parts, and on which servers.
//!
//! A split is one step: each part is copied to where it stays. The number of parts and their servers are those that
//! leave the least load outside of the shares.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};

use super::Splits;
use super::board::{Board, Due, Item};
use super::plan::Why;

/// The most parts of one split: each is a namespace that one job fills.
const MOST_PARTS: u64 = 64;
/// How many times as many parts as needed are tried, if fewer leave servers outside of their shares.
const FINER: u64 = 4;

/// What the part of this index gets of a number, so that all parts add up to it.
pub(super) fn portion(whole: u64, parts: usize, index: usize) -> u64 {
    let (parts, index) = ((parts as u64).max(1), index as u64);
    whole / parts + u64::from(index < whole % parts)
}

impl Splits {
    /// Notes which logical shards are to be split whatever the shares are.
    pub(super) fn ask(self, board: &mut Board<'_>) {
        match self {
            Self::AboveShare => {}
            Self::AboveBytes(most) => {
                for item in 0..board.items.len() {
                    let bytes = board.items[item].bytes;
                    if bytes > most {
                        let least = bytes.div_ceil(most.max(1));
                        let most = least.saturating_mul(2);
                        note(board, item, (least, most), Why::LargerThanBound);
                    }
                }
            }
            Self::Into(number) => into(board, number),
        }
    }

    /// Notes which logical shards are larger than any share. True if there are some.
    pub(super) fn find(self, board: &mut Board<'_>) -> bool {
        if self != Self::AboveShare {
            return false;
        }
        let mut pinned = vec![0_u128; board.machines.len()];
        for item in board.items.iter().filter(|item| item.pin.is_some()) {
            pinned[board.machine_of[item.server]] += u128::from(item.cost);
        }
        // The room for a logical shard of a kind: on the machine with the most, and on the others that have much.
        let rooms = board.kinds.iter().map(|kind| {
            let machines = kind.server_of.iter().zip(&board.machines).zip(&pinned);
            let machines = machines.filter(|((server, _), _)| server.is_some());
            let rooms = machines.map(|((_, own), pinned)| own.upper.saturating_sub(*pinned));
            let rooms: Vec<u128> = rooms.collect();
            let most = rooms.iter().copied().max().unwrap_or(u128::MAX);
            let usual = rooms
                .into_iter()
                .filter(|room| *room >= most / u128::from(FINER));
            (most, usual.min().unwrap_or(most))
        });
        let rooms: Vec<(u128, u128)> = rooms.collect();
        let mut found = false;
        for item in 0..board.items.len() {
            let own = &board.items[item];
            let ((most, usual), cost) = (rooms[own.kind], u128::from(own.cost));
            if cost > most {
                let parts = |room: u128| u64::try_from(cost.div_ceil(room.max(1)));
                let least = parts(most).unwrap_or(u64::MAX);
                let most = parts(usual).unwrap_or(u64::MAX).saturating_mul(FINER);
                found |= note(board, item, (least, most), Why::LargerThanShare);
            }
        }
        found
    }
}

/// Notes that a logical shard is to be split into so many parts. False if it cannot be.
fn note(board: &mut Board<'_>, item: usize, (least, most): (u64, u64), why: Why) -> bool {
    let own = &board.items[item];
    let is_whole = board.fleet.shards()[item].whole.is_some();
    // Each part counts something, and has rows if there are any.
    let rows = if own.rows == 0 { u64::MAX } else { own.rows };
    let most = most.min(MOST_PARTS).min(rows).min(own.cost);
    if own.pin.is_some() || is_whole || most < 2 {
        board.kept.push(item);
        return false;
    }
    let least = least.clamp(2, most);
    board.items[item].due = Some(Due { least, most, why });
    true
}

/// Notes splits of the largest logical shards of each group, so that it gets so many.
fn into(board: &mut Board<'_>, number: u32) {
    let mut groups: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
    for (item, shard) in board.fleet.shards().iter().enumerate() {
        groups.entry(&shard.group).or_default().push(item);
    }
    for items in groups.into_values() {
        let mut missing = usize::try_from(number)
            .unwrap_or(usize::MAX)
            .saturating_sub(items.len());
        let splittable = items.into_iter().filter(|item| {
            board.items[*item].pin.is_none() && board.fleet.shards()[*item].whole.is_none()
        });
        let parts = splittable.map(|item| (board.items[item].cost, Reverse(item), 1_u64));
        let mut parts: BinaryHeap<(u64, Reverse<usize>, u64)> = parts.collect();
        let mut chosen: BTreeMap<usize, u64> = BTreeMap::new();
        while missing > 0 {
            let Some((_, Reverse(item), count)) = parts.pop() else {
                break;
            };
            if count < MOST_PARTS {
                let cost = board.items[item].cost / (count + 1);
                parts.push((cost, Reverse(item), count + 1));
                chosen.insert(item, count + 1);
                missing -= 1;
            }
        }
        for (item, count) in chosen {
            board.count_at_least(item, count);
            note(board, item, (count, count), Why::MoreShards);
        }
    }
}

/// A machine that may get parts.
struct Candidate {
    machine: usize,
    load: u128,
    bytes: u128,
    parts: u64,
}

/// How the parts of a split are placed.
pub(super) struct Placement {
    /// What the machines concerned have outside of their shares.
    outside: u128,
    /// The server of each part.
    servers: Vec<usize>,
}

/// The best placement of the parts of an item; `None` if no server has room, or it makes something worse.
pub(super) fn placement(board: &Board<'_>, item: usize) -> Option<Placement> {
    let due = board.items[item].due?;
    let tried = (due.least..=due.most).filter_map(|parts| {
        let parts = usize::try_from(parts).ok()?;
        place(board, item, parts)
    });
    // The first one of several that are equal has the fewest parts.
    tried.min_by_key(|placement| placement.outside)
}

/// Splits an item as it was placed.
pub(super) fn carry_out(board: &mut Board<'_>, item: usize, placement: &Placement) {
    let whole = board.items[item].clone();
    let group = &*board.fleet.servers()[whole.server].group;
    let count = placement.servers.len();
    let parts = placement.servers.iter().enumerate().map(|(index, server)| {
        let number = if index == 0 {
            whole.number
        } else {
            let next = board.next.entry(group).or_default();
            std::mem::replace(next, next.saturating_add(1))
        };
        Item {
            number,
            server: *server,
            ..part(&whole, count, index)
        }
    });
    let parts = parts.collect();
    board.split(item, parts);
}

fn part(whole: &Item, parts: usize, index: usize) -> Item {
    Item {
        cost: portion(whole.cost, parts, index).max(1),
        bytes: portion(whole.bytes, parts, index),
        rows: portion(whole.rows, parts, index),
        moved: true,
        due: None,
        ..whole.clone()
    }
}

/// Places so many parts, each on the machine with the lowest utilization.
fn place(board: &Board<'_>, item: usize, parts: usize) -> Option<Placement> {
    let whole = &board.items[item];
    let source = board.machine(item);
    let largest = part(whole, parts, 0);
    let order = board.orders.get(board.kinds[whole.kind].order)?;
    let machines = order.iter().map(|(_, machine)| *machine);
    let has_room = |machine: &usize| board.machines[*machine].has_room(largest.bytes);
    let others = machines.filter(|machine| *machine != source && has_room(machine));
    let own = Some(source).filter(|_| board.server_at(item, source).is_some());
    let machines = own.filter(has_room).into_iter().chain(others.take(parts));
    let candidates = machines.map(|machine| Candidate {
        machine,
        load: board.load_without(item, machine),
        bytes: board.machines[machine].bytes,
        parts: 0,
    });
    let mut candidates: Vec<Candidate> = candidates.collect();
    for _ in 0..parts {
        let possible = candidates.iter_mut().filter(|one| {
            let capacity = board.machines[one.machine].capacity.map(u128::from);
            capacity.is_none_or(|capacity| one.bytes + u128::from(largest.bytes) <= capacity)
        });
        let fill = |one: &Candidate| {
            let machine = &board.machines[one.machine];
            machine.fill(one.load + u128::from(largest.cost))
        };
        let least = possible.min_by_key(|one| (fill(one), one.machine))?;
        least.load += u128::from(largest.cost);
        least.bytes += u128::from(largest.bytes);
        least.parts += 1;
    }
    let server = |one: &Candidate| board.server_at(item, one.machine);
    let servers = candidates.iter().flat_map(|one| {
        let parts = (0..one.parts).map(|_| server(one));
        parts.collect::<Vec<_>>()
    });
    let servers: Vec<usize> = servers.collect::<Option<_>>()?;
    judge(board, item, servers)
}

/// What a placement leaves outside of the shares; `None` if it makes something worse, or nothing better.
fn judge(board: &Board<'_>, item: usize, servers: Vec<usize>) -> Option<Placement> {
    let (whole, source) = (&board.items[item], board.machine(item));
    let why = whole.due?.why;
    let mut added: BTreeMap<usize, (u128, u128)> = BTreeMap::from([(source, (0, 0))]);
    for (index, server) in servers.iter().enumerate() {
        let part = part(whole, servers.len(), index);
        let own = added.entry(board.machine_of[*server]).or_default();
        own.0 += u128::from(part.cost);
        own.1 += u128::from(part.bytes);
    }
    let (mut before, mut outside) = ((0, 0), (0, 0));
    for (machine, (cost, bytes)) in &added {
        let own = &board.machines[*machine];
        let held = if *machine == source {
            whole.bytes.into()
        } else {
            0
        };
        before.0 += own.excess_bytes();
        before.1 += own.outside(own.load);
        outside.0 += own.over_capacity(own.bytes.saturating_sub(held) + bytes);
        outside.1 += own.outside(board.load_without(item, *machine) + cost);
    }
    let leaves = board.must_leave(item);
    let is_worse =
        !leaves && (outside.0 > before.0 || outside.0 == before.0 && outside.1 > before.1);
    let is_pointless = why == Why::LargerThanShare && added.len() == 1;
    (!is_worse && !is_pointless).then_some(Placement {
        outside: outside.1,
        servers,
    })
}
