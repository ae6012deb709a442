//! Methods on one row, shared by all kinds of models.

use std::sync::Arc;
use std::time::SystemTime;

use sea_query::{Alias, Expr, ExprTrait, Query as Sea};

use super::prepare;
use crate::backend::{Args, Row, Sql, render};
use crate::connect::NamespaceHandle;
use crate::error::{Error, ErrorKind, Result};
use crate::exec::{
    CrudStatement, First, FoundBy, Intent, Label, NoRows, Operation, Statement, Target,
    not_deleted, run,
};
use crate::model::{Id, Model, ModelDef, around};
use crate::topology::Namespace;

/// Reads the row with this id. `bind_key` binds the routing columns.
pub(super) async fn find<M: Model>(
    target: Target<'_>,
    handle: Arc<NamespaceHandle>,
    bind_key: &(dyn Fn(&mut Args) -> Result<()> + Sync),
    id: &M::Id,
) -> Result<Option<M>> {
    select::<M>(target, handle, &|args| {
        bind_key(args)?;
        id.bind(args)
    })
    .await
}

/// Reads the row again.
pub(super) async fn reload<M: Model>(
    target: Target<'_>,
    handle: Arc<NamespaceHandle>,
    row: &M,
) -> Result<M> {
    select::<M>(target, handle, &|args| bind_lookup(row, args))
        .await?
        .ok_or_else(|| not_found(M::def()))
}

async fn select<M: Model>(
    target: Target<'_>,
    handle: Arc<NamespaceHandle>,
    bind: &(dyn Fn(&mut Args) -> Result<()> + Sync),
) -> Result<Option<M>> {
    let mut sink = First::new(|row: &Row<'_>| M::read(row, 0));
    let statement = CrudStatement {
        def: M::def(),
        operation: Operation::Select,
        bind,
    };
    run(target, handle, Intent::Read, &statement, &mut sink).await?;
    Ok(sink.row)
}

pub(super) async fn insert<M: Model>(
    target: Target<'_>,
    mut row: M,
    handle_of: impl Fn(&M) -> Result<Arc<NamespaceHandle>>,
) -> Result<M> {
    let handle = match prepare::insert_at_once(target, &mut row, &handle_of)? {
        Some(handle) => handle,
        // Boxed to keep the future of the common case small.
        None => {
            Box::pin(prepare::insert(
                target,
                &mut row,
                SystemTime::now(),
                handle_of,
            ))
            .await?
        }
    };
    let around = around::<M>(target, &handle);
    let columns = M::def().columns.len();
    let statement = CrudStatement {
        def: M::def(),
        operation: Operation::Insert,
        bind: &|args| (0..columns).try_for_each(|ordinal| row.bind(ordinal, args)),
    };
    run(target, handle, Intent::Write, &statement, &mut NoRows).await?;
    if let Some(around) = &around {
        around.hooks.after_insert(&row, around.on()).await?;
    }
    Ok(row)
}

pub(super) async fn update<M: Model>(
    target: Target<'_>,
    handle: Arc<NamespaceHandle>,
    row: &M,
) -> Result<()> {
    let around = around::<M>(target, &handle);
    if let Some(around) = &around {
        around.hooks.before_update(row, around.on()).await?;
    }
    prepare::validate(row)?;
    let now = SystemTime::now();
    let statement = CrudStatement {
        def: M::def(),
        operation: Operation::Update,
        bind: &|args| {
            for ordinal in M::def().settable() {
                bind_set(row, ordinal, now, args)?;
            }
            bind_lookup(row, args)
        },
    };
    found(
        M::def(),
        run(target, handle, Intent::Write, &statement, &mut NoRows).await?,
    )?;
    if let Some(around) = &around {
        around.hooks.after_update(row, around.on()).await?;
    }
    Ok(())
}

pub(super) async fn update_only<M: Model>(
    target: Target<'_>,
    handle: Arc<NamespaceHandle>,
    row: &M,
    ordinals: Vec<usize>,
) -> Result<()> {
    let set = settable(M::def(), ordinals)?;
    let around = around::<M>(target, &handle);
    if let Some(around) = &around {
        around.hooks.before_update(row, around.on()).await?;
    }
    prepare::validate_only(row, &set)?;
    let statement = UpdateOnly {
        row,
        set,
        filter: M::def().lookup().collect(),
        now: SystemTime::now(),
    };
    found(
        M::def(),
        run(target, handle, Intent::Write, &statement, &mut NoRows).await?,
    )?;
    if let Some(around) = &around {
        around.hooks.after_update(row, around.on()).await?;
    }
    Ok(())
}

pub(super) async fn delete<M: Model>(
    target: Target<'_>,
    handle: Arc<NamespaceHandle>,
    row: &M,
) -> Result<()> {
    let statement = CrudStatement {
        def: M::def(),
        operation: Operation::Delete,
        bind: &|args| {
            if M::def().soft_delete.is_some() {
                M::def().bind_marking(SystemTime::now(), args)?;
            }
            bind_lookup(row, args)
        },
    };
    delete_by(target, handle, row, &statement).await
}

/// Deletes a row with this statement, and runs the hooks of its model.
pub(super) async fn delete_by<M: Model>(
    target: Target<'_>,
    handle: Arc<NamespaceHandle>,
    row: &M,
    statement: &dyn Statement,
) -> Result<()> {
    let around = around::<M>(target, &handle);
    if let Some(around) = &around {
        around.hooks.before_delete(row, around.on()).await?;
    }
    found(
        M::def(),
        run(target, handle, Intent::Write, statement, &mut NoRows).await?,
    )?;
    if let Some(around) = &around {
        around.hooks.after_delete(row, around.on()).await?;
    }
    Ok(())
}

/// Returns the columns to set, including those marked `updated_at`. Rejects keys and the
/// `soft_delete` column.
pub(super) fn settable(def: &'static ModelDef, mut ordinals: Vec<usize>) -> Result<Vec<usize>> {
    ordinals.sort_unstable();
    ordinals.dedup();
    for ordinal in &ordinals {
        if Some(*ordinal) == def.key || Some(*ordinal) == def.region {
            return Err(Error::new(
                ErrorKind::CrossShard,
                format!(
                    "`{}` routes the rows of `{}` and cannot be updated; to move a row, insert it \
                     under the new key and delete it under the old one",
                    def.columns[*ordinal].name, def.name
                ),
            ));
        }
        if def.primary_key.contains(ordinal) {
            return Err(Error::unsupported(format!(
                "`{}` is part of the primary key of `{}` and cannot be updated",
                def.columns[*ordinal].name, def.name
            )));
        }
        if Some(*ordinal) == def.soft_delete {
            return Err(Error::unsupported(format!(
                "`{}` marks soft-deleted rows of `{}` and cannot be updated; use `delete` and \
                 `restore`",
                def.columns[*ordinal].name, def.name
            )));
        }
    }
    for ordinal in def.updated() {
        if !ordinals.contains(&ordinal) {
            ordinals.push(ordinal);
        }
    }
    Ok(ordinals)
}

/// An update of some columns of one row.
pub(super) struct UpdateOnly<'r, M> {
    pub(super) row: &'r M,
    pub(super) set: Vec<usize>,
    pub(super) filter: Vec<usize>,
    pub(super) now: SystemTime,
}

impl<M: Model> Statement for UpdateOnly<'_, M> {
    fn prepare(&self, namespace: &Namespace, args: &mut Args) -> Result<Sql> {
        let def = M::def();
        let values = Args::values(|values| {
            for ordinal in &self.set {
                bind_set(self.row, *ordinal, self.now, values)?;
            }
            for ordinal in &self.filter {
                self.row.bind(*ordinal, values)?;
            }
            Ok(())
        })?;
        let mut values = values.into_iter();
        let mut update = Sea::update();
        update.table(namespace.table_of(def));
        for (ordinal, value) in self.set.iter().zip(values.by_ref()) {
            update.value(Alias::new(def.columns[*ordinal].name), Expr::Value(value));
        }
        for (ordinal, value) in self.filter.iter().zip(values) {
            let column = Expr::col(Alias::new(def.columns[*ordinal].name));
            update.and_where(column.eq(Expr::Value(value)));
        }
        if let Some(not_deleted) = not_deleted(def) {
            update.and_where(not_deleted);
        }
        rendered(namespace, &update, args)
    }

    fn found_by(&self) -> FoundBy {
        FoundBy::of_lookup(M::def(), 0, &|args| bind_lookup(self.row, args))
    }

    fn label(&self) -> Label<'_> {
        Label {
            verb: "update",
            table: M::def().table,
        }
    }
}

/// Renders a statement that is not cached, and binds its values.
pub(super) fn rendered(
    namespace: &Namespace,
    statement: &impl sea_query::QueryStatementWriter,
    args: &mut Args,
) -> Result<Sql> {
    let (text, values) = render(namespace.dialect(), statement);
    for value in &values.0 {
        args.push(value)?;
    }
    Ok(Sql {
        text: text.into(),
        persistent: true,
        single: false,
    })
}

/// Binds a column for an update: the current time for `updated_at`, otherwise the row's value.
pub(super) fn bind_set<M: Model>(
    row: &M,
    ordinal: usize,
    now: SystemTime,
    args: &mut Args,
) -> Result<()> {
    match M::def().columns[ordinal].now {
        Some(bind) => bind(now, args),
        None => row.bind(ordinal, args),
    }
}

/// Binds the columns that identify a row.
pub(super) fn bind_lookup<M: Model>(row: &M, args: &mut Args) -> Result<()> {
    M::def()
        .lookup()
        .try_for_each(|ordinal| row.bind(ordinal, args))
}

pub(super) fn found(def: &'static ModelDef, rows: u64) -> Result<()> {
    if rows == 0 {
        Err(not_found(def))
    } else {
        Ok(())
    }
}

#[cold]
pub(super) fn not_found(def: &'static ModelDef) -> Error {
    let advice = if def.key.is_some() {
        "; if its shard key was changed, insert the row under the new key and delete it under the \
         old one"
    } else {
        ""
    };
    let deleted = if def.soft_delete.is_some() {
        ", or the row is soft-deleted: use `restore`"
    } else {
        ""
    };
    Error::new(
        ErrorKind::NotFound,
        format!(
            "no row of `{}` in table `{}` has this shard key and primary key{deleted}{advice}",
            def.name, def.table
        ),
    )
}
