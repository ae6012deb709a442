//! Checks pins before they are accepted: no row of their keys may be in another logical shard.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use sea_query::{Alias, Expr, ExprTrait as _, Query};

use crate::connect::NamespaceHandle;
use crate::error::{Error, Result};
use crate::exec::{has_rows, tables_at};
use crate::model::{ModelDef, ModelLocation};
use crate::route::RoutingKey;
use crate::topology::Group;

/// The system tables of a namespace.
const SYSTEM_PREFIX: &str = "shard_orm_";

/// Checks each key whose pin differs from `former`.
///
/// # Errors
/// `Configuration` if a row of such a key is in a shard to which the key is no longer routed, or if
/// a namespace has a table whose model was not named.
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
            .filter(|table| {
                !table.starts_with(SYSTEM_PREFIX) && defs.iter().all(|def| def.table != table)
            })
            .collect();
        if !unnamed.is_empty() {
            return Err(Error::configuration(format!(
                "pins of group `{}` cannot be checked: namespace `{}` has tables of unnamed models \
                 ({}); name all models of the group with `table::<..>()`",
                group.name(),
                handle.namespace.name(),
                unnamed.join(", ")
            )));
        }
        for def in defs {
            // Isolated models have no shard key.
            if let (ModelLocation::Sharded(_), Some(key)) = (def.location, def.key) {
                check_table(group, handle, def, def.columns[key].name, &changed).await?;
            }
        }
    }
    Ok(())
}

/// The number of keys per statement.
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
        // Without its pin, each row of the key would be routed by its region.
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
                "pins of group `{}` are not accepted: `{}` has rows in logical shard {shard} whose \
                 keys would be routed elsewhere; they are among {}. Move these rows, or restore \
                 the former pins",
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
