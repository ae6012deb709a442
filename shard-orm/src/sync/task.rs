//! One model on one server.

use std::sync::Arc;

use super::source::Source;
use super::status::StatusRow;
use crate::cluster::Cluster;
use crate::connect::Place;
use crate::error::{Error, Result};
use crate::model::{Home, ModelDef};

/// One model on one server: its source, and the copy.
#[derive(Debug, Clone)]
pub(super) struct Task {
    pub(super) def: &'static ModelDef,
    pub(super) group: Arc<str>,
    pub(super) server: Arc<str>,
    pub(super) cluster: Cluster,
}

impl Task {
    /// Of a model, one for each server that holds a copy.
    ///
    /// # Errors
    /// When the model has no source, or names groups that are not in the configuration.
    pub(super) fn of(cluster: &Cluster, def: &'static ModelDef) -> Result<Vec<Self>> {
        source_of(def)?;
        let mut tasks = Vec::new();
        for group in cluster.groups_of_static(def)? {
            for place in cluster.static_places(&group)? {
                tasks.push(Self {
                    def,
                    group: Arc::clone(&group),
                    server: Arc::clone(&place.server),
                    cluster: cluster.clone(),
                });
            }
        }
        Ok(tasks)
    }

    /// The source, as it is configured now.
    pub(super) fn source(&self) -> Result<Source> {
        Ok(Source {
            cluster: self.cluster.clone(),
            place: self.cluster.place_of_database(source_of(self.def)?)?,
            def: self.def,
        })
    }

    /// The copy, as it is configured now.
    pub(super) fn status(&self) -> Result<StatusRow> {
        Ok(StatusRow {
            cluster: self.cluster.clone(),
            place: self.place()?,
            def: self.def,
        })
    }

    fn place(&self) -> Result<Arc<Place>> {
        let places = self.cluster.static_places(&self.group)?;
        let found = places.into_iter().find(|place| place.server == self.server);
        found.ok_or_else(|| {
            Error::configuration(format!(
                "server `{}` is no longer in group `{}`",
                self.server, self.group
            ))
        })
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

/// The named database in which a model's rows are written.
pub(super) fn source_of(def: &'static ModelDef) -> Result<&'static str> {
    let source = match def.home {
        Home::Static(copied) => copied.source,
        _ => None,
    };
    source.ok_or_else(|| {
        Error::configuration(format!(
            "`{}` has no source to be copied from: it is not static, or has `transmit = false`",
            def.name
        ))
    })
}
