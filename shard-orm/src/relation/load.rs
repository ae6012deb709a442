//! A relation with conditions and an order of its own.

use std::fmt;

use super::Relation;
use super::batch::load_batch;
use crate::exec::{Executor, Target};
use crate::model::{Model, Sharded as _, SoftDelete};
use crate::plan::QuerySpec;
use crate::query::{Filter, OrderBy, Query, QueryFuture, Unscoped, UnscopedQuery, make_total};

/// A relation with conditions and an order: `Order::LINES.filter(Line::SKU.eq("x"))`.
///
/// It takes no limit: one statement reads the related rows of many rows, so a limit would not apply
/// to each row.
///
/// ```no_run
/// # use shard_orm::prelude::*;
/// # #[derive(ShardModel)]
/// # #[shard(group = "shop", table = "orders")]
/// # #[shard(has_many(lines = "Line", by = "order_id"))]
/// # struct Order {
/// #     #[shard(primary_key)]
/// #     id: i64,
/// #     #[shard(key)]
/// #     user_id: i64,
/// # }
/// # #[derive(ShardModel)]
/// # #[shard(group = "shop", table = "lines")]
/// # struct Line {
/// #     #[shard(primary_key)]
/// #     id: i64,
/// #     #[shard(key)]
/// #     user_id: i64,
/// #     order_id: i64,
/// #     sku: String,
/// # }
/// # async fn run(cluster: &Cluster) -> shard_orm::Result<()> {
/// let by_sku = Order::LINES.filter(Line::SKU.starts_with("tea-")).order_by(Line::SKU);
/// let orders: Vec<(Order, Vec<Line>)> = Order::on(42).with(by_sku).all(cluster).await?;
/// # Ok(())
/// # }
/// ```
#[must_use = "a load is read by `with` or `load`"]
pub struct Load<R: Relation> {
    pub(super) relation: R,
    pub(super) query: UnscopedQuery<R::To>,
}

impl<R: Relation> Load<R> {
    pub(super) fn new(relation: R) -> Self {
        Self {
            relation,
            query: Query::new(Unscoped),
        }
    }

    /// Adds a condition. Related rows must meet all conditions.
    pub fn filter(mut self, filter: Filter<R::To>) -> Self {
        self.query = self.query.filter(filter);
        self
    }

    /// Adds a column to the order of the related rows.
    pub fn order_by(mut self, order: impl Into<OrderBy<R::To>>) -> Self {
        self.query = self.query.order_by(order);
        self
    }

    /// Includes soft-deleted rows; see [`Query::with_deleted`].
    pub fn with_deleted(mut self) -> Self
    where
        R::To: SoftDelete,
    {
        self.query = self.query.with_deleted();
        self
    }

    /// Reads the related rows of each of these rows; see [`Relation::load`].
    ///
    /// # Errors
    /// As [`Relation::load`].
    pub fn load<'e>(
        self,
        on: impl Executor<'e>,
        rows: &[R::From],
    ) -> QueryFuture<'e, Vec<R::Found>> {
        self.load_at(on.target(), rows)
    }

    pub(super) fn load_at<'e>(
        self,
        target: Target<'e>,
        rows: &[R::From],
    ) -> QueryFuture<'e, Vec<R::Found>> {
        let def = R::From::def();
        load_batch(
            target,
            self.relation.columns(),
            total(self.query.spec, R::To::def()),
            rows,
            |row| target.handle_of_key(def, &row.routing_key()?),
        )
    }
}

/// The order made total by the primary key, so that it is the same each time.
pub(super) fn total(mut spec: QuerySpec, def: &'static crate::model::ModelDef) -> QuerySpec {
    make_total(def.rest(), &mut spec.orders);
    spec
}

/// A relation, or one with conditions and an order, for `with` and `join`.
pub trait IntoLoad {
    /// The relation.
    type Relation: Relation;

    /// The relation with its conditions.
    fn into_load(self) -> Load<Self::Relation>;
}

impl<R: Relation> IntoLoad for R {
    type Relation = R;

    fn into_load(self) -> Load<R> {
        Load::new(self)
    }
}

impl<R: Relation> IntoLoad for Load<R> {
    type Relation = R;

    fn into_load(self) -> Self {
        self
    }
}

impl<R: Relation> Clone for Load<R> {
    fn clone(&self) -> Self {
        Self {
            relation: self.relation,
            query: self.query.clone(),
        }
    }
}

impl<R: Relation> fmt::Debug for Load<R> {
    /// Shows no values: operands are user data.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Load")
            .field("from", &R::From::def().name)
            .field("to", &R::To::def().name)
            .finish_non_exhaustive()
    }
}
