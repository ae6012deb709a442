//! What a query would send, without sending it.

use super::built::{Built, Verb};
use super::place::NamesAShard;
use super::place::private::Legs as _;
use super::scatter;
use super::select::Query;
use super::selection::Selection;
use super::update::Update;
use crate::error::Result;
use crate::exec::{Executor, Explain, Intent, Leg, Merge, Site, Target, planned};
use crate::model::{Model, ModelDef};
use crate::query::Parts;

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
        let target = on.target().reading(self.parts.read);
        let legs = self.reading_legs(target)?;
        if Self::SEVERAL_KEYS {
            return scatter::explain(M::def(), self.parts, target, legs);
        }
        let intent = if self.parts.lock.is_some() {
            Intent::Write
        } else {
            Intent::Read
        };
        explain(M::def(), Verb::Select, &self.parts, target, legs, intent)
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
        let legs = query.writing_legs(target)?;
        let (verb, intent) = (Verb::Update, Intent::Write);
        explain(M::def(), verb, &query.parts, target, legs, intent)
    }
}

/// A statement for each logical shard.
fn explain(
    def: &'static ModelDef,
    verb: Verb,
    parts: &Parts,
    target: Target<'_>,
    legs: Vec<Leg>,
    intent: Intent,
) -> Result<Explain> {
    let statements = legs
        .into_iter()
        .map(|leg| {
            let statement = Built {
                def,
                verb,
                parts,
                keys: leg.keys.as_ref(),
            };
            planned(target, &Site::of(leg.handle), intent, &statement)
        })
        .collect::<Result<Vec<_>>>()?;
    let merge = match statements.len() {
        1 => Merge::Single,
        _ => Merge::Added,
    };
    Ok(Explain { statements, merge })
}
