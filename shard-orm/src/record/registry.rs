//! The models that are registered with a cluster.
//!
//! Static models are read by `sync`, which keeps their copies up to date. The tables of all of them are
//! reported to the catalog, so that operators know what a process uses.

use std::sync::{Mutex, MutexGuard, PoisonError};

use super::{StaticModel, Transmitted};
use crate::catalog::{TableKey, TableUse};
use crate::cluster::{Cluster, Extension};
use crate::model::{Model, ModelDef, ModelLocation};
use crate::topology::Group;

/// The registered static models and the tables of all registered models, in the order of their
/// registration.
#[derive(Debug, Default)]
struct Registry {
    statics: Mutex<Vec<Transmitted>>,
    tables: Mutex<Vec<TableUse>>,
}

impl Extension for Registry {
    fn create(_cluster: &Cluster) -> Self {
        Self::default()
    }
}

impl Cluster {
    /// Registers a static model with the cluster, so that `sync` keeps its copies up to date with
    /// its source. Once is enough for all clones of the handle; nothing is sent.
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
            drop(registered);
            self.register_model::<M>();
        }
    }

    /// Registers a model of any kind with the cluster. With a [catalog](crate::catalog), the process
    /// reports the table and its columns with its next heartbeat, and a migration that removes one of
    /// them is refused while the process lives. Nothing else depends on it; call it at the start of a
    /// program for each model that it uses.
    ///
    /// ```no_run
    /// # use shard_orm::prelude::*;
    /// # #[derive(ShardModel)]
    /// # #[shard(group = "shop", table = "orders")]
    /// # struct Order {
    /// #     #[shard(primary_key)]
    /// #     id: i64,
    /// #     #[shard(key)]
    /// #     user_id: i64,
    /// # }
    /// # fn run(cluster: &Cluster) {
    /// cluster.register_model::<Order>();
    /// assert_eq!(cluster.registered_tables()[0].columns, ["id", "user_id"]);
    /// # }
    /// ```
    pub fn register_model<M: Model>(&self) {
        let def = M::def();
        let columns = || def.columns.iter().map(|column| column.name);
        let mut added: Vec<TableUse> = self
            .places_of(def)
            .into_iter()
            .map(|place| TableUse::new(place, def.table, columns()))
            .collect();
        {
            let mut tables = self.used_tables();
            added.retain(|one| !tables.contains(one));
            tables.extend_from_slice(&added);
        }
        if !added.is_empty() {
            self.report_tables(&added, self.key_of(def));
        }
    }

    /// By which columns the rows of a model are routed, if it lives in logical shards.
    pub(crate) fn key_of(&self, def: &ModelDef) -> Option<TableKey> {
        let (ModelLocation::Sharded(group) | ModelLocation::Isolated(group)) = def.location else {
            return None;
        };
        let columns = def.routing().map(|ordinal| def.columns[ordinal].name);
        Some(TableKey {
            place: group.to_owned(),
            table: def.table.to_owned(),
            columns: columns.map(str::to_owned).collect(),
        })
    }

    /// The tables of the registered models, and where they are.
    #[must_use]
    pub fn registered_tables(&self) -> Vec<TableUse> {
        self.used_tables().clone()
    }

    /// The names of the places that hold the table of a model, as the folders of migrations have them.
    fn places_of(&self, def: &ModelDef) -> Vec<String> {
        match def.location {
            ModelLocation::Sharded(name)
            | ModelLocation::Isolated(name)
            | ModelLocation::Database(name) => vec![name.to_owned()],
            ModelLocation::Static(copied) => {
                let topology = self.topology();
                let groups = topology.groups().iter().map(Group::name);
                let groups = groups.filter(|name| copied.groups.contains(name));
                let statics = groups.map(|name| format!("{name}.static"));
                copied
                    .source
                    .map(str::to_owned)
                    .into_iter()
                    .chain(statics)
                    .collect()
            }
        }
    }

    fn used_tables(&self) -> MutexGuard<'_, Vec<TableUse>> {
        // No code that can panic runs under the lock.
        let tables = &self.extension::<Registry>().tables;
        tables.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The registered static models.
    pub(crate) fn static_models(&self) -> Vec<Transmitted> {
        self.registered().clone()
    }

    fn registered(&self) -> MutexGuard<'_, Vec<Transmitted>> {
        // No code that can panic runs under the lock.
        let statics = &self.extension::<Registry>().statics;
        statics.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(all(test, feature = "testing"))]
#[allow(clippy::unwrap_used)]
mod tests {
    use crate::{StaticModel, model::Model, testing};

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
