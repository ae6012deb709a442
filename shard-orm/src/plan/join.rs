//! Tables that a database joins, and the parts of the statement that reads them.

mod qualify;

use sea_query::{Alias, Expr, ExprTrait, IntoCondition, JoinType, SelectStatement};

use self::qualify::qualify;
use crate::definition::ModelDef;
use crate::plan::condition::{all_of, few};
use crate::plan::order::Term;
use crate::plan::request::At;
use crate::plan::spec::{Deleted, QuerySpec};
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

    /// Adds the conditions on the result.
    pub(crate) fn conditions(
        &self,
        spec: &QuerySpec,
        keys: Option<&Expr>,
        select: &mut SelectStatement,
    ) {
        let first = &self.tables[0];
        if let Some(keys) = keys {
            select.and_where(first.qualify(keys.clone()));
        }
        if let Some(condition) = spec.deleted.condition(first.def) {
            select.and_where(first.qualify(condition));
        }
        let filters = self.filters.iter().map(|(position, filter)| {
            let table = &self.tables[*position];
            table.qualify(filter.clone())
        });
        for condition in few(filters) {
            select.and_where(condition);
        }
    }

    /// Whether a row of the result may lack this table's row.
    pub(crate) fn may_be_absent(&self, table: usize) -> bool {
        self.tables[table].on.as_ref().is_some_and(|on| on.left)
    }

    /// The columns that a row of the result is read from.
    pub(crate) fn selected(&self) -> Vec<At> {
        match &self.columns {
            Some(columns) => columns.iter().copied().map(at).collect(),
            None => (0..self.tables.len())
                .flat_map(|table| {
                    let ordinals = 0..self.tables[table].def.columns.len();
                    ordinals.map(move |ordinal| at((table, ordinal)))
                })
                .collect(),
        }
    }

    /// The shard key and the rest of the first table's primary key, then the rest of the others':
    /// joined rows have the shard key of the first.
    pub(crate) fn identity(&self) -> Vec<At> {
        let first = self.tables[0].def.lookup().map(|ordinal| (0, ordinal));
        let joined = self.tables.iter().enumerate().skip(1);
        let joined =
            joined.flat_map(|(table, of)| of.def.rest().map(move |ordinal| (table, ordinal)));
        first.chain(joined).map(at).collect()
    }
}

fn at((table, ordinal): (usize, usize)) -> At {
    At { table, ordinal }
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
