//! The operations of each action, in the order in which a step sends them.

use super::op::{Fencing, Op};
use super::rule::Rule;
use super::runner::{Manner, Runner};
use super::shape::{At, Shape};
use crate::catalog::JobState;
use crate::connect::State;
use crate::reshard::mover::{Action, End, Seen};

/// An operation of an action, before its arguments are known.
#[derive(Clone, Copy)]
pub(super) enum Part {
    Op(Op),
    /// Writes the rows of a source.
    PutPage(At, At),
    /// Writes rows where the record has this state, and where they come from.
    Apply(At, State, At),
    Consume(At),
}

/// An operation that is sent to each namespace of an end.
type OfEnd = (End, fn(At) -> Op);

impl Runner {
    /// The number of operations that apply the log of one namespace; none in an action that applies none.
    pub(super) fn pass_length(&self, action: Action, shape: Shape) -> u8 {
        let from = match action {
            Action::Replay | Action::Mirror | Action::Shift => End::Source,
            Action::Drain(End::Source) => End::Source,
            Action::Fence(End::Source) if self.state == JobState::Switching => End::Source,
            Action::Drain(End::Target) | Action::FlowBack | Action::Fence(End::Target) => {
                End::Target
            }
            _ => return 0,
        };
        shape.fed(other(from)).map(|_| 1).sum::<u8>() + 3
    }

    /// Applies the logs of an end, one after the other.
    fn passes(from: End, Manner { shape, rules, .. }: Manner) -> Vec<Part> {
        let mut parts = Vec::new();
        let state = match from {
            End::Source => State::Incoming,
            End::Target => State::Fenced,
        };
        for at in shape.sites(from) {
            let mut read = [Part::Op(Op::ReadLog(at)), Part::Op(Op::ReadRows(at))];
            if !rules.keep(Rule::RowsAfterEntries) {
                read.reverse();
            }
            parts.extend(read);
            let apply = shape.fed(other(from));
            let apply = apply.map(|to| Part::Apply(to, state, at));
            if rules.keep(Rule::ConsumedLast) {
                parts.extend(apply);
                parts.push(Part::Consume(at));
            } else {
                parts.push(Part::Consume(at));
                parts.extend(apply);
            }
        }
        parts
    }

    /// The operations of an action, in their order.
    pub(super) fn parts(&self, action: Action, manner: Manner) -> Vec<Part> {
        let Manner { shape, rules, .. } = manner;
        let renames = manner.fencing == Fencing::Rename;
        let each = |end: End, ops: &dyn Fn(At) -> Vec<Op>| -> Vec<Part> {
            shape.sites(end).flat_map(ops).map(Part::Op).collect()
        };
        match action {
            Action::Claim(end) if renames => each(end, &|at| {
                let is_closed = self.saw(at) == Some(State::Fenced);
                vec![Op::Claim(at), Op::Raise(at, is_closed)]
            }),
            Action::Claim(end) => each(end, &|at| vec![Op::Claim(at)]),
            Action::Create => each(End::Target, &|at| {
                let check = Op::Check(at, Some(State::Incoming));
                match shape.fed(End::Target).any(|fed| fed == at) {
                    true => vec![Op::AddRecord(at), check, Op::CreateTables(at)],
                    false => vec![Op::AddRecord(at)],
                }
            }),
            Action::Capture if renames => each(End::Source, &|at| {
                vec![Op::Check(at, None), Op::Install(at), Op::Prepare(at)]
            }),
            Action::Capture => each(End::Source, &|at| vec![Op::Install(at)]),
            Action::PrepareWayBack if renames => each(End::Target, &|at| {
                vec![Op::Check(at, None), Op::Install(at)]
            }),
            Action::PrepareWayBack => each(End::Target, &|at| vec![Op::Install(at)]),
            Action::Copy => {
                let mut parts = Vec::new();
                for from in shape.sites(End::Source) {
                    for to in shape.fed(End::Target) {
                        parts.push(Part::Op(Op::ReadCopied(to, from)));
                        parts.push(Part::Op(Op::ReadRows(from)));
                        parts.push(Part::PutPage(to, from));
                    }
                }
                parts
            }
            Action::Replay | Action::Mirror | Action::Drain(End::Source) => {
                Self::passes(End::Source, manner)
            }
            Action::Drain(End::Target) | Action::FlowBack => Self::passes(End::Target, manner),
            Action::Shift => {
                let mut parts = Self::passes(End::Source, manner);
                parts.extend(each(End::Target, &|at| vec![Op::NoteFeed(at)]));
                parts
            }
            Action::Fence(end) => {
                let mut parts = match end {
                    End::Source if self.state != JobState::Switching => Vec::new(),
                    end => Self::passes(end, manner),
                };
                parts.extend(each(end, &|at| {
                    let mut ops = Vec::new();
                    if renames {
                        ops.push(Op::Prepare(at));
                        if rules.keep(Rule::CheckedAfterPreparation) {
                            ops.push(Op::Check(at, Some(State::Active)));
                        }
                    }
                    ops.push(Op::Close(at));
                    ops
                }));
                parts
            }
            Action::Complete(end) => {
                let complete = shape.fed(end).map(Op::Complete);
                complete.map(Part::Op).collect()
            }
            Action::Part if renames => each(End::Source, &|at| {
                let mut ops = vec![
                    Op::DropCapture(at),
                    Op::DeleteLeaving(at),
                    Op::GiveTables(at),
                ];
                if !rules.keep(Rule::LeavingSilenced) {
                    ops.remove(0);
                }
                ops
            }),
            Action::Part => each(End::Source, &|at| vec![Op::GiveTables(at)]),
            Action::Activate => each(End::Target, &|at| {
                let mut ops = vec![Op::Activate(at)];
                if !rules.keep(Rule::LogEmptiedAtOnce) {
                    ops.push(Op::EmptyLog(at));
                }
                ops
            }),
            Action::Switch(end, to) => vec![Part::Op(Op::Switch(self.state, end, to))],
            Action::Release => {
                let mut parts = Vec::new();
                if rules.keep(Rule::CaptureDropped) {
                    parts = each(End::Source, &|at| vec![Op::DropCapture(at)]);
                }
                parts.extend(each(End::Source, &|at| {
                    vec![Op::Check(at, Some(State::Fenced))]
                }));
                parts
            }
            Action::Reopen => each(End::Source, &|at| vec![Op::Open(at)]),
            Action::Remain => {
                let mut parts = each(End::Target, &|at| vec![Op::Open(at)]);
                parts.push(Part::Op(Op::Record(self.state, JobState::Holding)));
                parts
            }
            Action::Kill => each(End::Target, &|at| vec![Op::Mark(at, State::Dead)]),
            Action::Retire => each(End::Source, &|at| vec![Op::Mark(at, State::Moved)]),
            Action::Clean => self.cleaning(manner),
            Action::Record(to) => vec![Part::Op(Op::Record(self.state, to))],
            // A failover before the switch is not explored.
            Action::Index
            | Action::Verify
            | Action::Repair(_)
            | Action::Rest
            | Action::Stop
            | Action::Stuck => Vec::new(),
        }
    }

    /// Whether an operation is left out: at a namespace that is as far already, or is not there, or of which nothing
    /// was logged.
    pub(super) fn skips(&self, action: Action, op: Op) -> bool {
        let is = |at: At, expected: State| self.saw(at) == Some(expected);
        match op {
            Op::Claim(at) | Op::Raise(at, _) => {
                let seen = self.seen[at.index()];
                !matches!(seen, Some(Seen::Record { own: false, .. }))
            }
            Op::Prepare(at) | Op::Check(at, _) | Op::Close(at)
                if matches!(action, Action::Fence(_)) =>
            {
                !is(at, State::Active)
            }
            Op::Activate(at) => !is(at, State::Incoming),
            Op::Open(at) => !is(at, State::Fenced),
            Op::Mark(at, _) | Op::DropTarget(at) => self.saw(at).is_none(),
            Op::Apply(_, _, rows) => rows.iter().all(Option::is_none),
            _ => false,
        }
    }

    fn cleaning(&self, Manner { shape, fencing, .. }: Manner) -> Vec<Part> {
        use End::{Source, Target};
        let is_lost = |at: At| matches!(self.saw(at), None | Some(State::Incoming));
        let is_target_lost = shape.sites(Target).any(is_lost);
        let steps: Vec<OfEnd> = match self.state {
            JobState::Aborting => vec![
                (Source, Op::DropCapture),
                (Source, Op::CleanFence),
                (Target, Op::DropTarget),
            ],
            JobState::Finishing => vec![
                (Target, Op::DropCapture),
                (Source, Op::DropHeld),
                (Source, Op::CleanFence),
                (Target, Op::CleanFence),
            ],
            _ if is_target_lost => vec![
                (Source, Op::DropCapture),
                (Source, Op::CleanFence),
                (Target, Op::DropTarget),
            ],
            _ => vec![
                (Source, Op::DropCapture),
                (Source, Op::CleanFence),
                (Target, Op::DropCapture),
                (Target, |at| Op::Mark(at, State::Moved)),
                (Target, Op::DropHeld),
                (Target, Op::CleanFence),
            ],
        };
        let ops = steps.into_iter();
        let ops = ops.flat_map(|(end, op)| shape.sites(end).map(op));
        let ops = ops.filter(|op| fencing == Fencing::Rename || !matches!(op, Op::CleanFence(_)));
        ops.map(Part::Op).collect()
    }

    /// An operation with its arguments.
    pub(super) fn op(&self, part: Part, shape: Shape) -> Op {
        let rows = |from: At, to: At, is_wanted: &dyn Fn(usize) -> bool| {
            let own = shape.between(from, to);
            std::array::from_fn(|row| (own[row] && is_wanted(row)).then_some(self.rows[row]))
        };
        match part {
            Part::Op(op) => op,
            Part::PutPage(to, from) => Op::PutPage(to, from, rows(from, to, &|_| true)),
            Part::Apply(to, state, from) => {
                Op::Apply(to, state, rows(from, to, &|row| self.entries[row] != 0))
            }
            Part::Consume(at) => Op::Consume(at, self.entries),
        }
    }
}

fn other(end: End) -> End {
    match end {
        End::Source => End::Target,
        End::Target => End::Source,
    }
}
