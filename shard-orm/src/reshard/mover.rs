//! What a mover does next: a pure function of what it sees.
//!
//! The state of a job, and what the records of source and target say, decide the next action. So a mover
//! that takes over after a kill goes on where the last one stopped, and the same function is explored
//! exhaustively by a test. Actions can be repeated; each one checks token and state at the place where it
//! acts, in the transaction in which it acts.
//!
//! Decisions are changes of the job's state. Four of them are final: `switched`, `aborting`, `finishing`
//! and `reversing`. The runner that recorded `reversing` may return to `holding` if a row cannot go back and no source
//! was opened yet. Nothing is dropped at the target before `aborting`, nothing at the source before
//! `finishing`, and before the target was seen to serve since then. The exception is a part that stays: in `parting`,
//! which is as final, the source gives its tables to it. The log is drained before that state is recorded, and never
//! after it.

mod lost;
#[cfg(test)]
mod tests;

pub(super) use self::lost::is_target_lost;
use self::lost::{serving, without_target};
use crate::catalog::{JobKind, JobState, Wish};
use crate::connect::State;

/// One end of a move.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum End {
    Source,
    Target,
}

/// What the record at one end says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Seen {
    /// There is no namespace.
    Missing,
    /// A record in this state; `own` if it has the job and token of this mover.
    Record { state: State, own: bool },
}

/// What this runner has done since it took the job, where nothing durable tells. All of it can be done
/// again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[allow(clippy::struct_excessive_bools)] // Each is a fact of its own.
pub(super) struct Done {
    pub(super) created: bool,
    pub(super) captured: bool,
    pub(super) copied: bool,
    pub(super) level: bool,
    pub(super) indexed: bool,
    pub(super) verified: bool,
    /// A server has failed over since source and target were compared. It may lack what it had.
    pub(super) suspect: bool,
    pub(super) way_back: bool,
    /// Reads of applications were compared for as long as was asked for.
    pub(super) mirrored: bool,
    /// The target has served all shares of the reads, each for as long as was asked for.
    pub(super) shifted: bool,
    /// The log was found empty by a read that began after the fence.
    pub(super) drained: bool,
    pub(super) completed: bool,
    /// The tables of the source are those of the part that stays.
    pub(super) parted: bool,
    pub(super) released: bool,
    /// This runner has recorded that the job is reversed, nobody else has run it since, and no source was opened.
    pub(super) turned: bool,
    /// A row of the targets cannot be at the sources: the job cannot go back.
    pub(super) unfit: bool,
    pub(super) cleaned: bool,
}

/// Everything that the next action depends on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct View {
    pub(super) kind: JobKind,
    pub(super) state: JobState,
    pub(super) wish: Wish,
    pub(super) source: Seen,
    pub(super) target: Seen,
    /// Whether reads of applications are compared before the switch.
    pub(super) mirrors: bool,
    /// Whether the target serves reads before the switch.
    pub(super) shifts: bool,
    /// Whether a part stays where it is: its tables are those of the source.
    pub(super) stays: bool,
    pub(super) done: Done,
}

/// What a mover does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Action {
    /// Writes job and token into the record at one end.
    Claim(End),
    /// Creates the target's namespace and tables.
    Create,
    /// Installs the capture of changes at the source.
    Capture,
    /// Copies all rows.
    Copy,
    /// Applies logged changes until few are left.
    Replay,
    /// Builds indexes at the target.
    Index,
    /// Compares source and target.
    Verify,
    /// Compares both ends after a failover, and copies again what differs from this one.
    Repair(End),
    /// Installs the capture of changes at the target.
    PrepareWayBack,
    /// Applies logged changes while applications send reads to both ends, and looks at what they found to differ.
    Mirror,
    /// Applies logged changes while the target serves a share of the reads, and notes how far it is.
    Shift,
    /// Closes one end to everybody else.
    Fence(End),
    /// Applies the last changes of the end that was closed.
    Drain(End),
    /// Sets counters, and creates foreign keys, views and triggers at the end that is to serve.
    Complete(End),
    /// Deletes the rows that leave from the closed source, and gives its tables to the part that stays.
    Part,
    /// Makes the target active.
    Activate,
    /// Records a topology in which the shard is at this end, and the next state, at once.
    Switch(End, JobState),
    /// Drops capture, foreign keys and triggers at the source, so that changes can flow back.
    Release,
    /// Applies what has changed at the target to the source.
    FlowBack,
    /// Opens the source again.
    Reopen,
    /// Opens the targets again that were closed for the way back, and records that they hold the logical shard.
    Remain,
    /// Marks the target as dead.
    Kill,
    /// Marks the source as moved.
    Retire,
    /// Removes what the job has created, and what it leaves behind.
    Clean,
    /// Records the next state.
    Record(JobState),
    /// Waits for what an operator wants next.
    Rest,
    /// There is nothing left to do.
    Stop,
    /// What is seen cannot be: an operator has to look.
    Stuck,
}

/// What a mover does next.
pub(super) fn next(view: &View) -> Action {
    if view.state.is_over() {
        return Action::Stop;
    }
    // What a claim of the source needs is kept at the target.
    if view.state.is_before_switch() && is_target_lost(view) {
        return match view.wish {
            Wish::Abort => Action::Record(JobState::Aborting),
            Wish::Run | Wish::Pause | Wish::Reverse | Wish::Finish => Action::Stuck,
        };
    }
    // The token is raised at both ends before anything is concluded from what they say.
    for (end, seen) in [(End::Target, view.target), (End::Source, view.source)] {
        if matches!(seen, Seen::Record { own: false, .. }) {
            return Action::Claim(end);
        }
    }
    if view.wish == Wish::Abort && view.state.is_before_switch() {
        return Action::Record(JobState::Aborting);
    }
    if view.wish == Wish::Pause && view.state < JobState::Switching {
        return Action::Rest;
    }
    if is_target_lost(view) {
        return without_target(view);
    }
    if view.done.suspect
        && let Some(end) = serving(view)
    {
        return Action::Repair(end);
    }
    match view.state {
        JobState::Preparing => preparing(view),
        JobState::Copying if !view.done.copied => Action::Copy,
        JobState::Copying => Action::Record(JobState::Levelling),
        JobState::Levelling if !view.done.level => Action::Replay,
        JobState::Levelling if !view.done.indexed => Action::Index,
        JobState::Levelling => Action::Record(JobState::Verifying),
        JobState::Verifying if !view.done.verified => Action::Verify,
        JobState::Verifying => Action::Record(JobState::Ready),
        JobState::Ready => ready(view),
        JobState::Mirroring => mirroring(view),
        JobState::Shifting => shifting(view),
        JobState::Switching => switching(view),
        JobState::Parting => parting(view),
        // The server has failed over to one that lacks the fence.
        JobState::Switched | JobState::Holding if state(view.source) == Some(State::Active) => {
            Action::Fence(End::Source)
        }
        JobState::Switched if !view.done.released => Action::Release,
        JobState::Switched => Action::Record(JobState::Holding),
        JobState::Holding => holding(view),
        JobState::Finishing => finishing(view),
        JobState::Aborting => aborting(view),
        JobState::Reversing => reversing(view),
        JobState::Returning if !view.done.cleaned => Action::Clean,
        JobState::Returning => Action::Record(JobState::Reversed),
        JobState::Finished | JobState::Aborted | JobState::Reversed => Action::Stop,
    }
}

/// Whether an operator wants the job to change its course.
pub(super) fn is_urgent(wish: Wish, state: JobState) -> bool {
    match wish {
        Wish::Abort => state.is_before_switch(),
        Wish::Pause => state < JobState::Switching,
        Wish::Run | Wish::Reverse | Wish::Finish => false,
    }
}

/// What the records of an end say together: as the one that is least far, since each action is taken at all of
/// them.
pub(super) fn together(seen: &[Seen], state: JobState) -> Seen {
    let rank = |seen: &Seen| match (*seen, state) {
        // Each source that was closed is opened again.
        (
            Seen::Record {
                state: State::Fenced,
                own: true,
            },
            JobState::Aborting,
        ) => 2,
        // Some were dropped already.
        (
            Seen::Missing,
            JobState::Aborting | JobState::Aborted | JobState::Returning | JobState::Reversed,
        ) => 9,
        // A target that is there is claimed before others are created.
        (Seen::Missing, JobState::Preparing) => 1,
        (Seen::Missing, _) => 0,
        (Seen::Record { own: false, .. }, JobState::Preparing) => 0,
        (Seen::Record { own: false, .. }, _) => 1,
        (Seen::Record { state, .. }, _) => match state {
            State::Incoming => 2,
            State::Active => 3,
            State::Fenced => 4,
            State::Moved => 5,
            State::Dead => 6,
        },
    };
    seen.iter()
        .copied()
        .min_by_key(rank)
        .unwrap_or(Seen::Missing)
}

/// The state at an end, if its record has one.
pub(super) fn state(seen: Seen) -> Option<State> {
    match seen {
        Seen::Missing => None,
        Seen::Record { state, .. } => Some(state),
    }
}

fn preparing(view: &View) -> Action {
    match (state(view.source), state(view.target)) {
        (Some(State::Active), None) => Action::Create,
        (Some(State::Active), Some(State::Incoming)) if !view.done.created => Action::Create,
        (Some(State::Active), Some(State::Incoming)) if !view.done.captured => Action::Capture,
        (Some(State::Active), Some(State::Incoming)) => Action::Record(JobState::Copying),
        _ => Action::Stuck,
    }
}

fn ready(view: &View) -> Action {
    if !view.done.level {
        return Action::Replay;
    }
    match view.kind {
        // A clone is what the source was at one moment; it is not kept equal.
        JobKind::Duplicate if !view.done.completed => Action::Complete(End::Target),
        JobKind::Duplicate => Action::Record(JobState::Finishing),
        _ if !view.done.way_back && !view.stays => Action::PrepareWayBack,
        _ if view.mirrors => Action::Record(JobState::Mirroring),
        _ => Action::Record(after_mirror(view)),
    }
}

/// The state after reads were compared, if they were.
fn after_mirror(view: &View) -> JobState {
    match view.shifts {
        true => JobState::Shifting,
        false => JobState::Switching,
    }
}

fn mirroring(view: &View) -> Action {
    if !view.done.way_back {
        return Action::PrepareWayBack;
    }
    match view.done.level {
        _ if !view.done.mirrored => Action::Mirror,
        false => Action::Replay,
        true => Action::Record(after_mirror(view)),
    }
}

fn shifting(view: &View) -> Action {
    if !view.done.way_back {
        return Action::PrepareWayBack;
    }
    match view.done.level {
        _ if !view.done.shifted => Action::Shift,
        false => Action::Replay,
        true => Action::Record(JobState::Switching),
    }
}

fn switching(view: &View) -> Action {
    match (state(view.source), state(view.target)) {
        (Some(State::Active), Some(State::Incoming)) if !view.done.way_back && !view.stays => {
            Action::PrepareWayBack
        }
        (Some(State::Active), Some(State::Incoming)) => Action::Fence(End::Source),
        (Some(State::Fenced), Some(State::Incoming)) if !view.done.drained => {
            Action::Drain(End::Source)
        }
        (Some(State::Fenced), Some(State::Incoming)) if !view.done.completed => {
            Action::Complete(End::Target)
        }
        (Some(State::Fenced), Some(State::Incoming)) if view.stays => {
            Action::Record(JobState::Parting)
        }
        (Some(State::Fenced), Some(State::Incoming)) => Action::Activate,
        (Some(State::Fenced), Some(State::Active)) => {
            Action::Switch(End::Target, JobState::Switched)
        }
        _ => Action::Stuck,
    }
}

fn parting(view: &View) -> Action {
    match (state(view.source), state(view.target)) {
        // The server has failed over to one that lacks the fence, and with it all that came after it: no topology names
        // a target, and the source has all rows.
        (Some(State::Active), _) => Action::Record(JobState::Aborting),
        (Some(State::Fenced), Some(State::Incoming)) if !view.done.parted => Action::Part,
        (Some(State::Fenced), Some(State::Incoming)) => Action::Activate,
        (Some(State::Fenced), Some(State::Active)) => {
            Action::Switch(End::Target, JobState::Switched)
        }
        _ => Action::Stuck,
    }
}

fn holding(view: &View) -> Action {
    match view.wish {
        // There are no old rows.
        Wish::Reverse if view.stays => Action::Rest,
        Wish::Finish => Action::Record(JobState::Finishing),
        // What cannot flow back is found before the targets are closed.
        Wish::Reverse if !view.done.level => Action::FlowBack,
        Wish::Reverse => Action::Record(JobState::Reversing),
        Wish::Run | Wish::Pause | Wish::Abort if !view.done.released => Action::Release,
        Wish::Run | Wish::Pause | Wish::Abort => Action::FlowBack,
    }
}

fn finishing(view: &View) -> Action {
    match (view.kind, state(view.source), state(view.target)) {
        // A clone never serves.
        (JobKind::Duplicate, _, Some(State::Incoming)) => Action::Kill,
        (JobKind::Duplicate, ..) if !view.done.cleaned => Action::Clean,
        (JobKind::Duplicate, ..) => Action::Record(JobState::Finished),
        // The server has failed over to one that lacks the fence.
        (_, Some(State::Active), _) => Action::Fence(End::Source),
        (_, Some(State::Fenced), _) => Action::Retire,
        _ if !view.done.cleaned => Action::Clean,
        _ => Action::Record(JobState::Finished),
    }
}

fn aborting(view: &View) -> Action {
    match (state(view.source), state(view.target)) {
        (_, Some(State::Incoming | State::Active)) => Action::Kill,
        (Some(State::Fenced), _) => Action::Reopen,
        _ if !view.done.cleaned => Action::Clean,
        _ => Action::Record(JobState::Aborted),
    }
}

fn reversing(view: &View) -> Action {
    match (state(view.source), state(view.target)) {
        // No source was opened, where a client with an old topology could have written.
        (Some(State::Fenced), Some(State::Active | State::Fenced))
            if view.done.unfit && view.done.turned =>
        {
            Action::Remain
        }
        (Some(State::Fenced), Some(State::Active)) => Action::Fence(End::Target),
        (Some(State::Fenced), Some(State::Fenced)) if !view.done.drained => {
            Action::Drain(End::Target)
        }
        (Some(State::Fenced), Some(State::Fenced)) => Action::Reopen,
        // This runner has not opened the source. Either a former one has, and draining again finds nothing,
        // or the server has failed over to one that lacks the fence and what is still to be drained.
        (Some(State::Active), Some(State::Active)) => Action::Fence(End::Source),
        (Some(State::Active), Some(State::Fenced)) if !view.done.drained => {
            Action::Fence(End::Source)
        }
        (Some(State::Active), Some(State::Fenced)) if !view.done.completed => {
            Action::Complete(End::Source)
        }
        (Some(State::Active), Some(State::Fenced)) => {
            Action::Switch(End::Source, JobState::Returning)
        }
        _ => Action::Stuck,
    }
}
