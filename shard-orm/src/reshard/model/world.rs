//! What the servers hold: the catalog's row of the job, and the namespaces at both ends, with one row whose
//! value is the number of the write that it comes from.

use super::op::{Answer, Fencing, Op};
use super::rule::{Rule, Rules};
use crate::catalog::{JobState, Wish};
use crate::connect::State;
use crate::reshard::mover::{End, Seen};

/// The value of a row that was applied, and changed once more by a trigger that repeats what it has done at the other end.
const SPOILED: u8 = u8::MAX;

/// The record of a namespace.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Record {
    pub(super) state: State,
    /// Zero if no job has claimed the namespace.
    pub(super) token: u8,
}

/// A namespace at a server.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[allow(clippy::struct_excessive_bools)] // Each is a fact of its own.
pub(super) struct Namespace {
    pub(super) record: Option<Record>,
    /// `None` if there is no table.
    pub(super) row: Option<u8>,
    /// Whether changes are captured.
    pub(super) captures: bool,
    /// The entries of the log: bit n for the write n, bit 0 for those that come from the mover.
    pub(super) log: u8,
    /// Whether it has the triggers of the user's, which act when a row is applied.
    pub(super) is_complete: bool,
    /// Whether the page was copied.
    pub(super) is_copied: bool,
    /// The tokens for which the record of the closed namespace lies ready, with tombstones.
    pub(super) closers: u8,
    /// The record of the open namespace while it is closed, and the token in the name of its table.
    pub(super) opener: Option<(u8, Record)>,
    /// Whether tombstones lie ready whose names have no token.
    pub(super) has_tombstones: bool,
}

/// What is at the servers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct World {
    pub(super) state: JobState,
    pub(super) wish: Wish,
    pub(super) token: u8,
    /// The first token of the job; runners with lower ones are of the job before.
    pub(super) first_token: u8,
    /// Where the newest topology sends clients.
    pub(super) place: End,
    /// Whether a topology has ever sent clients to the target.
    pub(super) has_switched: bool,
    pub(super) source: Namespace,
    pub(super) target: Namespace,
    /// The source before its fence, and the target before its activation, as standbys have them that have not received
    /// more.
    pub(super) standbys: [Option<Namespace>; 2],
    /// Whether the standby of the source is the source now.
    pub(super) has_failed_over: bool,
    /// The number of acknowledged writes.
    pub(super) written: u8,
}

impl Namespace {
    /// Whether it takes writes.
    pub(super) fn is_open(&self) -> bool {
        self.record
            .is_some_and(|record| record.state == State::Active)
    }

    pub(super) fn seen(&self, token: u8) -> Seen {
        self.record.map_or(Seen::Missing, |record| Seen::Record {
            state: record.state,
            own: record.token == token,
        })
    }
}

impl World {
    pub(super) fn namespace(&mut self, end: End) -> &mut Namespace {
        match end {
            End::Source => &mut self.source,
            End::Target => &mut self.target,
        }
    }

    /// All that there are, with those of the standbys.
    pub(super) fn namespaces(&mut self) -> impl Iterator<Item = &mut Namespace> {
        let both = [&mut self.source, &mut self.target].into_iter();
        both.chain(self.standbys.iter_mut().flatten())
    }

    /// Whether a client that comes here is served. At a server of another history than it knows, it reads
    /// the newest topology first.
    pub(super) fn serves(&self, end: End) -> bool {
        match end {
            End::Source => {
                self.source.is_open() && (!self.has_failed_over || self.place == End::Source)
            }
            End::Target => self.target.is_open(),
        }
    }

    /// Whether a standby may take over, and no acknowledged write is lost with the server before it: one that had not
    /// flowed back to the source is out of the mover's hands.
    pub(super) fn can_fail_over(&self, end: End) -> bool {
        let has_switched = self.standbys[end as usize].is_some() && self.place == End::Target;
        has_switched && (end == End::Source || self.source.row == Some(self.written))
    }

    /// The standby becomes the server: the fence or the activation is gone, and what was done there since.
    pub(super) fn fail_over(&mut self, end: End) {
        if let Some(standby) = self.standbys[end as usize].take() {
            *self.namespace(end) = standby;
            self.has_failed_over |= end == End::Source;
        }
    }

    /// A write of a client, which is acknowledged.
    pub(super) fn write(&mut self, end: End) {
        self.written += 1;
        let written = self.written;
        let own = self.namespace(end);
        own.row = Some(written);
        if own.captures {
            own.log |= 1 << written;
        }
    }

    /// Whether the record is the runner's, and in this state.
    fn confirms(&mut self, end: End, token: u8, state: Option<State>, rules: Rules) -> bool {
        let own = self.namespace(end);
        let Some(record) = own.record.as_mut() else {
            return false;
        };
        let (checks_token, checks_state, is_raised) = match end {
            End::Target => (
                rules.keep(Rule::TokenAtTarget),
                rules.keep(Rule::StateAtTarget),
                rules.keep(Rule::TargetRaised),
            ),
            End::Source => (true, true, rules.keep(Rule::SourceRaised)),
        };
        if !is_raised && record.token < token {
            record.token = token;
        }
        (!checks_token || record.token == token)
            && (!checks_state || state.is_none_or(|state| state == record.state))
    }

    /// Carries out an operation that a runner with this token has sent.
    pub(super) fn carry_out(
        &mut self,
        op: Op,
        token: u8,
        fencing: Fencing,
        rules: Rules,
    ) -> Answer {
        let before = [self.source, self.target];
        let answer = self.change(op, token, fencing, rules);
        let [source, target] = &mut self.standbys;
        match (op, answer) {
            (Op::Close(End::Source), Answer::Done) => *source = Some(before[0]),
            (Op::Activate, Answer::Done) => *target = Some(before[1]),
            _ => {}
        }
        // One that lacks rows as well is out of the mover's hands.
        let is_kept =
            |standby: &Namespace| standby.row == self.source.row && !self.source.is_open();
        *source = source.filter(is_kept);
        // Nobody finishes a job while a standby lags that far.
        let is_kept = self.target.is_open() && self.state <= JobState::Holding;
        *target = target.filter(|_| is_kept);
        answer
    }

    /// Another job for the same logical shard, with another target.
    pub(super) fn begin_job(&mut self) {
        self.token += 1;
        self.first_token = self.token;
        self.state = JobState::Preparing;
        self.wish = Wish::Run;
        self.has_switched = false;
        self.target = Namespace::default();
        self.standbys = [None; 2];
    }

    fn change(&mut self, op: Op, token: u8, fencing: Fencing, rules: Rules) -> Answer {
        if token < self.first_token {
            match op {
                // What is the job's own has other names, and its target is another one.
                Op::Raise(..) | Op::Install(_) | Op::DropCapture(_) | Op::CleanFence(_) => {
                    return Answer::Done;
                }
                Op::DropHeld(_) | Op::DropTarget => return Answer::Done,
                Op::Record(..) | Op::Switch(..) => return Answer::Refused,
                op if op.end() == Some(End::Target) || op == Op::ReadLog(End::Source) => {
                    return Answer::Refused;
                }
                _ => {}
            }
        }
        let renames = fencing == Fencing::Rename;
        match op {
            Op::ReadCopied => return Answer::Value(u8::from(self.target.is_copied)),
            Op::ReadRow(end) => {
                return self
                    .namespace(end)
                    .row
                    .map_or(Answer::Refused, Answer::Value);
            }
            Op::ReadLog(end) => return Answer::Value(self.namespace(end).log),
            Op::Claim(end) => {
                let Some(record) = self
                    .namespace(end)
                    .record
                    .as_mut()
                    .filter(|own| own.token <= token)
                else {
                    return Answer::Refused;
                };
                record.token = token;
                return Answer::State(record.state);
            }
            Op::Check(end, state) => {
                if !self.confirms(end, token, state, rules) {
                    return Answer::Refused;
                }
            }
            Op::AddRecord => {
                let state = State::Incoming;
                self.target.record.get_or_insert(Record { state, token });
            }
            Op::CreateTables => {
                if !rules.keep(Rule::TablesKept) || self.target.row.is_none() {
                    self.target.row = Some(0);
                    self.target.is_copied = false;
                }
            }
            Op::Install(end) => {
                if !renames && !self.confirms(end, token, None, rules) {
                    return Answer::Refused;
                }
                let own = self.namespace(end);
                if !(renames && rules.keep(Rule::CaptureKept) && own.captures) {
                    own.log = 0;
                    own.captures = true;
                }
            }
            Op::PutPage(row) => {
                if !self.confirms(End::Target, token, Some(State::Incoming), rules) {
                    return Answer::Refused;
                }
                self.put(End::Target, row);
                self.target.is_copied = true;
            }
            Op::Apply(end, state, row) => {
                if !self.confirms(end, token, Some(state), rules) {
                    return Answer::Refused;
                }
                self.put(end, row);
            }
            Op::Complete(end) => {
                if !self.confirms(end, token, None, rules) {
                    return Answer::Refused;
                }
                self.namespace(end).is_complete = end == End::Target;
            }
            Op::Consume(end, entries) => {
                if !self.confirms(end, token, None, rules) {
                    return Answer::Refused;
                }
                self.namespace(end).log &= !entries;
            }
            Op::Activate => {
                if !self.confirms(End::Target, token, Some(State::Incoming), rules) {
                    return Answer::Refused;
                }
                if rules.keep(Rule::LogEmptiedAtOnce) {
                    self.target.log = 0;
                }
                self.set_state(End::Target, State::Active);
            }
            Op::EmptyLog => self.target.log = 0,
            Op::Mark(end, state) => {
                if !self.confirms(end, token, None, rules) {
                    return Answer::Refused;
                }
                self.set_state(end, state);
            }
            Op::DropCapture(end) => {
                let own = self.namespace(end);
                own.captures = false;
                own.log = 0;
            }
            Op::DropTarget => self.target = Namespace::default(),
            Op::DropHeld(end) => {
                let own = self.namespace(end);
                if !own.is_open() {
                    own.row = None;
                }
            }
            Op::Prepare(_) | Op::Raise(..) | Op::CleanFence(_) if !renames => {}
            Op::Close(end) if !renames => {
                if !self.confirms(end, token, Some(State::Active), rules) {
                    return Answer::Refused;
                }
                self.set_state(end, State::Fenced);
            }
            Op::Open if !renames => {
                if !self.confirms(End::Source, token, Some(State::Fenced), rules) {
                    return Answer::Refused;
                }
                self.set_state(End::Source, State::Active);
            }
            Op::Prepare(_) | Op::Raise(..) | Op::CleanFence(_) | Op::Close(_) | Op::Open => {
                return self.rename(op, token, rules);
            }
            Op::Record(from, to) => {
                if self.token != token || self.state != from {
                    return Answer::Refused;
                }
                self.state = to;
            }
            Op::Switch(from, end, to) => {
                let is_taken = rules.keep(Rule::SwitchToken) && self.token != token;
                if is_taken || rules.keep(Rule::SwitchState) && self.state != from {
                    return Answer::Refused;
                }
                self.state = to;
                self.place = end;
                self.has_switched |= end == End::Target;
            }
        }
        Answer::Done
    }

    /// The statements of a fence that has no transactions.
    fn rename(&mut self, op: Op, token: u8, rules: Rules) -> Answer {
        let former = (1 << self.first_token) - 1;
        let own = self.namespace(op.end().unwrap_or(End::Source));
        let Some(record) = own.record.as_mut() else {
            return Answer::Refused;
        };
        let bit = 1 << token;
        let is_shared = !rules.keep(Rule::TombstonesHaveToken);
        match op {
            Op::Prepare(_) => {
                own.closers |= bit;
                own.has_tombstones = is_shared;
            }
            Op::Raise(_, is_closed) => {
                if rules.keep(Rule::MarkerDropped) {
                    own.closers &= former;
                }
                if is_closed {
                    let Some((name, open)) = own.opener.as_mut() else {
                        return Answer::Refused;
                    };
                    *name = token;
                    open.token = token;
                }
            }
            Op::CleanFence(_) => {
                own.closers &= former;
                own.opener = None;
                own.has_tombstones = false;
            }
            Op::Close(_) => {
                if own.closers & bit == 0 || own.opener.is_some() || own.has_tombstones != is_shared
                {
                    return Answer::Refused;
                }
                own.opener = Some((token, *record));
                let state = State::Fenced;
                *record = Record { state, token };
                own.closers &= !bit;
                own.has_tombstones = false;
            }
            _ => {
                let Some((_, open)) = own.opener.filter(|(name, _)| *name == token) else {
                    return Answer::Refused;
                };
                if own.closers & bit != 0 || own.has_tombstones {
                    return Answer::Refused;
                }
                own.opener = None;
                *record = open;
                own.closers |= bit;
                own.has_tombstones = is_shared;
            }
        }
        Answer::Done
    }

    fn put(&mut self, end: End, row: u8) {
        let own = self.namespace(end);
        own.row = Some(if own.is_complete { SPOILED } else { row });
        if own.captures {
            own.log |= 1;
        }
    }

    fn set_state(&mut self, end: End, state: State) {
        if let Some(record) = self.namespace(end).record.as_mut() {
            record.state = state;
        }
    }
}
