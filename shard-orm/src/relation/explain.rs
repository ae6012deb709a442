//! What a join would send, and joins that do without shards that do not answer.

use super::Join;
use super::pick::JoinSelection;
use super::plan::Joining;
use crate::error::Result;
use crate::exec::{Executor, Explain, Fan, Intent, Merge, Site, planned};
use crate::model::Sharded;
use crate::query::{
    Legs as _, NamesAShard, Partial, Partially, Query, Running, Verb, Whole, scatter,
};

impl<M: Sharded, J: 'static, P: Send + Sync + 'static, S: JoinSelection<J>> Join<M, J, P, S> {
    /// What [`all`](Self::all) would send, where, and what it makes of the answers; see
    /// [`Query::explain`].
    ///
    /// # Errors
    /// Those that [`all`](Self::all) gives before it asks a database.
    pub fn explain<'e>(self, on: impl Executor<'e>) -> Result<Explain>
    where
        Query<M, P, Whole>: NamesAShard,
    {
        let target = on.target().reading(self.base.parts.read);
        let legs = self.legs(target)?;
        let (plan, parts) = (self.plan, self.base.parts);
        if Query::<M, P, Whole>::SEVERAL_KEYS {
            return scatter::explain(plan, parts, target, legs);
        }
        let statements = legs
            .into_iter()
            .map(|leg| {
                let joining = Joining {
                    plan: &plan,
                    parts: &parts,
                    verb: Verb::Select,
                    keys: leg.keys.as_ref(),
                };
                planned(target, &Site::of(leg.handle), Intent::Read, &joining)
            })
            .collect::<Result<Vec<_>>>()?;
        Ok(Explain {
            statements,
            merge: Merge::Single,
        })
    }

    /// Gives what there is when some logical shards do not answer, and says which are missing; see
    /// [`Query::partial`].
    pub fn partial(self) -> Partially<Self> {
        Partially(self)
    }
}

impl<M: Sharded, J: 'static, P: Send + Sync + 'static, S: JoinSelection<J>>
    Partially<Join<M, J, P, S>>
where
    Query<M, P, Whole>: NamesAShard,
{
    /// All rows of the shards that answer; see [`Join::all`].
    ///
    /// # Errors
    /// As [`Join::all`], but for what makes a shard missing.
    pub fn all<'e>(self, on: impl Executor<'e>) -> Running<'e, Partial<Vec<S::Out>>> {
        let join = self.0;
        let target = on.target().reading(join.base.parts.read);
        let legs = join.legs(target);
        let (plan, parts) = (join.plan, join.base.parts);
        Box::pin(async move {
            let fan = Fan::begin_partial(parts.manner);
            let value = scatter::all(plan, parts, target, legs?, &fan, S::read).await?;
            Ok(Partial::of(value, fan))
        })
    }
}
