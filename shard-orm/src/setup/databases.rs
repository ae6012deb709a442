//! Checks that named databases are still those in which the cluster was set up.
//!
//! The records of a cluster's groups hold the ids of its named databases, and each database holds
//! its own. If a URL now led to another database, its rows would be missing and generated ids could
//! repeat.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::group::Planned;
use super::{Setup, new_id};
use crate::connect::NamespaceHandle;
use crate::error::{Error, Result};
use crate::exec::{database_ids, give_database_id};
use crate::id;
use crate::model::ModelLocation;

/// The entries in the records for the database of the sequences and that of the workers' leases;
/// these are not names of databases.
const SEQUENCES: &str = "#sequences";
const WORKERS: &str = "#workers";

/// The named databases in which `setup` creates tables, each with its id if it has one, and others
/// that are in the records.
pub(super) struct Databases {
    used: Vec<(Arc<NamespaceHandle>, Option<String>)>,
    known: BTreeMap<String, String>,
}

impl Setup {
    /// Compares the named databases with the records of the groups.
    ///
    /// # Errors
    /// `Configuration` if one has been replaced.
    pub(super) async fn databases(&self, planned: &[Planned<'_>]) -> Result<Databases> {
        let mut handles: BTreeMap<Arc<str>, Arc<NamespaceHandle>> = BTreeMap::new();
        for def in &self.defs {
            let name = match def.location {
                ModelLocation::Database(name) => name,
                ModelLocation::Static(copied) => match copied.source {
                    Some(name) => name,
                    None => continue,
                },
                ModelLocation::Sharded(_) | ModelLocation::Isolated(_) => continue,
            };
            let handle = self.cluster.handle_of_database(name)?;
            handles.insert(Arc::clone(handle.namespace.name()), handle);
        }
        for (handle, _) in id::tables(&self.cluster)? {
            handles.insert(Arc::clone(handle.namespace.name()), handle);
        }
        let mut known = BTreeMap::new();
        for planned in planned {
            known.extend(planned.plan.databases.clone());
        }
        let ids = self.cluster.ids_config();
        let roles = [
            (SEQUENCES, "sequences", ids.tables_database()),
            (WORKERS, "leases of workers", ids.lease_database()),
        ];
        for (role, what, name) in roles {
            let Some(name) = name else { continue };
            match known.get(role) {
                Some(former) if former != name && !self.new_databases.contains(name) => {
                    return Err(Error::configuration(format!(
                        "the {what} of generated ids are in database `{former}`, but `[ids]` names \
                         `{name}`: ids would repeat. Use `{former}`, or move the tables and accept \
                         the new database with `cluster.setup().accept_database(\"{name}\")`"
                    )));
                }
                _ => known.insert(role.to_owned(), name.to_owned()),
            };
        }
        let mut used = Vec::with_capacity(handles.len());
        for (name, handle) in handles {
            let ids = database_ids(&handle).await?;
            let own = ids.iter().find(|(own, _)| **own == *name);
            let own = own.map(|(_, id)| id.clone());
            let expected = known.get(&*name);
            let allowed = self.new_databases.contains(&*name);
            if expected.is_some() && expected != own.as_ref() && !allowed {
                let found = match ids.first() {
                    _ if own.is_some() => "is another database of that name".to_owned(),
                    Some((other, _)) => format!("is database `{other}` of the cluster"),
                    None => "was never set up".to_owned(),
                };
                return Err(Error::configuration(format!(
                    "the URL of database `{name}` does not lead to the database in which the \
                     cluster was set up: the database there {found}. Correct the URL, or move the \
                     database's tables there; if its rows are lost, \
                     `cluster.setup().accept_database(\"{name}\")` starts again without them"
                )));
            }
            used.push((handle, own));
        }
        Ok(Databases { used, known })
    }
}

impl Databases {
    /// Assigns an id to each database without one. Returns all ids in the form of the records.
    pub(super) async fn settle(self) -> Result<String> {
        let mut known = self.known;
        for (handle, own) in self.used {
            let id = match own {
                Some(id) => id,
                None => give_database_id(&handle, &new_id()).await?,
            };
            known.insert(handle.namespace.name().to_string(), id);
        }
        let pairs = known.iter().map(|(name, id)| format!("{name}={id},"));
        Ok(pairs.collect())
    }
}
