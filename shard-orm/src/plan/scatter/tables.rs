//! What is read in each logical shard: one table, or several that are joined there.

use std::fmt;

use sea_query::{Alias, ColumnRef, IntoColumnRef, SelectStatement};

use crate::model::ModelDef;
use crate::plan::order::Term;
use crate::plan::shard_task::ShardTask;
use crate::plan::spec::QuerySpec;
use crate::plan::statement::{ShardStatement, Verb};

/// A column: the position of its table among those that are read, and its ordinal there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct At {
    pub(crate) table: usize,
    pub(crate) ordinal: usize,
}

/// The tables that a query reads in each logical shard.
///
/// A model is one by itself; the other is a join.
pub(crate) trait Tables: fmt::Debug + Send + Sync {
    /// How many there are.
    fn count(&self) -> usize;

    /// The model of a table. The first one's key routes.
    fn def(&self, table: usize) -> &'static ModelDef;

    /// Whether its row may be absent from a row of the result, as after a left join.
    fn may_be_absent(&self, table: usize) -> bool;

    /// The columns that a row of the result is read from.
    fn selected(&self, spec: &QuerySpec) -> Vec<At>;

    /// The order that was asked for, each term with its table.
    fn orders(&self, spec: &QuerySpec) -> Vec<(usize, Term)>;

    /// The columns in which two rows of the result differ always.
    fn identity(&self) -> Vec<At>;

    /// How a statement names a column.
    fn column(&self, at: At) -> ColumnRef;

    /// Adds FROM and WHERE for one logical shard.
    fn read_in(&self, task: &ShardTask, spec: &QuerySpec, select: &mut SelectStatement);
}

impl Tables for &'static ModelDef {
    fn count(&self) -> usize {
        1
    }

    fn def(&self, _table: usize) -> &'static ModelDef {
        self
    }

    fn may_be_absent(&self, _table: usize) -> bool {
        false
    }

    fn selected(&self, spec: &QuerySpec) -> Vec<At> {
        match &spec.columns {
            Some(selected) => selected.iter().copied().map(of_one).collect(),
            None => (0..self.columns.len()).map(of_one).collect(),
        }
    }

    fn orders(&self, spec: &QuerySpec) -> Vec<(usize, Term)> {
        spec.orders.iter().map(|term| (0, *term)).collect()
    }

    fn identity(&self) -> Vec<At> {
        self.lookup().map(of_one).collect()
    }

    fn column(&self, at: At) -> ColumnRef {
        Alias::new(self.columns[at.ordinal].name).into_column_ref()
    }

    fn read_in(&self, task: &ShardTask, spec: &QuerySpec, select: &mut SelectStatement) {
        let namespace = &task.handle.namespace;
        select.from(namespace.table_of(self));
        let built = ShardStatement {
            def: self,
            verb: Verb::Select,
            spec,
            keys: task.keys.as_ref(),
        };
        built.conditions(namespace.dialect(), |condition| {
            select.and_where(condition);
        });
    }
}

/// A column of the only table.
fn of_one(ordinal: usize) -> At {
    At { table: 0, ordinal }
}
