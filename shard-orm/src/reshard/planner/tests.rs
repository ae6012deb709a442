//! Small fleets with a known plan, and random ones with the properties of every plan.

#![allow(clippy::unwrap_used)]

mod exact;
mod fleets;
mod properties;
mod splits;

use super::{Action, Cost, Fleet, Plan, Planner, Server, Shard, Splits, Why};
use crate::config::ServerState;
use crate::dialect::Dialect;

/// Servers `a`, `b`, .. of group `shop` with logical shards of these sizes.
fn fleet(servers: &[&[u64]]) -> Fleet {
    let mut fleet = Fleet::new();
    let mut number = 0;
    for (name, sizes) in ('a'..).zip(servers) {
        fleet.server(Server::new("shop", name));
        for size in *sizes {
            fleet.shard(Shard::new("shop", number, name).bytes(*size));
            number += 1;
        }
    }
    fleet
}

fn plan(fleet: &Fleet) -> Plan {
    Planner::new().plan(fleet).unwrap()
}

/// The steps: `3 a>b`, `activate c`.
fn steps(plan: &Plan) -> Vec<String> {
    let steps = plan.steps.iter().map(|step| match &step.action {
        Action::Activate { server, .. } => format!("activate {server}"),
        Action::Move {
            shard, from, to, ..
        } => format!("{shard} {from}>{to}"),
        Action::Split {
            shard, from, parts, ..
        } => {
            let parts = parts.iter();
            let parts = parts.map(|part| format!("{} {}", part.shard, part.server));
            format!("{shard} {from}>{}", parts.collect::<Vec<_>>().join(", "))
        }
    });
    steps.collect()
}

/// The bytes of each server after the plan.
fn after(plan: &Plan) -> Vec<u64> {
    plan.after.iter().map(|server| server.bytes).collect()
}

fn set(fleet: &mut Fleet, server: usize, change: impl FnOnce(Server) -> Server) {
    let own = fleet.servers[server].clone();
    fleet.servers[server] = change(own);
}

#[test]
fn a_new_server_gets_its_share() {
    let plan = plan(&fleet(&[&[10; 10], &[10; 10], &[]]));
    assert_eq!(after(&plan), [70, 70, 60]);
    assert_eq!(plan.bytes, 60);
    assert!(plan.leftovers.is_empty(), "{plan:?}");
    assert!(
        plan.steps
            .iter()
            .all(|step| step.why == Why::BelowShare || step.why == Why::AboveShare)
    );
}

#[test]
fn servers_within_their_share_are_left_as_they_are() {
    let plan = plan(&fleet(&[&[10; 10], &[10; 9], &[10; 11]]));
    assert!(plan.is_empty(), "{plan:?}");
    assert!(plan.leftovers.is_empty(), "{plan:?}");
}

#[test]
fn a_server_is_filled_though_none_has_too_much() {
    let mut servers = vec![&[10; 10][..]; 20];
    servers.push(&[]);
    let plan = plan(&fleet(&servers));
    assert_eq!((plan.moves(), plan.after[20].bytes), (9, 90));
    assert!(
        plan.steps.iter().all(|step| step.why == Why::BelowShare),
        "{plan:?}"
    );
    assert_eq!(plan.least_bytes, 86);
}

#[test]
fn a_move_has_to_be_worth_its_bytes() {
    let fleet = fleet(&[&[50, 40, 12, 12], &[98], &[97]]);
    let kept = plan(&fleet);
    assert!(kept.is_empty(), "{kept:?}");
    assert!(
        kept.leftovers[0].message.contains("worth its bytes"),
        "{kept:?}"
    );
    let plan = Planner::new().least_gain(5).plan(&fleet).unwrap();
    assert_eq!(steps(&plan), ["2 a>c"]);
}

#[test]
fn weights_decide_about_shares() {
    let mut fleet = fleet(&[&[10; 12], &[]]);
    set(&mut fleet, 0, |server| server.weight(2));
    assert_eq!(after(&plan(&fleet)), [80, 40]);
}

#[test]
fn a_draining_server_is_emptied_first() {
    let mut fleet = fleet(&[&[30, 10, 10, 10], &[10, 10], &[10]]);
    set(&mut fleet, 2, |server| server.state(ServerState::Draining));
    let plan = plan(&fleet);
    assert_eq!(steps(&plan)[0], "6 c>b");
    assert_eq!(plan.steps[0].why, Why::ServerLeaves);
    assert_eq!(after(&plan), [50, 40, 0]);
    // One byte is left outside of the shares.
    assert_eq!(plan.least_bytes, 20);
}

#[test]
fn a_drain_moves_nothing_else_on_request() {
    let mut fleet = fleet(&[&[10; 8], &[10, 10], &[10]]);
    set(&mut fleet, 2, |server| server.state(ServerState::Draining));
    let plan = Planner::new().drain_only().plan(&fleet).unwrap();
    assert_eq!(steps(&plan), ["10 c>b"]);
    assert!(plan.leftovers.is_empty(), "{plan:?}");
}

#[test]
fn a_drain_without_room_says_why() {
    let mut fleet = fleet(&[&[70], &[10, 10]]);
    set(&mut fleet, 0, |server| server.state(ServerState::Draining));
    set(&mut fleet, 1, |server| server.capacity(80));
    let plan = plan(&fleet);
    assert!(plan.is_empty(), "{plan:?}");
    let message = plan.leftovers[0].to_string();
    assert!(
        message.contains("server `a`") && message.contains("room for 60 bytes"),
        "{message}"
    );
    set(&mut fleet, 1, |server| server.state(ServerState::Draining));
    let plan = super::tests::plan(&fleet);
    assert!(
        plan.leftovers[0].message.contains("no server may take it"),
        "{plan:?}"
    );
}

#[test]
fn a_capacity_holds_while_both_copies_exist() {
    let mut fleet = fleet(&[&[10; 10], &[10; 2]]);
    set(&mut fleet, 1, |server| server.capacity(45));
    let plan = plan(&fleet);
    assert_eq!(after(&plan), [80, 40]);
    // And a server above its capacity gives away what is too much.
    set(&mut fleet, 1, |server| server.capacity(15));
    let plan = super::tests::plan(&fleet);
    assert_eq!(after(&plan), [110, 10]);
    assert_eq!(plan.steps[0].why, Why::OverCapacity);
}

#[test]
fn an_inactive_server_is_brought_in_when_the_others_are_full() {
    let mut fleet = fleet(&[&[10; 7], &[10; 7], &[], &[]]);
    for server in 0..4 {
        set(&mut fleet, server, |server| server.capacity(100));
    }
    for server in 2..4 {
        set(&mut fleet, server, |server| {
            server.state(ServerState::Inactive)
        });
    }
    assert!(plan(&fleet).is_empty());
    let fuller = Planner::new().fill(60).plan(&fleet).unwrap();
    assert_eq!(steps(&fuller)[0], "activate c");
    assert_eq!(fuller.steps[0].why, Why::ServersAreFull);
    assert_eq!(after(&fuller), [50, 50, 40, 0]);
    assert_eq!(fuller.after[2].state, ServerState::Active);
    assert_eq!(fuller.after[3].state, ServerState::Inactive);
}

#[test]
fn pins_are_honoured() {
    let fleet = fleet(&[&[10; 8], &[]]);
    let planner = Planner::new().keep("shop", 0).pin("shop", 1, "b");
    let plan = planner.plan(&fleet).unwrap();
    assert_eq!(steps(&plan)[0], "1 a>b");
    assert_eq!(plan.steps[0].why, Why::Pinned);
    assert!(!steps(&plan).iter().any(|step| step.starts_with("0 ")));
    assert_eq!(after(&plan), [40, 40]);
    let error = Planner::new().pin("shop", 1, "z").plan(&fleet).unwrap_err();
    assert!(error.message().contains("server `z`"), "{error}");
}

#[test]
fn the_rows_of_a_region_stay_on_its_servers() {
    let mut fleet = Fleet::new();
    for name in ["eu-1", "eu-2", "us-1"] {
        fleet.server(Server::new("shop", name));
    }
    for number in 0..8 {
        fleet.shard(Shard::new("shop", number, "eu-1").bytes(10).class("eu"));
    }
    fleet.shard(Shard::new("shop", 8, "eu-1").bytes(10).class("us"));
    let planner = Planner::new()
        .allow(|region, server| region.is_none_or(|region| server.name.starts_with(region)));
    let plan = planner.plan(&fleet).unwrap();
    assert_eq!(after(&plan), [40, 40, 10]);
    assert_eq!(steps(&plan)[0], "8 eu-1>us-1");
    assert_eq!(plan.steps[0].why, Why::NotAllowed);
}

#[test]
fn logical_shards_stay_with_their_kind_of_database() {
    let mut fleet = Fleet::new();
    for (name, database) in [
        ("a", Dialect::Postgres),
        ("b", Dialect::Postgres),
        ("c", Dialect::MySql),
    ] {
        fleet.server(Server::new("shop", name).database(database));
    }
    for number in 0..6 {
        fleet.shard(Shard::new("shop", number, "a").bytes(10));
    }
    assert_eq!(after(&plan(&fleet)), [30, 30, 0]);
    let mixed = Planner::new().between_databases().plan(&fleet).unwrap();
    assert_eq!(after(&mixed), [20, 20, 20]);
    for server in &mut fleet.servers[..2] {
        server.state = ServerState::Draining;
    }
    let stuck = plan(&fleet);
    assert!(stuck.is_empty());
    assert!(
        stuck.leftovers[0].message.contains("--between-databases"),
        "{:?}",
        stuck.leftovers
    );
    let moved = Planner::new().between_databases().plan(&fleet).unwrap();
    assert_eq!(after(&moved), [0, 0, 60]);
}

#[test]
fn groups_on_one_machine_are_looked_at_together() {
    let mut fleet = Fleet::new();
    for group in ["shop", "log"] {
        for name in ["a", "b"] {
            fleet.server(Server::new(group, name).machine(name).capacity(100));
        }
    }
    for number in 0..4 {
        fleet.shard(Shard::new("shop", number, "a").bytes(10));
        fleet.shard(Shard::new("log", number, "a").bytes(10));
    }
    let plan = plan(&fleet);
    let bytes = after(&plan);
    assert_eq!(bytes[0] + bytes[2], 40);
    assert_eq!(bytes[1] + bytes[3], 40);
    assert_eq!(plan.after[0].load, 40);
}

#[test]
fn a_shard_larger_than_a_share_is_to_be_split() {
    let plan = plan(&fleet(&[&[100, 10, 10], &[20], &[20]]));
    assert_eq!(after(&plan), [100, 30, 30]);
    assert!(
        plan.leftovers[0]
            .message
            .contains("logical shard 0 alone is larger; split it with"),
        "{plan:?}"
    );
    assert_eq!(plan.leftovers.len(), 1, "{plan:?}");
}

#[test]
fn rows_in_few_bytes_move_first() {
    let mut fleet = Fleet::new();
    fleet.server(Server::new("shop", "a"));
    fleet.server(Server::new("shop", "b"));
    for (number, bytes) in (0..).zip([900, 100, 800, 100, 900, 100]) {
        fleet.shard(Shard::new("shop", number, "a").rows(10).bytes(bytes));
    }
    let plan = Planner::new().cost(Cost::Rows).plan(&fleet).unwrap();
    assert_eq!((plan.moves(), plan.bytes, plan.rows), (3, 300, 30));
}

#[test]
fn shards_are_counted_on_request() {
    let planner = Planner::new().cost(Cost::Shards);
    let plan = planner.plan(&fleet(&[&[0; 10], &[], &[], &[]])).unwrap();
    let shards: Vec<u32> = plan.after.iter().map(|server| server.shards).collect();
    assert_eq!(shards, [3, 3, 2, 2]);
    let cost = |shard: &Shard| u64::from(shard.number);
    let plan = Planner::new()
        .cost_with(cost)
        .plan(&fleet(&[&[0; 4], &[]]))
        .unwrap();
    assert_eq!(plan.by, Cost::Custom);
    assert_eq!(plan.after[0].load, 4);
}

#[test]
fn a_plan_is_cut_at_the_most_moves() {
    let fleet = fleet(&[&[10; 10], &[]]);
    let whole = plan(&fleet);
    let cut = Planner::new().most_moves(2).plan(&fleet).unwrap();
    assert_eq!(cut.steps, whole.steps[..2]);
    assert_eq!(after(&cut), [80, 20]);
}

#[test]
fn an_impossible_fleet_is_refused() {
    let mut twice = fleet(&[&[1]]);
    twice.server(Server::new("shop", "a"));
    let mut same = fleet(&[&[1]]);
    same.shard(Shard::new("shop", 0, "a"));
    let mut lost = fleet(&[&[1]]);
    lost.shard(Shard::new("shop", 1, "z"));
    for (fleet, part) in [
        (twice, "server `a`"),
        (same, "shard 0"),
        (lost, "server `z`"),
    ] {
        let error = Planner::new().plan(&fleet).unwrap_err();
        assert!(error.message().contains(part), "{error}");
    }
    let error = Planner::new().threshold(101).plan(&fleet(&[])).unwrap_err();
    assert!(error.message().contains("101 percent"), "{error}");
    assert!(plan(&Fleet::new()).is_empty());
}

#[test]
fn the_largest_numbers_are_planned() {
    let plan = plan(&fleet(&[&[u64::MAX; 4], &[]]));
    assert_eq!(plan.moves(), 2);
    assert_eq!(plan.bytes, u64::MAX);
}
