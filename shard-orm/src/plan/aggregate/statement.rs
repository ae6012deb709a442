//! Reads partial aggregates and merges them.

use std::sync::Arc;

use sea_query::{Alias, Expr, Query as Sea, SelectStatement, Value};

use super::groups::Groups;
use super::plan::GroupPlan;
use crate::backend::{Args, Sql, render};
use crate::definition::ModelDef;
use crate::dialect::Dialect;
use crate::error::{Error, Result};
use crate::exec::{Intent, Label, Statement};
use crate::plan::aggregate::GroupSpec;
use crate::plan::batch::{Cut, batches};
use crate::plan::bounds::Bounds;
use crate::plan::execute::{Plan, execute};
use crate::plan::explain::{Explain, Merge};
use crate::plan::options::ScatterCall;
use crate::plan::request::{Tables, name, unite};
use crate::plan::shard_task::{ShardTask, Shards};
use crate::plan::spec::QuerySpec;
use crate::plan::statement::{bound, ready};
use crate::topology::Namespace;

/// What each logical shard is asked for groups.
struct Question {
    plan: Arc<GroupPlan>,
    tables: Tables,
    spec: QuerySpec,
    bound: Bound,
    /// The merged groups that are returned.
    bounds: Bounds,
}

impl Question {
    fn new(
        tables: Tables,
        group_spec: &GroupSpec,
        mut spec: QuerySpec,
        shards: &Shards,
    ) -> Result<Self> {
        if spec.lock.is_some() {
            return Err(Error::unsupported(
                "a group is no row that could be locked; select the rows with `for_update` first",
            ));
        }
        let def = tables.def(0);
        let mut bounds = Bounds::of(&spec);
        let (tasks, several) = (shards.tasks(), matches!(shards, Shards::Scatter(_)));
        // Without a logical shard, nothing is sent, so any database will do.
        let dialect = tasks
            .first()
            .map_or(Dialect::Postgres, |task| task.handle.dialect());
        spec.requirements = spec.requirements | group_spec.requirements(def);
        let dialects = shards.dialects();
        let is_ordered = !group_spec.orders.is_empty() || group_spec.having.is_some();
        let is_one_row = group_spec.groups.is_empty() && group_spec.having.is_none();
        if dialects.len() > 1
            && !is_one_row
            && (is_ordered || spec.limit.is_some() || spec.offset.is_some())
        {
            return Err(Error::unsupported(
                "the logical shards are on several kinds of databases, which order groups and compare aggregates \
                 differently; take the groups without order, limit and condition, or ask the logical shards of each kind",
            ));
        }
        for other in &dialects {
            spec.check(*other)?;
            GroupPlan::new(def, group_spec, *other, several, tasks.len())?;
        }
        spec.check(dialect)?;
        let plan = GroupPlan::new(def, group_spec, dialect, several, tasks.len())?;
        let bound = Bound::of(&plan, &spec, tasks.len());
        if bound == Bound::Exactly {
            // The database applies the offset.
            bounds = bounds.without_offset();
        }
        Ok(Self {
            plan: Arc::new(plan),
            tables,
            spec,
            bound,
            bounds,
        })
    }

    fn statement(&self, tasks: Arc<[ShardTask]>) -> Partials<'_> {
        Partials {
            question: self,
            tasks,
        }
    }
}

impl Plan<'_> {
    /// The rows of a query of groups, each with the selected items first.
    pub(crate) async fn groups(
        self,
        group_spec: &GroupSpec,
        call: &ScatterCall,
    ) -> Result<Vec<Vec<Value>>> {
        let question = Question::new(self.tables, group_spec, self.spec, &self.shards)?;
        let statement = |tasks| question.statement(tasks);
        let sink = || Groups::new(&question.plan);
        let (target, shards) = (self.target, self.shards);
        let answers = execute(target, shards, Intent::Read, call, statement, sink).await?;
        let mut all = Groups::new(&question.plan);
        for groups in answers.sinks() {
            all.merge(groups)?;
        }
        let rows = question.plan.rows(all)?;
        Ok(question.bounds.cut(rows.into_iter()).collect())
    }

    /// What [`groups`](Self::groups) would send.
    pub(crate) fn explain_groups(self, group_spec: &GroupSpec) -> Result<Explain> {
        let question = Question::new(self.tables, group_spec, self.spec, &self.shards)?;
        let batches = batches(self.target, self.shards.into_tasks(), Cut::Bounded);
        let merge = Merge::Grouped {
            by: question.plan.describe_groups(),
            offset: question.bounds.offset,
            limit: question.bounds.limit,
        };
        Explain::of(self.target, batches, Intent::Read, merge, |tasks| {
            question.statement(tasks)
        })
    }
}

/// How many groups a statement returns.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Bound {
    /// All of them.
    None,
    /// The first so many, which include all requested ones.
    First(u64),
    /// Exactly the requested ones: there is no other statement.
    Exactly,
}

impl Bound {
    fn of(plan: &GroupPlan, spec: &QuerySpec, tasks: usize) -> Self {
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
/// If no group is spread over logical shards, each branch applies HAVING and returns its first
/// groups in the order, and the server returns the first of all:
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
    question: &'q Question,
    tasks: Arc<[ShardTask]>,
}

impl Partials<'_> {
    fn branch(&self, namespace: &Namespace, keys: Option<&Expr>) -> Result<SelectStatement> {
        let Question {
            plan, tables, spec, ..
        } = self.question;
        let (def, dialect) = (plan.def, namespace.dialect());
        let mut select = Sea::select();
        tables.read_in(namespace, keys, spec, &mut select);
        let mut columns = Vec::new();
        for (position, key) in plan.keys.iter().enumerate() {
            columns.push(key.expr(def, dialect)?);
            // By name: values that are bound twice would be two arguments, and two expressions to
            // the database.
            select.group_by_col(name(position));
        }
        let partials = plan.partials.iter();
        columns.extend(partials.flat_map(|partial| partial.columns(def, dialect)));
        let pushed = &plan.pushed;
        pushed.keep(&mut select);
        match self.question.bound {
            Bound::None => {}
            Bound::First(most) => {
                pushed.order(&mut select);
                select.limit(most);
                columns.extend(pushed.columns().filter(|_| self.tasks.len() > 1));
            }
            Bound::Exactly => {
                pushed.order(&mut select);
                bound(&mut select, dialect, spec.limit, spec.offset);
            }
        }
        for (position, column) in columns.into_iter().enumerate() {
            select.expr_as(column, name(position));
        }
        Ok(select)
    }

    fn whole(&self, namespace: &Namespace) -> Result<SelectStatement> {
        if let [task] = &*self.tasks {
            return self.branch(namespace, task.keys.as_ref());
        }
        let branch = |task: &ShardTask| self.branch(&task.handle.namespace, task.keys.as_ref());
        let branches: Result<Vec<_>> = self.tasks.iter().map(branch).collect();
        let width = self.width(namespace.dialect());
        let Bound::First(most) = self.question.bound else {
            return Ok(unite(branches?.into_iter(), width));
        };
        let pushed = &self.question.plan.pushed;
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
        let plan = &self.question.plan;
        let partials = plan.partials.iter();
        let columns = partials.map(|partial| partial.columns(plan.def, dialect).len());
        plan.keys.len() + columns.sum::<usize>()
    }
}

impl Statement for Partials<'_> {
    fn prepare(&self, namespace: &Namespace, args: &mut Args) -> Result<Sql> {
        let dialect = namespace.dialect();
        let (text, values) = render(dialect, &self.whole(namespace)?);
        let Question { tables, spec, .. } = self.question;
        ready(
            dialect,
            spec.requirements,
            text,
            &values,
            false,
            args,
            || tables.have_scaled(),
        )
    }

    fn models(&self) -> Vec<&'static ModelDef> {
        vec![self.question.plan.def]
    }

    fn label(&self) -> Label<'_> {
        Label {
            verb: "aggregate",
            table: self.question.plan.def.table,
        }
    }
}
