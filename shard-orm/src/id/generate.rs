//! Generates the id of a row that has none.
//!
//! Called by `record` for each row before it is inserted.

use super::generators::{no_tables_configured, no_worker_configured};
use super::lease::ensure_worker;
use super::snowflake::Refusal;
use crate::error::{Error, Result};
use crate::exec::Target;
use crate::model::{Generate, Generated, Model, ModelDef, NewId};

/// Generates the id of a row, if its model has generated ids.
pub(crate) async fn fill<M: Model>(target: Target<'_>, row: &mut M) -> Result<()> {
    let def = M::def();
    let Some(generated) = def.generated else {
        return Ok(());
    };
    let key = row.id_key()?;
    let id = match target
        .cluster()
        .generators()
        .try_generate(def, generated, key)
    {
        Ok(id) => id,
        // Boxed: most ids need no wait.
        Err(refusal) => Box::pin(wait(target, def, generated, key, refusal)).await?,
    };
    row.set_id(id)
}

/// As [`fill`] without waiting; returns whether the id is set.
pub(crate) fn fill_at_once<M: Model>(target: Target<'_>, row: &mut M) -> Result<bool> {
    let def = M::def();
    let Some(generated) = def.generated else {
        return Ok(true);
    };
    let key = row.id_key()?;
    match target
        .cluster()
        .generators()
        .try_generate(def, generated, key)
    {
        Ok(id) => row.set_id(id).map(|()| true),
        Err(_) => Ok(false),
    }
}

#[cold]
async fn wait(
    target: Target<'_>,
    def: &'static ModelDef,
    generated: Generated,
    key: i64,
    mut refusal: Refusal,
) -> Result<NewId> {
    let cluster = target.cluster();
    let generators = cluster.generators();
    let config = generators.config();
    if generated.by == Generate::Table {
        let Some(database) = config.tables_database() else {
            return Err(no_tables_configured(def));
        };
        let sequence = generators.sequence(def);
        let next = sequence.next(target, database, config.block_size());
        return next.await.map(NewId::Integer);
    }
    loop {
        match refusal {
            Refusal::Ahead(time) => tokio::time::sleep(time).await,
            Refusal::NoWorker if !config.has_worker() => return Err(no_worker_configured(def)),
            Refusal::NoWorker => ensure_worker(cluster).await?,
            other => return Err(other.into_error()),
        }
        match generators.try_generate(def, generated, key) {
            Ok(id) => return Ok(id),
            Err(again) => refusal = again,
        }
    }
}

/// Refuses a row without an id if the generated id could not be returned.
pub(crate) fn refuse_unset<M: Model>(row: &M, verb: &str, instead: &str) -> Result<()> {
    if row.needs_id() {
        Err(unset(M::def(), verb, instead))
    } else {
        Ok(())
    }
}

#[cold]
fn unset(def: &ModelDef, verb: &str, instead: &str) -> Error {
    let column = def
        .generated
        .map_or("id", |generated| def.columns[generated.column].name);
    Error::unsupported(format!(
        "`{verb}` cannot generate `{column}` of this `{}`, which has no id; {instead}",
        def.name
    ))
}

/// Refuses a row without an id if it is looked up by the id, or by a shard key that is the id.
pub(crate) fn refuse_lookup<M: Model>(row: &M, by: &[usize]) -> Result<()> {
    let def = M::def();
    if row.needs_id()
        && let Some(generated) = def.generated
        && (by.contains(&generated.column) || def.key == Some(generated.column))
    {
        return Err(Error::unsupported(format!(
            "this `{}` has no id, so it cannot be looked up by `{}`; use `insert`, or set the id \
             of the row",
            def.name, def.columns[generated.column].name
        )));
    }
    Ok(())
}
