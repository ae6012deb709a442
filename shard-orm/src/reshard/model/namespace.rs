//! A namespace at a server.

use super::op::{Answer, Op};
use super::rule::{Rule, Rules};
use super::shape::Each;
use crate::connect::State;
use crate::reshard::mover::Seen;

/// The value of a row that was applied, and changed once more by a trigger that repeats what it has done at the other end.
const SPOILED: u8 = u8::MAX;
/// The value of a row that was deleted.
pub(super) const DELETED: u8 = u8::MAX - 1;

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
    pub(super) rows: Option<Each<u8>>,
    /// Whether changes are captured.
    pub(super) captures: bool,
    /// The entries of the log for each row: bit n for the write n, bit 0 for those that come from the mover.
    pub(super) log: Each<u8>,
    /// Whether it has the triggers of the user's, which act when a row is applied.
    pub(super) is_complete: bool,
    /// Whether it is noted that its rows are those of the source.
    pub(super) is_noted: bool,
    /// Of which sources the page was copied: bit n for the source n.
    pub(super) copied: u8,
    /// The tokens for which the record of the closed namespace lies ready, with tombstones.
    pub(super) closers: u8,
    /// The record of the open namespace while it is closed, and the token in the name of its table.
    pub(super) opener: Option<(u8, Record)>,
    /// Whether tombstones lie ready whose names have no token.
    pub(super) has_tombstones: bool,
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

    /// Writes rows, as the mover does.
    pub(super) fn put(&mut self, rows: Each<Option<u8>>) {
        let own = self;
        let Some(present) = &mut own.rows else {
            return;
        };
        for (number, row) in rows.into_iter().enumerate() {
            let Some(row) = row else { continue };
            present[number] = if own.is_complete { SPOILED } else { row };
            if own.captures {
                own.log[number] |= 1;
            }
        }
    }

    /// The statements of a fence that has no transactions. What has the tokens in `former` is another job's.
    pub(super) fn rename(&mut self, op: Op, token: u8, former: u8, rules: Rules) -> Answer {
        let own = self;
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
}
