//! The statements that mend a deviation, and the advice where there is none, for people.

use std::fmt;

use crate::schema::AlterStatement;

/// Writes each on a line of its own, behind the deviation.
pub(super) fn write_mending(
    f: &mut fmt::Formatter<'_>,
    statements: &[AlterStatement],
    advice: Option<&str>,
) -> fmt::Result {
    for statement in statements {
        write!(f, "\n  {};", statement.sql)?;
    }
    match advice {
        Some(advice) => write!(f, "\n  {advice}"),
        None => Ok(()),
    }
}
