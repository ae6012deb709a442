//! The relations of one row.

use sea_query::Expr;

use super::batch::equal;
use super::{BelongsTo, RefersTo, Relation};
use crate::backend::Args;
use crate::error::{Error, ErrorKind, Result};
use crate::model::{Key as _, Referred, Sharded};
use crate::query::Query;

/// The relations of one row. Implemented for all sharded models, and part of the prelude.
pub trait RelatedRow: Sharded {
    /// Returns a query of the rows that are related to this row, on its shard key; for a static
    /// model, in the copy on its server.
    ///
    /// It is an ordinary query, with all conditions and verbs. Its condition is the shard key and
    /// the id; if the field is `None`, it finds nothing.
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
    /// # async fn run(cluster: &Cluster, order: Order) -> shard_orm::Result<()> {
    /// let lines = order.related(Order::LINES).order_by(Line::SKU).limit(10).all(cluster).await?;
    /// # Ok(())
    /// # }
    /// ```
    fn related<R: Relation<From = Self>>(&self, relation: R) -> Query<R::To, R::At> {
        let mut query = Query::<R::To, R::At>::new(relation.at(self));
        let columns = relation.columns();
        let from = &columns.from_columns[columns.routing..];
        let id = Args::values(|args| {
            from.iter()
                .try_for_each(|ordinal| self.bind(*ordinal, args))
        });
        match id {
            Ok(id) if id.iter().any(|value| *value == value.as_null()) => {
                query.spec.filters.push(Expr::cust("1 = 0"));
            }
            Ok(id) => {
                let condition = equal(columns.to, &columns.to_columns[columns.routing..], id);
                query.spec.filters.extend(condition);
            }
            Err(error) => query.spec.defer(error),
        }
        query
    }

    /// Sets the fields by which this row belongs to `parent`. Sends nothing.
    ///
    /// ```
    /// # use shard_orm::prelude::*;
    /// # #[derive(ShardModel)]
    /// # #[shard(group = "shop", table = "orders")]
    /// # struct Order {
    /// #     #[shard(primary_key)]
    /// #     id: i64,
    /// #     #[shard(key)]
    /// #     user_id: i64,
    /// # }
    /// # #[derive(ShardModel)]
    /// # #[shard(group = "shop", table = "lines")]
    /// # #[shard(belongs_to(order = "Order", by = "order_id"))]
    /// # struct Line {
    /// #     #[shard(primary_key)]
    /// #     id: i64,
    /// #     #[shard(key)]
    /// #     user_id: i64,
    /// #     order_id: Option<i64>,
    /// # }
    /// let order = Order { id: 7, user_id: 42 };
    /// let mut line = Line { id: 1, user_id: 42, order_id: None };
    /// line.link(Line::ORDER, &order)?;
    /// assert_eq!(line.order_id, Some(7));
    ///
    /// let mut of_another = Line { id: 2, user_id: 43, order_id: None };
    /// let refused = of_another.link(Line::ORDER, &order).unwrap_err();
    /// assert_eq!(refused.kind(), ErrorKind::CrossShard);
    /// assert_eq!(of_another.order_id, None);
    /// # Ok::<(), shard_orm::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`CrossShard`](ErrorKind::CrossShard) if the rows have different shard keys, since a
    /// relation is within one key. The row is not changed.
    fn link<P: Sharded<Key = Self::Key>>(
        &mut self,
        relation: BelongsTo<Self, P>,
        parent: &P,
    ) -> Result<()> {
        let (own, its) = (self.key(), parent.key());
        if Args::values(|args| own.bind(args))? != Args::values(|args| its.bind(args))? {
            return Err(Error::new(
                ErrorKind::CrossShard,
                format!(
                    "this `{}` has another shard key than the `{}` that it is to belong to, and \
                     rows of different keys live apart: give both the same key, or keep the id in \
                     a field that is no relation",
                    Self::def().name,
                    P::def().name
                ),
            ));
        }
        (relation.set)(self, parent.id());
        Ok(())
    }

    /// Sets the fields by which this row refers to a row of a static model or of a named database.
    /// Sends nothing.
    fn refer<P: Referred>(&mut self, relation: RefersTo<Self, P>, to: &P) {
        (relation.set)(self, to.id());
    }
}

impl<M: Sharded> RelatedRow for M {}
