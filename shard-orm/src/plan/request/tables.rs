//! The tables that a query reads in each logical shard: one, or several that the database joins.

use sea_query::{Alias, ColumnRef, Expr, IntoColumnRef, SelectStatement};

use crate::definition::ModelDef;
use crate::plan::join::JoinPlan;
use crate::plan::order::Term;
use crate::plan::spec::{QuerySpec, has_scaled};
use crate::plan::statement::conditions;
use crate::topology::Namespace;

/// A column: the position of its table among those that are read, and its ordinal there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct At {
    pub(crate) table: usize,
    pub(crate) ordinal: usize,
}

/// The tables that a query reads in each logical shard.
#[derive(Debug)]
pub(crate) enum Tables {
    One(&'static ModelDef),
    Joined(JoinPlan),
}

impl Tables {
    pub(crate) fn count(&self) -> usize {
        match self {
            Self::One(_) => 1,
            Self::Joined(plan) => plan.tables.len(),
        }
    }

    /// The description of a table. The key of the first one routes.
    pub(crate) fn def(&self, table: usize) -> &'static ModelDef {
        match self {
            Self::One(def) => def,
            Self::Joined(plan) => plan.tables[table].def,
        }
    }

    pub(crate) fn defs(&self) -> impl Iterator<Item = &'static ModelDef> {
        (0..self.count()).map(|table| self.def(table))
    }

    /// Whether a row of the result may lack this table's row, as after a left join.
    pub(crate) fn may_be_absent(&self, table: usize) -> bool {
        match self {
            Self::One(_) => false,
            Self::Joined(plan) => plan.may_be_absent(table),
        }
    }

    /// Whether a table has decimals that SQLite stores as integers.
    pub(crate) fn have_scaled(&self) -> bool {
        self.defs().any(has_scaled)
    }

    /// The columns that a row of the result is read from.
    pub(crate) fn selected(&self, spec: &QuerySpec) -> Vec<At> {
        match (self, &spec.columns) {
            (Self::One(_), Some(selected)) => selected.iter().copied().map(of_one).collect(),
            (Self::One(def), None) => (0..def.columns.len()).map(of_one).collect(),
            (Self::Joined(plan), _) => plan.selected(),
        }
    }

    /// The requested order, each term with its table.
    pub(crate) fn orders<'s>(
        &'s self,
        spec: &'s QuerySpec,
    ) -> impl Iterator<Item = (At, Term)> + 's {
        let (one, joined): (&[Term], &[(usize, Term)]) = match self {
            Self::One(_) => (&spec.orders, &[]),
            Self::Joined(plan) => (&[], &plan.orders),
        };
        let one = one.iter().map(|term| (0, *term));
        one.chain(joined.iter().copied()).map(|(table, term)| {
            let ordinal = term.ordinal;
            (At { table, ordinal }, term)
        })
    }

    /// Columns that together differ between any two rows of the result.
    pub(crate) fn identity(&self) -> Vec<At> {
        match self {
            Self::One(def) => def.lookup().map(of_one).collect(),
            Self::Joined(plan) => plan.identity(),
        }
    }

    /// A column as a statement names it.
    pub(crate) fn column(&self, at: At) -> ColumnRef {
        match self {
            Self::One(def) => Alias::new(def.columns[at.ordinal].name).into_column_ref(),
            Self::Joined(plan) => plan.tables[at.table].column(at.ordinal).into_column_ref(),
        }
    }

    /// Adds FROM and WHERE for one logical shard.
    pub(crate) fn read_in(
        &self,
        namespace: &Namespace,
        keys: Option<&Expr>,
        spec: &QuerySpec,
        select: &mut SelectStatement,
    ) {
        match self {
            Self::One(def) => {
                select.from(namespace.table_of(def));
                conditions(def, spec, keys, namespace.dialect(), |condition| {
                    select.and_where(condition);
                });
            }
            Self::Joined(plan) => {
                plan.tables_of(namespace, select);
                plan.conditions(spec, keys, select);
            }
        }
    }
}

/// A column of the only table.
fn of_one(ordinal: usize) -> At {
    At { table: 0, ordinal }
}
