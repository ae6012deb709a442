//! Statements for inserts that can conflict with an existing row.

use std::time::SystemTime;

use sea_query::{Alias, Expr, ExprTrait, OnConflict, Query as Sea};

use super::ops::{self, bind_set};
use crate::backend::{Args, Sql};
use crate::error::{Error, Result};
use crate::exec::{FoundBy, Label, Statement, columns, conflict_update, not_deleted};
use crate::model::Model;
use crate::topology::Namespace;

/// Selects the row with the same values in some columns.
pub(super) struct SelectBy<'r, M> {
    pub(super) row: &'r M,
    pub(super) filter: Vec<usize>,
    /// Whether soft-deleted rows are included.
    pub(super) deleted: bool,
    pub(super) lock: bool,
}

impl<M: Model> Statement for SelectBy<'_, M> {
    fn prepare(&self, namespace: &Namespace, args: &mut Args) -> Result<Sql> {
        let def = M::def();
        let mut select = Sea::select();
        select
            .columns(columns(def, 0..def.columns.len()))
            .from(namespace.table_of(def))
            .limit(1);
        for ordinal in &self.filter {
            let value = Args::value(|args| self.row.bind(*ordinal, args))?;
            let column = Expr::col(Alias::new(def.columns[*ordinal].name));
            select.and_where(column.eq(Expr::Value(value)));
        }
        if let Some(not_deleted) = not_deleted(def).filter(|_| !self.deleted) {
            select.and_where(not_deleted);
        }
        if self.lock {
            select.lock_exclusive();
        }
        ops::rendered(namespace, &select, args)
    }

    fn found_by(&self) -> FoundBy {
        FoundBy::of_lookup(M::def(), 0, &|args| ops::bind_lookup(self.row, args))
    }

    fn label(&self) -> Label<'_> {
        Label {
            verb: "select",
            table: M::def().table,
        }
    }
}

/// `INSERT .. ON CONFLICT (target) DO UPDATE` or `DO NOTHING`.
pub(super) struct InsertOnConflict<'r, M> {
    pub(super) row: &'r M,
    pub(super) conflict: Vec<usize>,
    /// The columns to set, or `None` for `DO NOTHING`.
    pub(super) set: Option<Vec<usize>>,
    pub(super) now: SystemTime,
}

impl<M: Model> Statement for InsertOnConflict<'_, M> {
    fn prepare(&self, namespace: &Namespace, args: &mut Args) -> Result<Sql> {
        let def = M::def();
        let values = Args::values(|args| bind_insert(self.row, self.now, args))?;
        let mut insert = Sea::insert();
        insert
            .into_table(namespace.table_of(def))
            .columns(columns(def, 0..def.columns.len()))
            .values(values.into_iter().map(Expr::Value))
            .map_err(|source| {
                Error::unsupported("the number of bound values differs from the number of columns")
                    .with_source(source)
            })?;
        let target = self.conflict.iter().copied();
        insert.on_conflict(match &self.set {
            Some(set) => conflict_update(def, namespace.dialect(), target, set.iter().copied()),
            None => {
                let mut nothing = OnConflict::columns(columns(def, target));
                nothing.do_nothing();
                nothing
            }
        });
        ops::rendered(namespace, &insert, args)
    }

    /// MySQL and MariaDB have no conflict target.
    fn is_of_one_kind(&self) -> bool {
        true
    }

    fn found_by(&self) -> FoundBy {
        FoundBy::of_lookup(M::def(), 0, &|args| ops::bind_lookup(self.row, args))
    }

    fn label(&self) -> Label<'_> {
        Label {
            verb: "upsert",
            table: M::def().table,
        }
    }
}

/// Binds all columns; `created_at` and `updated_at` get the current time.
pub(super) fn bind_insert<M: Model>(row: &M, now: SystemTime, args: &mut Args) -> Result<()> {
    (0..M::def().columns.len()).try_for_each(|ordinal| bind_set(row, ordinal, now, args))
}
