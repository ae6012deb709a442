//! What a copy lacks.

use sea_query::Value;

/// The values of a row, in the order of the model's columns.
pub(super) type Cells = Vec<Value>;

/// A difference between a source and a copy, as what has to be done to the copy.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Change {
    /// The source has this row.
    Put(Cells),
    /// The source has no row of this primary key.
    Delete(Vec<Value>),
}
