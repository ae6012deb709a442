//! The known outcome of a write that was sent.

use shard_orm::{Error, ErrorKind};

/// What is known of something that was sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// It was acknowledged: it has happened, once.
    Done,
    /// It was refused, or never sent: it has not happened.
    Refused,
    /// It was cut off, or its answer was lost: it has happened once, or not.
    Unknown,
}

impl Outcome {
    /// What an error says of a write, in a soak that expects it; `None` for any other error.
    pub(crate) fn of_error(error: &Error) -> Option<Self> {
        match error.kind() {
            // Its session was killed before it had answered.
            ErrorKind::OutcomeUnknown => Some(Self::Unknown),
            // Its session was killed while it was opened, or inside a transaction before the COMMIT. Transactions,
            // and MariaDB's single statements, that meet each other in circles.
            ErrorKind::Unavailable | ErrorKind::Deadlock | ErrorKind::Serialization => {
                Some(Self::Refused)
            }
            _ => None,
        }
    }

    /// Whether it may have been carried out so often.
    pub(crate) fn allows(self, times: usize) -> bool {
        match self {
            Self::Done => times == 1,
            Self::Refused => times == 0,
            Self::Unknown => times <= 1,
        }
    }
}
