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
    /// What [`all`](Self::all) would send, where, and what it makes of the answers. Nothing is
    /// sent: the topology and the query say it.
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
    /// Those that [`all`](Self::all) gives before it asks a database.
    pub fn explain<'e>(self, on: impl Executor<'e>) -> Result<Explain>
    where
        Self: NamesAShard,
    {
        self.reading(on.target())?.explain()
    }
}

impl<M: Model, P: Send + Sync + 'static, S: Selection<M>> Update<M, P, S> {
    /// What [`update`](Self::update) would send, and where; see [`Query::explain`].
    ///
    /// # Errors
    /// Those that [`update`](Self::update) gives before it asks a database.
    pub fn explain<'e>(self, on: impl Executor<'e>) -> Result<Explain>
    where
        Query<M, P, S>: NamesAShard,
    {
        let plan = self.into_query().writing(on.target())?;
        plan.explain_write(Verb::Update)
    }
}
