//! What a query would send, without sending it.

use super::scope::NamesAShard;
use super::scope::private::Scope as _;
use super::select::Query;
use super::selection::Selection;
use super::update::Update;
use crate::error::Result;
use crate::exec::{Destination, Executor, Intent, Target};
use crate::model::{Model, ModelDef};
use crate::plan::scatter;
use crate::plan::{Explain, Merge, QuerySpec, ShardStatement, ShardTask, Verb, planned};

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
        let target = on.target().reading(self.spec.read);
        let tasks = self.reading_tasks(target)?;
        if Self::SEVERAL_KEYS {
            return scatter::explain(M::def(), self.spec, target, tasks);
        }
        let intent = if self.spec.lock.is_some() {
            Intent::Write
        } else {
            Intent::Read
        };
        explain(M::def(), Verb::Select, &self.spec, target, tasks, intent)
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
        let query = self.into_query();
        let target = on.target();
        let tasks = query.writing_tasks(target)?;
        let (verb, intent) = (Verb::Update, Intent::Write);
        explain(M::def(), verb, &query.spec, target, tasks, intent)
    }
}

/// A statement for each logical shard.
fn explain(
    def: &'static ModelDef,
    verb: Verb,
    spec: &QuerySpec,
    target: Target<'_>,
    tasks: Vec<ShardTask>,
    intent: Intent,
) -> Result<Explain> {
    let statements = tasks
        .into_iter()
        .map(|task| {
            let statement = ShardStatement {
                def,
                verb,
                spec,
                keys: task.keys.as_ref(),
            };
            planned(target, &Destination::of(task.handle), intent, &statement)
        })
        .collect::<Result<Vec<_>>>()?;
    let merge = match statements.len() {
        1 => Merge::Single,
        _ => Merge::Added,
    };
    Ok(Explain { statements, merge })
}
