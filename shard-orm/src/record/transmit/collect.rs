//! The filter and the transformation of the rows of a copy.

use std::fmt;
use std::sync::Arc;

use sea_query::Value;

use crate::backend::{Args, Row};
use crate::dialect::Dialect;
use crate::error::{Error, Result};
use crate::model::Model;
use crate::plan::{Requirements, has_scaled, refuse_decimals};
use crate::query::Filter;
use crate::replicate::{Subset, rendered};

/// The filter and the transformation of the rows of a copy; see
/// [`TransmitHooks::collect`](super::TransmitHooks::collect).
#[must_use]
pub struct Collect<M> {
    filter: Option<Filter<M>>,
    change: Option<Arc<ChangeRow<M>>>,
}

type ChangeRow<M> = dyn Fn(&mut M) + Send + Sync;

impl<M: Model> Collect<M> {
    /// All rows, unchanged.
    pub(super) fn all() -> Self {
        Self {
            filter: None,
            change: None,
        }
    }

    /// Restricts the copy to rows that match this filter and all previous ones. A row that stops
    /// matching is deleted from the copy.
    ///
    /// The source evaluates the filter in every mode. It must depend only on the row: with a
    /// condition on the current time, rows would appear and disappear without being written.
    pub fn filter(mut self, filter: Filter<M>) -> Self {
        self.filter = Some(match self.filter {
            Some(before) => before.and(filter),
            None => filter,
        });
        self
    }

    /// Transforms each row, after all previous transformations: for example, removes a confidential
    /// value. The primary key must not change.
    ///
    /// The transformation must be deterministic. The library applies it, so
    /// [`Mode::Full`](crate::sync::Mode::Full) and `verify` have to read all rows of the source
    /// instead of comparing checksums.
    pub fn change(mut self, change: impl Fn(&mut M) + Send + Sync + 'static) -> Self {
        self.change = Some(match self.change {
            Some(before) => Arc::new(move |row| {
                before(row);
                change(row);
            }),
            None => Arc::new(change),
        });
        self
    }

    /// Erases the type; `None` for all rows unchanged.
    pub(super) fn erase(self, source: Dialect) -> Result<Option<Subset>> {
        let condition = match self.filter {
            None => None,
            Some(filter) => {
                let is_foreign = filter.requirements.has(Requirements::FOREIGN);
                let condition = filter.lasting(source)?;
                if is_foreign && source.capability().decimals_in_units && has_scaled(M::def()) {
                    refuse_decimals(&rendered(source, condition.clone()).1.0)?;
                }
                Some(condition)
            }
        };
        let change = self
            .change
            .map(|change| -> Box<ChangeCells> { Box::new(move |cells| changed(&*change, &cells)) });
        Ok(Subset::new(condition, change))
    }
}

impl<M: Model> fmt::Debug for Collect<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Collect")
            .field("filtered", &self.filter.is_some())
            .field("changed", &self.change.is_some())
            .finish()
    }
}

type ChangeCells = dyn Fn(Vec<Value>) -> Result<Vec<Value>> + Send + Sync;

/// Applies a transformation to the values of one row.
///
/// # Errors
/// [`Configuration`](crate::ErrorKind::Configuration) when it changes the primary key.
fn changed<M: Model>(change: &ChangeRow<M>, cells: &[Value]) -> Result<Vec<Value>> {
    let mut row = M::read(&Row::of_values(cells), 0)?;
    change(&mut row);
    let changed = (0..cells.len())
        .map(|ordinal| Args::value(|args| row.bind(ordinal, args)))
        .collect::<Result<Vec<_>>>()?;
    let mut key = M::def().primary_key.iter();
    if key.any(|key| changed[*key] != cells[*key]) {
        return Err(Error::configuration(format!(
            "`collect` of `{}` changes a primary key; copies are matched by the source's primary key, so \
             do not change it",
            M::def().name
        )));
    }
    Ok(changed)
}
