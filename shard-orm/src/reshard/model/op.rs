//! What one statement or one transaction of a runner does, at once. It can come late: the runner that has
//! sent it may have given up meanwhile.

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
    ReadCopied,
    ReadRow(End),
    ReadLog(End),
    Claim(End),
    Raise(End, bool),
    AddRecord,
    Check(End, Option<State>),
    CreateTables,
    Install(End),
    PutPage(u8),
    /// Writes the row at an end whose record has this state.
    Apply(End, State, u8),
    Consume(End, u8),
    Prepare(End),
    Close(End),
    /// Creates the foreign keys and triggers that come last.
    Complete(End),
    Activate,
    EmptyLog,
    DropCapture(End),
    Open,
    Mark(End, State),
    CleanFence(End),
    DropTarget,
    DropHeld(End),
    Record(JobState, JobState),
    Switch(JobState, End, JobState),
}

/// What an operation answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Answer {
    Done,
    Value(u8),
    State(State),
    /// It has changed nothing, and cannot succeed at another attempt.
    Refused,
}

impl Op {
    /// Where it acts; `None` for the catalog.
    pub(super) fn end(self) -> Option<End> {
        match self {
            Self::ReadCopied
            | Self::AddRecord
            | Self::CreateTables
            | Self::PutPage(_)
            | Self::Activate => Some(End::Target),
            Self::EmptyLog | Self::DropTarget => Some(End::Target),
            Self::Open => Some(End::Source),
            Self::ReadRow(end) | Self::ReadLog(end) | Self::Claim(end) | Self::Raise(end, _) => {
                Some(end)
            }
            Self::Check(end, _)
            | Self::Install(end)
            | Self::Apply(end, ..)
            | Self::Consume(end, _) => Some(end),
            Self::Prepare(end) | Self::Close(end) | Self::DropCapture(end) | Self::Mark(end, _) => {
                Some(end)
            }
            Self::CleanFence(end) | Self::DropHeld(end) | Self::Complete(end) => Some(end),
            Self::Record(..) | Self::Switch(..) => None,
        }
    }

    /// Whether it changes nothing.
    pub(super) fn is_read(self) -> bool {
        matches!(
            self,
            Self::ReadCopied | Self::ReadRow(_) | Self::ReadLog(_) | Self::Check(..)
        )
    }

    /// Whether it holds a lock on the record from its first statement to its commit.
    pub(super) fn locks_record(self, fencing: Fencing) -> bool {
        match self {
            Self::Claim(_) | Self::Check(..) | Self::PutPage(_) | Self::Apply(..) => true,
            Self::Consume(..) | Self::Complete(_) | Self::Activate | Self::Mark(..) => true,
            Self::Install(_) | Self::Close(_) | Self::Open => fencing == Fencing::Transaction,
            _ => false,
        }
    }
}
