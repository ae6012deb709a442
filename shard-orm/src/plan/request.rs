//! What a plan asks of each logical shard, and its statement for one of them or for several of one
//! server.

mod shape;
mod tables;
mod union;

use std::sync::Arc;

use sea_query::{Alias, Expr, LockBehavior, LockType, Query as Sea, SelectStatement, Values};

use self::shape::Shape;
pub(crate) use self::shape::unsortable;
pub(crate) use self::tables::{At, Tables};
pub(crate) use self::union::{name, unite};
use crate::backend::{Args, Sql, render};
use crate::definition::ModelDef;
use crate::dialect::Dialect;
use crate::error::Result;
use crate::exec::{FoundBy, Intent, Label, Statement};
use crate::plan::bounds::Bounds;
use crate::plan::shard_task::ShardTask;
use crate::plan::spec::{Lock, QuerySpec};
use crate::plan::statement::{Verb, bound, check_order, conditions, order_by, ready};
use crate::topology::Namespace;

/// What each logical shard of a plan is asked.
#[derive(Debug)]
pub(crate) struct Request {
    pub(crate) tables: Tables,
    pub(crate) verb: Verb,
    pub(crate) spec: QuerySpec,
    pub(crate) shape: Shape,
    /// What the client takes of the rows; everything where the database applies limit and offset.
    pub(crate) bounds: Bounds,
    /// Whether results are merged, which takes columns to sort by and limits without offsets.
    merged: bool,
}

impl Request {
    /// Of which each logical shard gives the result by itself.
    pub(crate) fn exact(tables: Tables, verb: Verb, spec: QuerySpec) -> Self {
        let shape = match verb {
            Verb::Select => Shape::selected(&tables, &spec),
            _ => Shape::default(),
        };
        Self {
            tables,
            verb,
            spec,
            shape,
            bounds: Bounds::default(),
            merged: false,
        }
    }

    /// Of which several logical shards give results that are merged.
    pub(crate) fn merged(
        tables: Tables,
        verb: Verb,
        mut spec: QuerySpec,
        dialect: Dialect,
    ) -> Result<Self> {
        let bounds = Bounds::of(&spec);
        let shape = if verb == Verb::Select {
            Shape::merged(&tables, &spec, dialect)?
        } else {
            (spec.limit, spec.offset) = (None, None);
            Shape::default()
        };
        Ok(Self {
            tables,
            verb,
            spec,
            shape,
            bounds,
            merged: true,
        })
    }

    /// A read with a lock goes to the primary, and is not repeated.
    pub(crate) fn intent(&self) -> Intent {
        match self.verb {
            Verb::Update | Verb::Delete => Intent::Write,
            _ if self.spec.lock.is_some() => Intent::Write,
            _ => Intent::Read,
        }
    }

    /// The statement for one logical shard.
    fn alone(&self, namespace: &Namespace, task: &ShardTask) -> Result<(String, Values)> {
        let (dialect, keys) = (namespace.dialect(), task.keys.as_ref());
        let def = self.tables.def(0);
        Ok(match self.verb {
            Verb::Delete if self.spec.sets.is_empty() => {
                let mut delete = Sea::delete();
                delete.from_table(namespace.table_of(def));
                conditions(def, &self.spec, keys, dialect, |condition| {
                    delete.and_where(condition);
                });
                render(dialect, &delete)
            }
            // A delete with assignments marks rows as deleted.
            Verb::Update | Verb::Delete => {
                let mut update = Sea::update();
                update.table(namespace.table_of(def));
                check_order(def, dialect, &self.spec.sets)?;
                for (ordinal, value) in &self.spec.sets {
                    update.value(Alias::new(def.columns[*ordinal].name), value.clone());
                }
                conditions(def, &self.spec, keys, dialect, |condition| {
                    update.and_where(condition);
                });
                render(dialect, &update)
            }
            _ if self.merged => {
                let mut branch = self.branch(namespace, keys, true);
                self.lock(&mut branch, dialect);
                render(dialect, &branch)
            }
            _ => render(dialect, &self.select(namespace, keys)),
        })
    }

    /// A select whose database applies order, limit and offset.
    fn select(&self, namespace: &Namespace, keys: Option<&Expr>) -> SelectStatement {
        let (dialect, spec) = (namespace.dialect(), &self.spec);
        let mut select = Sea::select();
        self.tables.read_in(namespace, keys, spec, &mut select);
        match self.verb {
            Verb::Count if spec.limit.is_some() || spec.offset.is_some() => {
                select.expr(Expr::cust("1"));
                bound(&mut select, dialect, spec.limit, spec.offset);
                self.lock(&mut select, dialect);
                let mut count = Sea::select();
                count
                    .expr(Expr::cust("COUNT(*)"))
                    .from_subquery(select, Alias::new("counted"));
                count
            }
            Verb::Count => select.expr(Expr::cust("COUNT(*)")).take(),
            Verb::Exists => {
                select.expr(Expr::cust("1"));
                let limit = u64::from(spec.limit != Some(0));
                bound(&mut select, dialect, Some(limit), spec.offset);
                select
            }
            Verb::Select | Verb::Update | Verb::Delete => {
                let columns = self.shape.columns.iter();
                select.columns(columns.map(|at| self.tables.column(*at)));
                for (at, term) in self.tables.orders(spec) {
                    order_by(&mut select, self.tables.column(at), term);
                }
                bound(&mut select, dialect, spec.limit, spec.offset);
                self.lock(&mut select, dialect);
                select
            }
        }
    }

    fn lock(&self, select: &mut SelectStatement, dialect: Dialect) {
        match self.spec.lock.filter(|_| dialect.capability().row_locks) {
            Some(Lock::Update) => {
                select.lock(LockType::Update);
            }
            Some(Lock::UpdateSkipLocked) => {
                select.lock_with_behavior(LockType::Update, LockBehavior::SkipLocked);
            }
            None => {}
        }
    }

    /// Whether the result has one row at most.
    fn is_single_row(&self) -> bool {
        match self.verb {
            _ if self.merged => false,
            Verb::Count | Verb::Exists => true,
            Verb::Select => self.spec.limit == Some(1),
            Verb::Update | Verb::Delete => false,
        }
    }
}

/// A request, for some of its logical shards: one, or several of one server.
pub(crate) struct RequestStatement {
    request: Arc<Request>,
    tasks: Arc<[ShardTask]>,
}

impl RequestStatement {
    pub(crate) fn new(request: &Arc<Request>, tasks: Arc<[ShardTask]>) -> Self {
        Self {
            request: Arc::clone(request),
            tasks,
        }
    }
}

impl Statement for RequestStatement {
    fn prepare(&self, namespace: &Namespace, args: &mut Args) -> Result<Sql> {
        let (request, dialect) = (&*self.request, namespace.dialect());
        request.spec.check(dialect)?;
        let (text, values) = match &*self.tasks {
            [task] => request.alone(namespace, task)?,
            tasks => render(dialect, &request.union(tasks)),
        };
        ready(
            dialect,
            request.spec.requirements,
            text,
            &values,
            request.is_single_row(),
            args,
            || request.tables.have_scaled(),
        )
    }

    fn found_by(&self) -> FoundBy {
        match &*self.tasks {
            [task] => task.found_by.clone(),
            _ => FoundBy::Rows,
        }
    }

    fn models(&self) -> Vec<&'static ModelDef> {
        self.request.tables.defs().collect()
    }

    #[cfg(feature = "reshard")]
    fn whole_rows(&self) -> Option<&'static ModelDef> {
        let request = &*self.request;
        let is_whole = request.verb == Verb::Select
            && request.spec.columns.is_none()
            && !request.merged
            && self.tasks.len() == 1;
        match request.tables {
            Tables::One(def) if is_whole => Some(def),
            _ => None,
        }
    }

    fn label(&self) -> Label<'_> {
        Label {
            verb: match self.request.verb {
                Verb::Select => "select",
                Verb::Count => "count",
                Verb::Exists => "exists",
                Verb::Update => "update",
                Verb::Delete => "delete",
            },
            table: self.request.tables.def(0).table,
        }
    }

    fn tables(&self) -> usize {
        self.request.tables.count()
    }
}
