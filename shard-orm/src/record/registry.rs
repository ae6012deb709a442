//! The static models that are registered with a cluster.
//!
//! Read by `sync`, which keeps their copies up to date.

use std::sync::{Mutex, PoisonError};

use super::{StaticModel, Transmitted};
use crate::cluster::{Cluster, Extension};

/// The registered static models, in the order of their registration.
#[derive(Debug, Default)]
struct Registry(Mutex<Vec<Transmitted>>);

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
        }
    }

    /// The registered static models.
    pub(crate) fn static_models(&self) -> Vec<Transmitted> {
        self.registered().clone()
    }

    fn registered(&self) -> std::sync::MutexGuard<'_, Vec<Transmitted>> {
        // No code that can panic runs under the lock.
        let statics = &self.extension::<Registry>().0;
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
