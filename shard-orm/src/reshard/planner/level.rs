//! The moves: off servers that leave, off servers that are too full, and to those that have too little.

use std::cmp::Reverse;
use std::collections::BTreeSet;

use super::board::{Board, Item};
use super::plan::Why;
use super::split;
use super::subset::{Piece, cover};
use crate::config::ServerState;

/// How many targets with room are looked at for a shard that fits under the upper edge of none so far.
const TARGETS: usize = 64;
/// How many of the fullest servers are looked at for a shard.
const DONORS: usize = 16;
/// How many shards of about the right size are looked at on one server.
const SIZES: usize = 8;
/// How often other shards are chosen in place of those that no server can take.
const ROUNDS: usize = 4;
/// The passes after which a plan ends though another one would find something.
const PASSES: usize = 64;

/// Which steps are planned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Scope {
    All,
    /// Those that empty the servers that leave.
    Drain,
    /// Those that split what is too large.
    Split,
}

/// Plans until a pass from the beginning finds nothing, so that a second plan is empty.
pub(super) fn level(board: &mut Board<'_>, least_gain_percent: u32, scope: Scope) {
    let mut leveler = Leveler {
        board,
        least_gain_percent: least_gain_percent.into(),
        fresh_only: true,
    };
    match scope {
        Scope::All => {}
        Scope::Drain => return leveler.empty_leaving(),
        Scope::Split => return leveler.split_large(),
    }
    for _ in 0..PASSES {
        let before = leveler.board.changes.len();
        leveler.pass();
        if leveler.board.changes.len() > before {
            continue;
        }
        if !leveler.fresh_only {
            return;
        }
        // What was moved already is moved again only if nothing else helps.
        leveler.fresh_only = false;
    }
}

struct Leveler<'b, 'f> {
    board: &'b mut Board<'f>,
    least_gain_percent: u128,
    fresh_only: bool,
}

impl Leveler<'_, '_> {
    fn pass(&mut self) {
        self.empty_leaving();
        self.split_large();
        self.relieve_full();
        self.strip_above();
        self.fill_below();
    }

    /// Moves shards off the servers that may not hold them, the largest first.
    fn empty_leaving(&mut self) {
        let items = 0..self.board.items.len();
        // What is to be split goes in parts, if that is possible.
        let may_go = |own: &Item| own.due.is_none() || !self.fresh_only;
        let leaving = items.filter(|item| self.board.must_leave(*item));
        let leaving = leaving.filter(|item| may_go(&self.board.items[*item]));
        let mut leaving: Vec<usize> = leaving.collect();
        leaving.sort_by_key(|item| Reverse((self.board.items[*item].cost, Reverse(*item))));
        for item in leaving {
            let Some(machine) = self.target(item, true) else {
                continue;
            };
            let own = &self.board.items[item];
            let server = &self.board.fleet.servers()[own.server];
            let why = if own.pin.is_some() {
                Why::Pinned
            } else if server.state == ServerState::Active && server.weight > 0 {
                Why::NotAllowed
            } else {
                Why::ServerLeaves
            };
            self.carry(item, machine, why);
        }
    }

    /// Splits what is too large, the largest first.
    fn split_large(&mut self) {
        let items = 0..self.board.items.len();
        let due = items.filter(|item| self.board.items[*item].due.is_some());
        let mut due: Vec<usize> = due.collect();
        due.sort_by_key(|item| Reverse((self.board.items[*item].cost, Reverse(*item))));
        for item in due {
            if let Some(placement) = split::placement(self.board, item) {
                split::carry_out(self.board, item, &placement);
            }
        }
    }

    /// Moves shards off machines that hold more bytes than they are meant to.
    fn relieve_full(&mut self) {
        let is_full = |board: &Board<'_>, machine: usize| {
            let own = &board.machines[machine];
            if own.weight == 0 {
                0
            } else {
                own.excess_bytes()
            }
        };
        let size = |board: &Board<'_>, item: usize| board.items[item].bytes;
        self.strip(is_full, size, Why::OverCapacity);
    }

    /// Moves shards off machines above their share.
    fn strip_above(&mut self) {
        let excess = |board: &Board<'_>, machine: usize| {
            let own = &board.machines[machine];
            if own.weight == 0 {
                return 0;
            }
            own.load.saturating_sub(own.upper)
        };
        let size = |board: &Board<'_>, item: usize| board.items[item].cost;
        self.strip(excess, size, Why::AboveShare);
    }

    /// Chooses for each machine with an excess what leaves it, and finds places for all that, the largest
    /// first.
    fn strip(
        &mut self,
        excess: impl Fn(&Board<'_>, usize) -> u128,
        size: impl Fn(&Board<'_>, usize) -> u64,
        why: Why,
    ) {
        let mut failed: BTreeSet<usize> = BTreeSet::new();
        for _ in 0..ROUNDS {
            let known = failed.len();
            let mut pool = Vec::new();
            for machine in 0..self.board.machines.len() {
                let need = excess(self.board, machine);
                if need == 0 {
                    continue;
                }
                let items = self.board.machines[machine].items.iter();
                let items = items.map(|(_, item)| *item);
                let items = items.filter(|item| self.may_move(*item) && !failed.contains(item));
                let pieces = items.map(|item| Piece {
                    id: item,
                    cost: size(self.board, item),
                    bytes: self.board.items[item].bytes,
                });
                let pieces: Vec<Piece> = pieces.filter(|piece| piece.cost > 0).collect();
                pool.extend(cover(&pieces, need));
            }
            pool.sort_by_key(|item| Reverse((size(self.board, *item), Reverse(*item))));
            for item in pool {
                let machine = self.board.machine(item);
                if excess(self.board, machine) == 0 {
                    continue;
                }
                match self.target(item, false) {
                    Some(machine) => self.carry(item, machine, why),
                    None => {
                        failed.insert(item);
                    }
                }
            }
            if failed.len() == known {
                return;
            }
        }
    }

    /// Moves shards to machines below their share, from the fullest ones.
    fn fill_below(&mut self) {
        let machines = 0..self.board.machines.len();
        let mut below: Vec<usize> = machines
            .filter(|machine| {
                let own = &self.board.machines[*machine];
                own.weight > 0 && own.load < own.lower
            })
            .collect();
        below.sort_by_key(|machine| {
            let own = &self.board.machines[*machine];
            (own.fill(own.load), *machine)
        });
        for machine in below {
            while let Some(item) = self.filler(machine) {
                self.carry(item, machine, Why::BelowShare);
            }
        }
    }

    /// The shard that a machine gets next: one that covers what it lacks with few bytes, or the largest one.
    fn filler(&self, machine: usize) -> Option<usize> {
        let own = &self.board.machines[machine];
        let need = own.lower.checked_sub(own.load).filter(|need| *need > 0)?;
        let room = own.upper.saturating_sub(own.load);
        let mut covering: Option<(u64, u64, usize)> = None;
        let mut partial: Option<(Reverse<u64>, u64, usize)> = None;
        for order in &own.orders {
            let donors = self.board.orders[*order].iter().rev();
            for (_, donor) in donors.filter(|(_, donor)| *donor != machine).take(DONORS) {
                let source = &self.board.machines[*donor];
                let most = source.load.saturating_sub(source.lower).min(room);
                let (need, most) = (clamp(need), clamp(most));
                let fits = |item: &usize| self.may_move(*item) && self.is_better(*item, machine);
                if need <= most {
                    let sizes = source.items.range((need, 0)..=(most, usize::MAX));
                    let sizes = sizes.take(SIZES).filter(|(_, item)| fits(item));
                    let sizes =
                        sizes.map(|(cost, item)| (self.board.items[*item].bytes, *cost, *item));
                    covering = covering.into_iter().chain(sizes).min();
                }
                let sizes = source.items.range(..=(need.min(most), usize::MAX)).rev();
                let mut sizes = sizes.take(SIZES).filter(|(_, item)| fits(item));
                if let Some((cost, item)) = sizes.next() {
                    let found = (Reverse(*cost), self.board.items[*item].bytes, *item);
                    partial = partial.into_iter().chain([found]).min();
                }
            }
        }
        let (need, twentieth) = (clamp(need), clamp(need) / 20);
        match (covering, partial) {
            (Some((_, cost, item)), _) if cost - need <= twentieth => Some(item),
            (_, Some((.., item))) | (Some((.., item)), None) => Some(item),
            (None, None) => None,
        }
    }

    fn may_move(&self, item: usize) -> bool {
        let own = &self.board.items[item];
        own.pin.is_none()
            && own.due.is_none()
            && !(self.fresh_only && own.moved)
            && !self.board.must_leave(item)
    }

    /// The machine for an item: the emptiest one where it fits under the upper edge of the share, or the one
    /// that is the least full with it.
    fn target(&self, item: usize, must: bool) -> Option<usize> {
        let board = &*self.board;
        let own = &board.items[item];
        let is_possible = |machine: usize| {
            board.server_at(item, machine).is_some()
                && board.machines[machine].has_room(own.bytes)
                && (must || self.is_better(item, machine))
        };
        if let Some(pin) = own.pin {
            return Some(board.machine_of[pin]).filter(|machine| is_possible(*machine));
        }
        let order = board.orders.get(board.kinds[own.kind].order)?;
        let source = &board.machines[board.machine(item)];
        let fullest = if must || source.excess_bytes() > 0 {
            u128::MAX
        } else {
            source.fill(source.load)
        };
        let mut best: Option<(u128, usize)> = None;
        let emptier = order.iter().take_while(|(fill, _)| *fill < fullest);
        let possible = emptier.map(|(_, machine)| *machine);
        for machine in possible
            .filter(|machine| is_possible(*machine))
            .take(TARGETS)
        {
            let target = &board.machines[machine];
            let load = target.load + u128::from(own.cost);
            if load <= target.upper {
                return Some(machine);
            }
            best = best.into_iter().chain([(target.fill(load), machine)]).min();
        }
        best.map(|(_, machine)| machine)
    }

    /// Whether a move that is not needed is worth its bytes, and leaves no machine fuller than its source was.
    fn is_better(&self, item: usize, machine: usize) -> bool {
        let board = &*self.board;
        let own = &board.items[item];
        let from = board.machine(item);
        if from == machine
            || board.server_at(item, machine).is_none()
            || !board.machines[machine].has_room(own.bytes)
        {
            return false;
        }
        let (before, after) = board.compare(item, machine);
        if after.over_capacity < before.over_capacity {
            return true;
        }
        let gain = before.outside.saturating_sub(after.outside);
        let (source, target) = (&board.machines[from], &board.machines[machine]);
        let cost = u128::from(own.cost);
        gain > 0
            && gain * 100 >= self.least_gain_percent * cost
            && target.fill(target.load + cost) < source.fill(source.load)
    }

    fn carry(&mut self, item: usize, machine: usize, why: Why) {
        if let Some(server) = self.board.server_at(item, machine) {
            self.board.carry(item, server, why);
        }
    }
}

fn clamp(number: u128) -> u64 {
    u64::try_from(number).unwrap_or(u64::MAX)
}
