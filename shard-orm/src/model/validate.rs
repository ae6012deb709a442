//! Validation of rows before they are written.
//!
//! Called by `record` for models marked `#[shard(validate)]`.

use std::borrow::Cow;
use std::fmt;
use std::marker::PhantomData;

use super::{Column, Model};
use crate::error::{Error, FieldError, Result};

/// The maximum number of problems in one error, which bounds the error of a large batch.
const MAX_PROBLEMS: usize = 100;

/// A model that validates its rows before they are written.
///
/// Mark the model with `#[shard(validate)]`. Each method that writes a row then validates it first,
/// after the `before_` hook. If there are problems, nothing is sent, and the method returns
/// [`Invalid`](crate::ErrorKind::Invalid) with all problems in [`Error::fields`]. `update_only`
/// considers only the problems of the columns that it writes. The query builder's `update` and raw
/// SQL validate nothing, because they have no row.
///
/// ```
/// use shard_orm::prelude::*;
/// use shard_orm::hooks::{Problems, Validate};
///
/// #[derive(ShardModel)]
/// #[shard(group = "shop", table = "orders", validate)]
/// struct Order {
///     #[shard(primary_key)]
///     id: i64,
///     #[shard(key)]
///     user_id: i64,
///     item: String,
///     quantity: i32,
/// }
///
/// impl Validate for Order {
///     fn validate(&self, problems: &mut Problems<Self>) {
///         problems.check(Order::QUANTITY, self.quantity > 0, "must be 1 or more");
///         problems.check(Order::ITEM, !self.item.is_empty(), "is missing");
///     }
/// }
///
/// # #[cfg(feature = "testing")]
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> shard_orm::Result<()> {
/// # let cluster = shard_orm::testing::cluster::<Order>().await?;
/// # let cluster = &cluster;
/// let order = Order { id: 1, user_id: 42, item: String::new(), quantity: 0 };
/// let error = order.insert(cluster).await.err().unwrap();
/// assert_eq!(error.kind(), ErrorKind::Invalid);
/// assert!(error.fields()[0].is(Order::QUANTITY));
/// assert_eq!(error.fields()[1].to_string(), "item: is missing");
/// # Ok(())
/// # }
/// # #[cfg(not(feature = "testing"))]
/// # fn main() {}
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` is marked `validate`, but does not implement `Validate`",
    note = "add `impl shard_orm::hooks::Validate for {Self}`, or remove `#[shard(validate)]`"
)]
pub trait Validate: Model {
    /// Adds the problems of this row; none if it can be written.
    fn validate(&self, problems: &mut Problems<Self>);
}

/// The problems of a row, collected by [`Validate`].
pub struct Problems<M> {
    found: Vec<FieldError>,
    row: Option<usize>,
    of: PhantomData<fn() -> M>,
}

impl<M: Model> Problems<M> {
    pub(crate) fn new() -> Self {
        Self {
            found: Vec::new(),
            row: None,
            of: PhantomData,
        }
    }

    /// Starts the row at this position. Returns whether more problems can be added.
    pub(crate) fn of_row(&mut self, position: usize) -> bool {
        self.row = Some(position);
        self.found.len() < MAX_PROBLEMS
    }

    /// Adds a problem with a column if the condition is false.
    pub fn check<T>(
        &mut self,
        column: Column<M, T>,
        holds: bool,
        message: impl Into<Cow<'static, str>>,
    ) {
        if !holds {
            self.add(column, message);
        }
    }

    /// Adds a problem with a column.
    ///
    /// The message is part of the error text, so do not include confidential values.
    pub fn add<T>(&mut self, column: Column<M, T>, message: impl Into<Cow<'static, str>>) {
        self.add_named(column.name(), message);
    }

    /// Adds a problem with a field, given its name or path as reported by other validation
    /// libraries.
    pub fn add_named(
        &mut self,
        field: impl Into<Cow<'static, str>>,
        message: impl Into<Cow<'static, str>>,
    ) {
        if self.found.len() < MAX_PROBLEMS {
            let problem = FieldError::new(field.into(), message.into());
            self.found.push(match self.row {
                Some(position) => problem.of_row(position),
                None => problem,
            });
        }
    }

    /// Returns whether there are no problems.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.found.is_empty()
    }

    /// Removes the problems of columns that are not written.
    pub(crate) fn keep(&mut self, ordinals: &[usize]) {
        let def = M::def();
        self.found.retain(|problem| {
            // A path such as `tags[3].name` belongs to the column that it starts with.
            let name = problem.field().split(['.', '[']).next().unwrap_or_default();
            let column = def.columns.iter().position(|column| column.name == name);
            column.is_none_or(|ordinal| ordinals.contains(&ordinal))
        });
    }

    /// Returns an error that lists the problems, if there are any.
    pub(crate) fn finish(self) -> Result<()> {
        if self.found.is_empty() {
            Ok(())
        } else {
            Err(Error::invalid(M::def().name, self.found))
        }
    }
}

impl FieldError {
    /// Returns whether the problem is with this column.
    #[must_use]
    pub fn is<M: Model, T>(&self, column: Column<M, T>) -> bool {
        self.field() == column.name()
    }
}

impl<M> fmt::Debug for Problems<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(&self.found).finish()
    }
}
