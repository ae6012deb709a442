//! Which rows of a source a copy holds, and how they look there.

use std::fmt;
use std::sync::Arc;

use sea_query::{Expr, SelectStatement, Value, Values};

use crate::backend::{Args, Row, render};
use crate::dialect::Dialect;
use crate::error::{Error, Result};
use crate::model::{Model, ModelDef};
use crate::query::{Filter, Needs, has_scaled, refuse_decimals};
use crate::route::mix64;

/// Which rows of a source a copy holds, and how they look there; see
/// [`TransmitHooks::collect`](super::TransmitHooks::collect).
#[must_use]
pub struct Collect<M> {
    filter: Option<Filter<M>>,
    change: Option<Arc<ChangeRow<M>>>,
}

type ChangeRow<M> = dyn Fn(&mut M) + Send + Sync;

impl<M: Model> Collect<M> {
    /// All rows, as they are.
    pub(super) fn all() -> Self {
        Self {
            filter: None,
            change: None,
        }
    }

    /// Only rows for which this holds, and all others that were said hold. A row for which it no
    /// longer holds is deleted from the copy.
    ///
    /// The source evaluates it, in every mode. It may depend on nothing but the row: a condition on
    /// the time of day would let rows come and go that nobody has written.
    pub fn filter(mut self, filter: Filter<M>) -> Self {
        self.filter = Some(match self.filter {
            Some(before) => before.and(filter),
            None => filter,
        });
        self
    }

    /// Rows as this makes them, after what was said before: a name that is shortened, a value that
    /// stays at the source. The primary key stays as it is.
    ///
    /// It has to make the same row of the same row each time. The library calls it: in
    /// [`Mode::Full`](crate::sync::Mode::Full) and in `verify` all rows of the source are read for
    /// it, where otherwise the server compares them by checksums.
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

    /// Without the type; `None` of all rows as they are.
    pub(super) fn erase(self, source: Dialect) -> Result<Option<Collection>> {
        if self.filter.is_none() && self.change.is_none() {
            return Ok(None);
        }
        let condition = match self.filter {
            None => None,
            Some(filter) => {
                let is_foreign = filter.needs.has(Needs::FOREIGN);
                let condition = filter.lasting(source)?;
                if is_foreign && source == Dialect::Sqlite && has_scaled(M::def()) {
                    refuse_decimals(&rendered(source, condition.clone()).1.0)?;
                }
                Some(condition)
            }
        };
        let change = self
            .change
            .map(|change| -> Box<ChangeCells> { Box::new(move |cells| changed(&*change, cells)) });
        Ok(Some(Collection {
            def: M::def(),
            condition,
            change,
        }))
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

type ChangeCells = dyn Fn(&[Value]) -> Result<Vec<Value>> + Send + Sync;

/// Applies a change of rows to the values of one.
fn changed<M: Model>(change: &ChangeRow<M>, cells: &[Value]) -> Result<Vec<Value>> {
    let mut row = M::read(&Row::of_values(cells), 0)?;
    change(&mut row);
    (0..cells.len())
        .map(|ordinal| Args::value(|args| row.bind(ordinal, args)))
        .collect()
}

/// What a copy holds of a source, as those know it who know no types.
#[doc(hidden)]
pub struct Collection {
    def: &'static ModelDef,
    condition: Option<Expr>,
    change: Option<Box<ChangeCells>>,
}

impl Collection {
    /// The condition on rows of the source, if there is one.
    pub(crate) fn condition(&self) -> Option<&Expr> {
        self.condition.as_ref()
    }

    /// Whether the rows are changed, which no server knows of.
    pub(crate) fn changes_rows(&self) -> bool {
        self.change.is_some()
    }

    /// A row of the source as it is to be at the copy.
    ///
    /// # Errors
    /// [`Configuration`](crate::ErrorKind::Configuration) when its primary key is another one.
    pub(crate) fn at_copy(&self, cells: Vec<Value>) -> Result<Vec<Value>> {
        let Some(change) = &self.change else {
            return Ok(cells);
        };
        let made = change(&cells)?;
        let key = self.def.primary_key.iter();
        if key.into_iter().any(|key| made[*key] != cells[*key]) {
            return Err(Error::configuration(format!(
                "the change that `collect` of `{}` makes to rows changes a primary key: a copy is \
                 found by the key of its source, so leave that as it is",
                self.def.name
            )));
        }
        Ok(made)
    }

    /// Tells conditions apart, for positions that were reached under one.
    pub(crate) fn fingerprint(&self, source: Dialect) -> Option<u64> {
        let condition = self.condition.clone()?;
        let (text, values) = rendered(source, condition);
        let all = format!("{text} {values:?}");
        Some(
            all.bytes()
                .fold(0, |hash, byte| mix64(hash ^ u64::from(byte)).rotate_left(1)),
        )
    }
}

/// The condition in SQL, and its values.
fn rendered(source: Dialect, condition: Expr) -> (String, Values) {
    let mut select = SelectStatement::new();
    select.expr(Expr::cust("1")).and_where(condition);
    render(source, &select)
}

impl fmt::Debug for Collection {
    /// Shows no value.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Collection")
            .field("of", &self.def.name)
            .finish_non_exhaustive()
    }
}
