//! One table on one server: of a model, or as its database describes it.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use super::described::DescribedCopy;
use super::hooks::Hooks;
use crate::cluster::Cluster;
use crate::dialect::Dialect;
use crate::error::{Error, Result};
use crate::model::{CopyId, ModelDef};
use crate::record::{DynTransmitHooks, Transmitted};
use crate::replicate::{
    Claim, Declaration, Mode, Observer, Progress, Replication, Source, Strategy, TableLocation,
    TriggerLog, Watermark,
};
use crate::schema::TableDef;

/// A group and one of its servers.
pub(super) type OnServer = (Arc<str>, Arc<str>);

/// One table on one server: its source, and the copy.
#[derive(Clone)]
pub(super) struct Task {
    pub(super) table: Arc<TableDef>,
    /// The named database of the source.
    pub(super) source: Arc<str>,
    /// The name of the model; `None` for a table that a database describes.
    model: Option<&'static str>,
    hooks: Option<&'static dyn DynTransmitHooks>,
    /// The ordinal of the watermark column.
    watermark: Option<usize>,
    /// The mode, unless another one is chosen; `None` for that of a model.
    mode: Option<Mode>,
    claim: Claim,
    pub(super) group: Arc<str>,
    pub(super) server: Arc<str>,
    pub(super) cluster: Cluster,
}

impl Task {
    /// The tasks of a model, one for each server that holds a copy.
    ///
    /// # Errors
    /// When the model has no source, or names groups that are not in the configuration.
    pub(super) fn of(cluster: &Cluster, model: Transmitted) -> Result<Vec<Self>> {
        let Transmitted { def, hooks } = model;
        let source: Arc<str> = source_of(def)?.into();
        let watermark = def.copied().and_then(|copied| copied.criterion);
        let criterion = watermark.and_then(|ordinal| def.columns.get(ordinal));
        let declaration = Declaration {
            hooks: hooks.is_some(),
            source: source.to_string(),
            criterion: criterion.map(|column| column.name.to_owned()),
        };
        let mut tasks = Vec::new();
        for group in cluster.groups_of_static(def)? {
            for handle in cluster.static_handles(&group)? {
                tasks.push(Self {
                    table: Arc::clone(def.table_def()),
                    source: Arc::clone(&source),
                    model: Some(def.name),
                    hooks,
                    watermark,
                    mode: None,
                    claim: Claim::Declares(declaration.clone()),
                    group: Arc::clone(&group),
                    server: Arc::clone(&handle.server),
                    cluster: cluster.clone(),
                });
            }
        }
        Ok(tasks)
    }

    /// The task of a table that a database describes.
    pub(super) fn described(cluster: &Cluster, copy: DescribedCopy) -> Self {
        Self {
            table: copy.table,
            source: copy.source,
            model: None,
            hooks: None,
            watermark: copy.watermark,
            mode: Some(copy.mode),
            claim: Claim::Expects {
                declared: copy.declared,
                without_hooks: copy.without_hooks,
            },
            group: copy.group,
            server: copy.server,
            cluster: cluster.clone(),
        }
    }

    /// The source, as it is configured now, with the part that the copy holds.
    pub(super) fn source(&self) -> Result<Source> {
        let at = TableLocation {
            cluster: self.cluster.clone(),
            handle: self.cluster.handle_of_database(&self.source)?,
            table: Arc::clone(&self.table),
        };
        let subset = match self.hooks {
            Some(hooks) => hooks.collect(&self.into(), at.dialect())?,
            None => None,
        };
        Ok(Source {
            at,
            subset: subset.map(Arc::new),
        })
    }

    /// The copy, as it is configured now.
    pub(super) fn copy(&self) -> Result<TableLocation> {
        Ok(TableLocation {
            cluster: self.cluster.clone(),
            handle: self.cluster.statics_of_server(&self.group, &self.server)?,
            table: Arc::clone(&self.table),
        })
    }

    /// The progress of the copy.
    pub(super) fn progress(&self) -> Result<Progress> {
        Ok(Progress { at: self.copy()? })
    }

    /// The mode, unless another one is chosen.
    pub(super) fn mode(&self, chosen: Option<Mode>, source: &Source) -> Mode {
        let own = || default_mode(self.watermark.is_some(), source.dialect());
        chosen.or(self.mode).unwrap_or_else(own)
    }

    /// The log of changes at the source, as this copy reads it.
    pub(super) fn log(&self, source: &Source) -> Result<TriggerLog> {
        Ok(TriggerLog {
            at: source.at.clone(),
            consumer: self.progress()?.key().consumer(),
            advice: format!(
                "create them with `StaticSync::of::<{}>(&cluster).mode(Mode::Capture).prepare()`",
                self.model.unwrap_or("..")
            ),
        })
    }

    /// The replication that brings the copy up to date.
    pub(super) fn replication(&self, mode: Option<Mode>, overlap: Duration) -> Result<Replication> {
        let source = self.source()?;
        let strategy = match self.mode(mode, &source) {
            Mode::Capture => Strategy::Capture(Box::new(self.log(&source)?)),
            Mode::Incremental => Strategy::Incremental {
                watermark: Watermark::new(source.def(), self.watermark()?, source.dialect()),
                overlap,
            },
            Mode::Full => Strategy::Full,
        };
        let observer = self.hooks.map(|connected| -> Arc<dyn Observer> {
            let copy = CopyId::from(self);
            Arc::new(Hooks { connected, copy })
        });
        Ok(Replication {
            source,
            copy: self.copy()?,
            strategy,
            observer,
            claim: self.claim.clone(),
        })
    }

    /// The watermark column.
    fn watermark(&self) -> Result<usize> {
        self.watermark.ok_or_else(|| {
            Error::configuration(format!(
                "`{}` has no watermark column: name the field that grows when a row changes, \
                 `#[static_model(criterion = \"updated_at\")]`, or sync it by `capture` or `full`",
                self.model.unwrap_or(&self.table.name)
            ))
        })
    }

    /// The server that the copy is on, with its group.
    pub(super) fn on(&self) -> OnServer {
        (Arc::clone(&self.group), Arc::clone(&self.server))
    }

    /// The key of the copy's lock.
    pub(super) fn lock_key(&self) -> String {
        let topology = self.cluster.topology();
        format!(
            "shard-orm/sync/{}/{}/{}/{}",
            topology.name(),
            self.group,
            self.server,
            self.table.name
        )
    }
}

impl fmt::Debug for Task {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Task({})", CopyId::from(self))
    }
}

impl From<&Task> for CopyId {
    fn from(task: &Task) -> Self {
        Self {
            table: task.table.name.clone(),
            group: task.group.to_string(),
            server: task.server.to_string(),
        }
    }
}

/// The models that were registered and have a source.
pub(super) fn registered(cluster: &Cluster) -> impl Iterator<Item = Transmitted> {
    let models = cluster.static_models().into_iter();
    models.filter(|model| source_of(model.def).is_ok())
}

/// The named database in which a model's rows are written.
pub(super) fn source_of(def: &'static ModelDef) -> Result<&'static str> {
    let source = def.copied().and_then(|copied| copied.source);
    source.ok_or_else(|| {
        Error::configuration(format!(
            "`{}` has no source to be copied from: it is not static, or has `transmit = false`",
            def.name
        ))
    })
}

/// The mode of a model for which none is chosen.
pub(super) fn mode_of(def: &ModelDef, source: Dialect) -> Mode {
    let criterion = def.copied().and_then(|copied| copied.criterion);
    default_mode(criterion.is_some(), source)
}

fn default_mode(has_watermark: bool, source: Dialect) -> Mode {
    // Elsewhere rows can be missed, which has to be asked for.
    if has_watermark && source.capability().transaction_numbers {
        Mode::Incremental
    } else {
        Mode::Capture
    }
}
