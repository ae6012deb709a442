//! The check of pins before they are taken over: no row of their keys is in another logical shard.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use sea_query::{Alias, Expr, ExprTrait as _, Query};

use crate::connect::NamespaceHandle;
use crate::error::{Error, Result};
use crate::exec::{has_rows, tables_at};
use crate::model::{ModelDef, ModelLocation};
use crate::route::RoutingKey;
use crate::topology::Group;

/// The tables of the library's own in a namespace.
const OWN: &str = "shard_orm_";

/// Checks each key that is pinned otherwise than in `former`.
///
/// # Errors
/// `Configuration` when a row of such a key is in a shard that the key no longer leads to, or when
/// a namespace has a table of which no model was named.
pub(super) async fn check(
    group: &Group,
    handles: &[Arc<NamespaceHandle>],
    defs: &[&'static ModelDef],
    former: &BTreeMap<i64, u32>,
) -> Result<()> {
    let next: BTreeMap<i64, u32> = group.router().pins().iter().collect();
    let changed: BTreeSet<i64> = former
        .keys()
        .chain(next.keys())
        .filter(|key| former.get(key) != next.get(key))
        .copied()
        .collect();
    if changed.is_empty() {
        return Ok(());
    }
    for handle in handles {
        let unnamed: Vec<String> = tables_at(handle)
            .await?
            .into_iter()
            .filter(|table| !table.starts_with(OWN) && defs.iter().all(|def| def.table != table))
            .collect();
        if !unnamed.is_empty() {
            return Err(Error::configuration(format!(
                "pins of group `{}` cannot be checked: namespace `{}` has tables of which no model is \
                 named ({}); name all models of the group with `table::<..>()`",
                group.name(),
                handle.namespace.name(),
                unnamed.join(", ")
            )));
        }
        for def in defs {
            // Isolated models have no key.
            if let (ModelLocation::Sharded(_), Some(key)) = (def.location, def.key) {
                check_table(group, handle, def, def.columns[key].name, &changed).await?;
            }
        }
    }
    Ok(())
}

/// How many keys one statement asks for.
const AT_ONCE: usize = 100;

async fn check_table(
    group: &Group,
    handle: &Arc<NamespaceHandle>,
    def: &'static ModelDef,
    column: &'static str,
    changed: &BTreeSet<i64>,
) -> Result<()> {
    let shard = handle.namespace.shard();
    let leads_here = |key: &i64| match def.region {
        // Without its pin, each row of the key would be looked for by its region.
        Some(_) => group.router().pins().get(*key) == Some(shard),
        None => group
            .router()
            .route(&RoutingKey::new(*key))
            .is_ok_and(|at| at == shard),
    };
    let keys: Vec<i64> = changed
        .iter()
        .filter(|key| !leads_here(key))
        .copied()
        .collect();
    for keys in keys.chunks(AT_ONCE) {
        let mut select = Query::select();
        let key = || Expr::col((Alias::new(def.table), Alias::new(column)));
        select
            .expr(Expr::cust("1"))
            .from(handle.namespace.table_of(def))
            .and_where(key().is_in(keys.iter().copied()))
            .limit(1);
        if has_rows(handle, &select).await? {
            return Err(Error::configuration(format!(
                "pins of group `{}` are not taken over: `{}` has rows in logical shard {shard} whose keys \
                 would be looked for elsewhere; they are among {}. Move these rows, or leave the pins as \
                 they were",
                group.name(),
                def.name,
                keys.iter()
                    .map(i64::to_string)
                    .collect::<Vec<_>>()
                    .join(", "),
            )));
        }
    }
    Ok(())
}
