//! A model of moves, splits and merges: the mover's own transition function between two runners, the servers of both
//! ends, a catalog, clients that write, and an operator, explored exhaustively within small bounds.
//!
//! A state is what the catalog and the namespaces hold (`world`), what each runner believes (`runner`),
//! and one statement that may still be waiting inside a server after its runner has given up. In each state
//! anything may happen next: a runner takes its next step, however old its view is; a step fails and tells
//! nothing; a runner dies; another one takes the job over; a client writes wherever it is served; the
//! operator changes the job's course; the source is opened again, since its replicas lack the fence. `next` decides
//! what the runners do, and what `steps` does for an action is a list of operations (`part`). A split has two targets, and
//! a merge two sources, each with a row of its own (`shape`). Of the targets of a split, the first may be a part that stays.
//!
//! In every state that can be reached:
//! - at most one place serves a row;
//! - a place that serves has the last acknowledged write: none is lost, and no older value lies over a
//!   newer one, so no read is followed by an older one;
//! - a source that is closed can be opened again until the switch: the target, which keeps what that takes,
//!   is there;
//! - once the job is over, the place that the topology names serves, and the other one is closed;
//! - a read that takes rows of a replica, and that a target serves before the switch, finds all rows, however old the
//!   client's view of the job is;
//! - once failures stop, the job can end.
//!
//! Clients never go to a place that no topology has named, and go to one that an old topology has named at
//! any time. Each rule of the mover is taken out by a test, in which the model has to fail. After a change to
//! `mover` or to the order of what a step does, run the test with wide bounds too:
//!
//! ```text
//! cargo test --release -p shard-orm --lib --features sqlite,reshard,testing reshard::model -- --ignored
//! ```
//!
//! Left out: several rows of one namespace, several tables, clones, pauses, and a failover before the switch, or one that
//! loses rows.

#![allow(clippy::expect_used, clippy::panic)]

mod explore;
mod moving;
mod namespace;
mod op;
mod part;
mod rule;
mod runner;
mod shape;
mod staying;
mod whole;
mod world;

use self::explore::explore;
use self::moving::Moving;
use self::op::Fencing::{self, Rename, Transaction};
use self::rule::{Rule, Rules};
use self::shape::Shape;
use crate::catalog::JobState;
use crate::reshard::mover::End;

/// More states than fit into a minute.
const MOST: usize = 1_500_000;

/// One job, from its beginning, in which one thing goes wrong and one write is acknowledged.
fn one(fencing: Fencing, out: &[Rule]) -> Moving {
    Moving {
        shape: Shape::MOVE,
        fencing,
        rules: Rules::without(out),
        mirrors: false,
        shifts: false,
        writes: 1,
        failures: 1,
        reopenings: 0,
        jobs: 0,
        fails_over: None,
        from: JobState::Preparing,
    }
}

fn holds(moving: &Moving, most: usize) {
    match explore(moving, most) {
        Ok(states) => assert!(states > 1_000, "{states} states are too few"),
        Err(fault) => panic!("{}", fault.text()),
    }
}

fn fails(moving: &Moving, what: &str) {
    match explore(moving, MOST) {
        Ok(states) => panic!("{:?} holds in {states} states", moving.rules),
        Err(fault) => assert_eq!(fault.what, what, "{}", fault.text()),
    }
}

const LACKS: &str = "a place serves that lacks the last write";
const TWO: &str = "two places serve";
const PART: &str = "a read at the target finds a part of the rows";
const GONE: &str = "the source is closed, and the target is gone";
const NEVER: &str = "the job never ends, though failures have stopped";

#[test]
fn a_move_loses_nothing_when_one_thing_goes_wrong() {
    for fencing in [Transaction, Rename] {
        let moving = Moving {
            writes: 2,
            ..one(fencing, &[])
        };
        holds(&moving, MOST);
    }
}

#[test]
fn a_move_whose_reads_are_mirrored_loses_nothing_when_one_thing_goes_wrong() {
    for fencing in [Transaction, Rename] {
        let moving = Moving {
            mirrors: true,
            from: JobState::Ready,
            ..one(fencing, &[])
        };
        holds(&moving, MOST);
    }
}

#[test]
fn reads_at_the_target_before_the_switch_find_all_rows() {
    for fencing in [Transaction, Rename] {
        let moving = Moving {
            shifts: true,
            jobs: 1,
            from: JobState::Ready,
            ..one(fencing, &[])
        };
        holds(&moving, MOST);
    }
}

#[test]
fn a_target_serves_no_reads_once_its_record_says_otherwise() {
    let moving = Moving {
        shifts: true,
        from: JobState::Ready,
        ..one(Transaction, &[Rule::ReadByRecord])
    };
    fails(&moving, PART);
}

#[test]
fn a_target_serves_no_reads_before_it_is_level() {
    let moving = Moving {
        shifts: true,
        jobs: 1,
        from: JobState::Ready,
        ..one(Transaction, &[Rule::ReadByNote])
    };
    fails(&moving, PART);
}

#[test]
fn a_fence_in_a_transaction_holds_when_two_things_go_wrong() {
    let (failures, from) = (2, JobState::Ready);
    let moving = Moving {
        failures,
        from,
        fails_over: Some(End::Source),
        ..one(Transaction, &[])
    };
    holds(&moving, MOST);
}

#[test]
fn a_target_that_fails_over_to_one_that_lacks_the_switch_loses_nothing() {
    for fencing in [Transaction, Rename] {
        let moving = Moving {
            writes: 2,
            from: JobState::Switching,
            fails_over: Some(End::Target),
            ..one(fencing, &[])
        };
        holds(&moving, MOST);
    }
}

#[test]
fn a_source_that_is_opened_again_before_the_switch_loses_nothing() {
    for fencing in [Transaction, Rename] {
        let moving = Moving {
            reopenings: 2,
            from: JobState::Switching,
            ..one(fencing, &[])
        };
        holds(&moving, MOST);
    }
}

#[test]
fn a_fence_by_a_rename_holds_when_two_things_go_wrong() {
    let (failures, from) = (2, JobState::Switching);
    let moving = Moving {
        failures,
        from,
        fails_over: Some(End::Source),
        ..one(Rename, &[])
    };
    holds(&moving, 2 * MOST);
}

#[test]
fn the_job_after_an_aborted_or_reversed_one_loses_nothing() {
    for fencing in [Transaction, Rename] {
        let from = JobState::Switching;
        let moving = Moving {
            jobs: 1,
            from,
            fails_over: Some(End::Source),
            ..one(fencing, &[])
        };
        holds(&moving, MOST);
    }
}

/// With both kinds of fences; the second one, which takes more operations, from a later state.
fn holds_when_one_thing_goes_wrong(shape: Shape) {
    for (fencing, from) in [
        (Transaction, JobState::Preparing),
        (Rename, JobState::Ready),
    ] {
        let moving = Moving {
            shape,
            from,
            ..one(fencing, &[])
        };
        holds(&moving, MOST);
    }
}

#[test]
fn a_split_loses_nothing_when_one_thing_goes_wrong() {
    holds_when_one_thing_goes_wrong(Shape::SPLIT);
}

#[test]
fn a_merge_loses_nothing_when_one_thing_goes_wrong() {
    holds_when_one_thing_goes_wrong(Shape::MERGE);
}

#[test]
fn an_end_of_several_namespaces_is_as_far_as_the_last_of_them() {
    for shape in [Shape::SPLIT, Shape::MERGE] {
        let from = JobState::Switching;
        let moving = Moving {
            shape,
            from,
            ..one(Transaction, &[Rule::AllOfAnEnd])
        };
        fails(&moving, TWO);
    }
}

#[test]
#[ignore = "takes minutes and some gigabytes"]
fn a_move_loses_nothing_within_wide_bounds() {
    for fencing in [Transaction, Rename] {
        let moving = Moving {
            failures: 2,
            fails_over: Some(End::Source),
            ..one(fencing, &[])
        };
        holds(&moving, 20_000_000);
        for shape in [Shape::SPLIT, Shape::STAY, Shape::MERGE] {
            let divided = Moving {
                shape,
                ..one(fencing, &[])
            };
            holds(&divided, 20_000_000);
        }
        let reopened = Moving {
            reopenings: 2,
            from: JobState::Ready,
            ..moving
        };
        holds(&reopened, 20_000_000);
        let moving = Moving {
            writes: 2,
            from: JobState::Ready,
            ..moving
        };
        holds(&moving, 20_000_000);
        let fails_over = Some(End::Target);
        let moving = Moving {
            fails_over,
            ..moving
        };
        holds(&moving, 20_000_000);
        let moving = Moving {
            failures: 1,
            jobs: 1,
            from: JobState::Preparing,
            ..moving
        };
        holds(&moving, 20_000_000);
    }
}

#[test]
fn the_token_is_checked_at_the_target() {
    fails(&one(Transaction, &[Rule::TokenAtTarget]), LACKS);
}

#[test]
fn the_token_is_raised_at_the_target_where_the_state_does_not_tell() {
    let out = [Rule::TargetRaised, Rule::StateAtTarget];
    let moving = Moving {
        failures: 2,
        from: JobState::Switching,
        ..one(Transaction, &out)
    };
    fails(&moving, TWO);
}

#[test]
fn nothing_is_concluded_before_the_token_is_raised_at_the_source() {
    for fencing in [Transaction, Rename] {
        fails(&one(fencing, &[Rule::SourceRaised]), GONE);
    }
}

#[test]
fn a_failed_step_is_not_repeated_under_the_same_token() {
    for fencing in [Transaction, Rename] {
        fails(&one(fencing, &[Rule::FreshToken]), GONE);
    }
}

#[test]
fn the_log_is_drained_after_the_fence() {
    fails(&one(Transaction, &[Rule::Drained]), LACKS);
}

#[test]
fn the_log_is_consumed_after_the_commit_at_the_other_end() {
    fails(&one(Transaction, &[Rule::ConsumedLast]), LACKS);
}

#[test]
fn rows_are_read_after_the_entries_of_the_log() {
    fails(&one(Transaction, &[Rule::RowsAfterEntries]), LACKS);
}

#[test]
fn an_aborted_target_is_dead_before_the_source_is_open() {
    fails(&one(Transaction, &[Rule::DeadBeforeReopen]), TWO);
}

#[test]
fn the_switch_checks_token_or_state() {
    fails(
        &one(Transaction, &[Rule::SwitchToken, Rule::SwitchState]),
        LACKS,
    );
}

#[test]
fn the_log_of_the_target_is_emptied_by_its_activation() {
    fails(&one(Transaction, &[Rule::LogEmptiedAtOnce]), LACKS);
}

#[test]
fn a_source_is_not_opened_again_once_the_target_has_its_triggers() {
    let moving = Moving {
        reopenings: 1,
        from: JobState::Switching,
        ..one(Transaction, &[Rule::CompletedStays])
    };
    fails(&moving, LACKS);
}

#[test]
fn a_job_that_is_reversed_does_not_trust_an_open_source() {
    let from = JobState::Switching;
    let moving = Moving {
        fails_over: Some(End::Source),
        from,
        ..one(Transaction, &[Rule::DrainedAgain])
    };
    fails(&moving, LACKS);
}

#[test]
fn a_job_is_not_finished_by_what_was_seen_before() {
    let moving = Moving {
        fails_over: Some(End::Target),
        from: JobState::Switching,
        ..one(Transaction, &[Rule::LookedBeforeFinishing])
    };
    fails(&moving, NEVER);
}

#[test]
fn a_resumed_job_drops_no_tables_of_the_target() {
    fails(&one(Transaction, &[Rule::TablesKept]), LACKS);
}

#[test]
fn a_resumed_job_keeps_a_capture_that_no_transaction_guards() {
    fails(&one(Rename, &[Rule::CaptureKept]), LACKS);
}

#[test]
fn a_takeover_drops_what_a_rename_of_the_former_runner_needs() {
    fails(&one(Rename, &[Rule::MarkerDropped]), GONE);
}

#[test]
fn the_token_is_checked_after_a_rename_is_prepared() {
    fails(&one(Rename, &[Rule::CheckedAfterPreparation]), GONE);
}

#[test]
fn tombstones_of_different_runners_have_different_names() {
    fails(&one(Rename, &[Rule::TombstonesHaveToken]), NEVER);
}

/// What each of these prevents is prevented by another rule too: by the token at the target, by the token
/// at the source, by the state at the target, and by the other half of the switch.
#[test]
fn some_rules_are_second_lines_of_defence() {
    for rule in [
        Rule::StateAtTarget,
        Rule::TargetRaisedFirst,
        Rule::CaptureDropped,
        Rule::SwitchToken,
        Rule::SwitchState,
    ] {
        let moving = Moving {
            from: JobState::Switching,
            ..one(Transaction, &[rule])
        };
        holds(&moving, MOST);
    }
}
