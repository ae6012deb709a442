//! The tables that models want, by the target of their migrations.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::cluster::Cluster;
use crate::error::{Error, Result};
use crate::migrate::Target;
use crate::model::{ModelDef, ModelLocation};
use crate::schema::TableDef;

/// A table of a model.
#[derive(Debug, Clone)]
pub(in crate::migrate) struct Wanted {
    /// The name of the model.
    pub(in crate::migrate) model: &'static str,
    pub(in crate::migrate) table: Arc<TableDef>,
}

/// The tables of all models, in the order of the models.
///
/// # Errors
/// [`Configuration`](crate::ErrorKind::Configuration) if the configuration does not have a group or
/// database, or if two models describe one table differently.
pub(in crate::migrate) fn by_target(
    cluster: &Cluster,
    models: &[&'static ModelDef],
) -> Result<BTreeMap<Target, Vec<Wanted>>> {
    let mut targets: BTreeMap<Target, Vec<Wanted>> = BTreeMap::new();
    for def in models {
        for target in targets_of(cluster, def)? {
            let wanted = targets.entry(target.clone()).or_default();
            let table = def.table_def();
            match wanted.iter().find(|other| other.table.name == table.name) {
                None => wanted.push(Wanted {
                    model: def.name,
                    table: Arc::clone(table),
                }),
                Some(other) if other.table == *table => {}
                Some(other) => {
                    return Err(Error::configuration(format!(
                        "the models `{}` and `{}` describe table `{}` of {target} differently; name \
                         the one that has all columns",
                        other.model, def.name, def.table
                    )));
                }
            }
        }
    }
    Ok(targets)
}

fn targets_of(cluster: &Cluster, def: &ModelDef) -> Result<Vec<Target>> {
    Ok(match def.location {
        ModelLocation::Sharded(group) | ModelLocation::Isolated(group) => {
            cluster.handles_of_group(group)?;
            vec![Target::Group(group.to_owned())]
        }
        ModelLocation::Database(name) => {
            cluster.handle_of_database(name)?;
            vec![Target::Database(name.to_owned())]
        }
        ModelLocation::Static(copied) => {
            let mut targets = Vec::new();
            if let Some(source) = copied.source {
                cluster.handle_of_database(source)?;
                targets.push(Target::Database(source.to_owned()));
            }
            let groups = cluster.groups_of_static(def)?;
            targets.extend(groups.iter().map(|group| Target::Static(group.to_string())));
            targets
        }
    })
}
