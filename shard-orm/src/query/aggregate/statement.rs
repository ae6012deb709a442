//! Asks the databases for partial aggregates, and merges them.

use std::sync::Arc;

use sea_query::{Alias, Expr, Query as Sea, SelectStatement, Value};

use super::groups::Groups;
use super::plan::{Plan, Request};
use crate::backend::{Args, Sql, render};
use crate::dialect::Dialect;
use crate::error::{Error, Result};
use crate::exec::{Batch, Cut, Fan, Label, Leg, Statement, Target, batches, each_batch, read_at};
use crate::model::ModelDef;
use crate::query::built::{Built, Verb, ready};
use crate::query::parts::Parts;
use crate::query::scatter::{Bounds, name, unite};
use crate::topology::Namespace;

/// The rows of a query of groups, each with what is selected first.
pub(super) async fn rows(
    def: &'static ModelDef,
    request: Request,
    mut parts: Parts,
    target: Target<'_>,
    legs: Vec<Leg>,
    fan: &Fan,
    several: bool,
) -> Result<Vec<Vec<Value>>> {
    if parts.lock.is_some() {
        return Err(Error::unsupported(
            "a group is no row that could be locked; select the rows with `for_update` first",
        ));
    }
    let bounds = Bounds::of(&parts);
    // Of no logical shard there are no NULLs to be ordered, and nothing is asked.
    let dialect = legs
        .first()
        .map_or(Dialect::Postgres, |leg| leg.place.dialect());
    parts.needs = parts.needs | request.needs(def);
    parts.check(dialect)?;
    let plan = Arc::new(Plan::new(def, &request, dialect, several)?);
    let batches = batches(target, legs, Cut::Bounded);
    let answers = each_batch(target, fan, batches, async |batch: Batch| {
        let site = batch.site();
        let partials = Partials {
            plan: &plan,
            parts: &parts,
            legs: batch.legs,
        };
        read_at(target, fan, site, &partials, || Groups::new(&plan)).await
    })
    .await?;
    let mut all = Groups::new(&plan);
    for groups in answers {
        all.merge(groups)?;
    }
    Ok(bounds.cut(plan.rows(all)?.into_iter()).collect())
}

/// One statement for the logical shards of a batch.
///
/// ```sql
/// SELECT c0, c1 FROM (SELECT item AS c0, COUNT(*) AS c1 FROM shop_0.orders GROUP BY item) AS s0
/// UNION ALL
/// SELECT c0, c1 FROM (SELECT item AS c0, COUNT(*) AS c1 FROM shop_1.orders GROUP BY item) AS s1
/// ```
struct Partials<'q> {
    plan: &'q Plan,
    parts: &'q Parts,
    legs: Arc<[Leg]>,
}

impl Partials<'_> {
    fn branch(&self, leg: &Leg) -> SelectStatement {
        let def = self.plan.def;
        let namespace = &leg.place.namespace;
        let mut select = Sea::select();
        select.from(namespace.table(def.table));
        let built = Built {
            def,
            verb: Verb::Select,
            parts: self.parts,
            keys: leg.keys.as_ref(),
        };
        built.conditions(namespace.dialect(), |condition| {
            select.and_where(condition);
        });
        let keys = self.plan.keys.iter();
        let keys = keys.map(|ordinal| Expr::col(Alias::new(def.columns[*ordinal].name)));
        select.add_group_by(keys.clone());
        let partials = self.plan.partials.iter();
        let partials = partials.flat_map(|partial| partial.columns(def, namespace.dialect()));
        for (position, column) in keys.chain(partials).enumerate() {
            select.expr_as(column, name(position));
        }
        select
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
        let branches = self.legs.iter().map(|leg| self.branch(leg));
        let (text, values) = render(dialect, &unite(branches, self.width(dialect)));
        ready(dialect, self.parts.needs, text, &values, false, args)
    }

    fn label(&self) -> Label {
        Label {
            verb: "aggregate",
            table: self.plan.def.table,
        }
    }
}
