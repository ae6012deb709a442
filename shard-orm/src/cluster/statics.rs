//! Static tables: where their copies are, and which models have been registered.

use std::sync::{Arc, Mutex, PoisonError};

use super::{Address, At, Cluster};
use crate::connect::NamespaceHandle;
use crate::error::{Error, Result};
use crate::model::ModelDef;
use crate::record::{StaticModel, Transmitted};

/// The static models that a program has registered, in the order in which it did.
#[derive(Debug, Default)]
pub(super) struct Registered(Mutex<Vec<Transmitted>>);

impl Cluster {
    /// Makes a static model known to the cluster, so that its copies are kept up with its source.
    /// Once is enough, for all clones of the handle; nothing is sent.
    ///
    /// ```no_run
    /// # use shard_orm::prelude::*;
    /// # #[derive(StaticModel)]
    /// # #[static_model(source = "default", groups = ["air"], table = "airlines")]
    /// # struct Airline {
    /// #     #[static_model(primary_key, length = 3)]
    /// #     code: String,
    /// # }
    /// # fn run(cluster: &Cluster) {
    /// cluster.register_static::<Airline>();
    /// # }
    /// ```
    pub fn register_static<M: StaticModel>(&self) {
        let mut registered = self.registered();
        if !registered.iter().any(|one| std::ptr::eq(one.def, M::def())) {
            registered.push(Transmitted::of::<M>());
        }
    }

    /// The static models that were registered.
    pub(crate) fn static_models(&self) -> Vec<Transmitted> {
        self.registered().clone()
    }

    fn registered(&self) -> std::sync::MutexGuard<'_, Vec<Transmitted>> {
        // No code that can panic runs under the lock.
        let statics = &self.inner.statics.0;
        statics.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Where the static tables of a group are written, by server in the order of the configuration.
    pub(crate) fn static_handles(&self, group: &str) -> Result<Vec<Arc<NamespaceHandle>>> {
        let state = self.inner.state.load();
        let index = state.group(group)?;
        Ok(state.links.statics(index).to_vec())
    }

    /// Where the static tables are written on the server of this place.
    pub(super) fn statics_beside(
        &self,
        handle: &Arc<NamespaceHandle>,
    ) -> Result<Arc<NamespaceHandle>> {
        if handle.namespace.is_static() {
            return Ok(Arc::clone(handle));
        }
        self.statics_of_server(handle.namespace.group(), &handle.server)
    }

    /// Where the static tables are written on a server of a group.
    pub(crate) fn statics_of_server(
        &self,
        group: &str,
        server: &str,
    ) -> Result<Arc<NamespaceHandle>> {
        let handles = self.static_handles(group)?;
        let found = handles.into_iter().find(|one| *one.server == *server);
        found.ok_or_else(|| {
            Error::configuration(format!(
                "server `{server}` is not, or no longer, in group `{group}`"
            ))
        })
    }

    /// Where the copy of a static model is read that is on the server of this address.
    pub(crate) fn handle_of_copy(
        &self,
        def: &ModelDef,
        at: &Address,
    ) -> Result<Arc<NamespaceHandle>> {
        holds_copy(def, at)?;
        self.handle(at)
    }

    /// Where the rows of a static model are written that are on the server of this address.
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
    /// When it names groups that the topology does not have.
    pub(crate) fn groups_of_static(&self, def: &ModelDef) -> Result<Vec<Arc<str>>> {
        let Some(copied) = def.copied() else {
            return Ok(Vec::new());
        };
        let topology = self.topology();
        let all = topology.groups().iter();
        if let crate::model::StaticGroups::Named(names) = copied.groups {
            let unknown: Vec<&str> = names
                .iter()
                .copied()
                .filter(|name| all.clone().all(|group| group.name() != *name))
                .collect();
            if !unknown.is_empty() {
                return Err(Error::configuration(format!(
                    "`{}` is copied to groups that are not in the configuration: {}; it has {}",
                    def.name,
                    super::names(unknown.into_iter()),
                    super::names(all.map(|group| group.name())),
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

/// Refuses an address at which there is no copy of a model.
fn holds_copy(def: &ModelDef, at: &Address) -> Result<()> {
    if *at.at() == At::Database {
        return Err(Error::unsupported(format!(
            "database `{}` holds no copy of `{}`: copies are on the servers of groups, and are read \
             at a logical shard, as `Flight::shard(key)`; the source is read by `{1}::query()`",
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

#[cfg(all(test, feature = "testing"))]
#[allow(clippy::unwrap_used)]
mod tests {
    use crate::{Model, StaticModel, testing};

    #[derive(StaticModel)]
    #[static_model(groups = all, table = "airlines")]
    #[allow(dead_code)] // No row of it is made.
    struct Airline {
        #[static_model(primary_key)]
        code: String,
    }

    #[derive(StaticModel)]
    #[static_model(groups = all, table = "limits", transmit = false)]
    #[allow(dead_code)] // No row of it is made.
    struct Limit {
        #[static_model(primary_key)]
        id: i64,
    }

    #[tokio::test]
    async fn a_static_model_is_registered_once_for_all_handles() {
        let cluster = testing::cluster::<Airline>().await.unwrap();
        let handle = (*cluster).clone();
        cluster.register_static::<Airline>();
        handle.register_static::<Limit>();
        handle.register_static::<Airline>();
        let registered = cluster.static_models();
        let names: Vec<&str> = registered.iter().map(|one| one.def.name).collect();
        assert_eq!(names, [Airline::def().name, Limit::def().name]);
    }
}
