//! Relations between models: declarations, and reading related rows.
//!
//! A relation connects two models of one shard group with the same key. The derive creates a
//! constant for each: `Order::LINES`. Related rows always have the same shard key: it is part of
//! every condition that a relation generates. So related rows are in one logical shard, one
//! statement finds them, and an id of another key finds nothing.
//!
//! ```
//! use shard_orm::prelude::*;
//!
//! #[derive(Debug, Clone, PartialEq, ShardModel)]
//! #[shard(group = "shop", table = "orders")]
//! #[shard(has_many(lines = "Line", by = "order_id"))]
//! struct Order {
//!     #[shard(primary_key)]
//!     id: i64,
//!     #[shard(key)]
//!     user_id: i64,
//!     item: String,
//! }
//!
//! #[derive(Debug, Clone, PartialEq, ShardModel)]
//! #[shard(group = "shop", table = "lines")]
//! #[shard(belongs_to(order = "Order", by = "order_id"))]
//! struct Line {
//!     #[shard(primary_key)]
//!     id: i64,
//!     #[shard(key)]
//!     user_id: i64,
//!     order_id: i64,
//!     sku: String,
//! }
//!
//! # #[cfg(feature = "testing")]
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> shard_orm::Result<()> {
//! # let cluster = shard_orm::testing::cluster::<(Order, Line)>().await?;
//! # let cluster = &cluster;
//! let order = Order { id: 1, user_id: 42, item: "tea".into() }.insert(cluster).await?;
//! let mut line = Line { id: 7, user_id: 42, order_id: 0, sku: "x".into() };
//! line.link(Line::ORDER, &order)?;
//! let line = line.insert(cluster).await?;
//!
//! // Of one row: an ordinary query.
//! let lines = order.related(Order::LINES).filter(Line::SKU.eq("x")).all(cluster).await?;
//! assert_eq!(lines, [line.clone()]);
//!
//! // Of a page of rows: one more statement.
//! let orders: Vec<(Order, Vec<Line>)> = Order::on(42).limit(20).with(Order::LINES).all(cluster).await?;
//! assert_eq!(orders, [(order.clone(), vec![line.clone()])]);
//!
//! // Joined by the server.
//! let pairs: Vec<(Order, Line)> = Order::on(42)
//!     .join(Order::LINES)
//!     .filter(Line::SKU.eq("x"))
//!     .order_by(Order::ID.desc())
//!     .all(cluster)
//!     .await?;
//! assert_eq!(pairs, [(order, line)]);
//! # Ok(())
//! # }
//! # #[cfg(not(feature = "testing"))]
//! # fn main() {}
//! ```
//!
//! | declared on the struct | rows per row | the fields of `by` |
//! |---|---|---|
//! | `has_many(lines = "Line", by = "order_id")` | any number | of the other model |
//! | `has_one(invoice = "Invoice", by = "order_id")` | one or none | of the other model |
//! | `belongs_to(order = "Order", by = "order_id")` | one or none | of this model |
//! | `refers_to(country = "Country", by = "country_id")` | one or none, of a static model or in a named database | of this model |
//!
//! `by` names the fields with the id of the other model: its primary key without the shard key, of
//! the same type or an `Option` of it, and as a list, `by = ["a", "b"]`, if it has several parts. A
//! static model is read from the copy on the row's server, and joined and loaded like the others.
//! If the primary key is just the shard key, there is no `by`: `has_many(orders = "Order")` of such
//! a user is all rows of that key.

mod assign;
mod batch;
mod columns;
mod definitions;
mod explain;
mod join;
mod joined;
mod load;
mod refers_to;
mod row;
mod select;
mod verbs;
mod with;

pub use assign::{ForeignColumns, ForeignKey, SameKey};
pub use definitions::{BelongsTo, Found, HasMany, HasOne};
pub use join::Join;
pub use joined::{Always, At, Contains, Models, Push, Slot};
pub use load::{IntoLoad, Load};
pub use refers_to::{RefersTo, Separately};
pub use row::RelatedRow;
pub use select::{JoinColumns, JoinSelection, JoinedColumns};
pub use with::{LoadOne, Loads, With};

use crate::exec::Executor;
use crate::model::{Model, Sharded, SoftDelete};
use crate::query::{Filter, OrderBy, QueryFuture};
use columns::RelationColumns;

/// A relation within one server: between two models of one shard group with the same key
/// ([`HasMany`], [`HasOne`] or [`BelongsTo`]), or from a row to a static model ([`RefersTo`]).
///
/// The derive creates its constants; see the [module](self).
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a relation between tables of one server",
    label = "no server has both tables",
    note = "`has_many`, `has_one` and `belongs_to` relate models of one group and key, whose rows \
            are in one logical shard, and what a model `refers_to` is joined where it is static: \
            those are loaded with a query too",
    note = "what a model `refers_to` in a named database is on another server, where no join \
            reaches it: read it in a second step by `with_separately` or `fetch_separately`"
)]
pub trait Relation: Copy + Send + Sync + 'static {
    /// The model that declares it.
    type From: Sharded;
    /// The related model.
    type To: Model;
    /// The scope of the rows that are related to a row.
    type At: Send + Sync + 'static;
    /// The related rows of one row: a `Vec`, or an `Option`.
    type Found: Found<Self::To>;

    #[doc(hidden)]
    #[allow(private_interfaces)]
    fn columns(self) -> RelationColumns;

    #[doc(hidden)]
    fn at(self, row: &Self::From) -> Self::At;

    /// Restricts the relation to rows that meet a condition. In a left join, it is a condition on
    /// the joined rows, not on the result.
    fn filter(self, filter: Filter<Self::To>) -> Load<Self> {
        Load::new(self).filter(filter)
    }

    /// Orders the related rows by this column, instead of their primary key.
    fn order_by(self, order: impl Into<OrderBy<Self::To>>) -> Load<Self> {
        Load::new(self).order_by(order)
    }

    /// Includes soft-deleted rows.
    fn with_deleted(self) -> Load<Self>
    where
        Self::To: SoftDelete,
    {
        Load::new(self).with_deleted()
    }

    /// Reads the related rows of each of these rows, in their order.
    ///
    /// Sends one statement to each logical shard of these rows (one for each 1,000 of them),
    /// `SELECT .. WHERE key = ? AND order_id IN (?, ..)`, and none if there are no rows. Related
    /// rows are ordered by their primary key, unless [`order_by`](Self::order_by) is called. A
    /// `has_one` with several rows returns the first.
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
    /// # }
    /// # async fn run(cluster: &Cluster) -> shard_orm::Result<()> {
    /// let orders = Order::on_each([42, 43]).all(cluster).await?;
    /// for (order, lines) in orders.iter().zip(Order::LINES.load(cluster, &orders).await?) {
    ///     println!("{}: {} lines", order.id, lines.len());
    /// }
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// As [`Query::all`](crate::Query::all).
    fn load<'e>(
        self,
        on: impl Executor<'e>,
        rows: &[Self::From],
    ) -> QueryFuture<'e, Vec<Self::Found>> {
        Load::new(self).load(on, rows)
    }
}
