//! Finding rows by a generated id alone.
//!
//! A snowflake contains the leading bits of its key's hash. In a group with the strategy `hash`,
//! each logical shard owns a range of hashes, so only a few logical shards can hold the row.

use std::sync::Arc;

use crate::backend::{Args, Row, Sql};
use crate::connect::NamespaceHandle;
use crate::error::{Error, ErrorKind, Result};
use crate::exec::{Intent, Label, Operation, Rows, Statement, Target, crud_text};
use crate::model::{FindById, Id, ModelDef};
use crate::plan::{ScatterCall, ScatterOptions, ShardTask, Shards, execute};
use crate::topology::Namespace;

/// Finds the row with this id on any shard.
pub(super) async fn find_by_id<M: FindById>(target: Target<'_>, id: &M::Id) -> Result<Option<M>> {
    let def = M::def();
    let cluster = target.cluster();
    let Some(hashes) = cluster.id_layout().hashes(M::snowflake(id)) else {
        return Ok(None);
    };
    let Some(handles) = cluster.handles_of_hashes(def.location_name(), &hashes)? else {
        return Err(no_hash(def));
    };
    let bind = |args: &mut Args| id.bind(args);
    let bind = &bind;
    let shards = Shards::Scatter(tasks(target, def, handles)?);
    let call = ScatterCall::begin(ScatterOptions::default());
    let statement = |tasks| ById { def, tasks, bind };
    let sink = || Rows::new(|row: &Row<'_>| M::read(row, 0));
    let found = execute(target, shards, Intent::Read, &call, statement, sink).await?;
    let mut rows = found.sinks().flat_map(|sink| sink.rows);
    let first = rows.next();
    match (&first, rows.next()) {
        (Some(first), Some(second)) => Err(twice(target, first, &second)),
        _ => Ok(first),
    }
}

/// Returns the logical shards that can hold the row; in a transaction, its own shard.
fn tasks(
    target: Target<'_>,
    def: &ModelDef,
    handles: Vec<Arc<NamespaceHandle>>,
) -> Result<Vec<ShardTask>> {
    if let Target::Tx(tx) = target {
        let own = tx.handle();
        if !handles
            .iter()
            .all(|handle| handle.namespace.is_same_shard(&own.namespace))
        {
            return Err(elsewhere(def, own));
        }
        return Ok(vec![ShardTask::whole(Arc::clone(own))]);
    }
    Ok(handles.into_iter().map(ShardTask::whole).collect())
}

/// `SELECT .. FROM a.t WHERE id = ? UNION ALL SELECT .. FROM b.t WHERE id = ?`.
struct ById<'a> {
    def: &'static ModelDef,
    tasks: Arc<[ShardTask]>,
    bind: &'a (dyn Fn(&mut Args) -> Result<()> + Sync),
}

impl Statement for ById<'_> {
    fn prepare(&self, namespace: &Namespace, args: &mut Args) -> Result<Sql> {
        let text = |task: &ShardTask| {
            Arc::clone(crud_text(
                self.def,
                Operation::SelectById,
                &task.handle.namespace,
            ))
        };
        let text = match &*self.tasks {
            [only] => text(only),
            several => {
                let all: Vec<Arc<str>> = several.iter().map(text).collect();
                all.join(" UNION ALL ").into()
            }
        };
        // All branches share the argument `$1`.
        let arguments = if namespace.dialect().capability().numbered_placeholders {
            1
        } else {
            self.tasks.len()
        };
        for _ in 0..arguments {
            (self.bind)(args)?;
        }
        Ok(Sql {
            text,
            // Other ids use the same logical shards, so there are few such statements.
            persistent: true,
            single: false,
        })
    }

    fn label(&self) -> Label<'_> {
        Label {
            verb: "select",
            table: self.def.table,
        }
    }
}

#[cold]
pub(super) fn not_found(def: &'static ModelDef) -> Error {
    Error::new(
        ErrorKind::NotFound,
        format!(
            "no row of `{}` in table `{}` has this id",
            def.name, def.table
        ),
    )
}

#[cold]
fn no_hash(def: &ModelDef) -> Error {
    Error::unsupported(format!(
        "`{}` cannot be found by its id alone: group `{}` does not use the strategy \"hash\"; \
         pass the key: `find(&cluster, key, id)`",
        def.name,
        def.location_name()
    ))
}

#[cold]
fn elsewhere(def: &ModelDef, own: &NamespaceHandle) -> Error {
    own.name_error(Error::new(
        ErrorKind::CrossShard,
        format!(
            "the `{}` with this id may be on another shard than the transaction, which runs on \
             {own}; find it before the transaction, or pass the key: `find(&tx, key, id)`",
            def.name
        ),
    ))
}

#[cold]
fn twice<M: FindById>(target: Target<'_>, one: &M, other: &M) -> Error {
    let def = M::def();
    let handle = |row: &M| {
        let handle = row
            .routing_key()
            .and_then(|key| target.cluster().handle_of_key(def.location_name(), &key));
        handle.map_or_else(|_| "no shard".to_owned(), |handle| handle.to_string())
    };
    Error::new(
        ErrorKind::Unique,
        format!(
            "two rows of `{}` have this id, on {} and on {}; generated ids are unique, so check \
             whether one was inserted with an id of another source",
            def.table,
            handle(one),
            handle(other)
        ),
    )
}
