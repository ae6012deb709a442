//! What a cluster needs before it is used: namespaces, their records, and the tables of models.
//!
//! Stands above all that has tables.

use std::collections::BTreeMap;
use std::sync::Arc;

use futures_util::{StreamExt, TryStreamExt, stream};

use crate::cluster::Cluster;
use crate::error::{ErrorKind, Result};
use crate::exec::{create_all, create_in_database, create_namespace_with, create_table};
use crate::id;
use crate::model::{Home, Model, ModelDef};
use crate::schema::CreateTable;
use crate::sync;

/// How many namespaces are made at the same time.
const CONCURRENCY: usize = 4;

/// Creates the namespaces of a cluster and the tables of models, where they are not there yet;
/// begun by [`Cluster::setup`].
///
/// For what it does not find it sends `CREATE SCHEMA` (PostgreSQL), `CREATE DATABASE` (MySQL and
/// MariaDB) or makes a file (SQLite), writes the record of the namespace, and sends the
/// `CREATE TABLE` and `CREATE INDEX` of the models, and of the tables of worker ids and sequences
/// where `[ids]` names a database for them. It changes nothing that is there, and may be
/// run by several processes at once. It works on primaries alone.
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
/// # async fn run(cluster: &Cluster) -> shard_orm::Result<()> {
/// let report = cluster.setup().table::<Order>().run().await?;
/// println!("{} namespaces, {} tables", report.namespaces, report.tables);
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone)]
#[must_use = "it is done by `run`"]
pub struct Setup {
    cluster: Cluster,
    defs: Vec<&'static ModelDef>,
}

/// What [`Setup::run`] made sure of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct SetupReport {
    /// Namespaces of logical shards, found or made.
    pub namespaces: usize,
    /// Tables of models, found or made, over all namespaces.
    pub tables: usize,
}

impl Cluster {
    /// Begins to create the namespaces of all groups and the tables of models.
    pub fn setup(&self) -> Setup {
        Setup {
            cluster: self.clone(),
            defs: Vec::new(),
        }
    }
}

impl Setup {
    /// Creates the table of this model too: in each namespace of its group, or in its database; of
    /// a static model at its source, and in the static namespace of each server of its groups, which
    /// is made where it is not there.
    pub fn table<M: Model>(self) -> Self {
        self.table_of(M::def())
    }

    pub(crate) fn table_of(mut self, def: &'static ModelDef) -> Self {
        self.defs.push(def);
        self
    }

    /// Does it.
    ///
    /// # Errors
    /// [`Configuration`](ErrorKind::Configuration) when a namespace says that it is another
    /// shard's, or a model names a group or database that is not configured; otherwise what a
    /// server said. What was done until then stays, and the next run goes on from there.
    pub async fn run(self) -> Result<SetupReport> {
        let topology = self.cluster.topology();
        let mut report = SetupReport::default();
        for def in &self.defs {
            match def.home {
                Home::Sharded(group) | Home::Isolated(group) => {
                    self.cluster.places_of_group(group)?;
                }
                Home::Database(name) => {
                    let place = self.cluster.place_of_database(name)?;
                    create_table(&place, def).await?;
                    report.tables += 1;
                }
                Home::Static(_) => {
                    self.cluster.groups_of_static(def)?;
                }
            }
        }
        report.tables += self.statics().await?;
        for (place, create) in id::tables(&self.cluster)? {
            create_in_database(&place, &create).await?;
        }
        for group in topology.groups() {
            let defs: Vec<&'static ModelDef> = self
                .defs
                .iter()
                .copied()
                .filter(|def| {
                    matches!(def.home, Home::Sharded(name) | Home::Isolated(name)
                        if name == group.name())
                })
                .collect();
            let places = self.cluster.places_of_group(group.name())?;
            report.namespaces += places.len();
            report.tables += places.len() * defs.len();
            stream::iter(places.into_iter().map(|place| {
                let defs = &defs;
                async move {
                    let tables = defs
                        .iter()
                        .map(|def| CreateTable::new(def, place.dialect()));
                    create_namespace_with(&place, tables.collect::<Result<_>>()?)
                        .await
                        .map_err(|error| place.name_error(error))
                }
            }))
            .buffer_unordered(CONCURRENCY)
            .try_collect::<Vec<()>>()
            .await?;
        }
        Ok(report)
    }

    /// Creates the tables of static models: at their sources, and on each server of their groups.
    /// Gives how many there are.
    async fn statics(&self) -> Result<usize> {
        let mut tables = 0;
        // By group, what its servers hold.
        let mut held: BTreeMap<Arc<str>, Vec<&'static ModelDef>> = BTreeMap::new();
        for def in &self.defs {
            let Home::Static(copied) = def.home else {
                continue;
            };
            if let Some(source) = copied.source {
                let place = self.cluster.place_of_database(source)?;
                create_table(&place, def).await?;
                for own in sync::tables_at_source() {
                    create_table(&place, own).await?;
                }
                let statements = sync::statements_at_source(def, place.dialect())?;
                match create_all(&place, &statements).await {
                    // Who syncs by another mode needs none, and `capture` says that there is none.
                    Err(error) if error.kind() == ErrorKind::Unsupported => tracing::warn!(
                        target: "shard_orm",
                        table = def.table,
                        %error,
                        "the changes of a static table are not captured"
                    ),
                    outcome => outcome?,
                }
                tables += 1;
            }
            for group in self.cluster.groups_of_static(def)? {
                held.entry(group).or_default().push(def);
            }
        }
        for (group, defs) in held {
            for place in self.cluster.static_places(&group)? {
                let own = sync::tables_at_copy();
                let own = own
                    .iter()
                    .chain(&defs)
                    .map(|def| CreateTable::new(def, place.dialect()));
                // Tables of the library's own stand beside those of the models.
                create_namespace_with(&place, own.collect::<Result<Vec<_>>>()?).await?;
                tables += defs.len();
            }
        }
        Ok(tables)
    }
}
