//! Updates of all rows that match a query.

use std::fmt;
use std::time::SystemTime;

use sea_query::{Alias, Expr, ExprTrait};

use super::operand::{Assign, typed};
use super::scope::{AllShards, ChangesRows, NamesAShard, moves_a_row};
use super::select::Query;
use super::selection::Selection;
use super::verbs::QueryFuture;
use crate::backend::{Args, ColumnType, Field};
use crate::error::ShardId;
use crate::error::{Error, Result};
use crate::exec::Executor;
use crate::model::{Column, Model};
use crate::plan::{Requirements, Verb, shallow};

/// An update of all rows that match a query; sent by [`update`](Self::update).
///
/// Columns marked `updated_at` are set as well, unless the update sets them. The last of several
/// assignments to a column wins.
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
/// let changed = Order::on(42)
///     .filter(Order::ITEM.eq("tea"))
///     .set(Order::QUANTITY, 2)
///     .update(cluster)
///     .await?;
/// # Ok(())
/// # }
/// ```
#[must_use = "an update is sent by `update`"]
pub struct Update<M, P, S> {
    query: Query<M, P, S>,
}

impl<M: Model, P, S> Update<M, P, S> {
    pub(super) fn new(query: Query<M, P, S>) -> Self {
        Self { query }
    }

    /// Sets a column to a value, or to another column of the row.
    pub fn set<T: Field>(self, column: Column<M, T>, value: impl Assign<M, T>) -> Self {
        let value = value.into_expr();
        self.assign(
            column.ordinal(),
            value.and_then(|value| typed(M::def(), column.ordinal(), value)),
        )
    }

    /// Adds to a column of integers, floats or decimals; a negative value subtracts. NULL stays
    /// NULL. When the update runs, it is rejected for other columns, and on SQLite for decimals
    /// without declared digits.
    pub fn increment<T: Field>(mut self, column: Column<M, T>, by: impl Assign<M, T>) -> Self {
        self.query.spec.requirements =
            self.query.spec.requirements | Requirements::size_of(column.def().column_type);
        let by = by.into_expr();
        let by = by.and_then(|by| typed(M::def(), column.ordinal(), by));
        let sum = by.and_then(|by| {
            if is_number(T::TYPE) {
                Ok(Expr::col(Alias::new(column.name())).add(by))
            } else {
                Err(Error::unsupported(format!(
                    "column `{}` holds no number, so nothing is added to it; use `set`",
                    column.name()
                )))
            }
        });
        self.assign(column.ordinal(), sum)
    }

    /// Sets a column to a sea-query expression.
    ///
    /// Its values are bound with their own types, so give them the type of the column.
    pub fn set_expr<T: Field>(mut self, column: Column<M, T>, expr: impl Into<Expr>) -> Self {
        self.query.spec.requirements = self.query.spec.requirements | Requirements::FOREIGN;
        self.assign(column.ordinal(), shallow(expr.into()).map_err(Error::from))
    }

    fn assign(mut self, ordinal: usize, value: Result<Expr>) -> Self {
        match value {
            Ok(value) => {
                // The databases differ in what they do with a column that is set twice.
                self.query.spec.sets.retain(|(set, _)| *set != ordinal);
                self.query.spec.sets.push((ordinal, value));
            }
            Err(error) => self.query.spec.defer(error),
        }
        self
    }

    /// Updates the rows and returns their number.
    ///
    /// Over several keys, each logical shard updates its own rows independently.
    ///
    /// # Errors
    /// [`CrossShard`](crate::ErrorKind::CrossShard) if it would change a shard key; otherwise as
    /// any write. Over several logical shards, [`done_shards`](Error::done_shards) and
    /// [`failed_shards`](Error::failed_shards) list where it succeeded and where it failed.
    pub fn update<'e>(self, on: impl Executor<'e>) -> QueryFuture<'e, u64>
    where
        P: Send + Sync + 'static,
        S: Selection<M>,
        Query<M, P, S>: ChangesRows,
    {
        self.into_query().write(on.target(), Verb::Update)
    }

    /// The query whose rows are updated, with all assignments.
    pub(super) fn into_query(mut self) -> Query<M, P, S>
    where
        Query<M, P, S>: NamesAShard,
    {
        self.prepare();
        self.query
    }

    fn prepare(&mut self)
    where
        Query<M, P, S>: NamesAShard,
    {
        let checked = self.keep_keys();
        if let Err(error) = checked.and_then(|()| self.stamp()) {
            self.query.spec.defer(error);
        }
    }

    /// Removes assignments of a shard key to itself. Any other value would make the row
    /// unreachable.
    fn keep_keys(&mut self) -> Result<()>
    where
        Query<M, P, S>: NamesAShard,
    {
        use super::scope::private::Scope as _;

        let def = M::def();
        let routing: Vec<usize> = def.routing().collect();
        let values = self.query.routing_values()?;
        let mut refused = None;
        self.query.spec.sets.retain(|(ordinal, expr)| {
            let Some(position) = routing.iter().position(|key| key == ordinal) else {
                return true;
            };
            let same = match (expr, &values) {
                (Expr::Value(value), Some(values)) => values.get(position) == Some(value),
                _ => false,
            };
            if !same {
                refused.get_or_insert(*ordinal);
            }
            false
        });
        match refused {
            Some(ordinal) => Err(moves_a_row(def, ordinal)),
            None if self.query.spec.sets.is_empty() => Err(Error::unsupported(
                "the update sets nothing but the shard key to itself",
            )),
            None => Ok(()),
        }
    }

    /// Sets the columns marked `updated_at`.
    fn stamp(&mut self) -> Result<()> {
        let now = SystemTime::now();
        for (ordinal, column) in M::def().columns.iter().enumerate() {
            let Some(bind) = column.now.filter(|_| !column.keep) else {
                continue;
            };
            if !self.query.spec.sets.iter().any(|(set, _)| *set == ordinal) {
                let value = Args::value(|args| bind(now, args))?;
                self.query.spec.sets.push((ordinal, Expr::Value(value)));
            }
        }
        Ok(())
    }
}

impl<M: Model, S: Selection<M>> Update<M, AllShards, S> {
    /// Updates the rows in all logical shards independently, and returns the number of each.
    ///
    /// # Errors
    /// As [`update`](Self::update).
    pub fn update_everywhere<'e>(
        self,
        on: impl Executor<'e>,
    ) -> QueryFuture<'e, Vec<(ShardId, u64)>> {
        self.into_query().write_each(on.target(), Verb::Update)
    }
}

/// Whether addition means the same on all databases for such a column. SQLite would add to a string
/// as if it were a number.
fn is_number(column_type: ColumnType) -> bool {
    use ColumnType as Type;
    matches!(
        column_type,
        Type::I8
            | Type::I16
            | Type::I32
            | Type::I64
            | Type::U8
            | Type::U16
            | Type::U32
            | Type::U64
            | Type::F32
            | Type::F64
            | Type::Decimal
            | Type::ScaledDecimal
    )
}

impl<M: Model, P: fmt::Debug, S> fmt::Debug for Update<M, P, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Update")
            .field("query", &self.query)
            .finish_non_exhaustive()
    }
}
