//! An expression of the user's, to group by.

use std::fmt;
use std::marker::PhantomData;
use std::sync::Arc;

use sea_query::{CaseStatement, Expr};

use crate::backend::{ColumnType, Field, read_value};
use crate::error::Error;
use crate::plan::aggregate::{Grouping, Item, Written};
use crate::plan::{Requirements, shallow};
use crate::query::Filter;

/// An expression over the columns of the model `M` that gives a `T`: to group by, to select and to
/// order groups by. For what [`Derived`](super::Derived) does not offer.
///
/// Two are the same when they are written alike, so keep one and [`clone`](Clone::clone) it.
///
/// ```no_run
/// # use shard_orm::prelude::*;
/// # #[derive(ShardModel)]
/// # #[shard(group = "shop", table = "orders")]
/// # struct Order {
/// #     #[shard(primary_key)]
/// #     id: i64,
/// #     #[shard(key)]
/// #     user_id: i64,
/// #     item: String,
/// #     quantity: i32,
/// # }
/// # async fn run(cluster: &Cluster) -> shard_orm::Result<()> {
/// use shard_orm::sea_query::{Expr, Func};
/// use shard_orm::aggregate::{GroupExpr, count};
///
/// let length = GroupExpr::<Order, i32>::new(Func::char_length(Expr::col(Order::ITEM.name())));
/// let by_length: Vec<(i32, u64)> = Order::scatter()
///     .group_by(length.clone())
///     .select((length, count()))
///     .all(cluster)
///     .await?;
/// # Ok(())
/// # }
/// ```
///
/// A [`Filter`] is one as well, which gives whether a row meets it. That is how rows are grouped by
/// whether a column [`is_null`](crate::Column::is_null):
///
/// ```no_run
/// # use shard_orm::prelude::*;
/// # #[derive(ShardModel)]
/// # #[shard(group = "shop", table = "orders")]
/// # struct Order {
/// #     #[shard(primary_key)]
/// #     id: i64,
/// #     #[shard(key)]
/// #     user_id: i64,
/// #     note: Option<String>,
/// # }
/// # async fn run(cluster: &Cluster) -> shard_orm::Result<()> {
/// use shard_orm::aggregate::count;
///
/// let with_and_without: Vec<(bool, u64)> = Order::scatter()
///     .group_by(Order::NOTE.is_null())
///     .select((Order::NOTE.is_null(), count()))
///     .all(cluster)
///     .await?;
/// # Ok(())
/// # }
/// ```
pub struct GroupExpr<M, T> {
    written: Arc<Written>,
    of: PhantomData<fn() -> (M, T)>,
}

impl<M, T> GroupExpr<M, T> {
    /// An expression written with sea-query, which gives a `T` on each database that is asked.
    ///
    /// Its columns are those of the model's table, unqualified. Its values are bound in the types
    /// that they have there. What it gives is read as a `T`, and nothing is converted: on
    /// PostgreSQL, what is read as an `i64` is a `bigint`, and as an `i32` an `integer`. NULL is
    /// read as an `Option`.
    ///
    /// Groups of several logical shards are merged by their values. Texts are refused
    /// ([`Unsupported`](crate::ErrorKind::Unsupported)), unless they are declared as
    /// [`binary`](Self::binary); JSON always is.
    #[must_use]
    pub fn new(expr: impl Into<Expr>) -> Self
    where
        T: Field,
    {
        Self::of(Written {
            expr: shallow(expr.into()),
            requirements: Requirements::FOREIGN,
            column_type: T::TYPE,
            binary: false,
            of_type: false,
            read: read_value::<T>,
        })
    }

    /// Declares that the database compares these texts by their bytes, as
    /// `#[shard(collation = "binary")]` does of a column.
    ///
    /// PostgreSQL and SQLite are told to do so. On MySQL and MariaDB the expression has to have
    /// such a collation, as one made of columns that have it does. Anything but a text is refused
    /// ([`Unsupported`](crate::ErrorKind::Unsupported)).
    #[must_use]
    pub fn binary(self) -> Self
    where
        T: Field,
    {
        let expr = match T::TYPE {
            ColumnType::Text => self.written.expr.clone(),
            other => Err(Error::unsupported(format!(
                "`binary` is of texts, and an expression of {other:?} is none"
            ))
            .into()),
        };
        Self::of(Written {
            expr,
            binary: true,
            ..*self.written
        })
    }

    fn of(written: Written) -> Self {
        Self {
            written: Arc::new(written),
            of: PhantomData,
        }
    }

    pub(super) fn to_item(&self) -> Item {
        Item::Group(Grouping::Written(Arc::clone(&self.written)))
    }
}

/// Whether a row meets the condition: false where SQL says that it is unknown.
impl<M> From<Filter<M>> for GroupExpr<M, bool> {
    fn from(filter: Filter<M>) -> Self {
        let meets = |condition: Expr| {
            CaseStatement::new()
                .case(condition, Expr::cust("TRUE"))
                .finally(Expr::cust("FALSE"))
                .into()
        };
        Self::of(Written {
            requirements: filter.requirements,
            expr: filter.into_expr().map(meets),
            column_type: ColumnType::Bool,
            binary: false,
            of_type: true,
            read: read_value::<bool>,
        })
    }
}

impl<M, T> Clone for GroupExpr<M, T> {
    fn clone(&self) -> Self {
        Self {
            written: Arc::clone(&self.written),
            of: PhantomData,
        }
    }
}

impl<M, T> fmt::Debug for GroupExpr<M, T> {
    /// Shows no value: operands are the users' data.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("GroupExpr(..)")
    }
}
