//! One model on one server.

use std::fmt;
use std::sync::Arc;

use super::apply::Hooks;
use super::source::Source;
use super::status::StatusRow;
use crate::cluster::Cluster;
use crate::error::{Error, Result};
use crate::model::{CopyId, ModelDef, ModelLocation};
use crate::record::{DynTransmitHooks, Transmitted};

/// A group and one of its servers.
pub(super) type OnServer = (Arc<str>, Arc<str>);

/// One model on one server: its source, and the copy.
#[derive(Clone)]
pub(super) struct Task {
    pub(super) def: &'static ModelDef,
    hooks: Option<&'static dyn DynTransmitHooks>,
    pub(super) group: Arc<str>,
    pub(super) server: Arc<str>,
    pub(super) cluster: Cluster,
}

impl Task {
    /// Of a model, one for each server that holds a copy.
    ///
    /// # Errors
    /// When the model has no source, or names groups that are not in the configuration.
    pub(super) fn of(cluster: &Cluster, model: Transmitted) -> Result<Vec<Self>> {
        let Transmitted { def, hooks } = model;
        source_of(def)?;
        let mut tasks = Vec::new();
        for group in cluster.groups_of_static(def)? {
            for handle in cluster.static_handles(&group)? {
                tasks.push(Self {
                    def,
                    hooks,
                    group: Arc::clone(&group),
                    server: Arc::clone(&handle.server),
                    cluster: cluster.clone(),
                });
            }
        }
        Ok(tasks)
    }

    /// The source, as it is configured now, with what the copy holds of it.
    pub(super) fn source(&self) -> Result<Source> {
        let handle = self.cluster.handle_of_database(source_of(self.def)?)?;
        let collection = match self.hooks {
            Some(hooks) => hooks.collect(&self.into(), handle.dialect())?,
            None => None,
        };
        Ok(Source {
            cluster: self.cluster.clone(),
            handle,
            def: self.def,
            collection: collection.map(Arc::new),
        })
    }

    /// What the model does around the writing of its copies.
    pub(super) fn hooks(&self) -> Option<Hooks> {
        let connected = self.hooks?;
        let copy = CopyId::from(self);
        Some(Hooks { connected, copy })
    }

    /// The copy, as it is configured now.
    pub(super) fn status(&self) -> Result<StatusRow> {
        Ok(StatusRow {
            cluster: self.cluster.clone(),
            handle: self.cluster.statics_of_server(&self.group, &self.server)?,
            def: self.def,
        })
    }

    /// The server that the copy is on, with its group.
    pub(super) fn on(&self) -> OnServer {
        (Arc::clone(&self.group), Arc::clone(&self.server))
    }

    /// What tells the copy from all others: the key of its lock, and its name in the source's list of
    /// consumers.
    pub(super) fn target(&self) -> String {
        let topology = self.cluster.topology();
        format!("{}/{}/{}", topology.name(), self.group, self.server)
    }

    /// The key of its lock.
    pub(super) fn lock_key(&self) -> String {
        format!("shard-orm/sync/{}/{}", self.target(), self.def.table)
    }
}

impl fmt::Debug for Task {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Task({})", CopyId::from(self))
    }
}

/// The models that were registered and have a source.
pub(super) fn registered(cluster: &Cluster) -> impl Iterator<Item = Transmitted> {
    let models = cluster.static_models().into_iter();
    models.filter(|model| source_of(model.def).is_ok())
}

/// The named database in which a model's rows are written.
pub(super) fn source_of(def: &'static ModelDef) -> Result<&'static str> {
    let source = match def.location {
        ModelLocation::Static(copied) => copied.source,
        _ => None,
    };
    source.ok_or_else(|| {
        Error::configuration(format!(
            "`{}` has no source to be copied from: it is not static, or has `transmit = false`",
            def.name
        ))
    })
}
