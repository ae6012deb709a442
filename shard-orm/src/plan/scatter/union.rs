//! One statement for several logical shards of one server: a `UNION ALL` of one select of each.

use std::sync::Arc;

use sea_query::{Alias, Expr, Query as Sea, SelectStatement, UnionType};

use super::shape::Shape;
use super::tables::Tables;
use crate::backend::{Args, Sql, render};
use crate::dialect::Dialect;
use crate::error::Result;
use crate::exec::{Label, Statement};
use crate::model::ModelDef;
use crate::plan::batch::Batch;
use crate::plan::shard_task::ShardTask;
use crate::plan::spec::{QuerySpec, has_scaled};
use crate::plan::statement::{Verb, order_by, ready};
use crate::topology::Namespace;

/// What all logical shards are asked.
#[derive(Debug)]
pub(crate) struct Asked {
    tables: Arc<dyn Tables>,
    verb: Verb,
    spec: QuerySpec,
    pub(crate) shape: Shape,
}

impl Asked {
    pub(crate) fn new(
        tables: Arc<dyn Tables>,
        verb: Verb,
        spec: QuerySpec,
        shape: Shape,
    ) -> Arc<Self> {
        Arc::new(Self {
            tables,
            verb,
            spec,
            shape,
        })
    }

    /// How many rows of each logical shard can be among those that are asked for.
    fn most(&self) -> Option<u64> {
        let limit = self.spec.limit?;
        Some(
            limit
                .saturating_add(self.spec.offset.unwrap_or(0))
                .min(i64::MAX.unsigned_abs()),
        )
    }
}

/// One statement for the logical shards of a batch.
///
/// ```sql
/// SELECT c0, c1 FROM ( -- named `shard_orm_c0` and so on
///     SELECT * FROM (SELECT id AS c0, item AS c1 FROM shop_0.orders ORDER BY id LIMIT 10) AS s0
///     UNION ALL
///     (SELECT * FROM (SELECT id AS c0, item AS c1 FROM shop_1.orders ORDER BY id LIMIT 10) AS s1)
/// ) AS shards ORDER BY c0 LIMIT 10
/// ```
///
/// Each branch is bounded by itself, so that an index can end it early; the whole is sorted by the
/// server, so that its answers need no more than to be merged.
pub(crate) struct Union {
    asked: Arc<Asked>,
    tasks: Arc<[ShardTask]>,
}

impl Union {
    pub(crate) fn new(asked: &Arc<Asked>, batch: Batch) -> Self {
        Self {
            asked: Arc::clone(asked),
            tasks: batch.tasks,
        }
    }

    fn branch(&self, task: &ShardTask) -> SelectStatement {
        let Asked {
            tables,
            verb,
            spec,
            shape,
        } = &*self.asked;
        let mut select = Sea::select();
        tables.read_in(task, spec, &mut select);
        match verb {
            Verb::Count => {
                select.expr_as(Expr::cust("COUNT(*)"), name(0));
            }
            Verb::Exists => {
                select.expr_as(Expr::cust("1"), name(0)).limit(1);
            }
            Verb::Select | Verb::Update | Verb::Delete => {
                for (position, at) in shape.columns.iter().enumerate() {
                    select.expr_as(Expr::col(tables.column(*at)), name(position));
                }
                let most = self.asked.most();
                if most.is_some() || self.is_alone() {
                    for key in &shape.keys {
                        let column = tables.column(shape.columns[key.position]);
                        order_by(&mut select, column, key.term);
                    }
                }
                if let Some(most) = most {
                    select.limit(most);
                }
            }
        }
        select
    }

    /// Whether it asks one logical shard alone, whose answer needs nothing around it.
    fn is_alone(&self) -> bool {
        self.tasks.len() == 1
    }

    fn whole(&self) -> SelectStatement {
        let branches = self.tasks.iter().map(|task| self.branch(task));
        let width = match self.asked.verb {
            Verb::Count | Verb::Exists => 1,
            _ => self.asked.shape.columns.len(),
        };
        let rows = unite(branches, width);
        if self.is_alone() {
            return rows;
        }
        let mut whole = Sea::select();
        whole
            .columns((0..width).map(name))
            .from_subquery(rows, Alias::new("shards"));
        for key in &self.asked.shape.keys {
            order_by(&mut whole, name(key.position), key.term);
        }
        if let Some(most) = self
            .asked
            .most()
            .filter(|_| self.asked.verb == Verb::Select)
        {
            whole.limit(most);
        }
        if self.asked.verb == Verb::Exists {
            whole.limit(1);
        }
        whole
    }
}

impl Statement for Union {
    fn prepare(&self, namespace: &Namespace, args: &mut Args) -> Result<Sql> {
        let dialect: Dialect = namespace.dialect();
        self.asked.spec.check(dialect)?;
        let (text, values) = render(dialect, &self.whole());
        let tables = &self.asked.tables;
        let scaled = || (0..tables.count()).any(|table| has_scaled(tables.def(table)));
        let requirements = self.asked.spec.requirements;
        ready(dialect, requirements, text, &values, false, args, scaled)
    }

    fn models(&self) -> Vec<&'static ModelDef> {
        let tables = &self.asked.tables;
        (0..tables.count()).map(|table| tables.def(table)).collect()
    }

    fn label(&self) -> Label<'_> {
        Label {
            verb: match self.asked.verb {
                Verb::Count => "count",
                Verb::Exists => "exists",
                _ => "select",
            },
            table: self.asked.tables.def(0).table,
        }
    }

    fn tables(&self) -> usize {
        self.asked.tables.count()
    }
}

/// The rows of all branches, whose columns are named by [`name`]. A single branch stays as it is.
pub(crate) fn unite(
    mut branches: impl Iterator<Item = SelectStatement>,
    width: usize,
) -> SelectStatement {
    let Some(first) = branches.next() else {
        return Sea::select();
    };
    let Some(second) = branches.next() else {
        return first;
    };
    let columns = || (0..width).map(name);
    let mut union = Sea::select();
    union
        .columns(columns())
        .from_subquery(first, branch_name(0));
    for (number, branch) in (1..).zip(std::iter::once(second).chain(branches)) {
        let mut part = Sea::select();
        part.columns(columns())
            .from_subquery(branch, branch_name(number));
        union.union(UnionType::All, part);
    }
    union
}

/// The name of a column of the result, by its position. No column of a table is likely to have it:
/// an order by a column would take such a name for that of the result.
pub(crate) fn name(position: usize) -> Alias {
    Alias::new(format!("shard_orm_c{position}"))
}

fn branch_name(number: usize) -> Alias {
    Alias::new(format!("s{number}"))
}
