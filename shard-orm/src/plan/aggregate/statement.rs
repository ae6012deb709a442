//! Asks the databases for partial aggregates, and merges them.

use std::sync::Arc;

use sea_query::{Alias, Query as Sea, SelectStatement, Value};

use super::groups::Groups;
use super::plan::Plan;
use crate::backend::{Args, Sql, render};
use crate::dialect::Dialect;
use crate::error::{Error, Result};
use crate::exec::{Intent, Label, Statement, Target};
use crate::model::ModelDef;
use crate::plan::aggregate::GroupSpec;
use crate::plan::batch::{Batch, Cut, batches};
use crate::plan::concurrent::each_batch;
use crate::plan::explain::{Explain, Merge, planned};
use crate::plan::hedge::read_at;
use crate::plan::options::ScatterCall;
use crate::plan::scatter::{Bounds, name, unite};
use crate::plan::shard_task::ShardTask;
use crate::plan::spec::{QuerySpec, has_scaled};
use crate::plan::statement::{ShardStatement, Verb, bound, ready};
use crate::topology::Namespace;

/// What a query of groups asks of its logical shards.
struct Question {
    plan: Arc<Plan>,
    spec: QuerySpec,
    bound: Bound,
    /// Which of the merged groups are given.
    bounds: Bounds,
}

impl Question {
    fn new(
        def: &'static ModelDef,
        group_spec: &GroupSpec,
        mut spec: QuerySpec,
        tasks: &[ShardTask],
        several: bool,
    ) -> Result<Self> {
        if spec.lock.is_some() {
            return Err(Error::unsupported(
                "a group is no row that could be locked; select the rows with `for_update` first",
            ));
        }
        let mut bounds = Bounds::of(&spec);
        // Of no logical shard there are no NULLs to be ordered, and nothing is asked.
        let dialect = tasks
            .first()
            .map_or(Dialect::Postgres, |task| task.handle.dialect());
        spec.requirements = spec.requirements | group_spec.requirements(def);
        spec.check(dialect)?;
        let plan = Plan::new(def, group_spec, dialect, several, tasks.len())?;
        let bound = Bound::of(&plan, &spec, tasks.len());
        if bound == Bound::Exactly {
            // The database leaves out what comes before the offset.
            bounds = bounds.without_offset();
        }
        Ok(Self {
            plan: Arc::new(plan),
            spec,
            bound,
            bounds,
        })
    }
}

/// The rows of a query of groups, each with what is selected first.
pub(crate) async fn rows(
    def: &'static ModelDef,
    group_spec: GroupSpec,
    spec: QuerySpec,
    target: Target<'_>,
    tasks: Vec<ShardTask>,
    call: &ScatterCall,
    several: bool,
) -> Result<Vec<Vec<Value>>> {
    let question = Question::new(def, &group_spec, spec, &tasks, several)?;
    let plan = &question.plan;
    let batches = batches(target, tasks, Cut::Bounded);
    let answers = each_batch(target, call, batches, async |batch: Batch| {
        let destination = batch.destination();
        let partials = Partials::new(&question, batch);
        read_at(target, call, destination, &partials, || Groups::new(plan)).await
    })
    .await?;
    let mut all = Groups::new(plan);
    for groups in answers {
        all.merge(groups)?;
    }
    Ok(question.bounds.cut(plan.rows(all)?.into_iter()).collect())
}

/// What [`rows`] would send.
pub(crate) fn explain(
    def: &'static ModelDef,
    group_spec: &GroupSpec,
    spec: QuerySpec,
    target: Target<'_>,
    tasks: Vec<ShardTask>,
    several: bool,
) -> Result<Explain> {
    let question = Question::new(def, group_spec, spec, &tasks, several)?;
    let statements = batches(target, tasks, Cut::Bounded)
        .into_iter()
        .map(|batch| {
            let destination = batch.destination();
            planned(
                target,
                &destination,
                Intent::Read,
                &Partials::new(&question, batch),
            )
        })
        .collect::<Result<Vec<_>>>()?;
    Ok(Explain {
        statements,
        merge: Merge::Grouped {
            by: question.plan.describe_groups(),
            offset: question.bounds.offset,
            limit: question.bounds.limit,
        },
    })
}

/// How many groups a statement gives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Bound {
    /// All of them.
    None,
    /// The first so many: all that can be among those that are asked for.
    First(u64),
    /// Those that are asked for: there is no other statement.
    Exactly,
}

impl Bound {
    fn of(plan: &Plan, spec: &QuerySpec, tasks: usize) -> Self {
        match spec.limit {
            _ if !plan.pushed.cuts() => Self::None,
            None if spec.offset.is_none() => Self::None,
            _ if tasks == 1 => Self::Exactly,
            None => Self::None,
            Some(limit) => {
                let most = limit.saturating_add(spec.offset.unwrap_or(0));
                Self::First(most.min(i64::MAX.unsigned_abs()))
            }
        }
    }
}

/// One statement for the logical shards of a batch.
///
/// ```sql
/// SELECT c0, c1 FROM (SELECT item AS c0, COUNT(*) AS c1 FROM shop_0.orders GROUP BY item) AS s0
/// UNION ALL
/// SELECT c0, c1 FROM (SELECT item AS c0, COUNT(*) AS c1 FROM shop_1.orders GROUP BY item) AS s1
/// ```
///
/// Where no group is spread over logical shards, each branch keeps to the HAVING of the query, and
/// gives its first groups in the order, of which the server gives the first ones of all:
///
/// ```sql
/// SELECT c0, c1 FROM (
///     SELECT * FROM (
///         SELECT user_id AS c0, CAST(SUM(quantity) AS text) AS c1, SUM(quantity) AS c2
///         FROM shop_0.orders GROUP BY c0 HAVING COUNT(*) > 1 ORDER BY SUM(quantity), c0 LIMIT 10
///     ) AS s0
///     UNION ALL ..
/// ) AS shards ORDER BY c2, c0 LIMIT 10
/// ```
struct Partials<'q> {
    plan: &'q Plan,
    spec: &'q QuerySpec,
    bound: Bound,
    tasks: Arc<[ShardTask]>,
}

impl<'q> Partials<'q> {
    fn new(question: &'q Question, batch: Batch) -> Self {
        Self {
            plan: &question.plan,
            spec: &question.spec,
            bound: question.bound,
            tasks: batch.tasks,
        }
    }
}

impl Partials<'_> {
    fn branch(&self, task: &ShardTask) -> Result<SelectStatement> {
        let def = self.plan.def;
        let namespace = &task.handle.namespace;
        let dialect = namespace.dialect();
        let mut select = Sea::select();
        select.from(namespace.table_of(def));
        let built = ShardStatement {
            def,
            verb: Verb::Select,
            spec: self.spec,
            keys: task.keys.as_ref(),
        };
        built.conditions(dialect, |condition| {
            select.and_where(condition);
        });
        let mut columns = Vec::new();
        for (position, key) in self.plan.keys.iter().enumerate() {
            columns.push(key.expr(def, dialect)?);
            // By its name: values that are bound twice would be two arguments, and to the database
            // two expressions.
            select.group_by_col(name(position));
        }
        let partials = self.plan.partials.iter();
        columns.extend(partials.flat_map(|partial| partial.columns(def, dialect)));
        let pushed = &self.plan.pushed;
        pushed.keep(&mut select);
        match self.bound {
            Bound::None => {}
            Bound::First(most) => {
                pushed.order(&mut select);
                select.limit(most);
                columns.extend(pushed.columns().filter(|_| self.tasks.len() > 1));
            }
            Bound::Exactly => {
                pushed.order(&mut select);
                bound(&mut select, dialect, self.spec);
            }
        }
        for (position, column) in columns.into_iter().enumerate() {
            select.expr_as(column, name(position));
        }
        Ok(select)
    }

    fn whole(&self, dialect: Dialect) -> Result<SelectStatement> {
        let branches: Result<Vec<_>> = self.tasks.iter().map(|task| self.branch(task)).collect();
        let width = self.width(dialect);
        let (Bound::First(most), true) = (self.bound, self.tasks.len() > 1) else {
            return Ok(unite(branches?.into_iter(), width));
        };
        let pushed = &self.plan.pushed;
        let rows = unite(branches?.into_iter(), width + pushed.columns().count());
        let mut whole = Sea::select();
        whole
            .columns((0..width).map(name))
            .from_subquery(rows, Alias::new("shards"))
            .limit(most);
        pushed.order_all(&mut whole, width);
        Ok(whole)
    }

    fn width(&self, dialect: Dialect) -> usize {
        let partials = self.plan.partials.iter();
        let columns = partials.map(|partial| partial.columns(self.plan.def, dialect).len());
        self.plan.keys.len() + columns.sum::<usize>()
    }
}

impl Statement for Partials<'_> {
    fn prepare(&self, namespace: &Namespace, args: &mut Args) -> Result<Sql> {
        let dialect = namespace.dialect();
        let (text, values) = render(dialect, &self.whole(dialect)?);
        let scaled = || has_scaled(self.plan.def);
        ready(
            dialect,
            self.spec.requirements,
            text,
            &values,
            false,
            args,
            scaled,
        )
    }

    fn models(&self) -> Vec<&'static ModelDef> {
        vec![self.plan.def]
    }

    fn label(&self) -> Label<'_> {
        Label {
            verb: "aggregate",
            table: self.plan.def.table,
        }
    }
}
