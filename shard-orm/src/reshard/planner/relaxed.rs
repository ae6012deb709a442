//! A bound on the bytes that plans move: the planner's problem if shards could be cut.
//!
//! Load of a kind that leaves its machine is handed to all machines that may hold the kind. What is handed over has to be
//! taken: without that condition, each machine can be looked at alone. The condition is put into prices instead. Who hands
//! load of a kind over pays the price of the kind for it, and who takes it is paid the price; being outside of a share costs
//! so much for each unit, and so does a shard that stays where it may not be. For any prices, what all machines pay at
//! least, each by itself, is no more than what any plan moves: the weak duality of linear programs (Geoffrion, "Lagrangean
//! relaxation for integer programming", Mathematical Programming Study 2, 1974). `ascent` looks for prices with a high
//! bound, and `alone` says what a machine pays.
//!
//! Capacities count too: what a machine takes has at least the least bytes for each unit of load that there are, in one of a
//! few ranges. So the bound is lower than it could be where capacities are tight, and load is not measured in bytes.
//!
//! Floating-point numbers are used here alone, in a fixed order: a fleet has one plan.

mod alone;
mod ascent;

use self::alone::{Alone, Piece, joined};
use self::ascent::Limits;
use super::board::{Board, Change, Item};

/// The ranges of densities that are told apart.
const RANGES: usize = 6;
/// What rounding may add to a bound, as a part of all bytes.
const ROUNDING: f64 = 1e-9;

/// Load of a kind of the board whose density is in a range.
#[derive(Debug, Clone, Copy)]
struct Sort {
    kind: usize,
    /// The least density.
    least: f64,
}

/// The problem.
#[derive(Debug)]
pub(super) struct Relaxed {
    machines: Vec<Alone>,
    /// By kind and machine of the board, whether it may hold the kind.
    allowed: Vec<Vec<bool>>,
    /// Those of each kind, in the order of their densities.
    sorts: Vec<Sort>,
    /// What moves in each plan: shards that go to where they are pinned.
    fixed: f64,
    /// Load that has to leave.
    leaving: f64,
    /// The bytes of all.
    bytes: f64,
}

impl Relaxed {
    /// The problem of a board on which nothing was moved yet.
    pub(super) fn new(board: &Board<'_>) -> Self {
        let mut loads: Vec<f64> = board.machines.iter().map(|own| f64_of(own.load)).collect();
        let mut pieces: Vec<Vec<Piece>> = board.machines.iter().map(|_| Vec::new()).collect();
        let allowed = board.kinds.iter();
        let allowed = allowed.map(|kind| kind.server_of.iter().map(Option::is_some).collect());
        let allowed: Vec<Vec<bool>> = allowed.collect();
        let (mut fixed, mut leaving) = (0.0, 0.0);
        let mut bytes: Vec<f64> = board.machines.iter().map(|own| f64_of(own.bytes)).collect();
        let density = |item: &Item| f64_of(item.bytes.into()) / f64_of(item.cost.into());
        // Without capacities, the bytes of what is taken count nothing.
        let starts = match board.machines.iter().any(|own| own.capacity.is_some()) {
            true => starts(board.items.iter().map(density).collect()),
            false => Vec::new(),
        };
        for (number, item) in board.items.iter().enumerate() {
            let leaves = board.must_leave(number);
            let (machine, load) = (board.machine(number), f64_of(item.cost.into()));
            if let Some(pin) = item.pin {
                if leaves && board.kinds[item.kind].allowed[pin] {
                    let to = board.machine_of[pin];
                    loads[machine] -= load;
                    loads[to] += load;
                    bytes[machine] -= f64_of(item.bytes.into());
                    bytes[to] += f64_of(item.bytes.into());
                    fixed += f64_of(item.bytes.into());
                }
                continue;
            }
            if !allowed[item.kind].contains(&true) {
                continue;
            }
            if leaves {
                leaving += load;
            }
            let density = density(item);
            pieces[machine].push(Piece {
                sort: item.kind * (starts.len() + 1) + range_of(&starts, density),
                load,
                density,
                leaves,
                cost: 0.0,
            });
        }
        let kinds = 0..board.kinds.len();
        let sorts = kinds.flat_map(|kind| {
            let starts = std::iter::once(0.0).chain(starts.iter().copied());
            starts.map(move |least| Sort { kind, least })
        });
        let sorts: Vec<Sort> = sorts.collect();
        let machines = board.machines.iter().zip(loads).zip(bytes).zip(pieces);
        let machines = machines.enumerate();
        let machines = machines.map(|(machine, (((own, load), bytes), pieces))| Alone {
            machine,
            takes: own.weight > 0,
            load,
            lower: f64_of(own.lower),
            upper: f64_of(own.upper),
            bytes,
            capacity: own.capacity.map_or(f64::INFINITY, |own| f64_of(own.into())),
            pieces: joined(pieces),
        });
        Self {
            machines: machines.collect(),
            allowed,
            sorts,
            fixed,
            leaving,
            bytes: board
                .items
                .iter()
                .map(|item| f64_of(item.bytes.into()))
                .sum(),
        }
    }

    /// The least bytes of plans that leave no more load where it may not be, and outside of shares, than is left on the
    /// board after one.
    pub(super) fn least_bytes(mut self, board: &Board<'_>) -> u64 {
        let mut prices = self.first_prices();
        let (mut leaving, mut stuck, mut held) = (0, 0, 0);
        for (number, item) in board.items.iter().enumerate() {
            if !board.must_leave(number) {
                continue;
            }
            match item.pin {
                Some(pin) if board.kinds[item.kind].allowed[pin] => {
                    stuck += u128::from(item.bytes);
                    held += u128::from(item.cost);
                }
                None if self.allowed[item.kind].contains(&true) => leaving += u128::from(item.cost),
                _ => {}
            }
        }
        // What is pinned elsewhere, and has no room there, is taken for what has moved.
        let outside: u128 = board.machines.iter().map(|own| own.outside(own.load)).sum();
        let (leaving, outside) = (f64_of(leaving), f64_of(outside + 2 * held));
        if leaving > 0.0 {
            prices.staying = 2.0 * prices.outside;
        }
        // Of plans that exceed a capacity, no bound by capacities is true.
        if board.machines.iter().any(|own| own.excess_bytes() > 0) {
            for own in &mut self.machines {
                own.capacity = f64::INFINITY;
            }
        }
        let moved = board.changes.iter().map(Change::bytes).sum();
        let known = self.fixed - f64_of(stuck);
        let limits = Limits {
            leaving,
            outside,
            bytes: f64_of(moved) - known,
        };
        let best = self.highest(prices, &limits);
        let bytes = best + known;
        whole((bytes - self.bytes * ROUNDING).ceil())
    }
}

/// The densities at which ranges of about equally many shards begin, beside the first.
fn starts(mut densities: Vec<f64>) -> Vec<f64> {
    densities.sort_by(f64::total_cmp);
    let mut starts: Vec<f64> = (1..RANGES)
        .filter_map(|range| densities.get(densities.len() * range / RANGES).copied())
        .collect();
    starts.dedup();
    starts.retain(|start| densities.first() != Some(start));
    starts
}

fn range_of(starts: &[f64], density: f64) -> usize {
    starts.partition_point(|start| *start <= density)
}

#[allow(clippy::cast_precision_loss)] // What is lost is within `ROUNDING`.
fn f64_of(number: u128) -> f64 {
    number as f64
}

/// A number that is not negative, as an integer.
#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // `as` saturates.
fn whole(number: f64) -> u64 {
    number as u64
}
