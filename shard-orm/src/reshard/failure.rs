//! The failures of a step that may be gone at the next attempt.

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
