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
        mirrors: false,
        shifts: false,
        stays: false,
        done: Done::default(),
    };
    assert_eq!(next(&view), Action::Stuck);
    let moved = View {
        kind: JobKind::Merge,
        ..view
    };
    assert_eq!(next(&moved), Action::Record(JobState::Reversing));
}

#[test]
fn reads_are_mirrored_before_the_switch_if_that_is_asked_for() {
    let done = Done {
        level: true,
        way_back: true,
        ..Done::default()
    };
    let ready = View {
        kind: JobKind::Move,
        state: JobState::Ready,
        wish: Wish::Run,
        source: record(State::Active),
        target: record(State::Incoming),
        mirrors: true,
        shifts: false,
        stays: false,
        done,
    };
    assert_eq!(next(&ready), Action::Record(JobState::Mirroring));
    let mirroring = View {
        state: JobState::Mirroring,
        ..ready
    };
    assert_eq!(next(&mirroring), Action::Mirror);
    let mirrored = Done {
        mirrored: true,
        ..done
    };
    let over = View {
        done: mirrored,
        ..mirroring
    };
    assert_eq!(next(&over), Action::Record(JobState::Switching));
    let lagging = View {
        done: Done {
            level: false,
            ..mirrored
        },
        ..mirroring
    };
    assert_eq!(next(&lagging), Action::Replay);
    for (wish, action) in [
        (Wish::Abort, Action::Record(JobState::Aborting)),
        (Wish::Pause, Action::Rest),
    ] {
        assert_eq!(next(&View { wish, ..mirroring }), action);
    }
}

#[test]
fn the_target_serves_reads_before_the_switch_if_that_is_asked_for() {
    let done = Done {
        level: true,
        way_back: true,
        mirrored: true,
        ..Done::default()
    };
    let mirroring = View {
        kind: JobKind::Move,
        state: JobState::Mirroring,
        wish: Wish::Run,
        source: record(State::Active),
        target: record(State::Incoming),
        mirrors: true,
        shifts: true,
        stays: false,
        done,
    };
    assert_eq!(next(&mirroring), Action::Record(JobState::Shifting));
    let ready = View {
        state: JobState::Ready,
        mirrors: false,
        ..mirroring
    };
    assert_eq!(next(&ready), Action::Record(JobState::Shifting));
    let shifting = View {
        state: JobState::Shifting,
        ..mirroring
    };
    assert_eq!(next(&shifting), Action::Shift);
    let abort = View {
        wish: Wish::Abort,
        ..shifting
    };
    assert_eq!(next(&abort), Action::Record(JobState::Aborting));
    let shifted = View {
        done: Done {
            shifted: true,
            ..done
        },
        ..shifting
    };
    assert_eq!(next(&shifted), Action::Record(JobState::Switching));
}

#[test]
fn a_job_that_has_parted_a_key_from_its_tables_only_goes_on() {
    let switching = View {
        kind: JobKind::Split,
        state: JobState::Switching,
        wish: Wish::Run,
        source: record(State::Fenced),
        target: record(State::Incoming),
        mirrors: false,
        shifts: false,
        stays: true,
        done: Done {
            drained: true,
            completed: true,
            ..Done::default()
        },
    };
    assert_eq!(next(&switching), Action::Record(JobState::Parting));
    // A runner that takes over has drained nothing, and must not.
    let parting = View {
        state: JobState::Parting,
        done: Done::default(),
        ..switching
    };
    for wish in [Wish::Run, Wish::Pause, Wish::Abort, Wish::Reverse] {
        assert_eq!(next(&View { wish, ..parting }), Action::Part);
    }
    let done = Done {
        parted: true,
        ..Done::default()
    };
    let parted = View { done, ..parting };
    assert_eq!(next(&parted), Action::Activate);
    let active = View {
        target: record(State::Active),
        ..parting
    };
    let switch = Action::Switch(End::Target, JobState::Switched);
    assert_eq!(next(&active), switch);
    // A server that lacks the fence has all rows.
    let lacking = View {
        source: record(State::Active),
        ..parting
    };
    assert_eq!(next(&lacking), Action::Record(JobState::Aborting));
    // After a failover nothing can be compared with the source, which has no rows any more.
    let suspect = View {
        state: JobState::Holding,
        done: Done {
            suspect: true,
            released: true,
            ..done
        },
        ..active
    };
    assert_eq!(next(&suspect), Action::FlowBack);
    let wish = Wish::Reverse;
    assert_eq!(next(&View { wish, ..suspect }), Action::Rest);
}

#[test]
fn a_job_whose_rows_cannot_go_back_holds_the_shard_at_its_targets() {
    let holding = View {
        kind: JobKind::Move,
        state: JobState::Holding,
        wish: Wish::Reverse,
        source: record(State::Fenced),
        target: record(State::Active),
        mirrors: false,
        shifts: false,
        stays: false,
        done: Done::default(),
    };
    // What cannot flow back is found while the target serves.
    assert_eq!(next(&holding), Action::FlowBack);
    let done = Done {
        level: true,
        ..Done::default()
    };
    let level = View { done, ..holding };
    assert_eq!(next(&level), Action::Record(JobState::Reversing));
    // A row may have been written since.
    let unfit = Done {
        unfit: true,
        turned: true,
        ..Done::default()
    };
    for target in [State::Active, State::Fenced] {
        let reversing = View {
            state: JobState::Reversing,
            target: record(target),
            done: unfit,
            ..holding
        };
        assert_eq!(next(&reversing), Action::Remain);
        // A former runner may have opened the source.
        let done = Done {
            turned: false,
            ..unfit
        };
        assert_ne!(next(&View { done, ..reversing }), Action::Remain);
    }
}
