//! Restoring soft-deleted rows, and deleting rows permanently.

use std::sync::Arc;
use std::time::SystemTime;

use sea_query::{Alias, Expr, ExprTrait, Query as Sea};

use super::ops::{bind_lookup, delete_by, rendered};
use crate::backend::{Args, Sql};
use crate::connect::NamespaceHandle;
use crate::error::{Error, ErrorKind, Result};
use crate::exec::{FoundBy, Intent, Label, NoRows, Statement, Target, columns, run};
use crate::model::{Model, ModelDef, around};
use crate::topology::Namespace;

/// Restores a soft-deleted row. A row that is not deleted is not found.
pub(super) async fn restore<M: Model>(
    target: Target<'_>,
    handle: Arc<NamespaceHandle>,
    row: &M,
) -> Result<()> {
    let around = around::<M>(target, &handle);
    if let Some(around) = &around {
        around.hooks.before_update(row, around.on()).await?;
    }
    let restore = Final {
        row,
        verb: Verb::Restore,
        now: SystemTime::now(),
    };
    if run(target, handle, Intent::Write, &restore, &mut NoRows).await? == 0 {
        return Err(not_deleted(M::def()));
    }
    if let Some(around) = &around {
        around.hooks.after_update(row, around.on()).await?;
    }
    Ok(())
}

/// Deletes a row permanently, soft-deleted or not.
pub(super) async fn force_delete<M: Model>(
    target: Target<'_>,
    handle: Arc<NamespaceHandle>,
    row: &M,
) -> Result<()> {
    let delete = Final {
        row,
        verb: Verb::ForceDelete,
        now: SystemTime::now(),
    };
    delete_by(target, handle, row, &delete).await
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Verb {
    Restore,
    ForceDelete,
}

/// Rendered for each call: these statements are too rare to cache for each namespace.
struct Final<'r, M> {
    row: &'r M,
    verb: Verb,
    now: SystemTime,
}

impl<M: Model> Statement for Final<'_, M> {
    fn prepare(&self, namespace: &Namespace, args: &mut Args) -> Result<Sql> {
        let def = M::def();
        let table = namespace.table_of(def);
        let lookup = columns(def, def.lookup())
            .zip(Args::values(|values| bind_lookup(self.row, values))?)
            .map(|(column, value)| Expr::col(column).eq(Expr::Value(value)));
        match self.verb {
            Verb::ForceDelete => {
                let mut delete = Sea::delete();
                delete.from_table(table);
                for condition in lookup {
                    delete.and_where(condition);
                }
                rendered(namespace, &delete, args)
            }
            Verb::Restore => {
                let mut update = Sea::update();
                update.table(table);
                for (ordinal, value) in def.clearing_values(self.now)? {
                    update.value(Alias::new(def.columns[ordinal].name), value);
                }
                for condition in lookup {
                    update.and_where(condition);
                }
                for mark in columns(def, def.soft_delete) {
                    update.and_where(Expr::col(mark).is_not_null());
                }
                rendered(namespace, &update, args)
            }
        }
    }

    fn found_by(&self) -> FoundBy {
        FoundBy::of_lookup(M::def(), 0, &|args| bind_lookup(self.row, args))
    }

    fn label(&self) -> Label<'_> {
        Label {
            verb: match self.verb {
                Verb::Restore => "restore",
                Verb::ForceDelete => "delete",
            },
            table: M::def().table,
        }
    }
}

#[cold]
fn not_deleted(def: &'static ModelDef) -> Error {
    Error::new(
        ErrorKind::NotFound,
        format!(
            "no deleted row of `{}` in table `{}` has this shard key and primary key",
            def.name, def.table
        ),
    )
}
