//! Tiny fleets, of which all ways to place the shards are tried.

#![allow(clippy::print_stdout)]

use super::super::board::Score;
use super::super::{Fleet, Plan};
use super::fleets::{Case, carried_out, tangled};

/// A way to place the shards: what it leaves to be desired, and the bytes that get there.
type Placed = (Score, u64);

/// All ways to place the shards of a fleet on servers that may hold them, or to leave them where they are.
fn placements(case: &Case) -> Vec<Placed> {
    let (mut board, _) = case.planner.board(&case.fleet).unwrap();
    case.planner.share(&mut board, case.planner.splits);
    let choices: Vec<Vec<usize>> = (0..board.items.len())
        .map(|item| {
            let machines = 0..board.machines.len();
            let mut servers: Vec<usize> = machines
                .filter_map(|machine| board.server_at(item, machine))
                .filter(|server| *server != board.items[item].server)
                .collect();
            servers.push(board.items[item].server);
            servers
        })
        .collect();
    let homes: Vec<usize> = board.items.iter().map(|item| item.server).collect();
    let mut placed = Vec::new();
    let mut chosen = vec![0; choices.len()];
    loop {
        let mut bytes = 0;
        for (item, at) in chosen.iter().enumerate() {
            let server = choices[item][*at];
            board.put_on(item, server);
            if server != homes[item] {
                bytes += board.items[item].bytes;
            }
        }
        placed.push((board.score(), bytes));
        let Some(next) = (0..chosen.len()).find(|at| chosen[*at] + 1 < choices[*at].len()) else {
            return placed;
        };
        chosen[next] += 1;
        chosen[..next].fill(0);
    }
}

/// What a plan leaves to be desired.
fn score(case: &Case, plan: &Plan) -> Score {
    let (mut board, _) = case.planner.board(&case.fleet).unwrap();
    case.planner.share(&mut board, case.planner.splits);
    let done: Fleet = carried_out(&case.fleet, &plan.steps);
    for (item, shard) in done.shards().iter().enumerate() {
        let servers = done.servers().iter();
        let mut servers = servers.enumerate();
        let found = servers.find(|(_, own)| own.group == shard.group && own.name == shard.server);
        board.put_on(item, found.unwrap().0);
    }
    board.score()
}

/// How many fleets are tried.
const FLEETS: u64 = 200;

#[test]
fn no_way_to_place_the_shards_moves_less_than_the_bound() {
    let (mut planned, mut best, mut bounds, mut exact) = (0_u128, 0_u128, 0_u128, 0);
    for seed in 0..FLEETS {
        let case = tangled(seed, 3, 7);
        let plan = case.planner.plan(&case.fleet).unwrap();
        let reached = score(&case, &plan);
        let all = placements(&case);
        let as_good = |(own, _): &&Placed| {
            own.leaving <= reached.leaving
                && own.over_capacity <= reached.over_capacity
                && own.outside <= reached.outside
        };
        let least = all.iter().filter(as_good).map(|(_, bytes)| *bytes).min();
        let least = least.unwrap();
        assert!(
            plan.least_bytes <= least,
            "seed {seed}: a bound of {}, and {least} suffice",
            plan.least_bytes
        );
        let is_better = |(own, _): &&Placed| *own <= reached;
        let least = all.iter().filter(is_better).map(|(_, bytes)| *bytes).min();
        let least = least.unwrap();
        assert!(least <= plan.bytes, "seed {seed}");
        exact += u64::from(least == plan.bytes);
        planned += u128::from(plan.bytes);
        best += u128::from(least);
        bounds += u128::from(plan.least_bytes);
    }
    println!(
        "{exact} of {FLEETS} move the least; all {planned}, the best {best}, the bounds {bounds}"
    );
    assert!(exact >= FLEETS * 85 / 100, "{exact} plans move the least");
    assert!(planned * 100 <= best * 105, "{planned} of {best} bytes");
    assert!(bounds * 100 >= best * 85, "{bounds} of {best} bytes");
}
