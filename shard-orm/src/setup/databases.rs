//! Named databases: whether they are those in which the cluster was set up.
//!
//! The records of a cluster's groups hold the identities of its named databases, and each database holds
//! its own. A URL that leads elsewhere now would lose its rows, and the ids that are taken from it.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::group::Planned;
use super::{Setup, new_id};
use crate::connect::NamespaceHandle;
use crate::error::{Error, Result};
use crate::exec::{database_ids, give_database_id};
use crate::id;
use crate::model::ModelLocation;

/// What stands in the records for the database of the sequences, and for that of the workers' leases:
/// no names of databases.
const SEQUENCES: &str = "#sequences";
const WORKERS: &str = "#workers";

/// The named databases that `setup` makes tables in, with the identity of each that has one, and those
/// that the records know beside them.
pub(super) struct Databases {
    used: Vec<(Arc<NamespaceHandle>, Option<String>)>,
    known: BTreeMap<String, String>,
}

impl Setup {
    /// Compares the named databases that are used with what the records of the groups say of them.
    ///
    /// # Errors
    /// `Configuration` when one is not the one that it was.
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
        let ids = self.cluster.makers().config();
        let roles = [
            (SEQUENCES, "sequences", ids.tables_database()),
            (WORKERS, "leases of workers", ids.lease_database()),
        ];
        for (role, what, name) in roles {
            let Some(name) = name else { continue };
            match known.get(role) {
                Some(former) if former != name && !self.new_databases.contains(name) => {
                    return Err(Error::configuration(format!(
                        "the {what} of generated ids are in database `{former}`, and `[ids]` names \
                         `{name}`: ids would be made twice. Name `{former}`, or bring the tables there \
                         and go on with `cluster.setup().accept_database(\"{name}\")`"
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
                    _ if own.is_some() => "is another one of that name".to_owned(),
                    Some((other, _)) => format!("is database `{other}` of the cluster"),
                    None => "was never set up".to_owned(),
                };
                return Err(Error::configuration(format!(
                    "the URL of database `{name}` does not lead to the database in which the cluster was \
                     set up: what it leads to {found}. Correct the URL, or bring the database's tables \
                     there; if its rows are lost, `cluster.setup().accept_database(\"{name}\")` begins anew"
                )));
            }
            used.push((handle, own));
        }
        Ok(Databases { used, known })
    }
}

impl Databases {
    /// Gives each database an identity that has none. Returns all identities as the records hold them.
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
