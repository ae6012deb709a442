//! A runner of the job: what it believes, and which operation it sends next.

use super::op::{Answer, Fencing, Op};
use super::rule::{Rule, Rules};
use super::shape::{At, Each, ROWS, Shape};
use super::world::World;
use crate::catalog::{JobState, Wish};
use crate::connect::State;
use crate::reshard::mover::{Action, Done, End, Seen, View, next, state, together};

/// A process that runs the job, or did before another one took it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Runner {
    pub(super) token: u8,
    pub(super) state: JobState,
    pub(super) wish: Wish,
    /// Whether its connection to a server that has failed over is broken, which it does not know yet.
    pub(super) is_cut_off: bool,
    /// What it has seen of the records, by [`At::index`].
    pub(super) seen: [Option<Seen>; 2 * ROWS],
    done: Done,
    /// The action at hand, and how many of its operations are done.
    at: Option<(Action, u8)>,
    /// What it has read of a log, and of the rows.
    pub(super) entries: Each<u8>,
    pub(super) rows: Each<u8>,
}

/// How runners work.
#[derive(Debug, Clone, Copy)]
pub(super) struct Manner {
    pub(super) shape: Shape,
    pub(super) fencing: Fencing,
    pub(super) rules: Rules,
    /// Whether reads of applications are compared before the switch.
    pub(super) mirrors: bool,
    /// Whether targets serve reads before the switch.
    pub(super) shifts: bool,
}

/// What a runner does next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Move {
    /// Reads a record.
    Look(At),
    /// Sends an operation.
    Send(Action, Op),
    /// Has nothing to do until an operator says more.
    Rest,
    /// Ends.
    Stop,
}

impl Move {
    /// Where it acts, if at an end.
    pub(super) fn end(self) -> Option<End> {
        match self {
            Self::Look(at) => Some(at.end),
            Self::Send(_, op) => op.end(),
            Self::Rest | Self::Stop => None,
        }
    }
}

impl Runner {
    pub(super) fn new(world: &World) -> Self {
        Self {
            token: world.token,
            state: world.state,
            wish: world.wish,
            is_cut_off: false,
            seen: [None; 2 * ROWS],
            done: Done::default(),
            at: None,
            entries: [0; ROWS],
            rows: [0; ROWS],
        }
    }

    /// Whether it decides anew before its next operation.
    pub(super) fn decides(&self) -> bool {
        self.at.is_none()
    }

    /// What it does next. Steps that touch nothing are taken on the way.
    pub(super) fn plan(&mut self, manner: Manner) -> Move {
        loop {
            let (action, done) = match self.at {
                Some(at) => at,
                None => {
                    let unseen = |at: &At| self.seen[at.index()].is_none();
                    match manner.shape.all().find(unseen) {
                        Some(at) => return Move::Look(at),
                        None => (self.decide(manner), 0),
                    }
                }
            };
            match action {
                Action::Rest => return Move::Rest,
                Action::Stop | Action::Stuck => return Move::Stop,
                _ => {}
            }
            self.at = Some((action, done));
            self.done.turned &= action != Action::Reopen;
            let parts = self.parts(action, manner);
            match parts.get(usize::from(done)) {
                None => self.finish(action),
                Some(part) => match self.op(*part, manner.shape) {
                    op if !self.skips(action, op) => return Move::Send(action, op),
                    _ => self.go_on(action, done + 1, parts.len(), manner.shape),
                },
            }
        }
    }

    fn decide(&self, manner: Manner) -> Action {
        let Manner { shape, rules, .. } = manner;
        let believed = |at: At| {
            let rule = match at.end {
                End::Source => Rule::SourceRaised,
                End::Target => Rule::TargetRaised,
            };
            match self.seen[at.index()].unwrap_or(Seen::Missing) {
                Seen::Record { state, .. } if !rules.keep(rule) => {
                    Seen::Record { state, own: true }
                }
                seen => seen,
            }
        };
        let seen = |end: End| {
            let mut seen: Vec<Seen> = shape.sites(end).map(believed).collect();
            if !rules.keep(Rule::AllOfAnEnd) {
                seen.truncate(1);
            }
            together(&seen, self.state)
        };
        let (source, target) = (seen(End::Source), seen(End::Target));
        let mut view = View {
            kind: shape.kind(),
            state: self.state,
            wish: self.wish,
            source,
            target,
            mirrors: manner.mirrors,
            shifts: manner.shifts,
            stays: shape.stays,
            done: self.done,
        };
        let is_open = state(source) == Some(State::Active);
        view.done.drained |=
            !rules.keep(Rule::DrainedAgain) && self.state == JobState::Reversing && is_open;
        let is_foreign = |seen: Seen| matches!(seen, Seen::Record { own: false, .. });
        if self.state == JobState::Parting {
            let goes_back = !rules.keep(Rule::PartedForGood) && self.wish == Wish::Abort;
            let reads_again = !rules.keep(Rule::NotDrainedAfterParting) && !self.done.drained;
            match next(&view) {
                Action::Claim(_) => {}
                _ if goes_back => return Action::Record(JobState::Aborting),
                Action::Part | Action::Activate if reads_again => {
                    return Action::Drain(End::Source);
                }
                _ => {}
            }
        }
        match next(&view) {
            Action::Record(JobState::Parting)
                if !rules.keep(Rule::PartingRecorded) && !self.done.parted =>
            {
                Action::Part
            }
            Action::Claim(_) if !rules.keep(Rule::TargetRaisedFirst) && is_foreign(source) => {
                Action::Claim(End::Source)
            }
            Action::Kill
                if !rules.keep(Rule::DeadBeforeReopen)
                    && self.state == JobState::Aborting
                    && state(source) == Some(State::Fenced) =>
            {
                Action::Reopen
            }
            action => action,
        }
    }

    /// Notes what a record says.
    pub(super) fn look(&mut self, at: At, seen: Seen) {
        self.seen[at.index()] = Some(seen);
    }

    /// Goes on after an answer. False if the runner ends.
    pub(super) fn hear(&mut self, action: Action, op: Op, answer: Answer, manner: Manner) -> bool {
        let Some((_, at)) = self.at else {
            return false;
        };
        let mut done = at + 1;
        match (op, answer) {
            (_, Answer::Refused) => return false,
            (Op::Claim(at), Answer::State(state)) => {
                // Where a fence renames, its names are raised too before the namespace is the runner's own.
                let own = manner.fencing == Fencing::Transaction;
                self.look(at, Seen::Record { state, own });
            }
            (Op::ReadCopied(..), Answer::Values([1, _])) => done += 2,
            (Op::ReadLog(_), Answer::Values(entries)) => {
                self.entries = entries;
                if entries == [0; ROWS] {
                    let length = self.pass_length(action, manner.shape);
                    done = at / length * length + length;
                    self.rows = [0; ROWS];
                }
            }
            (Op::ReadRows(_), Answer::Values(rows)) => self.rows = rows,
            (Op::PutPage(..), _) => self.rows = [0; ROWS],
            (Op::Close(at), _) => {
                self.note(at, State::Fenced);
                self.done.drained = !manner.rules.keep(Rule::Drained);
            }
            // A fence of the former runner may have gone through meanwhile.
            (Op::Raise(..), _) => {
                self.seen = [None; 2 * ROWS];
                self.finish(action);
                return true;
            }
            (Op::Activate(at) | Op::Open(at), _) => self.note(at, State::Active),
            (Op::Mark(at, state), _) => self.note(at, state),
            (Op::Record(_, to) | Op::Switch(_, _, to), _) => {
                self.state = to;
                if to == JobState::Reversing {
                    self.done.drained = false;
                    self.done.completed = false;
                }
                self.done.turned = to == JobState::Reversing;
                if to == JobState::Holding {
                    (self.done.level, self.done.unfit) = (false, false);
                }
                if to == JobState::Finishing && manner.rules.keep(Rule::LookedBeforeFinishing) {
                    self.seen = [None; 2 * ROWS];
                }
            }
            _ => {}
        }
        let count = self.parts(action, manner).len();
        self.go_on(action, done, count, manner.shape);
        true
    }

    /// Goes on with an action of which so many operations are done. A log is applied until it is empty.
    fn go_on(&mut self, action: Action, mut done: u8, count: usize, shape: Shape) {
        let length = self.pass_length(action, shape);
        if length > 0 && done.is_multiple_of(length) && self.entries != [0; ROWS] {
            done -= length;
            (self.entries, self.rows) = ([0; ROWS], [0; ROWS]);
        }
        if usize::from(done) < count {
            self.at = Some((action, done));
        } else {
            self.finish(action);
        }
    }

    /// Whether the source is closed and its log is empty, so that the replicas are waited for.
    pub(super) fn waits_for_replicas(&self, shape: Shape) -> bool {
        let is_closed = |at: At| self.saw(at) == Some(State::Fenced);
        let has_drained = self.at.is_none() && self.done.drained && !self.done.completed;
        has_drained && self.state == JobState::Switching && shape.sites(End::Source).all(is_closed)
    }

    /// The replicas lack the fence: opens the source again.
    pub(super) fn closed_in_vain(&mut self) {
        self.at = Some((Action::Reopen, 0));
    }

    /// Whether it takes the job back, and has opened no source.
    pub(super) fn goes_back(&self, shape: Shape) -> bool {
        let mut sources = shape.sites(End::Source);
        let are_closed = sources.all(|at| self.saw(at) == Some(State::Fenced));
        self.state == JobState::Reversing && self.done.turned && are_closed
    }

    /// A row of the targets cannot be at the sources, as a step on the way back has shown.
    pub(super) fn unfit(mut self) -> Self {
        self.done.unfit = true;
        self
    }

    /// Goes on after a failure that tells nothing.
    pub(super) fn forget(&mut self) {
        self.is_cut_off = false;
        self.seen = [None; 2 * ROWS];
        self.at = None;
        (self.entries, self.rows) = ([0; ROWS], [0; ROWS]);
        self.done.drained = false;
        self.done.level = false;
    }

    fn finish(&mut self, action: Action) {
        self.at = None;
        (self.entries, self.rows) = ([0; ROWS], [0; ROWS]);
        match action {
            Action::Create => {
                self.done.created = true;
                self.seen = [None; 2 * ROWS];
            }
            Action::Capture => self.done.captured = true,
            Action::Copy => self.done.copied = true,
            Action::Replay => self.done.level = true,
            Action::FlowBack => self.done.level = self.wish == Wish::Reverse,
            Action::Index => (self.done.indexed, self.done.level) = (true, false),
            Action::Verify => (self.done.verified, self.done.level) = (true, false),
            Action::PrepareWayBack => self.done.way_back = true,
            Action::Shift => (self.done.shifted, self.done.level) = (true, false),
            Action::Mirror => (self.done.mirrored, self.done.level) = (true, false),
            Action::Drain(_) => self.done.drained = true,
            Action::Complete(_) => self.done.completed = true,
            Action::Part => self.done.parted = true,
            Action::Release => self.done.released = true,
            Action::Clean => {
                self.done.cleaned = true;
                // The target may be gone.
                if self.state != JobState::Finishing {
                    self.seen = [None; 2 * ROWS];
                }
            }
            _ => {}
        }
    }

    fn note(&mut self, at: At, state: State) {
        self.look(at, Seen::Record { state, own: true });
    }

    pub(super) fn saw(&self, at: At) -> Option<State> {
        self.seen[at.index()].and_then(state)
    }
}
