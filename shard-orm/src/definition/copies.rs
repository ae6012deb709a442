//! The copies of a static model: their groups and handles.
//!
//! Called by `exec`, `sync` and `setup`.

use std::sync::Arc;

use sea_query::TableRef;

use super::{ModelDef, ModelLocation, StaticGroups};
use crate::cluster::{Address, At, Cluster, names};
use crate::connect::NamespaceHandle;
use crate::error::{Error, Result};
use crate::topology::Namespace;

impl Namespace {
    /// The qualified table of a model. In a logical shard's namespace, a static model's table is
    /// that of the copy on the same server.
    pub(crate) fn table_of(&self, def: &ModelDef) -> TableRef {
        let copy = match def.location {
            ModelLocation::Static(_) => self.static_table(def.table),
            _ => None,
        };
        copy.unwrap_or_else(|| self.table(def.table))
    }
}

impl Cluster {
    /// The handle at which the copy of a static model is read, on the server of this address.
    pub(crate) fn handle_of_copy(
        &self,
        def: &ModelDef,
        at: &Address,
    ) -> Result<Arc<NamespaceHandle>> {
        holds_copy(def, at)?;
        self.handle(at)
    }

    /// The handle at which the rows of a static model are written, on the server of this address.
    pub(crate) fn handle_of_server(
        &self,
        def: &ModelDef,
        at: &Address,
    ) -> Result<Arc<NamespaceHandle>> {
        holds_copy(def, at)?;
        self.statics_beside(&self.handle(at)?)
    }

    /// The groups of a static model.
    ///
    /// # Errors
    /// `Configuration` if the model names groups that the topology does not have.
    pub(crate) fn groups_of_static(&self, def: &ModelDef) -> Result<Vec<Arc<str>>> {
        let Some(copied) = def.copied() else {
            return Ok(Vec::new());
        };
        let topology = self.topology();
        let all = topology.groups().iter();
        if let StaticGroups::Named(named) = copied.groups {
            let unknown: Vec<&str> = named
                .iter()
                .copied()
                .filter(|name| all.clone().all(|group| group.name() != *name))
                .collect();
            if !unknown.is_empty() {
                return Err(Error::configuration(format!(
                    "`{}` is copied to unknown groups: {}; the configuration has {}",
                    def.name,
                    names(unknown.into_iter()),
                    names(all.map(|group| group.name())),
                )));
            }
        }
        Ok(all
            .map(|group| group.name())
            .filter(|name| copied.groups.contains(name))
            .map(Arc::from)
            .collect())
    }
}

/// Refuses an address without a copy of a model.
fn holds_copy(def: &ModelDef, at: &Address) -> Result<()> {
    if *at.at() == At::Database {
        return Err(Error::unsupported(format!(
            "database `{}` holds no copy of `{}`: copies are on the servers of groups, and are \
             read at a logical shard, as in `Flight::shard(key)`; read the source with \
             `{1}::query()`",
            at.home(),
            def.name
        )));
    }
    match def.copied() {
        Some(copied) if !copied.groups.contains(at.home()) => Err(Error::configuration(format!(
            "the servers of group `{}` hold no copies of `{}`: add the group to its `groups`",
            at.home(),
            def.name
        ))),
        _ => Ok(()),
    }
}
