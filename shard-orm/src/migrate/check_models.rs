//! Compares models with the tables of all namespaces.
//!
//! Called by a test, or at the start of a program.

mod breaking;
mod report;

use std::sync::Arc;

use self::breaking::is_breaking;
pub use self::report::{ModelDeviation, ModelReport};
use super::catalog::Reading;
use super::generate::{Wanted, by_target};
use super::run::{failed, location};
use super::scratch::Waits;
use crate::cluster::Cluster;
use crate::connect::NamespaceHandle;
use crate::error::{Error, Result};
use crate::model::{Model, ModelDef};
use crate::schema::{Alteration, TableDef};

/// Starts to compare models with the tables of all namespaces.
///
/// ```
/// # #[cfg(feature = "testing")]
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> shard_orm::Result<()> {
/// use shard_orm::migrate::check_models;
/// use shard_orm::prelude::*;
///
/// #[derive(ShardModel)]
/// #[shard(group = "shop", table = "orders")]
/// struct Order {
///     #[shard(primary_key)]
///     id: i64,
///     #[shard(key)]
///     user_id: i64,
/// }
///
/// let cluster = shard_orm::testing::cluster::<Order>().await?;
/// let report = check_models(&cluster).model::<Order>().run().await?;
/// assert!(report.is_empty(), "{report}");
/// # Ok(())
/// # }
/// # #[cfg(not(feature = "testing"))]
/// # fn main() {}
/// ```
pub fn check_models(cluster: &Cluster) -> CheckModels {
    CheckModels {
        cluster: cluster.clone(),
        models: Vec::new(),
        per_server: 4,
        shard: None,
    }
}

/// Compares models with the tables of all namespaces; started by [`check_models`].
#[derive(Debug, Clone)]
#[must_use = "`run` compares"]
pub struct CheckModels {
    cluster: Cluster,
    models: Vec<&'static ModelDef>,
    per_server: usize,
    /// The only logical shard, and its group.
    shard: Option<(String, u32)>,
}

impl CheckModels {
    /// Adds a model: its table in each logical shard of its group, in its database, or in the static
    /// tables of each server and at their source. Tables without a model are not looked at.
    pub fn model<M: Model>(mut self) -> Self {
        self.models.push(M::def());
        self
    }

    /// The number of namespaces on one server that are read concurrently; 4 by default.
    pub fn per_server(mut self, namespaces: usize) -> Self {
        self.per_server = namespaces.max(1);
        self
    }

    /// Compares with one logical shard only, of which the other models are left out.
    pub fn shard(mut self, group: impl Into<String>, shard: u32) -> Self {
        self.shard = Some((group.into(), shard));
        self
    }

    /// Compares, and changes nothing. Reads the catalog of each namespace on its primary with four
    /// statements (five on PostgreSQL), which lock no table.
    ///
    /// The names of indexes and the order of columns are not compared.
    ///
    /// # Errors
    /// [`Configuration`](crate::ErrorKind::Configuration) if there is no model, if one names an unknown
    /// group or database, or if two describe one table differently. Namespaces that do not answer are
    /// listed in the report.
    pub async fn run(self) -> Result<ModelReport> {
        if self.models.is_empty() {
            return Err(Error::configuration(
                "there is no model to compare; add one with `model::<..>()`",
            ));
        }
        let mut report = ModelReport::default();
        for (target, wanted) in by_target(&self.cluster, &self.models)? {
            let mut handles = target.handles(&self.cluster)?;
            handles.retain(|handle| self.is_selected(handle));
            let handles: Vec<&Arc<NamespaceHandle>> = handles.iter().collect();
            let reading = Reading {
                lock_timeout: Waits::default().lock_timeout,
                per_server: self.per_server,
                on_read: &|_| {},
            };
            for (handle, read) in handles.iter().zip(reading.all(&handles).await) {
                match read {
                    Ok(read) => {
                        report.namespaces += 1;
                        report.compare(handle, &wanted, &read.tables)?;
                    }
                    Err(error) => report.failed.push(failed(handle, None, &error.into())),
                }
            }
        }
        Ok(report)
    }

    fn is_selected(&self, handle: &NamespaceHandle) -> bool {
        let namespace = &handle.namespace;
        self.shard.as_ref().is_none_or(|(group, shard)| {
            namespace.is_sharded() && **namespace.group() == **group && namespace.shard() == *shard
        })
    }
}

impl ModelReport {
    fn compare(
        &mut self,
        handle: &NamespaceHandle,
        wanted: &[Wanted],
        tables: &[TableDef],
    ) -> Result<()> {
        for Wanted { model, table } in wanted {
            let found = tables.iter().find(|found| found.name == table.name);
            for change in Alteration::new(table, found, handle.dialect())?.changes {
                let breaking =
                    found.is_none_or(|found| is_breaking(&change.deviation, table, found));
                self.deviations.push(ModelDeviation {
                    location: location(handle),
                    model,
                    table: table.name.clone(),
                    deviation: change.deviation,
                    breaking,
                    statements: change.statements,
                    advice: change.advice,
                });
            }
        }
        Ok(())
    }
}
