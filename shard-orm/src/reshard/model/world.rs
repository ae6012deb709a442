//! What the servers hold: the catalog's row of the job, and the namespaces at both ends, with rows whose values are the
//! numbers of the writes that they come from.

use super::namespace::{DELETED, Namespace, Record};
use super::op::{Answer, Fencing, Op};
use super::rule::{Rule, Rules};
use super::shape::{At, Each, ROWS, Shape};
use crate::catalog::{JobState, Wish};
use crate::connect::State;
use crate::reshard::mover::End;

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
    /// Whether a job has ever let clients read at its target before the switch.
    pub(super) has_shifted: bool,
    /// By [`At::index`].
    pub(super) namespaces: [Namespace; 2 * ROWS],
    /// The first source before its fence, and the first target before its activation, as standbys have them that have not
    /// received more.
    pub(super) standbys: [Option<Namespace>; 2],
    /// Whether the standby of the source is the source now.
    pub(super) has_failed_over: bool,
    /// The number of acknowledged writes.
    pub(super) writes: u8,
    /// The last one of each row.
    pub(super) written: Each<u8>,
}

impl World {
    /// A job at its beginning.
    pub(super) fn new(shape: Shape) -> Self {
        let source = Namespace {
            record: Some(Record {
                state: State::Active,
                token: 0,
            }),
            rows: Some([0; ROWS]),
            ..Namespace::default()
        };
        let mut world = Self {
            state: JobState::Preparing,
            wish: Wish::Run,
            token: 1,
            first_token: 1,
            place: End::Source,
            has_switched: false,
            has_shifted: false,
            namespaces: Default::default(),
            standbys: [None; 2],
            has_failed_over: false,
            writes: 0,
            written: [0; ROWS],
        };
        for at in shape.sites(End::Source) {
            world.namespaces[at.index()] = source;
        }
        world
    }

    pub(super) fn at(&self, at: At) -> &Namespace {
        &self.namespaces[at.index()]
    }

    pub(super) fn namespace(&mut self, at: At) -> &mut Namespace {
        &mut self.namespaces[at.index()]
    }

    /// All that there are, with those of the standbys.
    pub(super) fn all(&mut self) -> impl Iterator<Item = &mut Namespace> {
        self.namespaces
            .iter_mut()
            .chain(self.standbys.iter_mut().flatten())
    }

    /// Whether a client that comes here is served. At a server of another history than it knows, it reads
    /// the newest topology first.
    pub(super) fn serves(&self, at: At) -> bool {
        let is_known = match at.end {
            End::Source => !self.has_failed_over || self.place == End::Source,
            End::Target => true,
        };
        self.at(at).is_open() && is_known
    }

    /// Whether a read that takes rows of a replica is served by a target before the switch, however old the client's view
    /// of the job is.
    pub(super) fn serves_reads(&self, at: At, rules: Rules) -> bool {
        let own = self.at(at);
        let is_filled =
            |record: Record| record.state == State::Incoming && record.token >= self.first_token;
        let by_record = own.record.is_some_and(is_filled) || !rules.keep(Rule::ReadByRecord);
        let by_note = own.is_noted || !rules.keep(Rule::ReadByNote);
        at.end == End::Target && self.has_shifted && by_record && by_note
    }

    /// Whether a standby may take over, and no acknowledged write is lost with the server before it: one that had not
    /// flowed back to the source is out of the mover's hands.
    pub(super) fn can_fail_over(&self, end: End) -> bool {
        let has_switched = self.standbys[end as usize].is_some() && self.place == End::Target;
        let source = self.at(At::first(End::Source));
        has_switched && (end == End::Source || source.rows == Some(self.written))
    }

    /// The standby becomes the server: the fence or the activation is gone, and what was done there since.
    pub(super) fn fail_over(&mut self, end: End) {
        if let Some(standby) = self.standbys[end as usize].take() {
            *self.namespace(At::first(end)) = standby;
            self.has_failed_over |= end == End::Source;
        }
    }

    /// A write of a client to a row, which is acknowledged.
    pub(super) fn write(&mut self, at: At, row: usize) {
        self.writes += 1;
        let write = self.writes;
        self.written[row] = write;
        let own = self.namespace(at);
        if let Some(rows) = &mut own.rows {
            rows[row] = write;
        }
        if own.captures {
            own.log[row] |= 1 << write;
        }
    }

    /// Whether the record is the runner's, and in this state.
    fn confirms(&mut self, at: At, token: u8, state: Option<State>, rules: Rules) -> bool {
        let own = self.namespace(at);
        let Some(record) = own.record.as_mut() else {
            return false;
        };
        let (checks_token, checks_state, is_raised) = match at.end {
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
        let [source, target] = [End::Source, End::Target].map(At::first);
        let before = [*self.at(source), *self.at(target)];
        let answer = self.change(op, token, fencing, rules);
        match (op, answer) {
            (Op::Close(at), Answer::Done) if at == source => self.standbys[0] = Some(before[0]),
            (Op::Activate(at), Answer::Done) if at == target => self.standbys[1] = Some(before[1]),
            _ => {}
        }
        // One that lacks rows as well is out of the mover's hands.
        let closed = Some(self.at(source)).filter(|source| !source.is_open());
        let rows = closed.map(|source| source.rows);
        self.standbys[0] = self.standbys[0].filter(|standby| Some(standby.rows) == rows);
        // Nobody finishes a job while a standby lags that far.
        let is_kept = self.at(target).is_open() && self.state <= JobState::Holding;
        self.standbys[1] = self.standbys[1].filter(|_| is_kept);
        answer
    }

    /// Another job for the same logical shards, with other targets.
    pub(super) fn begin_job(&mut self, shape: Shape) {
        self.token += 1;
        self.first_token = self.token;
        self.state = JobState::Preparing;
        self.wish = Wish::Run;
        self.has_switched = false;
        for target in shape.sites(End::Target) {
            *self.namespace(target) = Namespace::default();
        }
        self.standbys = [None; 2];
    }

    fn change(&mut self, op: Op, token: u8, fencing: Fencing, rules: Rules) -> Answer {
        if token < self.first_token {
            match op {
                // What is the job's own has other names, and its target is another one.
                Op::Raise(..) | Op::Install(_) | Op::DropCapture(_) | Op::CleanFence(_) => {
                    return Answer::Done;
                }
                Op::DropHeld(_) | Op::DropTarget(_) => return Answer::Done,
                Op::Record(..) | Op::Switch(..) | Op::ReadLog(_) => return Answer::Refused,
                op if op.end() == Some(End::Target) => return Answer::Refused,
                _ => {}
            }
        }
        let renames = fencing == Fencing::Rename;
        let incoming = Some(State::Incoming);
        match op {
            Op::ReadCopied(at, source) => {
                return Answer::Values([self.at(at).copied >> source.number & 1, 0]);
            }
            Op::ReadRows(at) => return self.at(at).rows.map_or(Answer::Refused, Answer::Values),
            Op::ReadLog(at) => return Answer::Values(self.at(at).log),
            Op::Claim(at) => {
                let record = self.namespace(at).record.as_mut();
                let Some(record) = record.filter(|own| own.token <= token) else {
                    return Answer::Refused;
                };
                record.token = token;
                return Answer::State(record.state);
            }
            Op::Check(at, state) => {
                if !self.confirms(at, token, state, rules) {
                    return Answer::Refused;
                }
            }
            Op::AddRecord(at) => {
                let state = State::Incoming;
                let record = &mut self.namespace(at).record;
                record.get_or_insert(Record { state, token });
            }
            Op::CreateTables(at) => {
                let own = self.namespace(at);
                if !rules.keep(Rule::TablesKept) || own.rows.is_none() {
                    own.rows = Some([0; ROWS]);
                    own.copied = 0;
                }
            }
            Op::Install(at) => {
                if !renames && !self.confirms(at, token, None, rules) {
                    return Answer::Refused;
                }
                let own = self.namespace(at);
                if !(renames && rules.keep(Rule::CaptureKept) && own.captures) {
                    own.log = [0; ROWS];
                    own.captures = true;
                }
            }
            Op::PutPage(at, source, rows) => {
                if !self.confirms(at, token, incoming, rules) {
                    return Answer::Refused;
                }
                let own = self.namespace(at);
                own.put(rows);
                own.copied |= 1 << source.number;
            }
            Op::Apply(at, state, rows) => {
                if !self.confirms(at, token, Some(state), rules) {
                    return Answer::Refused;
                }
                self.namespace(at).put(rows);
            }
            Op::Complete(at) => {
                if !self.confirms(at, token, None, rules) {
                    return Answer::Refused;
                }
                self.namespace(at).is_complete = at.end == End::Target;
            }
            Op::NoteFeed(at) => {
                if !self.confirms(at, token, incoming, rules) {
                    return Answer::Refused;
                }
                self.namespace(at).is_noted = true;
            }
            Op::Consume(at, entries) => {
                if !self.confirms(at, token, None, rules) {
                    return Answer::Refused;
                }
                let log = self.namespace(at).log.iter_mut();
                log.zip(entries).for_each(|(own, entries)| *own &= !entries);
            }
            Op::Activate(at) => {
                if !self.confirms(at, token, incoming, rules) {
                    return Answer::Refused;
                }
                if rules.keep(Rule::LogEmptiedAtOnce) {
                    self.namespace(at).log = [0; ROWS];
                }
                self.set_state(at, State::Active);
            }
            Op::DeleteLeaving(at) => {
                if !self.confirms(at, token, Some(State::Fenced), rules) {
                    return Answer::Refused;
                }
                self.delete_leaving(at);
            }
            Op::GiveTables(at) => {
                let own = self.at(at);
                let is_marked = own.opener.is_some_and(|(name, _)| name == token);
                let may = match renames {
                    true => is_marked,
                    false => self.confirms(at, token, Some(State::Fenced), rules),
                };
                if !may {
                    return Answer::Refused;
                }
                if !renames {
                    let own = self.namespace(at);
                    if rules.keep(Rule::LeavingSilenced) {
                        (own.captures, own.log) = (false, [0; ROWS]);
                    }
                    self.delete_leaving(at);
                }
                // A former runner may have given them.
                if let Some(rows) = self.namespace(at).rows.take() {
                    self.namespace(At::first(End::Target)).rows = Some(rows);
                }
            }
            Op::EmptyLog(at) => self.namespace(at).log = [0; ROWS],
            Op::Mark(at, state) => {
                if !self.confirms(at, token, None, rules) {
                    return Answer::Refused;
                }
                self.set_state(at, state);
            }
            Op::DropCapture(at) => {
                let own = self.namespace(at);
                own.captures = false;
                own.log = [0; ROWS];
            }
            Op::DropTarget(at) => *self.namespace(at) = Namespace::default(),
            Op::DropHeld(at) => {
                let own = self.namespace(at);
                if !own.is_open() {
                    own.rows = None;
                }
            }
            Op::Prepare(_) | Op::Raise(..) | Op::CleanFence(_) if !renames => {}
            Op::Close(at) if !renames => {
                if !self.confirms(at, token, Some(State::Active), rules) {
                    return Answer::Refused;
                }
                self.set_state(at, State::Fenced);
            }
            Op::Open(at) if !renames => {
                if !self.confirms(at, token, Some(State::Fenced), rules) {
                    return Answer::Refused;
                }
                self.set_state(at, State::Active);
            }
            Op::Prepare(at)
            | Op::Raise(at, _)
            | Op::CleanFence(at)
            | Op::Close(at)
            | Op::Open(at) => {
                let former = (1 << self.first_token) - 1;
                return self.namespace(at).rename(op, token, former, rules);
            }
            Op::Record(from, to) => {
                if self.token != token || self.state != from {
                    return Answer::Refused;
                }
                self.state = to;
                self.has_shifted |= to == JobState::Shifting;
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

    /// Deletes the row of the second target.
    fn delete_leaving(&mut self, at: At) {
        let own = self.namespace(at);
        if let Some(rows) = &mut own.rows {
            rows[1] = DELETED;
            if own.captures {
                own.log[1] |= 1;
            }
        }
    }

    fn set_state(&mut self, at: At, state: State) {
        if let Some(record) = self.namespace(at).record.as_mut() {
            record.state = state;
        }
    }
}
