//! The state of a fleet while it is planned: loads, who may hold what, and the servers in the order of
//! their utilization.
//!
//! All numbers are integers, and all orders are total: a fleet has one plan.

use std::collections::{BTreeMap, BTreeSet};

use super::fleet::Fleet;
use super::plan::Why;

/// A logical shard.
#[derive(Debug, Clone)]
pub(super) struct Item {
    /// Its number in the group.
    pub(super) number: u32,
    /// At least 1.
    pub(super) cost: u64,
    pub(super) bytes: u64,
    pub(super) rows: u64,
    pub(super) kind: usize,
    /// The server that holds it.
    pub(super) server: usize,
    /// The only server that may hold it.
    pub(super) pin: Option<usize>,
    /// It was moved or made by this plan.
    pub(super) moved: bool,
    /// It is to be split.
    pub(super) due: Option<Due>,
}

/// Into how many parts a logical shard is to be split.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Due {
    pub(super) least: u64,
    pub(super) most: u64,
    pub(super) why: Why,
}

/// What a plan does, in the order of its steps.
#[derive(Debug, Clone)]
pub(super) enum Change {
    Move {
        item: usize,
        from: usize,
        to: usize,
        why: Why,
        rows: u64,
        bytes: u64,
    },
    Split {
        /// As it was before: the first part takes its place.
        whole: Box<Item>,
        /// The first part and the others, with the server on which each was made.
        parts: Vec<(usize, usize)>,
    },
}

impl Change {
    /// The bytes that it copies.
    pub(super) fn bytes(&self) -> u128 {
        match self {
            Self::Move { bytes, .. } => u128::from(*bytes),
            Self::Split { whole, .. } => u128::from(whole.bytes),
        }
    }
}

/// The logical shards of one group and class: the same servers may hold them.
#[derive(Debug, Clone)]
pub(super) struct Kind {
    /// By server.
    pub(super) allowed: Vec<bool>,
    /// By machine, the first of its servers that is allowed.
    pub(super) server_of: Vec<Option<usize>>,
    /// Which of the orders holds its machines.
    pub(super) order: usize,
    pub(super) component: usize,
}

/// A machine, with all servers on it.
#[derive(Debug, Clone, Default)]
pub(super) struct Machine {
    /// 0 if it holds nothing.
    pub(super) weight: u32,
    pub(super) capacity: Option<u64>,
    /// The machines that exchange load, directly or through others.
    pub(super) component: Option<usize>,
    /// The orders that have it.
    pub(super) orders: Vec<usize>,
    pub(super) load: u128,
    pub(super) bytes: u128,
    pub(super) share: u128,
    /// The edges of its share: a machine between them is left as it is.
    pub(super) lower: u128,
    pub(super) upper: u128,
    /// What it holds that may move, by cost.
    pub(super) items: BTreeSet<(u64, usize)>,
}

/// How bad the state of a fleet is: what counts most comes first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub(super) struct Score {
    /// The cost of logical shards on servers that may not hold them.
    pub(super) leaving: u128,
    /// Bytes above capacities.
    pub(super) over_capacity: u128,
    /// The cost of logical shards that are to be split.
    pub(super) too_large: u128,
    /// The cost above and below the edges of the shares.
    pub(super) outside: u128,
}

#[derive(Debug)]
pub(super) struct Board<'f> {
    pub(super) fleet: &'f Fleet,
    pub(super) items: Vec<Item>,
    pub(super) kinds: Vec<Kind>,
    pub(super) machines: Vec<Machine>,
    /// The machine of each server.
    pub(super) machine_of: Vec<usize>,
    /// Machines by utilization.
    pub(super) orders: Vec<BTreeSet<(u128, usize)>>,
    /// The number that the next new logical shard of a group gets.
    pub(super) next: BTreeMap<&'f str, u32>,
    /// What is too large, and cannot be split.
    pub(super) kept: Vec<usize>,
    /// What was moved and split.
    pub(super) changes: Vec<Change>,
}

impl Machine {
    /// The utilization, for comparisons.
    pub(super) fn fill(&self, load: u128) -> u128 {
        load.saturating_mul(1 << 32) / u128::from(self.weight.max(1))
    }

    pub(super) fn has_room(&self, bytes: u64) -> bool {
        self.capacity
            .is_none_or(|capacity| self.bytes + u128::from(bytes) <= u128::from(capacity))
    }

    pub(super) fn over_capacity(&self, bytes: u128) -> u128 {
        self.capacity
            .map_or(0, |capacity| bytes.saturating_sub(capacity.into()))
    }

    /// What it holds above its capacity.
    pub(super) fn excess_bytes(&self) -> u128 {
        self.over_capacity(self.bytes)
    }

    pub(super) fn outside(&self, load: u128) -> u128 {
        if self.weight == 0 {
            return 0;
        }
        load.saturating_sub(self.upper) + self.lower.saturating_sub(load)
    }
}

impl Board<'_> {
    /// Fills the orders, from the loads and weights.
    pub(super) fn sort(&mut self) {
        let mut known: BTreeMap<Vec<usize>, usize> = BTreeMap::new();
        for kind in &mut self.kinds {
            let machines = kind.server_of.iter().enumerate();
            let machines = machines.filter_map(|(machine, server)| server.map(|_| machine));
            let next = known.len();
            kind.order = *known.entry(machines.collect()).or_insert(next);
        }
        self.orders = vec![BTreeSet::new(); known.len()];
        for (machines, order) in known {
            for machine in machines {
                let own = &mut self.machines[machine];
                own.orders.push(order);
                self.orders[order].insert((own.fill(own.load), machine));
            }
        }
    }

    pub(super) fn machine(&self, item: usize) -> usize {
        self.machine_of[self.items[item].server]
    }

    /// Whether an item is on a server that may not hold it.
    pub(super) fn must_leave(&self, item: usize) -> bool {
        let Item {
            kind, server, pin, ..
        } = self.items[item];
        pin.map_or(!self.kinds[kind].allowed[server], |pin| pin != server)
    }

    /// The server of a machine that may hold an item.
    pub(super) fn server_at(&self, item: usize, machine: usize) -> Option<usize> {
        let Item { kind, pin, .. } = self.items[item];
        match pin {
            Some(pin) => Some(pin)
                .filter(|pin| self.kinds[kind].allowed[*pin] && self.machine_of[*pin] == machine),
            None => self.kinds[kind].server_of[machine],
        }
    }

    /// The score of the whole fleet.
    #[cfg(test)]
    pub(super) fn score(&self) -> Score {
        let leaving = (0..self.items.len()).filter(|item| self.must_leave(*item));
        Score {
            leaving: leaving.map(|item| u128::from(self.items[item].cost)).sum(),
            over_capacity: self.machines.iter().map(Machine::excess_bytes).sum(),
            too_large: {
                let items = self.items.iter().filter(|item| item.due.is_some());
                items.map(|item| u128::from(item.cost)).sum()
            },
            outside: self.machines.iter().map(|own| own.outside(own.load)).sum(),
        }
    }

    /// Puts an item on a server, without noting a move.
    #[cfg(test)]
    pub(super) fn put_on(&mut self, item: usize, server: usize) {
        self.place(item, server);
    }

    /// The parts of the score of two machines, before and after an item went from one to the other.
    pub(super) fn compare(&self, item: usize, to: usize) -> (Score, Score) {
        let Item { cost, bytes, .. } = self.items[item];
        let (cost, bytes) = (u128::from(cost), u128::from(bytes));
        let (source, target) = (&self.machines[self.machine(item)], &self.machines[to]);
        let before = Score {
            leaving: if self.must_leave(item) { cost } else { 0 },
            over_capacity: source.excess_bytes() + target.excess_bytes(),
            too_large: 0,
            outside: source.outside(source.load) + target.outside(target.load),
        };
        let after = Score {
            leaving: 0,
            over_capacity: source.over_capacity(source.bytes.saturating_sub(bytes))
                + target.over_capacity(target.bytes + bytes),
            too_large: 0,
            outside: source.outside(source.load.saturating_sub(cost))
                + target.outside(target.load + cost),
        };
        (before, after)
    }

    /// Moves an item to a server, and notes the move.
    pub(super) fn carry(&mut self, item: usize, to: usize, why: Why) {
        let Item {
            server: from,
            rows,
            bytes,
            ..
        } = self.items[item];
        self.place(item, to);
        self.items[item].moved = true;
        self.changes.push(Change::Move {
            item,
            from,
            to,
            why,
            rows,
            bytes,
        });
    }

    /// The load of a machine without an item, wherever that is.
    pub(super) fn load_without(&self, item: usize, machine: usize) -> u128 {
        let load = self.machines[machine].load;
        if self.machine(item) == machine {
            return load.saturating_sub(self.items[item].cost.into());
        }
        load
    }

    /// Makes an item count so much, if it counts less.
    pub(super) fn count_at_least(&mut self, item: usize, cost: u64) {
        if self.items[item].cost < cost {
            self.take(item);
            self.items[item].cost = cost;
            self.put(item);
        }
    }

    /// Replaces an item by its parts, and notes the split. The first part gets its number.
    pub(super) fn split(&mut self, item: usize, parts: Vec<Item>) {
        self.take(item);
        let whole = Box::new(self.items[item].clone());
        let mut made = Vec::with_capacity(parts.len());
        for part in parts {
            let number = if made.is_empty() {
                self.items[item] = part;
                item
            } else {
                self.items.push(part);
                self.items.len() - 1
            };
            self.put(number);
            made.push((number, self.items[number].server));
        }
        self.changes.push(Change::Split { whole, parts: made });
    }

    /// Takes the last change back.
    pub(super) fn undo(&mut self) {
        match self.changes.pop() {
            Some(Change::Move { item, from, .. }) => self.place(item, from),
            Some(Change::Split { whole, parts }) => {
                for (part, _) in &parts {
                    self.take(*part);
                }
                // The other parts are the newest items.
                self.items.truncate(self.items.len() + 1 - parts.len());
                if let Some((item, _)) = parts.first() {
                    self.items[*item] = *whole;
                    self.put(*item);
                }
            }
            None => {}
        }
    }

    /// Puts an item on a server.
    fn place(&mut self, item: usize, to: usize) {
        if self.machine(item) == self.machine_of[to] {
            self.items[item].server = to;
            return;
        }
        self.take(item);
        self.items[item].server = to;
        self.put(item);
    }

    /// Takes an item off its machine.
    fn take(&mut self, item: usize) {
        let Item { cost, bytes, .. } = self.items[item];
        self.change(self.machine(item), |own| {
            own.load = own.load.saturating_sub(cost.into());
            own.bytes = own.bytes.saturating_sub(bytes.into());
            own.items.remove(&(cost, item));
        });
    }

    /// Puts an item on its machine.
    fn put(&mut self, item: usize) {
        let Item { cost, bytes, .. } = self.items[item];
        self.change(self.machine(item), |own| {
            own.load += u128::from(cost);
            own.bytes += u128::from(bytes);
            own.items.insert((cost, item));
        });
    }

    fn change(&mut self, machine: usize, change: impl FnOnce(&mut Machine)) {
        let own = &mut self.machines[machine];
        let before = own.fill(own.load);
        change(own);
        let after = own.fill(own.load);
        for order in &own.orders {
            self.orders[*order].remove(&(before, machine));
            self.orders[*order].insert((after, machine));
        }
    }
}
