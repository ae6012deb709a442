//! Pages by keyset: each begins after the last row of the one before.

use sea_query::Value;

use super::cursor::Cursor;
use super::scope::NamesAShard;
use super::scope::private::Scope as _;
use super::select::Query;
use super::selection::AllColumns;
use super::verbs::{QueryFuture, limited};
use crate::backend::Args;
use crate::error::{Error, Result};
use crate::exec::{Executor, Intent, Rows, run};
use crate::model::{Model, ModelDef};
use crate::plan::scatter;
use crate::plan::{Requirements, ScatterCall, ShardStatement, Term, Verb};

/// One page of rows, and where the next one begins.
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub struct Page<M> {
    /// The rows.
    pub rows: Vec<M>,
    /// Where the next page begins; `None` after the last row.
    pub next: Option<Cursor>,
}

impl<M: Model, P: Send + Sync + 'static> Query<M, P, AllColumns> {
    /// One page of at most `size` rows: the first, or the one that begins at a cursor.
    ///
    /// The order is made total by the primary key. The place of a page is found by the values of
    /// the last row before it, so that rows that come and go elsewhere do not shift it, and a late
    /// page costs as much as the first.
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
    /// [`InvalidCursor`](crate::ErrorKind::InvalidCursor) when the cursor belongs to another order,
    /// or was tampered with;
    /// [`Unsupported`](crate::ErrorKind::Unsupported) with `limit` or `offset`, and over several
    /// logical shards when a part of the primary key is a text that is not ordered by bytes;
    /// otherwise as [`all`](Self::all).
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
        let target = on.target().reading(self.spec.read);
        let tasks = self.reading_tasks(target);
        let several = self
            .routing_values()
            .map(|values| values.is_none() && def.key.is_some());
        let bounded = self.spec.limit.is_some() || self.spec.offset.is_some();
        let mut spec = self.spec;
        match &several {
            Ok(true) => make_total_over_keys(def, &mut spec.orders),
            _ => make_total(def, &mut spec.orders),
        }
        for term in &spec.orders {
            spec.requirements =
                spec.requirements | Requirements::size_of(def.columns[term.ordinal].column_type);
        }
        let fingerprint = Cursor::fingerprint(def, &spec.orders);
        let after = after.cloned();
        limited(spec.options, async move {
            let mut tasks = tasks?;
            if let (Some(cursor), Some(task)) = (after, tasks.first()) {
                let dialect = task.handle.dialect();
                spec.after = Some(cursor.values(fingerprint, def, &spec.orders, dialect)?);
            }
            let several = several?;
            if bounded || size == 0 {
                return Err(Error::unsupported(
                    "a page is of one row at least, and its size takes the place of limit and \
                     offset",
                ));
            }
            // NULLs change the text of the condition, so it is not worth keeping beside others.
            if spec.after.is_some()
                && spec
                    .orders
                    .iter()
                    .any(|term| def.columns[term.ordinal].nullable)
            {
                spec.requirements = spec.requirements | Requirements::VARIABLE;
            }
            // One more row says whether there is a next page.
            spec.limit = Some(u64::from(size) + 1);
            let orders = spec.orders.clone();
            let mut rows = if several {
                scatter::check_total(def)?;
                let call = ScatterCall::begin(spec.options);
                scatter::all(def, spec, target, tasks, &call, |row| M::read(row, 0)).await?
            } else {
                let Some(task) = tasks.pop() else {
                    return Err(Error::unsupported("a page of no shard"));
                };
                let mut sink = Rows::new(|row: &crate::backend::Row<'_>| M::read(row, 0));
                let statement = ShardStatement {
                    def,
                    verb: Verb::Select,
                    spec: &spec,
                    keys: task.keys.as_ref(),
                };
                run(target, task.handle, Intent::Read, &statement, &mut sink).await?;
                sink.rows
            };
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

/// Appends what of the lookup columns is not in the order yet.
pub(crate) fn make_total(def: &'static ModelDef, orders: &mut Vec<Term>) {
    for ordinal in def.rest() {
        if !orders.iter().any(|term| term.ordinal == ordinal) {
            orders.push(Term::ascending(ordinal));
        }
    }
}

/// As [`make_total`], of rows of several shard keys: these are a part of the order.
fn make_total_over_keys(def: &'static ModelDef, orders: &mut Vec<Term>) {
    for ordinal in def.lookup() {
        if !orders.iter().any(|term| term.ordinal == ordinal) {
            orders.push(Term::ascending(ordinal));
        }
    }
}

fn values<M: Model>(row: &M, orders: &[Term]) -> Result<Vec<Value>> {
    orders
        .iter()
        .map(|term| Args::value(|args| row.bind(term.ordinal, args)))
        .collect()
}
