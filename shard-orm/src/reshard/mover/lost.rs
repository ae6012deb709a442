//! A target that has failed over to a server that lacks what it had, and which end serves then.

use super::{Action, End, View, state};
use crate::catalog::{JobState, Wish};
use crate::connect::State;

/// Whether the target has failed over to a server that lacks its namespace, or that it was switched to. What was written
/// there since then is lost, unless it had flowed back: the rows of the source are the newest that there are.
pub(in crate::reshard) fn is_target_lost(view: &View) -> bool {
    let target = state(view.target);
    match view.state {
        JobState::Parting => target.is_none(),
        state if is_filled(state) => target.is_none(),
        JobState::Switched | JobState::Holding | JobState::Reversing => {
            matches!(target, None | Some(State::Incoming))
        }
        JobState::Finishing => {
            view.kind.switches() && matches!(target, None | Some(State::Incoming))
        }
        _ => false,
    }
}

/// Whether the target is there, and gets rows before the switch.
fn is_filled(state: JobState) -> bool {
    state > JobState::Preparing && state.is_before_switch()
}

/// Nothing is removed at the source: it can be opened again, if an operator wants that.
pub(super) fn without_target(view: &View) -> Action {
    // The other targets serve, and have rows that the source has not.
    if view.kind.divides() {
        return Action::Stuck;
    }
    match (view.state, state(view.source), state(view.target)) {
        (JobState::Switched | JobState::Holding, ..) if view.wish == Wish::Reverse => {
            Action::Record(JobState::Reversing)
        }
        // Nothing was removed yet.
        (JobState::Finishing, Some(State::Fenced), _) => Action::Record(JobState::Holding),
        // What opens it is kept at the target.
        (JobState::Reversing, Some(State::Fenced), Some(_)) => Action::Reopen,
        (JobState::Reversing, Some(State::Active), Some(_)) if !view.done.completed => {
            Action::Complete(End::Source)
        }
        (JobState::Reversing, Some(State::Active), Some(_)) => {
            Action::Switch(End::Source, JobState::Returning)
        }
        _ => Action::Stuck,
    }
}

/// The end whose rows count after a failover, where rows can be applied at the other one.
pub(super) fn serving(view: &View) -> Option<End> {
    match view.state {
        own if is_filled(own) => {
            (state(view.target) == Some(State::Incoming)).then_some(End::Source)
        }
        // The source of a part that stays has no rows any more.
        _ if view.stays && view.state > JobState::Switching => None,
        JobState::Switched | JobState::Holding | JobState::Reversing => {
            (state(view.source) == Some(State::Fenced)).then_some(End::Target)
        }
        _ => None,
    }
}
