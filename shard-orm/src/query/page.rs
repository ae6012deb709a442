//! Keyset pages: each starts after the last row of the previous one.

use sea_query::Value;

use super::cursor::Cursor;
use super::scope::NamesAShard;
use super::scope::private::Scope as _;
use super::select::Query;
use super::selection::AllColumns;
use super::verbs::QueryFuture;
use crate::backend::Args;
use crate::error::{Error, Result};
use crate::exec::Executor;
use crate::model::{Model, ModelDef};
use crate::plan::{Requirements, Shards, Term, unsortable};

/// One page of rows, and the cursor of the next page.
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub struct Page<M> {
    /// The rows.
    pub rows: Vec<M>,
    /// The cursor of the next page; `None` after the last row.
    pub next: Option<Cursor>,
}

impl<M: Model, P: Send + Sync + 'static> Query<M, P, AllColumns> {
    /// Returns one page of at most `size` rows: the first, or the page at a cursor.
    ///
    /// The order is made total by the primary key. A page is found by the values of the last row
    /// before it, so rows that are inserted or deleted elsewhere do not shift it, and a late page
    /// costs as much as the first.
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
    /// #     quantity: i32,
    /// # }
    /// # async fn run(cluster: &Cluster) -> shard_orm::Result<()> {
    /// let by_quantity = Order::on(42).order_by(Order::QUANTITY.desc());
    /// let page = by_quantity.clone().page(cluster, 20, None).await?;
    /// if let Some(next) = &page.next {
    ///     let page = by_quantity.page(cluster, 20, Some(next)).await?;
    /// }
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// [`InvalidCursor`](crate::ErrorKind::InvalidCursor) if the cursor belongs to another order,
    /// or was modified; [`Unsupported`](crate::ErrorKind::Unsupported) with `limit` or `offset`,
    /// and over several logical shards if part of the primary key is a string that is not ordered
    /// by bytes; otherwise as [`all`](Self::all).
    pub fn page<'e>(
        self,
        on: impl Executor<'e>,
        size: u32,
        after: Option<&Cursor>,
    ) -> QueryFuture<'e, Page<M>>
    where
        Self: NamesAShard,
    {
        let def = M::def();
        let keys = self.routing_values();
        let plan = self.reading(on.target());
        let after = after.cloned();
        Box::pin(async move {
            let (mut plan, keys) = (plan?, keys?);
            let dialect = plan
                .shards
                .tasks()
                .first()
                .map(|task| task.handle.dialect());
            let spec = &mut plan.spec;
            if spec.limit.is_some() || spec.offset.is_some() || size == 0 {
                return Err(Error::unsupported(
                    "a page is of one row at least, and its size takes the place of limit and \
                     offset",
                ));
            }
            // For rows of several shard keys, the keys are part of the order.
            if keys.is_none() {
                make_total(def.lookup(), &mut spec.orders);
            } else {
                make_total(def.rest(), &mut spec.orders);
            }
            let orders = spec.orders.clone();
            let fields = || orders.iter().map(|term| &def.columns[term.ordinal]);
            for field in fields() {
                spec.requirements = spec.requirements | Requirements::size_of(field.column_type);
            }
            let fingerprint = Cursor::fingerprint(def, &orders);
            if let (Some(cursor), Some(dialect)) = (after, dialect) {
                spec.after = Some(cursor.values(fingerprint, def, &orders, dialect)?);
                // NULLs change the text of the condition, so it is not worth caching.
                if fields().any(|field| field.nullable) {
                    spec.requirements = spec.requirements | Requirements::VARIABLE;
                }
            }
            // One more row says whether there is a next page.
            spec.limit = Some(u64::from(size) + 1);
            if let Shards::Scatter(_) = plan.shards {
                check_total(def)?;
            }
            let call = plan.begin();
            let mut rows = plan.all(&call, |row| M::read(row, 0)).await?;
            let more = u64::try_from(rows.len()).unwrap_or(u64::MAX) > u64::from(size);
            if more {
                rows.pop();
            }
            let next = match rows.last() {
                Some(last) if more => Some(Cursor::new(fingerprint, &values(last, &orders)?)?),
                _ => None,
            };
            Ok(Page { rows, next })
        })
    }
}

/// Appends the columns that are not in the order yet.
pub(crate) fn make_total(columns: impl Iterator<Item = usize>, orders: &mut Vec<Term>) {
    for ordinal in columns {
        if !orders.iter().any(|term| term.ordinal == ordinal) {
            orders.push(Term::ascending(ordinal));
        }
    }
}

/// Whether the rows of a model can be told apart by an order that clients compare too.
fn check_total(def: &'static ModelDef) -> Result<()> {
    def.lookup()
        .find_map(|ordinal| unsortable(def, ordinal))
        .map_or(Ok(()), Err)
}

fn values<M: Model>(row: &M, orders: &[Term]) -> Result<Vec<Value>> {
    orders
        .iter()
        .map(|term| Args::value(|args| row.bind(term.ordinal, args)))
        .collect()
}
