//! The bytes that every plan moves that reaches the same goal.

use super::board::{Board, Item, Machine};

/// The least bytes of a plan that empties the servers that leave and brings each machine between the edges
/// of its share: what is on the servers that leave, and what exceeds the upper edges; or what the machines
/// below their lower edges lack, if that is more.
///
/// A logical shard may count with a part of its bytes, so that no plan of whole shards reaches the bound
/// exactly. If load is not measured in bytes, an excess counts with the shards that have the fewest bytes
/// for their load.
pub(super) fn least_bytes(board: &Board<'_>) -> u64 {
    let mut loads: Vec<u128> = board.machines.iter().map(|own| own.load).collect();
    let mut leaving = 0_u128;
    let mut thinnest: Option<(u64, u64)> = None;
    for (number, item) in board.items.iter().enumerate() {
        if board.must_leave(number) {
            leaving += u128::from(item.bytes);
            let machine = board.machine_of[item.server];
            loads[machine] = loads[machine].saturating_sub(item.cost.into());
        }
        let density = (item.bytes, item.cost);
        if thinnest.is_none_or(|least| is_thinner(density, least)) {
            thinnest = Some(density);
        }
    }
    let (mut above, mut below) = (0_u128, 0_u128);
    for (own, load) in board.machines.iter().zip(loads) {
        if own.weight > 0 {
            above += bytes_of(board, own, load.saturating_sub(own.upper));
            below += own.lower.saturating_sub(load);
        }
    }
    let (bytes, cost) = thinnest.unwrap_or((0, 1));
    let below = below.saturating_mul(bytes.into()) / u128::from(cost.max(1));
    u64::try_from((leaving + above).max(below)).unwrap_or(u64::MAX)
}

/// The least bytes of an excess on a machine, the last shard cut.
fn bytes_of(board: &Board<'_>, machine: &Machine, excess: u128) -> u128 {
    if excess == 0 {
        return 0;
    }
    let items = machine.items.iter().map(|(_, item)| *item);
    let items = items.filter(|item| !board.must_leave(*item));
    let mut items: Vec<&Item> = items.map(|item| &board.items[item]).collect();
    items.sort_by(|one, other| {
        let product = |bytes: u64, cost: u64| u128::from(bytes) * u128::from(cost);
        product(one.bytes, other.cost).cmp(&product(other.bytes, one.cost))
    });
    let (mut left, mut bytes) = (excess, 0);
    for item in items {
        let cost = u128::from(item.cost);
        if cost >= left {
            return bytes + u128::from(item.bytes) * left / cost;
        }
        left -= cost;
        bytes += u128::from(item.bytes);
    }
    bytes
}

fn is_thinner((bytes, cost): (u64, u64), (other_bytes, other_cost): (u64, u64)) -> bool {
    u128::from(bytes) * u128::from(other_cost) < u128::from(other_bytes) * u128::from(cost)
}
