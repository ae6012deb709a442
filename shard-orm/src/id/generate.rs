//! Fills the id of a row that has none yet.
//!
//! Called by `record` for each row that is about to be inserted.

use super::generators::{no_tables_configured, no_worker_configured};
use super::lease::ensure_worker;
use super::snowflake::Refusal;
use crate::error::{Error, Result};
use crate::exec::Target;
use crate::model::{Generate, Generated, Model, ModelDef, NewId};

/// Fills the id of a row of a model that generates it.
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
        // Boxed: most ids are made at once, without it.
        Err(refusal) => Box::pin(wait(target, def, generated, key, refusal)).await?,
    };
    row.set_id(id)
}

/// As [`fill`], where nothing has to be waited for; gives whether the id is filled.
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

/// Refuses a row without an id where it could not be handed back.
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
        "`{verb}` cannot fill `{column}` of this `{}`, which has no id yet; {instead}",
        def.name
    ))
}

/// Refuses a row without an id where it is looked for by the id, or where the id is the shard key,
/// by which it is looked for.
pub(crate) fn refuse_lookup<M: Model>(row: &M, by: &[usize]) -> Result<()> {
    let def = M::def();
    if row.needs_id()
        && let Some(generated) = def.generated
        && (by.contains(&generated.column) || def.key == Some(generated.column))
    {
        return Err(Error::unsupported(format!(
            "this `{}` has no id yet, so it cannot be looked for by `{}`; use `insert`, or give it \
             the id of the row",
            def.name, def.columns[generated.column].name
        )));
    }
    Ok(())
}
