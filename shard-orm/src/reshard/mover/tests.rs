//! What the records of several namespaces say together, and a split that has lost a part.

use super::*;

fn record(state: State) -> Seen {
    Seen::Record { state, own: true }
}

#[test]
fn an_end_is_as_far_as_its_last_namespace() {
    let (incoming, active) = (record(State::Incoming), record(State::Active));
    let (fenced, moved) = (record(State::Fenced), record(State::Moved));
    for (seen, expected) in [
        ([active, incoming], incoming),
        ([fenced, active], active),
        ([moved, fenced], fenced),
        ([active, active], active),
    ] {
        assert_eq!(together(&seen, JobState::Switching), expected, "{seen:?}");
    }
}

#[test]
fn a_namespace_that_is_lost_counts_before_all_others() {
    let seen = [record(State::Active), Seen::Missing];
    assert_eq!(together(&seen, JobState::Holding), Seen::Missing);
    // Those of a job that was given up are dropped one after the other.
    let seen = [Seen::Missing, record(State::Dead)];
    assert_eq!(together(&seen, JobState::Aborting), record(State::Dead));
}

#[test]
fn a_namespace_is_claimed_before_others_are_created() {
    let foreign = Seen::Record {
        state: State::Incoming,
        own: false,
    };
    let seen = [Seen::Missing, foreign];
    assert_eq!(together(&seen, JobState::Preparing), foreign);
}

#[test]
fn each_source_that_was_closed_is_opened_when_a_job_is_given_up() {
    let seen = [record(State::Active), record(State::Fenced)];
    assert_eq!(together(&seen, JobState::Aborting), record(State::Fenced));
}

#[test]
fn a_split_of_which_a_part_is_lost_waits_for_it() {
    let view = View {
        kind: JobKind::Split,
        state: JobState::Holding,
        wish: Wish::Reverse,
        source: record(State::Fenced),
        target: Seen::Missing,
        done: Done::default(),
    };
    assert_eq!(next(&view), Action::Stuck);
    let moved = View {
        kind: JobKind::Merge,
        ..view
    };
    assert_eq!(next(&moved), Action::Record(JobState::Reversing));
}
