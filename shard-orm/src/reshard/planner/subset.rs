//! Which shards leave a server that has too much: a set that covers the excess with the fewest bytes.
//!
//! The covering knapsack problem, by two greedy orders and local improvement: O(n log n).

use std::cmp::Reverse;

/// How often the set is improved.
const ROUNDS: usize = 24;

/// Something that may be chosen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Piece {
    pub(super) id: usize,
    /// At least 1.
    pub(super) cost: u64,
    pub(super) bytes: u64,
}

/// Chooses pieces whose costs add up to `need` or more, with few bytes; all of them if they do not suffice.
/// The result is ordered by id.
pub(super) fn cover(pieces: &[Piece], need: u128) -> Vec<usize> {
    if need == 0 {
        return Vec::new();
    }
    let mut by_cost = pieces.to_vec();
    by_cost.sort_by_key(|piece| (piece.cost, piece.bytes, piece.id));
    let mut best = improved(&by_cost, largest_first(&by_cost, need), need);
    if pieces.iter().any(|piece| piece.cost != piece.bytes) {
        let other = improved(&by_cost, densest_first(&by_cost, need), need);
        if bytes(&by_cost, &other) < bytes(&by_cost, &best) {
            best = other;
        }
    }
    let chosen = by_cost.iter().zip(&best).filter(|(_, chosen)| **chosen);
    let mut ids: Vec<usize> = chosen.map(|(piece, _)| piece.id).collect();
    ids.sort_unstable();
    ids
}

/// The largest pieces that fit, and then the smallest one that covers the rest.
fn largest_first(by_cost: &[Piece], need: u128) -> Vec<bool> {
    let mut chosen = vec![false; by_cost.len()];
    let mut left = need;
    for (piece, chosen) in by_cost.iter().zip(&mut chosen).rev() {
        if u128::from(piece.cost) <= left {
            *chosen = true;
            left -= u128::from(piece.cost);
        }
    }
    if left > 0 {
        let rest = by_cost.iter().zip(&mut chosen);
        let mut rest = rest.filter(|(piece, chosen)| !**chosen && u128::from(piece.cost) >= left);
        if let Some((_, last)) = rest.next() {
            *last = true;
        } else {
            // Nothing covers the rest alone.
            for (piece, chosen) in by_cost.iter().zip(&mut chosen).rev() {
                if left > 0 && !*chosen {
                    *chosen = true;
                    left = left.saturating_sub(piece.cost.into());
                }
            }
        }
    }
    chosen
}

/// The pieces with the fewest bytes for their cost.
fn densest_first(by_cost: &[Piece], need: u128) -> Vec<bool> {
    let mut order: Vec<usize> = (0..by_cost.len()).collect();
    order.sort_by(|a, b| {
        let (one, other) = (by_cost[*a], by_cost[*b]);
        let product = |bytes: u64, cost: u64| u128::from(bytes) * u128::from(cost);
        let density = product(one.bytes, other.cost).cmp(&product(other.bytes, one.cost));
        density.then_with(|| b.cmp(a))
    });
    let mut chosen = vec![false; by_cost.len()];
    let mut left = need;
    for at in order {
        if left == 0 {
            break;
        }
        chosen[at] = true;
        left = left.saturating_sub(by_cost[at].cost.into());
    }
    chosen
}

/// Leaves out what is not needed, and replaces pieces by others of fewer bytes.
fn improved(by_cost: &[Piece], mut chosen: Vec<bool>, need: u128) -> Vec<bool> {
    for _ in 0..ROUNDS {
        let Some(slack) = cost(by_cost, &chosen).checked_sub(need) else {
            return chosen;
        };
        // From each position on, the position of the piece with the fewest bytes that is not chosen.
        let mut fewest: Vec<Option<usize>> = vec![None; by_cost.len() + 1];
        for at in (0..by_cost.len()).rev() {
            fewest[at] = match fewest[at + 1] {
                best if chosen[at] => best,
                Some(best) if by_cost[best].bytes < by_cost[at].bytes => Some(best),
                _ => Some(at),
            };
        }
        let mut best: Option<(u64, Reverse<usize>, Option<usize>)> = None;
        for at in (0..by_cost.len()).filter(|at| chosen[*at]) {
            let piece = by_cost[at];
            let least = u128::from(piece.cost).saturating_sub(slack);
            let found = if least == 0 {
                (piece.bytes, Reverse(at), None)
            } else {
                let from = by_cost.partition_point(|other| u128::from(other.cost) < least);
                let Some(other) = fewest[from] else { continue };
                let saved = piece.bytes.saturating_sub(by_cost[other].bytes);
                (saved, Reverse(at), Some(other))
            };
            best = best.max(Some(found));
        }
        match best {
            Some((saved, Reverse(out), into)) if saved > 0 => {
                chosen[out] = false;
                if let Some(into) = into {
                    chosen[into] = true;
                }
            }
            _ => return chosen,
        }
    }
    chosen
}

fn cost(by_cost: &[Piece], chosen: &[bool]) -> u128 {
    let chosen = by_cost.iter().zip(chosen).filter(|(_, chosen)| **chosen);
    chosen.map(|(piece, _)| u128::from(piece.cost)).sum()
}

fn bytes(by_cost: &[Piece], chosen: &[bool]) -> u128 {
    let chosen = by_cost.iter().zip(chosen).filter(|(_, chosen)| **chosen);
    chosen.map(|(piece, _)| u128::from(piece.bytes)).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pieces(pairs: &[(u64, u64)]) -> Vec<Piece> {
        let pieces = pairs.iter().enumerate();
        let pieces = pieces.map(|(id, (cost, bytes))| Piece {
            id,
            cost: *cost,
            bytes: *bytes,
        });
        pieces.collect()
    }

    #[test]
    fn an_excess_is_covered_with_the_fewest_bytes() {
        let same = |costs: &[u64]| {
            let pairs: Vec<(u64, u64)> = costs.iter().map(|cost| (*cost, *cost)).collect();
            pieces(&pairs)
        };
        for (given, need, expected) in [
            (same(&[5, 3, 8]), 0, vec![]),
            (same(&[5, 3, 8]), 8, vec![2]),
            (same(&[5, 3, 9]), 8, vec![0, 1]),
            (same(&[6, 7, 10]), 11, vec![0, 1]),
            (same(&[5, 3, 8]), 100, vec![0, 1, 2]),
            // Rows in few bytes go first.
            (pieces(&[(10, 100), (5, 20), (5, 30)]), 10, vec![1, 2]),
            (pieces(&[(10, 40), (5, 20), (5, 30)]), 10, vec![0]),
        ] {
            assert_eq!(cover(&given, need), expected, "{given:?} {need}");
        }
        assert!(cover(&[], 7).is_empty());
    }
}
