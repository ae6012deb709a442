//! Small fleets with logical shards that are split.

use super::{Cost, Planner, ServerState, Splits, Why, after, fleet, set, steps};

fn planner() -> Planner {
    Planner::new().split(Splits::AboveShare)
}

#[test]
fn a_shard_larger_than_a_share_is_split_among_the_servers() {
    let plan = planner().plan(&fleet(&[&[100], &[], &[], &[]])).unwrap();
    assert_eq!(steps(&plan), ["0 a>0 a, 1 b, 2 c, 3 d"]);
    assert_eq!(plan.steps[0].why, Why::LargerThanShare);
    assert_eq!(after(&plan), [25, 25, 25, 25]);
    assert_eq!((plan.splits(), plan.moves(), plan.bytes), (1, 0, 100));
    assert!(plan.leftovers.is_empty(), "{plan:?}");
}

#[test]
fn parts_are_so_small_that_servers_can_be_level() {
    let plan = planner().plan(&fleet(&[&[150], &[50]])).unwrap();
    assert_eq!(steps(&plan), ["0 a>0 a, 2 a, 3 b"]);
    assert_eq!(after(&plan), [100, 100]);
    let mut weighted = fleet(&[&[90], &[]]);
    set(&mut weighted, 0, |server| server.weight(2));
    assert_eq!(after(&planner().plan(&weighted).unwrap()), [60, 30]);
}

#[test]
fn what_is_left_is_levelled_by_moves() {
    let mut sizes = vec![10; 17];
    sizes[0] = 300;
    let plan = planner().plan(&fleet(&[&sizes, &[], &[], &[]])).unwrap();
    assert!(steps(&plan)[0].starts_with("0 a>"), "{plan:?}");
    assert_eq!(plan.splits(), 1);
    assert!(plan.moves() > 0, "{plan:?}");
    assert!(
        after(&plan).iter().all(|bytes| (104..=126).contains(bytes)),
        "{plan:?}"
    );
    assert!(plan.leftovers.is_empty(), "{plan:?}");
}

#[test]
fn a_bound_in_bytes_splits_whatever_the_shares_are() {
    let planner = Planner::new().split(Splits::AboveBytes(50)).split_only();
    let plan = planner.plan(&fleet(&[&[100, 30], &[110, 20]])).unwrap();
    assert_eq!(plan.steps[0].why, Why::LargerThanBound);
    assert_eq!((plan.splits(), plan.moves()), (2, 0));
    assert!(
        plan.after.iter().all(|server| server.shards >= 3),
        "{plan:?}"
    );
    let small = planner.plan(&fleet(&[&[50, 30], &[50, 20]])).unwrap();
    assert!(small.is_empty(), "{small:?}");
}

#[test]
fn a_group_of_one_shard_becomes_several() {
    for number in [2, 4, 64] {
        let planner = Planner::new().split(Splits::Into(number)).split_only();
        for size in [0, 7, 1_000_000] {
            let plan = planner.plan(&fleet(&[&[size], &[]])).unwrap();
            let shards: Vec<u32> = plan.after.iter().map(|server| server.shards).collect();
            assert_eq!(shards, [number / 2, number / 2], "{plan:?}");
            assert_eq!((plan.steps.len(), plan.steps[0].why), (1, Why::MoreShards));
        }
    }
    // The larger one gets more parts.
    let planner = Planner::new().split(Splits::Into(8)).split_only();
    let plan = planner.plan(&fleet(&[&[60], &[20]])).unwrap();
    assert_eq!(plan.splits(), 2);
    assert_eq!(after(&plan), [40, 40]);
    let enough = Planner::new().split(Splits::Into(2));
    assert!(enough.plan(&fleet(&[&[10], &[10]])).unwrap().is_empty());
}

#[test]
fn what_is_pinned_or_whole_is_not_split() {
    let mut fleet = fleet(&[&[100], &[]]);
    let kept = planner().keep("shop", 0).plan(&fleet).unwrap();
    assert!(kept.is_empty(), "{kept:?}");
    fleet.shards[0] = fleet.shards[0].clone().whole("its rows have one key");
    let plan = planner().plan(&fleet).unwrap();
    assert!(plan.is_empty(), "{plan:?}");
    let message = &plan.leftovers[0].message;
    assert!(message.contains("its rows have one key"), "{message}");
    let plan = planner().split_only().plan(&fleet).unwrap();
    assert!(
        plan.leftovers[0].message.contains("its rows have one key"),
        "{plan:?}"
    );
}

#[test]
fn new_shards_get_numbers_that_were_never_used() {
    let mut fleet = fleet(&[&[100], &[]]);
    fleet.next_number("shop", 7);
    let plan = planner().plan(&fleet).unwrap();
    assert_eq!(steps(&plan), ["0 a>0 a, 7 b"]);
}

#[test]
fn a_large_shard_leaves_its_server_in_parts() {
    let mut fleet = fleet(&[&[100], &[], &[]]);
    set(&mut fleet, 0, |server| server.state(ServerState::Draining));
    let plan = planner().plan(&fleet).unwrap();
    assert_eq!(steps(&plan), ["0 a>0 b, 1 c"]);
    // A drain alone moves it whole.
    let plan = planner().drain_only().plan(&fleet).unwrap();
    assert_eq!(steps(&plan), ["0 a>b"]);
}

#[test]
fn capacities_hold_while_a_shard_and_its_parts_exist() {
    let mut fleet = fleet(&[&[100], &[], &[]]);
    for server in 0..3 {
        set(&mut fleet, server, |server| server.capacity(100));
    }
    let plan = planner().plan(&fleet).unwrap();
    // There is no room for a copy of a part beside the whole. A part comes back once that has gone.
    assert_eq!(steps(&plan)[0], "0 a>0 b, 1 b, 2 c, 3 c");
    assert_eq!((plan.splits(), plan.moves()), (1, 1));
    for server in 1..3 {
        set(&mut fleet, server, |server| server.capacity(20));
    }
    let plan = planner().plan(&fleet).unwrap();
    assert!(plan.is_empty(), "{plan:?}");
    assert!(
        plan.leftovers[0].message.contains("no servers have room"),
        "{plan:?}"
    );
}

#[test]
fn a_split_can_be_cut_off_a_plan() {
    let fleet = fleet(&[&[100, 60], &[], &[]]);
    let whole = planner().plan(&fleet).unwrap();
    assert_eq!(whole.splits(), 2, "{whole:?}");
    let cut = planner().most_moves(1).plan(&fleet).unwrap();
    assert_eq!(cut.steps, whole.steps[..1]);
    assert_eq!(
        cut.after.iter().map(|server| server.bytes).sum::<u64>(),
        160
    );
    assert_eq!(
        planner().most_moves(0).plan(&fleet).unwrap().after[0].bytes,
        160
    );
}

#[test]
fn splits_by_the_number_of_shards_are_refused() {
    let error = planner()
        .cost(Cost::Shards)
        .plan(&fleet(&[&[1]]))
        .unwrap_err();
    assert!(error.message().contains("bytes, rows or load"), "{error}");
}
