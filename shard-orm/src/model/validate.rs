//! What a model demands of its rows before they are written.
//!
//! Called by the verbs of `record` where the model is marked `#[shard(validate)]`.

use std::borrow::Cow;
use std::fmt;
use std::marker::PhantomData;

use super::{Column, Model};
use crate::error::{Error, FieldError, Result};

/// The problems that one error lists. A batch of a million rows that are all wrong is not told row
/// by row.
const MOST_PROBLEMS: usize = 100;

/// A model that says what is wrong with a row.
///
/// Mark the model with `#[shard(validate)]`: each verb that writes a row then validates it first,
/// after the `before_` hook, and refuses it with [`Invalid`](crate::ErrorKind::Invalid) and all
/// problems at once in [`Error::fields`]. Nothing is sent then. `update_only` heeds the problems
/// of the columns that it writes. The builder's `update`, and SQL of your own, validate nothing:
/// they have no row.
///
/// ```
/// use shard_orm::prelude::*;
/// use shard_orm::{Problems, Validate};
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
    note = "write `impl shard_orm::Validate for {Self}`, or leave `#[shard(validate)]` out"
)]
pub trait Validate: Model {
    /// Adds to `problems` what is wrong with this row; adds none when it may be written.
    fn validate(&self, problems: &mut Problems<Self>);
}

/// Collects what is wrong with a row; see [`Validate`].
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

    /// What follows is said of the row at this position. Says whether there is room for more.
    pub(crate) fn of_row(&mut self, position: usize) -> bool {
        self.row = Some(position);
        self.found.len() < MOST_PROBLEMS
    }

    /// Adds a problem with a column unless the condition holds.
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
    /// The message is shown to whoever sees the error, so keep values out of it that they may not
    /// see.
    pub fn add<T>(&mut self, column: Column<M, T>, message: impl Into<Cow<'static, str>>) {
        self.add_named(column.name(), message);
    }

    /// Adds a problem with a field by its name or path, as other validation libraries report it.
    pub fn add_named(
        &mut self,
        field: impl Into<Cow<'static, str>>,
        message: impl Into<Cow<'static, str>>,
    ) {
        if self.found.len() < MOST_PROBLEMS {
            let problem = FieldError::new(field.into(), message.into());
            self.found.push(match self.row {
                Some(position) => problem.of_row(position),
                None => problem,
            });
        }
    }

    /// Whether nothing is wrong so far.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.found.is_empty()
    }

    /// Forgets the problems of columns that are not written.
    pub(crate) fn keep(&mut self, ordinals: &[usize]) {
        let def = M::def();
        self.found.retain(|problem| {
            // A path such as `tags[3].name` belongs to the column that it begins with.
            let name = problem.field().split(['.', '[']).next().unwrap_or_default();
            let column = def.columns.iter().position(|column| column.name == name);
            column.is_none_or(|ordinal| ordinals.contains(&ordinal))
        });
    }

    /// The error that lists the problems, if there are any.
    pub(crate) fn finish(self) -> Result<()> {
        if self.found.is_empty() {
            Ok(())
        } else {
            Err(Error::invalid(M::def().name, self.found))
        }
    }
}

impl FieldError {
    /// Whether the problem is with this column.
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
