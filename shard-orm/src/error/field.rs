//! A validation problem of one field.

use std::borrow::Cow;
use std::fmt;

/// A validation problem of one field of a row; see [`Error::fields`](crate::Error::fields).
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub struct FieldError {
    field: Cow<'static, str>,
    message: Cow<'static, str>,
    row: Option<usize>,
}

impl FieldError {
    pub(crate) fn new(field: Cow<'static, str>, message: Cow<'static, str>) -> Self {
        Self {
            field,
            message,
            row: None,
        }
    }

    /// Adds the position of the row among several.
    pub(crate) fn of_row(mut self, position: usize) -> Self {
        self.row = Some(position);
        self
    }

    /// The name of the field's column, or the path that the validation gave.
    #[must_use]
    pub fn field(&self) -> &str {
        &self.field
    }

    /// The message from the model's [`validate`](crate::hooks::Validate::validate). The library adds no
    /// value of the row to it.
    #[must_use]
    pub fn message(&self) -> &str {
        &self.message
    }

    /// The position of the row among those of `insert_many`, from 0; `None` for a single row.
    #[must_use]
    pub fn row(&self) -> Option<usize> {
        self.row
    }
}

impl fmt::Display for FieldError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(row) = self.row {
            write!(f, "row {row}, ")?;
        }
        write!(f, "{}: {}", self.field, self.message)
    }
}
