//! A part that stays, while the rows of another one leave.

use super::moving::Moving;
use super::op::Fencing::{self, Rename, Transaction};
use super::rule::Rule;
use super::shape::Shape;
use super::{LACKS, MOST, fails, holds, holds_when_one_thing_goes_wrong, one};
use crate::catalog::JobState;

#[test]
fn a_part_that_stays_loses_nothing_when_one_thing_goes_wrong() {
    holds_when_one_thing_goes_wrong(Shape::STAY);
}

/// A part that stays, from the state in which the source is closed.
fn staying(fencing: Fencing, out: &[Rule]) -> Moving {
    Moving {
        shape: Shape::STAY,
        from: JobState::Switching,
        ..one(fencing, out)
    }
}

#[test]
fn a_part_that_stays_holds_when_two_things_go_wrong() {
    for (fencing, from) in [
        (Transaction, JobState::Switching),
        (Rename, JobState::Parting),
    ] {
        let moving = Moving {
            failures: 2,
            from,
            ..staying(fencing, &[])
        };
        holds(&moving, MOST);
    }
}

#[test]
fn rows_are_deleted_only_once_the_job_cannot_go_back() {
    for fencing in [Transaction, Rename] {
        fails(&staying(fencing, &[Rule::PartingRecorded]), LACKS);
    }
}

#[test]
fn a_job_that_has_deleted_rows_does_not_go_back() {
    for fencing in [Transaction, Rename] {
        fails(&staying(fencing, &[Rule::PartedForGood]), LACKS);
    }
}

/// The entry of a deletion would delete the row at its target, if the log was read again.
#[test]
fn the_capture_is_dropped_before_rows_are_deleted_or_the_log_is_not_read_again() {
    for rule in [Rule::LeavingSilenced, Rule::NotDrainedAfterParting] {
        for fencing in [Transaction, Rename] {
            holds(&staying(fencing, &[rule]), MOST);
        }
    }
    let both = [Rule::LeavingSilenced, Rule::NotDrainedAfterParting];
    fails(&staying(Rename, &both), LACKS);
}
