//! The fixed statements of a model: rendered once for each namespace, then looked up.

use std::sync::Arc;

use sea_query::{Alias, Expr, ExprTrait, OnConflict, Query, TableRef, Value, Values};

use super::found_by::FoundBy;
use super::statement::{Label, Statement};
use crate::backend::{Args, Sql, insert_arrays, render};
use crate::definition::ModelDef;
use crate::dialect::Dialect;
use crate::error::Result;
use crate::topology::{Namespace, OPERATIONS};

/// The fixed statements that a model can have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Operation {
    /// The row of a region, key and id.
    Select,
    /// One row.
    Insert,
    Insert10,
    Insert100,
    Insert1000,
    /// Any number of rows, as one array for each column (PostgreSQL).
    InsertArrays,
    /// All columns that are neither key nor primary key, by region, key and id.
    Update,
    /// By region, key and id; where rows are marked as deleted, the update that marks one.
    Delete,
    /// One row, or the update of the one with its primary key (not on MySQL).
    Save,
    /// The row of a generated id, whatever its key.
    SelectById,
}

/// The batches of rows that have a text of their own, largest first.
pub(crate) const BATCHES: [(usize, Operation); 4] = [
    (1_000, Operation::Insert1000),
    (100, Operation::Insert100),
    (10, Operation::Insert10),
    (1, Operation::Insert),
];

impl Operation {
    fn index(self) -> usize {
        let index = self as usize;
        debug_assert!(index < OPERATIONS);
        index
    }

    fn verb(self) -> &'static str {
        match self {
            Self::Select | Self::SelectById => "select",
            Self::Update => "update",
            Self::Delete => "delete",
            Self::Save => "save",
            _ => "insert",
        }
    }
}

/// A fixed statement and what binds its arguments.
pub(crate) struct CrudStatement<'a> {
    pub(crate) def: &'static ModelDef,
    pub(crate) operation: Operation,
    pub(crate) bind: &'a (dyn Fn(&mut Args) -> Result<()> + Sync),
}

impl Statement for CrudStatement<'_> {
    fn prepare(&self, namespace: &Namespace, args: &mut Args) -> Result<Sql> {
        (self.bind)(args)?;
        Ok(Sql {
            text: Arc::clone(crud_text(self.def, self.operation, namespace)),
            persistent: true,
            single: self.operation == Operation::Select,
        })
    }

    /// MySQL and MariaDB take whichever unique value is there already for that of the primary key.
    fn is_of_one_kind(&self) -> bool {
        self.operation == Operation::Save
    }

    fn found_by(&self) -> FoundBy {
        let before = match self.operation {
            Operation::Select => 0,
            Operation::Update => self.def.settable().count(),
            Operation::Delete if self.def.soft_delete.is_some() => self.def.marking().count(),
            Operation::Delete => 0,
            Operation::Insert | Operation::Save => {
                return FoundBy::of_columns(self.def, self.bind);
            }
            _ if self.def.key.is_none() => return FoundBy::Number,
            _ => return FoundBy::Rows,
        };
        FoundBy::of_lookup(self.def, before, self.bind)
    }

    fn models(&self) -> Vec<&'static ModelDef> {
        vec![self.def]
    }

    #[cfg(feature = "reshard")]
    fn whole_rows(&self) -> Option<&'static ModelDef> {
        let reads = matches!(self.operation, Operation::Select | Operation::SelectById);
        reads.then_some(self.def)
    }

    fn label(&self) -> Label<'_> {
        Label {
            verb: self.operation.verb(),
            table: self.def.table,
        }
    }
}

/// The text of a fixed statement, rendered the first time.
pub(crate) fn crud_text<'n>(
    def: &'static ModelDef,
    operation: Operation,
    namespace: &'n Namespace,
) -> &'n Arc<str> {
    namespace
        .statement_cache()
        .get(def.slot.number(), operation.index(), || {
            text(def, operation, namespace)
        })
}

/// The identifiers of columns.
pub(crate) fn columns(
    def: &'static ModelDef,
    ordinals: impl IntoIterator<Item = usize>,
) -> impl Iterator<Item = Alias> {
    ordinals
        .into_iter()
        .map(|ordinal| Alias::new(def.columns[ordinal].name))
}

/// A placeholder. What it stands for is bound by the caller, in the column's type.
fn placeholder() -> Expr {
    Expr::val(Value::Bool(None))
}

fn text(def: &'static ModelDef, operation: Operation, namespace: &Namespace) -> String {
    let table = namespace.table_of(def);
    let dialect = namespace.dialect();
    let all = 0..def.columns.len();
    let (text, _) = match operation {
        Operation::Select => {
            let mut select = Query::select();
            select.columns(columns(def, all)).from(table);
            for column in columns(def, def.lookup()) {
                select.and_where(Expr::col(column).eq(placeholder()));
            }
            if let Some(not_deleted) = not_deleted(def) {
                select.and_where(not_deleted);
            }
            render(dialect, &select)
        }
        Operation::SelectById => {
            let mut select = Query::select();
            select.columns(columns(def, all)).from(table);
            for column in columns(def, def.generated.map(|generated| generated.column)) {
                select.and_where(Expr::col(column).eq(placeholder()));
            }
            if let Some(not_deleted) = not_deleted(def) {
                select.and_where(not_deleted);
            }
            render(dialect, &select)
        }
        Operation::Update => {
            let mut update = Query::update();
            update.table(table);
            let settable: Vec<Alias> = columns(def, def.settable()).collect();
            for column in &settable {
                update.value(column.clone(), placeholder());
            }
            if settable.is_empty() {
                // Nothing to set, and still an answer to whether the row is there.
                for column in columns(def, def.lookup().take(1)) {
                    update.value(column.clone(), Expr::col(column));
                }
            }
            for column in columns(def, def.lookup()) {
                update.and_where(Expr::col(column).eq(placeholder()));
            }
            if let Some(not_deleted) = not_deleted(def) {
                update.and_where(not_deleted);
            }
            render(dialect, &update)
        }
        Operation::Delete if def.soft_delete.is_some() => render(dialect, &mark(def, table)),
        Operation::Delete => {
            let mut delete = Query::delete();
            delete.from_table(table);
            for column in columns(def, def.lookup()) {
                delete.and_where(Expr::col(column).eq(placeholder()));
            }
            render(dialect, &delete)
        }
        Operation::Insert => render(dialect, &insert(def, table, 1)),
        Operation::Insert10 => render(dialect, &insert(def, table, 10)),
        Operation::Insert100 => render(dialect, &insert(def, table, 100)),
        Operation::Insert1000 => render(dialect, &insert(def, table, 1_000)),
        Operation::InsertArrays => {
            let types = def.columns.iter().map(|column| column.column_type);
            let columns = columns(def, 0..def.columns.len()).zip(types);
            (insert_arrays(&table, columns), Values(Vec::new()))
        }
        Operation::Save => {
            let mut save = insert(def, table, 1);
            save.on_conflict(conflict_update(
                def,
                dialect,
                def.primary_key.iter().copied(),
                def.settable(),
            ));
            render(dialect, &save)
        }
    };
    text
}

/// The condition that leaves out rows that are marked as deleted, where they are.
pub(crate) fn not_deleted(def: &'static ModelDef) -> Option<Expr> {
    let mark = def.soft_delete?;
    Some(Expr::col(Alias::new(def.columns[mark].name)).is_null())
}

/// `UPDATE t SET deleted_at = ? WHERE .. AND deleted_at IS NULL`.
fn mark(def: &'static ModelDef, table: TableRef) -> sea_query::UpdateStatement {
    let mut update = Query::update();
    update.table(table);
    for column in columns(def, def.marking()) {
        update.value(column, placeholder());
    }
    for column in columns(def, def.lookup()) {
        update.and_where(Expr::col(column).eq(placeholder()));
    }
    if let Some(not_deleted) = not_deleted(def) {
        update.and_where(not_deleted);
    }
    update
}

fn insert(def: &'static ModelDef, table: TableRef, rows: usize) -> sea_query::InsertStatement {
    let mut insert = Query::insert();
    insert
        .into_table(table)
        .columns(columns(def, 0..def.columns.len()));
    for _ in 0..rows {
        insert.values_panic(def.columns.iter().map(|_| placeholder()));
    }
    insert
}

/// `ON CONFLICT (target) DO UPDATE SET set = excluded.set WHERE t.key = excluded.key`.
///
/// The condition keeps the row of another key: without it, a conflict on an id would hand the
/// row of one tenant to another.
pub(crate) fn conflict_update(
    def: &'static ModelDef,
    dialect: Dialect,
    target: impl Iterator<Item = usize>,
    set: impl Iterator<Item = usize>,
) -> OnConflict {
    debug_assert!(dialect.capability().conflict_target);
    let mut target = target.peekable();
    let first = target.peek().copied();
    let mut conflict = OnConflict::columns(columns(def, target));
    let mut set: Vec<Alias> = columns(def, set).collect();
    if set.is_empty() {
        // Equal in both rows, or there would be no conflict.
        set.extend(columns(def, first));
    }
    conflict.update_columns(set);
    let table = Alias::new(def.table);
    for column in columns(def, def.routing()) {
        conflict.action_and_where(
            Expr::col((table.clone(), column.clone()))
                .eq(Expr::col((Alias::new("excluded"), column))),
        );
    }
    // A deleted row is not changed, nor brought back, by a write that meets it.
    for column in columns(def, def.soft_delete) {
        conflict.action_and_where(Expr::col((table.clone(), column)).is_null());
    }
    conflict
}
