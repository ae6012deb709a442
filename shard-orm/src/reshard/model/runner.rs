//! A runner of the job: what it believes, and which operation it sends next.

use super::op::{Answer, Fencing, Op};
use super::rule::{Rule, Rules};
use super::world::World;
use crate::catalog::{JobKind, JobState, Wish};
use crate::connect::State;
use crate::reshard::mover::{Action, Done, End, Seen, View, next, state};

/// A process that runs the job, or did before another one took it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Runner {
    pub(super) token: u8,
    pub(super) state: JobState,
    pub(super) wish: Wish,
    /// Whether its connection to a server that has failed over is broken, which it does not know yet.
    pub(super) is_cut_off: bool,
    /// What it has seen of the records, source first.
    seen: [Option<Seen>; 2],
    done: Done,
    /// The action at hand, and how many of its operations are done.
    at: Option<(Action, u8)>,
    /// What it has read of the log, and of the row.
    entries: u8,
    row: u8,
}

/// What a runner does next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Move {
    /// Reads the record at an end.
    Look(End),
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
            Self::Look(end) => Some(end),
            Self::Send(_, op) => op.end(),
            Self::Rest | Self::Stop => None,
        }
    }
}

/// An operation of an action, before its arguments are known.
#[derive(Clone, Copy)]
enum Part {
    Op(Op),
    PutPage,
    /// Writes the row where the record has this state, and where it comes from.
    Apply(End, State),
    Consume(End),
}

impl Runner {
    pub(super) fn new(world: &World) -> Self {
        Self {
            token: world.token,
            state: world.state,
            wish: world.wish,
            is_cut_off: false,
            seen: [None; 2],
            done: Done::default(),
            at: None,
            entries: 0,
            row: 0,
        }
    }

    /// Whether it decides anew before its next operation.
    pub(super) fn decides(&self) -> bool {
        self.at.is_none()
    }

    /// What it does next. Steps that touch nothing are taken on the way.
    pub(super) fn plan(&mut self, fencing: Fencing, rules: Rules) -> Move {
        loop {
            let (action, done) = match self.at {
                Some(at) => at,
                None => {
                    let [Some(source), Some(target)] = self.seen else {
                        let end = if self.seen[0].is_none() {
                            End::Source
                        } else {
                            End::Target
                        };
                        return Move::Look(end);
                    };
                    (self.decide(source, target, rules), 0)
                }
            };
            match action {
                Action::Rest => return Move::Rest,
                Action::Stop | Action::Stuck => return Move::Stop,
                _ => {}
            }
            match self.parts(action, fencing, rules).get(usize::from(done)) {
                Some(part) => {
                    self.at = Some((action, done));
                    return Move::Send(action, self.op(*part));
                }
                None => self.finish(action),
            }
        }
    }

    fn decide(&self, source: Seen, target: Seen, rules: Rules) -> Action {
        let believed = |seen: Seen, rule: Rule| match seen {
            Seen::Record { state, .. } if !rules.keep(rule) => Seen::Record { state, own: true },
            seen => seen,
        };
        let view = View {
            kind: JobKind::Move,
            state: self.state,
            wish: self.wish,
            source: believed(source, Rule::SourceRaised),
            target: believed(target, Rule::TargetRaised),
            done: self.done,
        };
        let is_open = state(source) == Some(State::Active);
        let mut view = view;
        view.done.drained |=
            !rules.keep(Rule::DrainedAgain) && self.state == JobState::Reversing && is_open;
        let is_foreign = |seen: Seen| matches!(seen, Seen::Record { own: false, .. });
        match next(&view) {
            Action::Claim(_) if !rules.keep(Rule::TargetRaisedFirst) && is_foreign(view.source) => {
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

    /// The operations of an action, in their order.
    fn parts(&self, action: Action, fencing: Fencing, rules: Rules) -> Vec<Part> {
        let renames = fencing == Fencing::Rename;
        let pass = |from: End| {
            let read = [Part::Op(Op::ReadLog(from)), Part::Op(Op::ReadRow(from))];
            let apply = match from {
                End::Source => Part::Apply(End::Target, State::Incoming),
                End::Target => Part::Apply(End::Source, State::Fenced),
            };
            let write = [apply, Part::Consume(from)];
            let [first, second] = if rules.keep(Rule::RowsAfterEntries) {
                read
            } else {
                [read[1], read[0]]
            };
            let [third, fourth] = if rules.keep(Rule::ConsumedLast) {
                write
            } else {
                [write[1], write[0]]
            };
            vec![first, second, third, fourth]
        };
        let ops = |ops: &[Op]| ops.iter().copied().map(Part::Op).collect::<Vec<_>>();
        let checked = |end, op| {
            if renames {
                ops(&[Op::Check(end, None), op])
            } else {
                ops(&[op])
            }
        };
        match action {
            Action::Claim(end) if renames => ops(&[
                Op::Claim(end),
                Op::Raise(end, self.saw(end) == Some(State::Fenced)),
            ]),
            Action::Claim(end) => ops(&[Op::Claim(end)]),
            Action::Create => ops(&[
                Op::AddRecord,
                Op::Check(End::Target, Some(State::Incoming)),
                Op::CreateTables,
            ]),
            Action::Capture if renames => ops(&[
                Op::Check(End::Source, None),
                Op::Install(End::Source),
                Op::Prepare(End::Source),
            ]),
            Action::Capture => ops(&[Op::Install(End::Source)]),
            Action::PrepareWayBack => checked(End::Target, Op::Install(End::Target)),
            Action::Copy => {
                let mut parts = ops(&[Op::ReadCopied, Op::ReadRow(End::Source)]);
                parts.push(Part::PutPage);
                parts
            }
            Action::Replay | Action::Drain(End::Source) => pass(End::Source),
            Action::Drain(End::Target) | Action::FlowBack => pass(End::Target),
            Action::Fence(end) => {
                let mut parts = match end {
                    End::Source if self.state != JobState::Switching => Vec::new(),
                    end => pass(end),
                };
                if renames {
                    parts.push(Part::Op(Op::Prepare(end)));
                    if rules.keep(Rule::CheckedAfterPreparation) {
                        parts.push(Part::Op(Op::Check(end, Some(State::Active))));
                    }
                }
                parts.push(Part::Op(Op::Close(end)));
                parts
            }
            Action::Complete(end) => ops(&[Op::Complete(end)]),
            Action::Activate if rules.keep(Rule::LogEmptiedAtOnce) => ops(&[Op::Activate]),
            Action::Activate => ops(&[Op::Activate, Op::EmptyLog]),
            Action::Switch(end, to) => ops(&[Op::Switch(self.state, end, to)]),
            Action::Release if rules.keep(Rule::CaptureDropped) => ops(&[
                Op::DropCapture(End::Source),
                Op::Check(End::Source, Some(State::Fenced)),
            ]),
            Action::Release => ops(&[Op::Check(End::Source, Some(State::Fenced))]),
            Action::Reopen => ops(&[Op::Open]),
            Action::Kill => ops(&[Op::Mark(End::Target, State::Dead)]),
            Action::Retire => ops(&[Op::Mark(End::Source, State::Moved)]),
            Action::Clean => self.cleaning(renames).into_iter().map(Part::Op).collect(),
            Action::Record(to) => ops(&[Op::Record(self.state, to)]),
            // A failover is not explored.
            Action::Index
            | Action::Verify
            | Action::Repair(_)
            | Action::Rest
            | Action::Stop
            | Action::Stuck => Vec::new(),
        }
    }

    fn cleaning(&self, renames: bool) -> Vec<Op> {
        use End::{Source, Target};
        let is_target_lost = matches!(self.saw(Target), None | Some(State::Incoming));
        let mut ops = match self.state {
            JobState::Aborting => vec![
                Op::DropCapture(Source),
                Op::CleanFence(Source),
                Op::DropTarget,
            ],
            JobState::Finishing => vec![
                Op::DropCapture(Target),
                Op::DropHeld(Source),
                Op::CleanFence(Source),
                Op::CleanFence(Target),
            ],
            _ if is_target_lost => vec![
                Op::DropCapture(Source),
                Op::CleanFence(Source),
                Op::DropTarget,
            ],
            _ => vec![
                Op::DropCapture(Source),
                Op::CleanFence(Source),
                Op::DropCapture(Target),
                Op::Mark(Target, State::Moved),
                Op::DropHeld(Target),
                Op::CleanFence(Target),
            ],
        };
        ops.retain(|op| renames || !matches!(op, Op::CleanFence(_)));
        ops
    }

    fn op(&self, part: Part) -> Op {
        match part {
            Part::Op(op) => op,
            Part::PutPage => Op::PutPage(self.row),
            Part::Apply(end, state) => Op::Apply(end, state, self.row),
            Part::Consume(end) => Op::Consume(end, self.entries),
        }
    }

    /// Notes what a record says.
    pub(super) fn look(&mut self, end: End, seen: Seen) {
        self.seen[end as usize] = Some(seen);
    }

    /// Goes on after an answer. False if the runner ends.
    pub(super) fn hear(
        &mut self,
        action: Action,
        op: Op,
        answer: Answer,
        fencing: Fencing,
        rules: Rules,
    ) -> bool {
        let Some((_, done)) = self.at else {
            return false;
        };
        let mut done = done + 1;
        match (op, answer) {
            (_, Answer::Refused) => return false,
            (Op::Claim(end), Answer::State(state)) => {
                self.look(end, Seen::Record { state, own: true })
            }
            (Op::ReadCopied, Answer::Value(1)) => done = u8::MAX,
            (Op::ReadLog(_), Answer::Value(entries)) => {
                self.entries = entries;
                if entries == 0 {
                    done = self.after_pass(action, done, rules);
                }
            }
            (Op::ReadRow(_), Answer::Value(row)) => self.row = row,
            // Until the log is empty.
            (Op::Consume(..), _) if rules.keep(Rule::ConsumedLast) => done = 0,
            (Op::Apply(..), _) if !rules.keep(Rule::ConsumedLast) => done = 0,
            (Op::Close(end), _) => {
                let state = State::Fenced;
                self.look(end, Seen::Record { state, own: true });
                self.done.drained = !rules.keep(Rule::Drained);
            }
            // A fence of the former runner may have gone through meanwhile.
            (Op::Raise(..), _) => self.seen = [None; 2],
            (Op::Activate, _) => self.note(End::Target, State::Active),
            (Op::Open, _) => self.note(End::Source, State::Active),
            (Op::Mark(end, state), _) => self.note(end, state),
            (Op::Record(_, to) | Op::Switch(_, _, to), _) => {
                self.state = to;
                if to == JobState::Reversing {
                    self.done.drained = false;
                    self.done.completed = false;
                }
                if to == JobState::Finishing && rules.keep(Rule::LookedBeforeFinishing) {
                    self.seen = [None; 2];
                }
            }
            _ => {}
        }
        // What was read is of no more use once it was written.
        if done == 0 || done == u8::MAX {
            (self.entries, self.row) = (0, 0);
        }
        if usize::from(done) < self.parts(action, fencing, rules).len() {
            self.at = Some((action, done));
        } else {
            self.finish(action);
        }
        true
    }

    /// Whether the source is closed and its log is empty, so that the replicas are waited for.
    pub(super) fn waits_for_replicas(&self) -> bool {
        let has_drained = self.at.is_none() && self.done.drained && !self.done.completed;
        has_drained
            && self.state == JobState::Switching
            && self.saw(End::Source) == Some(State::Fenced)
    }

    /// The replicas lack the fence: opens the source again.
    pub(super) fn closed_in_vain(&mut self) {
        self.at = Some((Action::Reopen, 0));
    }

    /// The number of operations that are done once the log was found empty.
    fn after_pass(&self, action: Action, done: u8, rules: Rules) -> u8 {
        let first = if rules.keep(Rule::RowsAfterEntries) {
            1
        } else {
            2
        };
        match action {
            Action::Fence(_) => 4,
            _ if done < first => done,
            _ => u8::MAX,
        }
    }

    /// Goes on after a failure that tells nothing.
    pub(super) fn forget(&mut self) {
        self.is_cut_off = false;
        self.seen = [None; 2];
        self.at = None;
        (self.entries, self.row) = (0, 0);
        self.done.drained = false;
        self.done.level = false;
    }

    fn finish(&mut self, action: Action) {
        self.at = None;
        (self.entries, self.row) = (0, 0);
        match action {
            Action::Create => {
                self.done.created = true;
                self.seen = [None; 2];
            }
            Action::Capture => self.done.captured = true,
            Action::Copy => self.done.copied = true,
            Action::Replay => self.done.level = true,
            Action::Index => (self.done.indexed, self.done.level) = (true, false),
            Action::Verify => (self.done.verified, self.done.level) = (true, false),
            Action::PrepareWayBack => self.done.way_back = true,
            Action::Drain(_) => self.done.drained = true,
            Action::Complete(_) => self.done.completed = true,
            Action::Release => self.done.released = true,
            Action::Clean => {
                self.done.cleaned = true;
                // The target may be gone.
                if self.state != JobState::Finishing {
                    self.seen = [None; 2];
                }
            }
            _ => {}
        }
    }

    fn note(&mut self, end: End, state: State) {
        self.look(end, Seen::Record { state, own: true });
    }

    fn saw(&self, end: End) -> Option<State> {
        self.seen[end as usize].and_then(state)
    }
}
