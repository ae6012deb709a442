//! What one statement or one transaction of a runner does, at once. It can come late: the runner that has
//! sent it may have given up meanwhile.

use super::shape::{At, Each};
use crate::catalog::JobState;
use crate::connect::State;
use crate::reshard::mover::End;

/// How a database closes a namespace.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fencing {
    /// In a transaction that looks at the record first: PostgreSQL, SQLite.
    Transaction,
    /// With one statement that renames the record too, and succeeds if a table is there whose name
    /// contains the token: MySQL, MariaDB. Other DDL has no transaction either.
    Rename,
}

/// What a statement or a transaction does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Op {
    /// Whether the page of a source was copied.
    ReadCopied(At, At),
    ReadRows(At),
    ReadLog(At),
    Claim(At),
    Raise(At, bool),
    AddRecord(At),
    Check(At, Option<State>),
    CreateTables(At),
    Install(At),
    /// Writes the rows of a source.
    PutPage(At, At, Each<Option<u8>>),
    /// Writes rows at a namespace whose record has this state.
    Apply(At, State, Each<Option<u8>>),
    Consume(At, Each<u8>),
    Prepare(At),
    Close(At),
    /// Notes that the rows are those of the source, so that reads are served there.
    NoteFeed(At),
    /// Creates the foreign keys and triggers that come last.
    Complete(At),
    /// Deletes the rows that leave from a closed source.
    DeleteLeaving(At),
    /// Gives the tables of a closed source to the part that stays. In a transaction, the rows that leave are deleted too.
    GiveTables(At),
    Activate(At),
    EmptyLog(At),
    DropCapture(At),
    Open(At),
    Mark(At, State),
    CleanFence(At),
    DropTarget(At),
    DropHeld(At),
    Record(JobState, JobState),
    Switch(JobState, End, JobState),
}

/// What an operation answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Answer {
    Done,
    /// The rows, or the entries of a log for each.
    Values(Each<u8>),
    State(State),
    /// It has changed nothing, and cannot succeed at another attempt.
    Refused,
}

impl Op {
    /// Where it acts; `None` for the catalog.
    pub(super) fn at(self) -> Option<At> {
        match self {
            Self::ReadCopied(at, _) | Self::ReadRows(at) | Self::ReadLog(at) => Some(at),
            Self::Claim(at) | Self::Raise(at, _) | Self::AddRecord(at) => Some(at),
            Self::Check(at, _) | Self::CreateTables(at) | Self::Install(at) => Some(at),
            Self::PutPage(at, ..) | Self::Apply(at, ..) | Self::Consume(at, _) => Some(at),
            Self::Prepare(at) | Self::Close(at) | Self::Complete(at) | Self::Activate(at) => {
                Some(at)
            }
            Self::DeleteLeaving(at) | Self::GiveTables(at) => Some(at),
            Self::NoteFeed(at)
            | Self::EmptyLog(at)
            | Self::DropCapture(at)
            | Self::Open(at)
            | Self::Mark(at, _) => Some(at),
            Self::CleanFence(at) | Self::DropTarget(at) | Self::DropHeld(at) => Some(at),
            Self::Record(..) | Self::Switch(..) => None,
        }
    }

    /// The end at which it acts.
    pub(super) fn end(self) -> Option<End> {
        self.at().map(|at| at.end)
    }

    /// Whether it changes nothing.
    pub(super) fn is_read(self) -> bool {
        matches!(
            self,
            Self::ReadCopied(..) | Self::ReadRows(_) | Self::ReadLog(_) | Self::Check(..)
        )
    }

    /// Whether it holds a lock on the record from its first statement to its commit.
    pub(super) fn locks_record(self, fencing: Fencing) -> bool {
        match self {
            Self::Claim(_) | Self::Check(..) | Self::PutPage(..) | Self::Apply(..) => true,
            Self::Consume(..) | Self::Complete(_) | Self::Activate(_) | Self::Mark(..) => true,
            Self::NoteFeed(_) | Self::DeleteLeaving(_) => true,
            Self::Install(_) | Self::Close(_) | Self::Open(_) | Self::GiveTables(_) => {
                fencing == Fencing::Transaction
            }
            _ => false,
        }
    }
}
