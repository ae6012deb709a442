//! The share of each machine: what it would hold if the load were spread by weight.
//!
//! Machines that exchange load, directly or through others, form a component; a component has one load to
//! spread. Shares depend on what there is to hold, not on where it is: a second plan has the same shares.

use std::collections::BTreeMap;

use super::board::Board;

/// Finds the components, and sets shares and edges.
pub(super) fn set_shares(board: &mut Board<'_>, threshold_percent: u32, cost_is_bytes: bool) {
    let count = components(board);
    let mut totals = vec![0_u128; count];
    let mut fixed = vec![0_u128; board.machines.len()];
    // The machine of the kinds that have one only.
    let only = board.kinds.iter().map(|kind| {
        let machines = kind.server_of.iter().enumerate();
        let mut machines = machines.filter_map(|(machine, server)| server.map(|_| machine));
        machines.next().filter(|_| machines.next().is_none())
    });
    let only: Vec<Option<usize>> = only.collect();
    for item in &board.items {
        let kind = &board.kinds[item.kind];
        let only = match item.pin {
            Some(pin) => Some(board.machine_of[pin]),
            None => only[item.kind],
        };
        if let Some(machine) = only {
            fixed[machine] += u128::from(item.cost);
        }
        let component = match item.pin {
            Some(pin) => board.machines[board.machine_of[pin]].component,
            None => Some(kind.component),
        };
        if let Some(total) = component.and_then(|own| totals.get_mut(own)) {
            *total += u128::from(item.cost);
        }
    }
    for (component, total) in totals.into_iter().enumerate() {
        spread(
            board,
            component,
            total,
            &fixed,
            threshold_percent,
            cost_is_bytes,
        );
    }
}

/// Numbers the components of the machines that hold something, and returns how many there are.
fn components(board: &mut Board<'_>) -> usize {
    let mut leader: Vec<usize> = (0..board.machines.len()).collect();
    for kind in &board.kinds {
        let machines = kind.server_of.iter().enumerate();
        let mut machines = machines.filter_map(|(machine, server)| server.map(|_| machine));
        if let Some(first) = machines.next() {
            for other in machines {
                let (one, other) = (find(&mut leader, first), find(&mut leader, other));
                leader[one.max(other)] = one.min(other);
            }
        }
    }
    let mut numbers: BTreeMap<usize, usize> = BTreeMap::new();
    for machine in 0..board.machines.len() {
        if board.machines[machine].weight > 0 {
            let next = numbers.len();
            let number = *numbers.entry(find(&mut leader, machine)).or_insert(next);
            board.machines[machine].component = Some(number);
        }
    }
    for kind in &mut board.kinds {
        let machine = kind.server_of.iter().position(Option::is_some);
        let component = machine.and_then(|machine| board.machines[machine].component);
        // A kind that no server may hold belongs to no component.
        kind.component = component.unwrap_or(usize::MAX);
    }
    numbers.len()
}

fn find(leader: &mut [usize], machine: usize) -> usize {
    let mut root = machine;
    while leader[root] != root {
        root = leader[root];
    }
    let mut at = machine;
    while leader[at] != root {
        at = std::mem::replace(&mut leader[at], root);
    }
    root
}

/// Spreads the load of a component. A machine that has to hold more than its part by weight, or cannot hold
/// as much, is set aside with what it holds, and the others share the rest.
fn spread(
    board: &mut Board<'_>,
    component: usize,
    total: u128,
    fixed: &[u128],
    threshold_percent: u32,
    cost_is_bytes: bool,
) {
    let (above, below) = (
        100 + u128::from(threshold_percent),
        100_u128.saturating_sub(threshold_percent.into()),
    );
    let is_member = |machine: &usize| board.machines[*machine].component == Some(component);
    let members: Vec<usize> = (0..board.machines.len()).filter(is_member).collect();
    let mut aside: BTreeMap<usize, u128> = BTreeMap::new();
    let mut left = total;
    let weights = loop {
        let weights: u128 = members
            .iter()
            .filter(|machine| !aside.contains_key(machine))
            .map(|machine| u128::from(board.machines[*machine].weight))
            .sum();
        let known = aside.len();
        for machine in &members {
            let own = &board.machines[*machine];
            if aside.contains_key(machine) {
                continue;
            }
            let share = left * u128::from(own.weight) / weights.max(1);
            let most = own.capacity.map(u128::from).filter(|_| cost_is_bytes);
            if fixed[*machine] > share * above / 100 {
                aside.insert(*machine, fixed[*machine]);
            } else if let Some(most) = most.filter(|most| *most < share) {
                aside.insert(*machine, most);
            }
        }
        if aside.len() == known {
            break weights;
        }
        left = total.saturating_sub(aside.values().sum());
    };
    let least = share_without_large(board, component, left, weights, above);
    for machine in members {
        let own = &mut board.machines[machine];
        let weight = u128::from(own.weight);
        if let Some(held) = aside.get(&machine) {
            (own.share, own.lower, own.upper) = (*held, 0, *held);
            continue;
        }
        let (dividend, divisor) = (left * weight, weights.max(1));
        let (share, rounded_up) = (dividend / divisor, dividend.div_ceil(divisor));
        own.share = share;
        // Whole shards cannot be cut: a share of 2.5 is reached with 2 and with 3.
        own.upper = (share * above / 100).max(rounded_up);
        let (whole, parts) = least;
        let share = (whole * weight / parts.max(1)).min(share);
        own.lower = (share * below).div_ceil(100).min(share);
        if let Some(most) = own.capacity.map(u128::from).filter(|_| cost_is_bytes) {
            own.upper = own.upper.min(most);
        }
    }
}

/// The share of a machine without a shard that is larger than a share: such a shard fills a machine alone,
/// and the others share what is left. A load, and the weights that share it.
fn share_without_large(
    board: &Board<'_>,
    component: usize,
    left: u128,
    weights: u128,
    above: u128,
) -> (u128, u128) {
    let members = board.machines.iter();
    let members = members.filter(|own| own.component == Some(component));
    let largest = members.map(|own| u128::from(own.weight)).max().unwrap_or(1);
    let own = board
        .items
        .iter()
        .filter(|item| item.pin.is_none() && item.due.is_none())
        .filter(|item| board.kinds[item.kind].component == component);
    let mut costs: Vec<u128> = own.map(|item| u128::from(item.cost)).collect();
    costs.sort_unstable();
    let (mut left, mut parts) = (left, weights);
    while let Some(cost) = costs.pop() {
        if cost <= left * largest * above / parts.max(1) / 100 || parts <= largest {
            break;
        }
        left = left.saturating_sub(cost);
        parts -= largest;
    }
    (left, parts)
}
