//! A join over several logical shards: each joins its own, and the results are merged.

use sea_query::{ColumnRef, IntoColumnRef, SelectStatement};

use crate::model::ModelDef;
use crate::plan::join::{JoinPlan, JoinStatement};
use crate::plan::order::Term;
use crate::plan::scatter::{At, Tables};
use crate::plan::shard_task::ShardTask;
use crate::plan::spec::QuerySpec;
use crate::plan::statement::Verb;

impl Tables for JoinPlan {
    fn count(&self) -> usize {
        self.tables.len()
    }

    fn def(&self, table: usize) -> &'static ModelDef {
        self.tables[table].def
    }

    fn may_be_absent(&self, table: usize) -> bool {
        self.tables[table].on.as_ref().is_some_and(|on| on.left)
    }

    fn selected(&self, _parts: &QuerySpec) -> Vec<At> {
        let column = |(table, ordinal)| At { table, ordinal };
        match &self.columns {
            Some(columns) => columns.iter().copied().map(column).collect(),
            None => (0..self.tables.len())
                .flat_map(|table| {
                    let ordinals = 0..self.tables[table].def.columns.len();
                    ordinals.map(move |ordinal| (table, ordinal))
                })
                .map(column)
                .collect(),
        }
    }

    fn orders(&self, _parts: &QuerySpec) -> Vec<(usize, Term)> {
        self.orders.clone()
    }

    /// The shard key, then what else is of the primary key of each: what is joined has the shard
    /// key of the first.
    fn identity(&self) -> Vec<At> {
        let first = self.tables[0].def.lookup().map(|ordinal| (0, ordinal));
        let joined = self.tables.iter().enumerate().skip(1);
        let joined =
            joined.flat_map(|(table, of)| of.def.rest().map(move |ordinal| (table, ordinal)));
        first
            .chain(joined)
            .map(|(table, ordinal)| At { table, ordinal })
            .collect()
    }

    fn column(&self, at: At) -> ColumnRef {
        self.tables[at.table].column(at.ordinal).into_column_ref()
    }

    fn read_in(&self, task: &ShardTask, spec: &QuerySpec, select: &mut SelectStatement) {
        self.tables_of(&task.handle.namespace, select);
        let joining = JoinStatement {
            plan: self,
            spec,
            verb: Verb::Select,
            keys: task.keys.as_ref(),
        };
        joining.conditions(select);
    }
}
