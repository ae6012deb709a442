//! What a query would send, without sending it.

use super::scope::NamesAShard;
use super::select::Query;
use super::selection::Selection;
use super::update::Update;
use crate::error::Result;
use crate::exec::Executor;
use crate::model::Model;
use crate::plan::{Explain, Verb};

impl<M: Model, P: Send + Sync + 'static, S: Selection<M>> Query<M, P, S> {
    /// Returns the statements that [`all`](Self::all) would send, their servers, and how results
    /// are merged. Sends nothing.
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
    /// let largest = Order::scatter().order_by(Order::QUANTITY.desc()).limit(10);
    /// let explained = largest.clone().explain(cluster)?;
    /// println!("{explained}");
    /// assert_eq!(explained.statements.len(), 2); // one for each server
    /// let rows = largest.all(cluster).await?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// Those that [`all`](Self::all) returns before it sends a statement.
    pub fn explain<'e>(self, on: impl Executor<'e>) -> Result<Explain>
    where
        Self: NamesAShard,
    {
        self.reading(on.target())?.explain()
    }
}

impl<M: Model, P: Send + Sync + 'static, S: Selection<M>> Update<M, P, S> {
    /// Returns the statements that [`update`](Self::update) would send, and their servers; see
    /// [`Query::explain`].
    ///
    /// # Errors
    /// Those that [`update`](Self::update) returns before it sends a statement.
    pub fn explain<'e>(self, on: impl Executor<'e>) -> Result<Explain>
    where
        Query<M, P, S>: NamesAShard,
    {
        let plan = self.into_query().writing(on.target())?;
        plan.explain_write(Verb::Update)
    }
}
