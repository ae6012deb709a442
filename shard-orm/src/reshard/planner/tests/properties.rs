//! What every plan does, on random fleets.

// A failed test shows its seed, and the large one its figures.
#![allow(clippy::print_stdout)]

use std::collections::BTreeMap;
use std::time::Instant;

use super::super::board::Score;
use super::super::{Action, Fleet, Plan, SplitPart, Splits};
use super::fleets::{Case, activate, carried_out, giants, is_allowed, open, tangled};
use crate::config::ServerState;

/// The score of a fleet, with the servers of its first plan in use.
fn score(case: &Case, plan: &Plan, steps: usize) -> Score {
    // Which servers are in use was decided for the whole plan.
    let mut fleet = carried_out(&case.fleet, &plan.steps[..steps]);
    for step in &plan.steps {
        if let Action::Activate { group, server } = &step.action {
            activate(&mut fleet, group, server);
        }
    }
    let (mut board, _) = case.planner.board(&fleet).unwrap();
    case.planner.share(&mut board, case.planner.splits);
    // And the shares.
    let (mut first, _) = case.planner.board(&case.fleet).unwrap();
    case.planner.share(&mut first, case.planner.splits);
    for (own, first) in board.machines.iter_mut().zip(&first.machines) {
        (own.share, own.lower, own.upper) = (first.share, first.lower, first.upper);
    }
    board.score()
}

/// Bytes and capacities by machine.
fn machines(fleet: &Fleet) -> BTreeMap<&str, (u64, Option<u64>)> {
    let mut machines: BTreeMap<&str, (u64, Option<u64>)> = BTreeMap::new();
    let mut machine_of = BTreeMap::new();
    for server in fleet.servers() {
        let own = machines.entry(&server.machine).or_default();
        own.1 = own.1.into_iter().chain(server.capacity).min();
        machine_of.insert((&server.group, &server.name), &server.machine);
    }
    for shard in fleet.shards() {
        let machine = machine_of[&(&shard.group, &shard.server)];
        machines.get_mut(&**machine).unwrap().0 += shard.bytes;
    }
    machines
}

/// Checks each step against rules that know nothing of how it was found.
fn check_steps(case: &Case, plan: &Plan) {
    let mut fleet = case.fleet.clone();
    for (number, step) in plan.steps.iter().enumerate() {
        if let Action::Move {
            group,
            shard,
            from,
            to,
            bytes,
            ..
        } = &step.action
        {
            let own = fleet.shards().iter();
            let mut own = own.filter(|own| own.group == *group && own.number == *shard);
            let own = own.next().unwrap();
            assert_eq!((&own.server, own.bytes), (from, *bytes), "step {number}");
            let servers = fleet.servers().iter();
            let mut servers = servers.filter(|own| own.group == *group && own.name == *to);
            let target = servers.next().unwrap();
            assert_eq!(target.state, ServerState::Active, "step {number}");
            assert!(target.weight > 0, "step {number}");
            assert!(is_allowed(own.class.as_deref(), target), "step {number}");
            let (held, capacity) = machines(&fleet)[&*target.machine];
            assert!(
                capacity.is_none_or(|most| held + bytes <= most),
                "step {number}"
            );
        }
        if let Action::Split {
            group,
            shard,
            from,
            parts,
            rows,
            bytes,
        } = &step.action
        {
            check_split(&fleet, (group, *shard, from), parts, (*rows, *bytes));
        }
        fleet = carried_out(&fleet, std::slice::from_ref(step));
    }
}

/// Checks a split: its parts have the rows of the whole, new numbers, and room on servers that may hold them.
fn check_split(
    fleet: &Fleet,
    (group, shard, from): (&str, u32, &str),
    parts: &[SplitPart],
    size: (u64, u64),
) {
    let own = fleet.shards().iter();
    let mut whole = own.filter(|own| own.group == group && own.number == shard);
    let whole = whole.next().unwrap();
    assert_eq!(
        (&*whole.server, whole.rows, whole.bytes),
        (from, size.0, size.1)
    );
    let rows: u64 = parts.iter().map(|part| part.rows).sum();
    let bytes: u64 = parts.iter().map(|part| part.bytes).sum();
    assert_eq!((rows, bytes), size);
    assert_eq!(parts[0].shard, shard);
    let mut held = machines(fleet);
    for part in &parts[1..] {
        let mut own = fleet.shards().iter();
        assert!(!own.any(|own| own.group == group && own.number == part.shard));
    }
    for part in parts {
        let servers = fleet.servers().iter();
        let mut servers = servers.filter(|own| own.group == group && own.name == part.server);
        let target = servers.next().unwrap();
        assert_eq!(target.state, ServerState::Active);
        assert!(target.weight > 0 && is_allowed(whole.class.as_deref(), target));
        let (bytes, capacity) = held.get_mut(&*target.machine).unwrap();
        *bytes += part.bytes;
        assert!(capacity.is_none_or(|most| *bytes <= most));
    }
}

/// Whether a server that leaves is empty, or the plan says why not.
fn check_drained(case: &Case, plan: &Plan) {
    for (server, load) in case.fleet.servers().iter().zip(&plan.after) {
        let leaves = load.state != ServerState::Active || server.weight == 0;
        let is_named = plan
            .leftovers
            .iter()
            .any(|left| left.server == server.name && left.group == server.group);
        assert!(
            !leaves || load.shards == 0 || is_named,
            "{server:?}\n{:?}",
            plan.leftovers
        );
    }
}

fn check(case: &Case, prefixes: usize) -> Plan {
    let plan = case.planner.plan(&case.fleet).unwrap();
    assert_eq!(
        plan,
        case.planner.plan(&case.fleet).unwrap(),
        "a fleet has one plan"
    );
    check_drained(case, &plan);
    let count = plan.steps.len();
    let stride = count.div_ceil(prefixes.max(1)).max(1);
    let mut before = score(case, &plan, 0);
    for steps in (0..count).step_by(stride).chain([count]) {
        let now = score(case, &plan, steps);
        assert!(
            now <= before,
            "worse after {steps} of {count} steps: {before:?}, {now:?}"
        );
        before = now;
    }
    let done = carried_out(&case.fleet, &plan.steps);
    let again = case.planner.plan(&done).unwrap();
    assert!(
        again.is_empty(),
        "a second plan has {} steps: {:?}",
        again.steps.len(),
        again.steps
    );
    plan
}

/// Plans again after a part of the plan, and returns what both move.
fn interrupted(case: &Case, plan: &Plan, steps: usize) -> u64 {
    let part = carried_out(&case.fleet, &plan.steps[..steps]);
    let moved = plan.steps[..steps].iter().map(|step| match step.action {
        Action::Move { bytes, .. } | Action::Split { bytes, .. } => bytes,
        Action::Activate { .. } => 0,
    });
    let rest = Case {
        fleet: part,
        planner: case.planner.clone(),
    };
    let again = rest.planner.plan(&rest.fleet).unwrap();
    let (first, last) = (
        score(&rest, &again, 0),
        score(&rest, &again, again.steps.len()),
    );
    assert!(last <= first, "{first:?} {last:?}");
    moved.sum::<u64>() + again.bytes
}

#[test]
fn every_prefix_of_a_plan_is_no_worse_and_a_second_plan_is_empty() {
    for seed in 0..100 {
        let case = tangled(seed, 2 + usize::try_from(seed % 13).unwrap(), 40);
        // Shown if it fails.
        println!("seed {seed}");
        let plan = check(&case, usize::MAX);
        check_steps(&case, &plan);
        for part in [plan.steps.len() / 3, plan.steps.len() / 2] {
            interrupted(&case, &plan, part);
        }
    }
}

#[test]
fn plans_with_splits_have_the_same_properties() {
    let mut splits = 0;
    for seed in 0..200 {
        let servers = 2 + usize::try_from(seed % 13).unwrap();
        let case = giants(seed, servers, 40, seed % 2 == 0);
        println!("seed {seed}");
        let plan = check(&case, usize::MAX);
        check_steps(&case, &plan);
        for part in [plan.steps.len() / 3, plan.steps.len() / 2] {
            interrupted(&case, &plan, part);
        }
        splits += plan.splits();
    }
    assert!(splits > 100, "{splits} splits");
}

#[test]
fn giants_are_levelled_by_splits() {
    for seed in 0..40 {
        let mut case = giants(seed, 8, 400, true);
        case.planner = case.planner.split(Splits::AboveShare);
        println!("seed {seed}");
        let plan = check(&case, 10);
        let left = plan.leftovers.iter();
        let large: Vec<_> = left
            .filter(|left| left.message.contains("larger"))
            .collect();
        assert!(large.is_empty(), "{large:?}");
        let large = plan.after.iter().filter(|load| load.share > 0);
        for load in large {
            assert!(load.load <= load.share / 100 * 112, "{load:?}");
        }
    }
}

/// The bound in plain words: what is on draining servers, and what exceeds 110 percent of a share by weight;
/// or what servers lack to 90 percent of it, if that is more.
fn bound(case: &Case) -> u64 {
    let mut loads: BTreeMap<&str, u64> = BTreeMap::new();
    for shard in case.fleet.shards() {
        *loads.entry(&shard.server).or_default() += shard.bytes;
    }
    let total: u64 = loads.values().sum();
    let staying = case.fleet.servers().iter();
    let staying = staying.filter(|server| server.state == ServerState::Active);
    let weights: u64 = staying.map(|server| u64::from(server.weight)).sum();
    let (mut leaving, mut above, mut below) = (0, 0, 0);
    for server in case.fleet.servers() {
        let load = loads.get(&*server.name).copied().unwrap_or_default();
        if server.state != ServerState::Active {
            leaving += load;
            continue;
        }
        let share = total / weights * u64::from(server.weight);
        above += load.saturating_sub(share / 100 * 110);
        below += (share / 100 * 90).saturating_sub(load);
    }
    (leaving + above).max(below)
}

/// Checks an open fleet, and returns by how many thousandths its plan exceeds the bound.
fn check_open(case: &Case, prefixes: usize) -> u64 {
    let plan = check(case, prefixes);
    let bound = bound(case);
    // What the plan leaves outside of the shares need not be moved. The division of shares rounds.
    let (rounds, outside) = (
        bound / 1_000 + 1_000,
        score(case, &plan, plan.steps.len()).outside,
    );
    let outside = u64::try_from(outside).unwrap();
    assert!(
        plan.least_bytes <= bound + rounds && plan.least_bytes + outside + rounds >= bound,
        "{} {bound} {outside}",
        plan.least_bytes
    );
    for load in &plan.after {
        if load.state == ServerState::Draining {
            assert_eq!(load.shards, 0, "{load:?}");
        } else {
            // A fifth of a shard may be left where a move is not worth its bytes.
            let slack = load.share / 100 * 2;
            assert!(load.load <= load.share / 100 * 110 + slack, "{load:?}");
            assert!(load.load + slack >= load.share / 100 * 90, "{load:?}");
        }
    }
    plan.bytes.saturating_sub(bound) * 1_000 / bound.max(1)
}

#[test]
fn few_bytes_are_moved() {
    for seed in 0..12 {
        let case = open(seed, 20, 2_000);
        let excess = check_open(&case, 20);
        assert!(
            excess <= 50,
            "seed {seed}: {excess} thousandths above the bound"
        );
    }
}

#[test]
fn an_interrupted_plan_is_continued_by_a_new_one() {
    for seed in 0..12 {
        let case = open(seed, 20, 2_000);
        let plan = case.planner.plan(&case.fleet).unwrap();
        for part in [1, 2, 3] {
            let bytes = interrupted(&case, &plan, plan.steps.len() * part / 4);
            assert!(
                bytes <= plan.bytes / 100 * 105,
                "seed {seed}: {bytes} of {}",
                plan.bytes
            );
        }
    }
}

/// By how many thousandths a plan exceeds its bound.
fn excess(plan: &Plan) -> u64 {
    plan.bytes.saturating_sub(plan.least_bytes) * 1_000 / plan.least_bytes.max(1)
}

/// Whether servers have capacities, of which the bound knows less than of all else.
fn has_capacities(case: &Case) -> bool {
    let mut servers = case.fleet.servers().iter();
    servers.any(|server| server.capacity.is_some())
}

#[test]
fn few_bytes_are_moved_in_tangled_fleets() {
    let mut all = Vec::new();
    for seed in 0..24 {
        let case = tangled(seed, 20, 2_000);
        let plan = case.planner.plan(&case.fleet).unwrap();
        let excess = excess(&plan);
        let most = if has_capacities(&case) { 700 } else { 50 };
        assert!(
            excess <= most,
            "seed {seed}: {excess} thousandths above the bound"
        );
        all.push(excess);
    }
    let mean = all.iter().sum::<u64>() / all.len() as u64;
    assert!(mean <= 100, "{mean} thousandths above the bound: {all:?}");
}

/// The figures of `benches/README.md`.
#[test]
#[ignore = "for a release build: minutes without"]
fn a_large_fleet_is_planned_in_two_seconds() {
    let fleets = (0..4).map(|seed| ("open", open(seed, 1_000, 100_000)));
    let others = (0..3).map(|seed| ("tangled", tangled(seed, 1_000, 100_000)));
    let large = (0..2).map(|seed| ("giants", giants(seed, 1_000, 100_000, seed == 0)));
    for (number, (kind, case)) in fleets.chain(others).chain(large).enumerate() {
        let times = (0..3).map(|_| {
            let begun = Instant::now();
            case.planner.plan(&case.fleet).unwrap();
            begun.elapsed()
        });
        let elapsed = times.min().unwrap();
        let excess = if kind == "open" {
            check_open(&case, 6)
        } else {
            let plan = check(&case, 6);
            match kind {
                "tangled" if !has_capacities(&case) => excess(&plan),
                _ => 0,
            }
        };
        let plan = case.planner.plan(&case.fleet).unwrap();
        println!(
            "{kind} {number}: planned in {elapsed:?}; {} moves, {} splits, {} bytes of at least {}",
            plan.moves(),
            plan.splits(),
            plan.bytes,
            plan.least_bytes
        );
        assert!(excess <= 50, "{excess} thousandths above the bound");
        assert!(elapsed.as_secs() < 2, "{elapsed:?}");
    }
}
