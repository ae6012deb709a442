//! Tables that a server joins, and the statement that reads them.

mod qualify;
mod tables;

use sea_query::{Alias, Expr, ExprTrait, IntoCondition, JoinType, Query as Sea, SelectStatement};

use self::qualify::qualify;
use crate::backend::{Args, Sql, render};
use crate::error::Result;
use crate::exec::{Label, Statement};
use crate::model::ModelDef;
use crate::plan::condition::{all_of, few};
use crate::plan::order::Term;
use crate::plan::spec::{Deleted, QuerySpec, has_scaled};
use crate::plan::statement::{Verb, bound, order_by, ready};
use crate::topology::Namespace;

/// The tables of a join, and what is asked of each.
///
/// In a statement each table goes by its own name, so a table is there once.
#[derive(Debug, Clone)]
pub(crate) struct JoinPlan {
    pub(crate) tables: Vec<Table>,
    /// Conditions on the result, by the position of their table.
    pub(crate) filters: Vec<(usize, Expr)>,
    pub(crate) orders: Vec<(usize, Term)>,
    /// The selected columns, by position and ordinal; all of all tables when `None`.
    pub(crate) columns: Option<Vec<(usize, usize)>>,
}

/// One table of a join.
#[derive(Debug, Clone)]
pub(crate) struct Table {
    pub(crate) def: &'static ModelDef,
    /// How it is joined; the first one is not.
    pub(crate) on: Option<JoinOn>,
}

/// How a table is joined.
#[derive(Debug, Clone)]
pub(crate) struct JoinOn {
    /// The ordinals of columns that are equal: of this table, and of the one that it is joined to.
    pub(crate) equal: Vec<(usize, usize)>,
    /// The position of the table that the relation begins at.
    pub(crate) from: usize,
    pub(crate) left: bool,
    /// Conditions on what is joined.
    pub(crate) filters: Vec<Expr>,
    /// What becomes of its rows that are marked as deleted.
    pub(crate) deleted: Deleted,
}

/// A join, for one logical shard.
pub(crate) struct JoinStatement<'q> {
    pub(crate) plan: &'q JoinPlan,
    pub(crate) spec: &'q QuerySpec,
    pub(crate) verb: Verb,
    /// The condition on the shard key.
    pub(crate) keys: Option<&'q Expr>,
}

/// As [`JoinStatement`], for a stream, which outlives the call that begins it.
pub(crate) struct OwnedJoinStatement {
    pub(crate) plan: JoinPlan,
    pub(crate) spec: QuerySpec,
    pub(crate) keys: Option<Expr>,
}

impl OwnedJoinStatement {
    fn borrow(&self) -> JoinStatement<'_> {
        JoinStatement {
            plan: &self.plan,
            spec: &self.spec,
            verb: Verb::Select,
            keys: self.keys.as_ref(),
        }
    }
}

impl Statement for OwnedJoinStatement {
    fn prepare(&self, namespace: &Namespace, args: &mut Args) -> Result<Sql> {
        self.borrow().prepare(namespace, args)
    }

    fn models(&self) -> Vec<&'static ModelDef> {
        self.borrow().models()
    }

    fn label(&self) -> Label<'_> {
        self.borrow().named()
    }
}

impl JoinStatement<'_> {
    /// Names it in spans and errors.
    fn named(&self) -> Label<'static> {
        Label {
            verb: match self.verb {
                Verb::Count => "count",
                Verb::Exists => "exists",
                _ => "select",
            },
            table: self.plan.tables[0].def.table,
        }
    }
}

impl Statement for JoinStatement<'_> {
    fn prepare(&self, namespace: &Namespace, args: &mut Args) -> Result<Sql> {
        let dialect = namespace.dialect();
        self.spec.check(dialect)?;
        let mut select = Sea::select();
        self.plan.tables_of(namespace, &mut select);
        self.conditions(&mut select);
        let bounded = self.spec.limit.is_some() || self.spec.offset.is_some();
        match self.verb {
            Verb::Count if bounded => {
                select.expr(Expr::cust("1"));
                bound(&mut select, dialect, self.spec);
                let mut count = Sea::select();
                count.from_subquery(select, Alias::new("counted"));
                select = count;
                select.expr(Expr::cust("COUNT(*)"));
            }
            Verb::Count => {
                select.expr(Expr::cust("COUNT(*)"));
            }
            Verb::Exists => {
                select.expr(Expr::cust("1"));
                let mut one = self.spec.clone();
                one.limit = Some(u64::from(self.spec.limit != Some(0)));
                bound(&mut select, dialect, &one);
            }
            _ => {
                self.plan.select(&mut select);
                for (position, term) in &self.plan.orders {
                    let table = &self.plan.tables[*position];
                    order_by(&mut select, table.column(term.ordinal), *term);
                }
                bound(&mut select, dialect, self.spec);
            }
        }
        let (text, values) = render(dialect, &select);
        let single = self.verb != Verb::Select || self.spec.limit == Some(1);
        let scaled = || self.plan.tables.iter().any(|table| has_scaled(table.def));
        ready(
            dialect,
            self.spec.requirements,
            text,
            &values,
            single,
            args,
            scaled,
        )
    }

    fn models(&self) -> Vec<&'static ModelDef> {
        self.plan.tables.iter().map(|table| table.def).collect()
    }

    fn label(&self) -> Label<'_> {
        self.named()
    }
}

impl JoinStatement<'_> {
    pub(crate) fn conditions(&self, select: &mut SelectStatement) {
        let first = &self.plan.tables[0];
        if let Some(keys) = self.keys {
            select.and_where(first.qualify(keys.clone()));
        }
        if let Some(condition) = self.spec.deleted.condition(first.def) {
            select.and_where(first.qualify(condition));
        }
        let filters = self.plan.filters.iter().map(|(position, filter)| {
            let table = &self.plan.tables[*position];
            table.qualify(filter.clone())
        });
        for condition in few(filters) {
            select.and_where(condition);
        }
    }
}

impl JoinPlan {
    pub(crate) fn new(def: &'static ModelDef) -> Self {
        Self {
            tables: vec![Table { def, on: None }],
            filters: Vec::new(),
            orders: Vec::new(),
            columns: None,
        }
    }

    /// `FROM orders JOIN lines ON lines.user_id = orders.user_id AND lines.order_id = orders.id`.
    pub(crate) fn tables_of(&self, namespace: &Namespace, select: &mut SelectStatement) {
        for table in &self.tables {
            let name = namespace.table_of(table.def);
            let Some(on) = &table.on else {
                select.from_as(name, table.alias());
                continue;
            };
            let how = if on.left {
                JoinType::LeftJoin
            } else {
                JoinType::InnerJoin
            };
            let from = &self.tables[on.from];
            let equal = on
                .equal
                .iter()
                .map(|(to, of)| Expr::col(table.column(*to)).eq(Expr::col(from.column(*of))));
            // A condition on a table that is left joined belongs here: in the result it would take
            // out the rows that have nothing there.
            let own = on.filters.iter().cloned();
            let own = own.chain(on.deleted.condition(table.def));
            let own = own.map(|condition| table.qualify(condition));
            let condition = all_of(equal.chain(own).collect());
            // A relation has the shard key in it, or the fields that refer, so there is a condition.
            let condition = condition.unwrap_or_else(|| Expr::cust("1 = 1"));
            select.join_as(how, name, table.alias(), condition.into_condition());
        }
    }

    fn select(&self, select: &mut SelectStatement) {
        match &self.columns {
            Some(columns) => {
                for (position, ordinal) in columns {
                    select.column(self.tables[*position].column(*ordinal));
                }
            }
            None => {
                for table in &self.tables {
                    select.columns((0..table.def.columns.len()).map(|one| table.column(one)));
                }
            }
        }
    }
}

impl Table {
    fn alias(&self) -> Alias {
        Alias::new(self.def.table)
    }

    pub(crate) fn column(&self, ordinal: usize) -> (Alias, Alias) {
        (self.alias(), Alias::new(self.def.columns[ordinal].name))
    }

    fn qualify(&self, condition: Expr) -> Expr {
        qualify(condition, self.def.table)
    }
}
