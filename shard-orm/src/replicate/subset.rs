//! The part of a source that a copy holds.
//!
//! Made by the caller of a run, applied wherever rows of the source are read.

use std::fmt;

use sea_query::{Expr, SelectStatement, Value, Values};

use crate::backend::render;
use crate::dialect::Dialect;
use crate::error::Result;
use crate::route::mix64;

/// Changes the values of one row.
type ChangeRow = dyn Fn(Vec<Value>) -> Result<Vec<Value>> + Send + Sync;

/// The rows of a source that a copy holds, and their form at the copy.
#[doc(hidden)]
pub struct Subset {
    condition: Option<Expr>,
    change: Option<Box<ChangeRow>>,
}

impl Subset {
    /// The rows for which a condition holds, changed by a function that keeps their primary keys;
    /// `None` when all rows are held as they are.
    pub(crate) fn new(condition: Option<Expr>, change: Option<Box<ChangeRow>>) -> Option<Self> {
        let is_all = condition.is_none() && change.is_none();
        (!is_all).then_some(Self { condition, change })
    }

    /// The condition on rows of the source.
    pub(crate) fn condition(&self) -> Option<&Expr> {
        self.condition.as_ref()
    }

    /// Whether rows are changed, which no server can compute.
    pub(crate) fn changes_rows(&self) -> bool {
        self.change.is_some()
    }

    /// The form of a row of the source at the copy.
    pub(crate) fn at_copy(&self, cells: Vec<Value>) -> Result<Vec<Value>> {
        match &self.change {
            Some(change) => change(cells),
            None => Ok(cells),
        }
    }

    /// Identifies the condition: a position is only valid under the condition it was reached with.
    pub(crate) fn fingerprint(&self, source: Dialect) -> Option<u64> {
        let (text, values) = rendered(source, self.condition.clone()?);
        let all = format!("{text} {values:?}");
        Some(
            all.bytes()
                .fold(0, |hash, byte| mix64(hash ^ u64::from(byte)).rotate_left(1)),
        )
    }
}

/// A condition in SQL, and its values.
pub(crate) fn rendered(source: Dialect, condition: Expr) -> (String, Values) {
    let mut select = SelectStatement::new();
    select.expr(Expr::cust("1")).and_where(condition);
    render(source, &select)
}

impl fmt::Debug for Subset {
    /// Shows no value.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Subset")
            .field("filtered", &self.condition.is_some())
            .field("changed", &self.change.is_some())
            .finish()
    }
}
