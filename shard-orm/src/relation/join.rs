//! Queries that join several models.

use std::fmt;
use std::marker::PhantomData;

use super::joined::{Always, Contains, Models, Push};
use super::select::{JoinColumns, JoinedColumns};
use super::{IntoLoad, Load, Relation};
use crate::model::{IntoKey, Model, Sharded};
use crate::plan::Term;
use crate::plan::join::{JoinOn, JoinPlan, Table};
use crate::query::{
    AllColumns, AllShards, Filter, OnKey, OnKeys, OnShard, OrderBy, Query, Unscoped,
};
use crate::topology::Read;

/// The model that a relation leads to.
type To<L> = <<L as IntoLoad>::Relation as Relation>::To;
/// The models `J`, and behind them the one that it leads to.
type Inner<J, L> = <J as Push<To<L>>>::Joined;
/// The models `J`, and behind them the one that it leads to, which may be absent.
type Left<J, L> = <J as Push<Option<To<L>>>>::Joined;

/// A query of the model `M` and the models joined to it, together `J`, with the scope `P`, which
/// returns `S`.
///
/// Created by [`Query::join`] or [`Query::left_join`]; run by [`all`](Self::all),
/// [`first`](Self::first), [`one`](Self::one), [`count`](Self::count), [`exists`](Self::exists) or
/// [`stream`](Self::stream). Filters, order and selection take columns of the joined models; a
/// column of another model does not compile.
///
/// Each logical shard joins its own tables, on the shard key and the id. Logical shards of one
/// server are asked in one statement. Rows of different shards or keys are never joined.
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
/// #     item: String,
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
/// let pairs: Vec<(Order, Line)> = Order::on(42)
///     .join(Order::LINES)
///     .filter(Line::SKU.eq("x"))
///     .order_by(Order::ID.desc())
///     .all(cluster)
///     .await?;
///
/// // Orders without a line too.
/// let left: Vec<(Order, Option<Line>)> = Order::on(42).left_join(Order::LINES).all(cluster).await?;
///
/// // Columns; of a model that may be absent each is an `Option`.
/// let skus: Vec<(String, Option<String>)> = Order::on(42)
///     .left_join(Order::LINES)
///     .select((Order::ITEM, Line::SKU))
///     .all(cluster)
///     .await?;
/// # Ok(())
/// # }
/// ```
#[must_use = "a query is sent when a verb such as `all` runs it"]
pub struct Join<M, J, P = Unscoped, S = AllColumns> {
    /// Limit, offset and scope; everything else is in the plan.
    pub(super) base: Query<M, P, AllColumns>,
    pub(super) plan: JoinPlan,
    of: PhantomData<fn() -> (J, S)>,
}

impl<M: Sharded, P> Query<M, P, AllColumns> {
    /// Joins the related rows: the result has one row for each pair.
    ///
    /// Conditions of a [`Load`] are conditions of the result.
    ///
    /// ```
    /// # use shard_orm::prelude::*;
    /// # #[derive(ShardModel)]
    /// # #[shard(group = "shop", table = "nodes")]
    /// # #[shard(has_many(children = "Node", by = "parent_id"), has_many(leaves = "Leaf", by = "node_id"))]
    /// # struct Node {
    /// #     #[shard(primary_key)]
    /// #     id: i64,
    /// #     #[shard(key)]
    /// #     user_id: i64,
    /// #     parent_id: Option<i64>,
    /// # }
    /// # #[derive(ShardModel)]
    /// # #[shard(group = "shop", table = "leaves")]
    /// # struct Leaf {
    /// #     #[shard(primary_key)]
    /// #     id: i64,
    /// #     #[shard(key)]
    /// #     user_id: i64,
    /// #     node_id: i64,
    /// # }
    /// let query = Node::on(42).join(Node::LEAVES);
    /// ```
    ///
    /// A table can be joined only once. This is checked when the program is built, not by `cargo
    /// check`:
    ///
    /// ```compile_fail,E0080
    /// # use shard_orm::prelude::*;
    /// # #[derive(ShardModel)]
    /// # #[shard(group = "shop", table = "nodes")]
    /// # #[shard(has_many(children = "Node", by = "parent_id"), has_many(leaves = "Leaf", by = "node_id"))]
    /// # struct Node {
    /// #     #[shard(primary_key)]
    /// #     id: i64,
    /// #     #[shard(key)]
    /// #     user_id: i64,
    /// #     parent_id: Option<i64>,
    /// # }
    /// # #[derive(ShardModel)]
    /// # #[shard(group = "shop", table = "leaves")]
    /// # struct Leaf {
    /// #     #[shard(primary_key)]
    /// #     id: i64,
    /// #     #[shard(key)]
    /// #     user_id: i64,
    /// #     node_id: i64,
    /// # }
    /// let query = Node::on(42).join(Node::CHILDREN);
    /// ```
    pub fn join<L: IntoLoad, A, I>(self, relation: L) -> Join<M, Inner<(M,), L>, P>
    where
        L::Relation: Relation<From = A>,
        (M,): Always<A, I> + Push<To<L>>,
    {
        const { once::<(M,), To<L>>() };
        Join::begin(self).add(
            relation.into_load(),
            <(M,) as Always<A, I>>::POSITION,
            false,
        )
    }

    /// Joins the related rows, and keeps rows without related rows, with `None`.
    ///
    /// Conditions of a [`Load`] restrict the joined rows; a later [`filter`](Join::filter) on the
    /// model removes the rows without related rows.
    pub fn left_join<L: IntoLoad, A, I>(self, relation: L) -> Join<M, Left<(M,), L>, P>
    where
        L::Relation: Relation<From = A>,
        (M,): Contains<A, I> + Push<Option<To<L>>>,
    {
        const { once::<(M,), To<L>>() };
        Join::begin(self).add(
            relation.into_load(),
            <(M,) as Contains<A, I>>::POSITION,
            true,
        )
    }
}

impl<M: Sharded, P> Join<M, (M,), P, AllColumns> {
    fn begin(mut base: Query<M, P, AllColumns>) -> Self {
        let mut plan = JoinPlan::new(M::def());
        let filters = std::mem::take(&mut base.spec.filters);
        let orders = std::mem::take(&mut base.spec.orders);
        plan.filters.extend(filters.into_iter().map(|one| (0, one)));
        plan.orders.extend(orders.into_iter().map(|one| (0, one)));
        Self {
            base,
            plan,
            of: PhantomData,
        }
    }
}

impl<M: Sharded, J, P> Join<M, J, P, AllColumns> {
    /// Joins the related rows of one of the models as well; see [`Query::join`].
    pub fn join<L: IntoLoad, A, I>(self, relation: L) -> Join<M, Inner<J, L>, P>
    where
        L::Relation: Relation<From = A>,
        J: Models + Always<A, I> + Push<To<L>>,
    {
        const { once::<J, To<L>>() };
        self.add(relation.into_load(), <J as Always<A, I>>::POSITION, false)
    }

    /// Joins the related rows of one of the models as well, and keeps rows without related rows;
    /// see [`Query::left_join`].
    pub fn left_join<L: IntoLoad, A, I>(self, relation: L) -> Join<M, Left<J, L>, P>
    where
        L::Relation: Relation<From = A>,
        J: Models + Contains<A, I> + Push<Option<To<L>>>,
    {
        const { once::<J, To<L>>() };
        self.add(relation.into_load(), <J as Contains<A, I>>::POSITION, true)
    }

    fn add<R: Relation, K>(mut self, load: Load<R>, from: usize, left: bool) -> Join<M, K, P> {
        let position = self.plan.tables.len();
        let asked = load.query.spec;
        self.base.spec.requirements = self.base.spec.requirements | asked.requirements;
        if let Some(deferred) = asked.deferred_error {
            self.base.spec.defer(deferred);
        }
        self.plan.tables.push(Table {
            def: R::To::def(),
            on: Some(JoinOn {
                equal: load.relation.columns().pairs(),
                from,
                left,
                filters: asked.filters,
                deleted: asked.deleted,
            }),
        });
        self.plan
            .orders
            .extend(asked.orders.into_iter().map(|one| (position, one)));
        Join {
            base: self.base,
            plan: self.plan,
            of: PhantomData,
        }
    }

    /// Returns only these columns of any joined model: one, or a tuple of up to twelve.
    ///
    /// Columns of a model that may be absent are an `Option`.
    #[allow(clippy::needless_pass_by_value)] // Columns are `Copy`, tuples of them too.
    pub fn select<C: JoinColumns<J, I>, I>(
        mut self,
        columns: C,
    ) -> Join<M, J, P, JoinedColumns<C, I>> {
        self.plan.columns = Some(columns.places());
        Join {
            base: self.base,
            plan: self.plan,
            of: PhantomData,
        }
    }
}

/// Rejects a table that is already joined, at build time.
const fn once<J: Models, M: Model>() {
    let mut at = 0;
    while at < J::TABLES.len() {
        assert!(
            !crate::model::same_text(J::TABLES[at], M::TABLE),
            "a table is part of a join once, and this one is there already: a model is not joined \
             with itself, but read by `with`, `load` or `related`"
        );
        at += 1;
    }
}

impl<M: Sharded, J, S> Join<M, J, Unscoped, S> {
    /// Restricts the query to the rows of this shard key; see [`Query::on`].
    pub fn on(self, key: impl IntoKey<M::Key>) -> Join<M, J, OnKey<M::Key>, S> {
        Join {
            base: self.base.on(key),
            plan: self.plan,
            of: PhantomData,
        }
    }

    /// Restricts the query to the rows of these shard keys; see [`Query::on_each`].
    pub fn on_each<K: IntoKey<M::Key>>(
        self,
        keys: impl IntoIterator<Item = K>,
    ) -> Join<M, J, OnKeys<M::Key>, S> {
        Join {
            base: self.base.on_each(keys),
            plan: self.plan,
            of: PhantomData,
        }
    }
}

impl<M: Sharded, J, S> Join<M, J, Unscoped, S> {
    /// Queries all logical shards; see [`ShardModel::scatter`](crate::ShardModel::scatter).
    pub fn scatter(self) -> Join<M, J, AllShards, S> {
        Join {
            base: self.base.scatter(),
            plan: self.plan,
            of: PhantomData,
        }
    }

    /// Queries all rows of one logical shard, by its number; see
    /// [`ShardModel::on_shard`](crate::ShardModel::on_shard).
    pub fn on_shard(self, shard: u32) -> Join<M, J, OnShard, S> {
        Join {
            base: self.base.on_shard(shard),
            plan: self.plan,
            of: PhantomData,
        }
    }
}

impl<M: Model, J, P, S> Join<M, J, P, S> {
    /// Adds a condition on one of the models. Rows must meet all conditions.
    ///
    /// Unqualified columns are those of the model's table. Tables keep their names in the
    /// statement, so a [`Filter::expr`] can also use qualified columns of the other tables.
    pub fn filter<A, I>(mut self, filter: Filter<A>) -> Self
    where
        J: Contains<A, I>,
    {
        self.base.spec.requirements = self.base.spec.requirements | filter.requirements;
        match filter.into_expr() {
            Ok(expr) => self.plan.filters.push((J::POSITION, expr)),
            Err(deferred) => self.base.spec.defer(deferred),
        }
        self
    }

    /// Adds a column of one of the models to the order.
    pub fn order_by<A, I>(mut self, order: impl Into<OrderBy<A>>) -> Self
    where
        J: Contains<A, I>,
    {
        let order = order.into();
        self.base.spec.requirements = self.base.spec.requirements | order.requirements;
        let known = |(position, term): &(usize, Term)| {
            (*position, term.ordinal) == (J::POSITION, order.term.ordinal)
        };
        if !self.plan.orders.iter().any(known) {
            self.plan.orders.push((J::POSITION, order.term));
        }
        self
    }

    /// Limits the number of rows.
    pub fn limit(mut self, rows: u64) -> Self {
        self.base = self.base.limit(rows);
        self
    }

    /// Skips this many rows.
    pub fn offset(mut self, rows: u64) -> Self {
        self.base = self.base.offset(rows);
        self
    }

    /// Reads from the primary or from a replica; see [`Query::read`].
    pub fn read(mut self, read: Read) -> Self {
        self.base = self.base.read(read);
        self
    }
}

impl<M, J, P: Clone, S> Clone for Join<M, J, P, S> {
    fn clone(&self) -> Self {
        Self {
            base: self.base.clone(),
            plan: self.plan.clone(),
            of: PhantomData,
        }
    }
}

impl<M: Model, J, P: fmt::Debug, S> fmt::Debug for Join<M, J, P, S> {
    /// Shows no values: operands are user data.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let tables = self.plan.tables.iter().map(|table| table.def.name);
        f.debug_struct("Join")
            .field("models", &tables.collect::<Vec<_>>())
            .field("place", &self.base.scope)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ShardModel;

    #[derive(ShardModel)]
    #[shard(group = "shop", table = "nodes")]
    #[allow(dead_code)] // No row of it is made.
    struct Node {
        #[shard(primary_key)]
        id: i64,
        #[shard(key)]
        user_id: i64,
    }

    #[derive(ShardModel)]
    #[shard(group = "shop", table = "leaves")]
    #[allow(dead_code)] // No row of it is made.
    struct Leaf {
        #[shard(primary_key)]
        id: i64,
        #[shard(key)]
        user_id: i64,
    }

    #[test]
    fn a_table_is_joined_that_is_not_there_yet() {
        once::<(Node,), Leaf>();
    }

    /// A join calls it in a constant, so that this is what the compiler says.
    #[test]
    #[should_panic(
        expected = "a table is part of a join once, and this one is there already: a model is not \
                    joined with itself, but read by `with`, `load` or `related`"
    )]
    fn a_table_that_is_there_already_is_refused() {
        once::<(Node, Leaf), Leaf>();
    }
}
