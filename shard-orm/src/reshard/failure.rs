//! The failures of a step that may be gone at the next attempt.

use std::fmt;

use crate::error::{Error, ErrorKind};

/// Whether a failure may be gone at the next attempt.
pub(super) fn may_pass(error: &Error) -> bool {
    error.is_retryable()
        || matches!(
            error.kind(),
            ErrorKind::Unavailable
                | ErrorKind::Timeout
                | ErrorKind::Deadlock
                | ErrorKind::Serialization
                | ErrorKind::OutcomeUnknown
                | ErrorKind::PoolExhausted
                | ErrorKind::ReadOnly
        )
}

/// Whether an error says that another transaction holds a table.
pub(super) fn is_locked(error: &Error) -> bool {
    matches!(error.kind(), ErrorKind::Timeout | ErrorKind::Deadlock)
}

/// The source of an error that says that rows cannot be where a job would bring them.
#[derive(Debug)]
pub(super) struct Misfit;

impl fmt::Display for Misfit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("rows do not fit")
    }
}

impl std::error::Error for Misfit {}

/// Whether rows cannot be where a job would bring them.
pub(super) fn is_misfit(error: &Error) -> bool {
    let source = std::error::Error::source(error);
    source.is_some_and(|source| source.is::<Misfit>())
}
