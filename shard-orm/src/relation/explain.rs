//! What a join would send, and joins that do without shards that do not answer.

use super::Join;
use super::select::JoinSelection;
use crate::error::Result;
use crate::exec::{Destination, Executor, Intent};
use crate::model::Sharded;
use crate::plan::join::JoinStatement;
use crate::plan::scatter;
use crate::plan::{Explain, Merge, ScatterCall, Verb, planned};
use crate::query::{AllColumns, NamesAShard, Partial, Partially, Query, QueryFuture, Scope as _};

impl<M: Sharded, J: 'static, P: Send + Sync + 'static, S: JoinSelection<J>> Join<M, J, P, S> {
    /// What [`all`](Self::all) would send, where, and what it makes of the answers; see
    /// [`Query::explain`].
    ///
    /// # Errors
    /// Those that [`all`](Self::all) gives before it asks a database.
    pub fn explain<'e>(self, on: impl Executor<'e>) -> Result<Explain>
    where
        Query<M, P, AllColumns>: NamesAShard,
    {
        let target = on.target().reading(self.base.spec.read);
        let tasks = self.tasks(target)?;
        let (plan, spec) = (self.plan, self.base.spec);
        if Query::<M, P, AllColumns>::SEVERAL_KEYS {
            return scatter::explain(plan, spec, target, tasks);
        }
        let statements = tasks
            .into_iter()
            .map(|task| {
                let joining = JoinStatement {
                    plan: &plan,
                    spec: &spec,
                    verb: Verb::Select,
                    keys: task.keys.as_ref(),
                };
                planned(
                    target,
                    &Destination::of(task.handle),
                    Intent::Read,
                    &joining,
                )
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
    Query<M, P, AllColumns>: NamesAShard,
{
    /// All rows of the shards that answer; see [`Join::all`].
    ///
    /// # Errors
    /// As [`Join::all`], but for what makes a shard missing.
    pub fn all<'e>(self, on: impl Executor<'e>) -> QueryFuture<'e, Partial<Vec<S::Out>>> {
        let join = self.0;
        let target = on.target().reading(join.base.spec.read);
        let tasks = join.tasks(target);
        let (plan, spec) = (join.plan, join.base.spec);
        Box::pin(async move {
            let call = ScatterCall::begin_partial(spec.options);
            let value = scatter::all(plan, spec, target, tasks?, &call, S::read).await?;
            Ok(Partial::of(value, call))
        })
    }
}
