//! A machine by itself: what it pays at least, at given prices, and what it does for that.

use super::Sort;
use super::ascent::{Outcome, Prices};

/// The prices of a byte on a machine that is full, as parts of moving it.
const BYTES: [f64; 3] = [0.7, 2.0, 6.0];

/// Something that may leave a machine.
#[derive(Debug, Clone, Copy)]
pub(super) struct Piece {
    /// The kind of load: a kind of the board, and a range of densities.
    pub(super) sort: usize,
    pub(super) load: f64,
    /// Bytes for each unit of load.
    pub(super) density: f64,
    pub(super) leaves: bool,
    /// What handing over a unit costs now.
    pub(super) cost: f64,
}

/// A machine by itself.
#[derive(Debug, Clone)]
pub(super) struct Alone {
    /// Its number on the board.
    pub(super) machine: usize,
    /// Whether it has a share, and takes load.
    pub(super) takes: bool,
    pub(super) load: f64,
    pub(super) lower: f64,
    pub(super) upper: f64,
    pub(super) bytes: f64,
    pub(super) capacity: f64,
    pub(super) pieces: Vec<Piece>,
}

/// Who may hold which kind, and all sorts.
pub(super) type Holds<'r> = (&'r [Vec<bool>], &'r [Sort]);

/// What a machine pays, and does for it.
struct Payment {
    paid: f64,
    bytes: f64,
    /// By sort, what it hands over and does not take.
    left: Vec<f64>,
    outside: f64,
    gone: f64,
}

impl Alone {
    /// The sort for which a machine is paid most, where a byte costs so much.
    fn dearest(
        &self,
        (allowed, sorts): Holds<'_>,
        prices: &Prices,
        byte: f64,
    ) -> Option<(usize, f64)> {
        let sorts = sorts.iter().zip(&prices.of_sorts).enumerate();
        let own = sorts.filter(|(_, (sort, _))| self.takes && allowed[sort.kind][self.machine]);
        let own = own.map(|(number, (sort, price))| (number, price - byte * sort.least));
        own.reduce(|one, other| if other.1 > one.1 { other } else { one })
    }

    /// What it pays at least, added to the outcome. Where its bytes exceed its capacity, they get a price of their own.
    pub(super) fn pay_least(&mut self, holds: Holds<'_>, prices: &Prices, outcome: &mut Outcome) {
        let mut best = self.payment(holds, prices, 0.0);
        if best.bytes > self.capacity {
            for byte in BYTES {
                let other = self.payment(holds, prices, byte);
                if other.paid <= best.paid {
                    break;
                }
                best = other;
            }
        }
        outcome.paid += best.paid;
        outcome.outside += best.outside;
        outcome.gone += best.gone;
        for (left, own) in outcome.left.iter_mut().zip(&best.left) {
            *left += own;
        }
    }

    fn payment(&mut self, holds: Holds<'_>, prices: &Prices, byte: f64) -> Payment {
        let dearest = self.dearest(holds, prices, byte);
        let most = prices.outside;
        // What a unit less is worth: above the share, within it, and below it.
        let (within, below) = match dearest {
            Some((_, price)) if price > 0.0 => (price, price),
            Some((_, price)) => (0.0, f64::max(price, -most)),
            None => (0.0, -most),
        };
        let mut payment = Payment {
            paid: 0.0,
            bytes: self.bytes,
            left: vec![0.0; prices.of_sorts.len()],
            outside: 0.0,
            gone: 0.0,
        };
        let mut load = self.load;
        self.in_order(prices, byte);
        for piece in &self.pieces {
            let (cost, mut left) = (piece.cost, piece.load);
            if self.takes && cost >= f64::max(most, 0.0) {
                break;
            }
            while left > 0.0 {
                let (worth, edge) = match load {
                    _ if !self.takes => (0.0, f64::NEG_INFINITY),
                    load if load > self.upper => (most, self.upper),
                    load if load > self.lower => (within, self.lower),
                    _ => (below, f64::NEG_INFINITY),
                };
                if cost >= worth {
                    break;
                }
                let room = load - edge;
                let gone = f64::min(left, room);
                payment.paid += cost * gone;
                payment.bytes -= piece.density * gone;
                payment.left[piece.sort] += gone;
                payment.gone += if piece.leaves { gone } else { 0.0 };
                load = if room <= left { edge } else { load - gone };
                left -= gone;
            }
        }
        if self.takes {
            // What it takes then.
            if let Some((sort, price)) = dearest {
                let to = if price > 0.0 { self.upper } else { self.lower };
                if load < to && price >= -most {
                    payment.paid -= price * (to - load);
                    payment.bytes += holds.1[sort].least * (to - load);
                    payment.left[sort] -= to - load;
                    load = to;
                }
            }
            payment.outside = f64::max(0.0, f64::max(load - self.upper, self.lower - load));
            payment.paid += most * payment.outside;
        }
        if byte > 0.0 {
            payment.paid += byte * (self.bytes - self.capacity);
        }
        payment
    }

    /// Brings what leaves first to the front.
    fn in_order(&mut self, prices: &Prices, byte: f64) {
        for piece in &mut self.pieces {
            let stays = if piece.leaves { prices.staying } else { 0.0 };
            piece.cost = piece.density * (1.0 - byte) + prices.of_sorts[piece.sort] - stays;
        }
        // Most of them are in the order of the last prices.
        self.pieces
            .sort_by(|one, other| one.cost.total_cmp(&other.cost));
    }
}

/// Pieces of one sort and density as one.
pub(super) fn joined(mut pieces: Vec<Piece>) -> Vec<Piece> {
    pieces.sort_by(|one, other| {
        let order = (one.sort, one.leaves).cmp(&(other.sort, other.leaves));
        order.then(one.density.total_cmp(&other.density))
    });
    let is_same = |one: &Piece, other: &Piece| {
        let is_same = (one.sort, one.leaves) == (other.sort, other.leaves);
        is_same && one.density.to_bits() == other.density.to_bits()
    };
    pieces.dedup_by(|other, one| {
        let joins = is_same(one, other);
        if joins {
            one.load += other.load;
        }
        joins
    });
    pieces
}
