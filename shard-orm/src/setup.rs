//! Setup: creates the namespaces of a cluster, their records, and the tables of models.
//!
//! On top of all modules that have tables.

mod databases;
mod group;
mod pins;
mod plan;
mod presence;
mod report;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;

use self::group::Planned;
use self::plan::{Allowed, plan};
pub(crate) use self::presence::{Presence, presence};
use crate::cluster::Cluster;
use crate::config::Runs;
use crate::error::{Error, ErrorKind, Result};
use crate::exec::{create_all, create_in_database, create_table};
use crate::id;
use crate::model::{Model, ModelDef, ModelLocation};
use crate::random::random;
use crate::sync;
use crate::topology::Group;

/// How often the servers are surveyed before a problem is reported: another process may be setting
/// up the group at the same time.
const ATTEMPTS: usize = 3;

/// Creates the namespaces of a cluster and the tables of models, if they do not exist; started by
/// [`Cluster::setup`].
///
/// It first surveys all servers. A group that was set up before must be complete. The following are
/// errors, which suggest the edit that keeps all rows where they are: a missing namespace; a
/// logical shard on another server than configured, or on two; and a different number of logical
/// shards, strategy or pins. Nothing is created then. A group that no server knows is set up from
/// scratch.
///
/// For each missing namespace it sends `CREATE SCHEMA` (PostgreSQL) or `CREATE DATABASE` (MySQL and
/// MariaDB), or creates a file (SQLite), and writes the namespace's record. It sends the `CREATE
/// TABLE` and `CREATE INDEX` of the models, and of the tables of worker ids and sequences if
/// `[ids]` names a database for them. It changes nothing that exists except the records of
/// namespaces, and several processes may run it at once. It connects to primaries only and needs
/// all of them: if a program should start without a server, run it as a separate job (see
/// [`Cluster::setup_only`]).
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
#[must_use = "`run` consumes it once"]
pub struct Setup {
    cluster: Cluster,
    defs: Vec<&'static ModelDef>,
    /// Explicit permissions, by group.
    allowed: BTreeMap<String, Allowed>,
    /// Named databases that may have been replaced.
    new_databases: BTreeSet<String>,
    /// Groups whose static namespaces are created although no model of a static table is named.
    statics: BTreeSet<Arc<str>>,
    /// Whether to close the cluster afterwards.
    closes: bool,
}

/// The result of [`Setup::run`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct SetupReport {
    /// The number of logical shards' namespaces, existing and created.
    pub namespaces: usize,
    /// The number of models' tables in all namespaces, existing and created.
    pub tables: usize,
}

impl Cluster {
    /// Starts a setup: creates the namespaces of all groups, and the tables of models.
    pub fn setup(&self) -> Setup {
        Setup {
            cluster: self.clone(),
            defs: Vec::new(),
            allowed: BTreeMap::new(),
            new_databases: BTreeSet::new(),
            statics: BTreeSet::new(),
            closes: false,
        }
    }

    /// Starts the setup of the cluster in a file, for a job that does nothing else: the cluster is
    /// closed when it is done.
    ///
    /// Programs that do not call [`setup`](Self::setup) then start without connecting to a server.
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
    /// # async fn run() -> shard_orm::Result<()> {
    /// // my-service setup
    /// if std::env::args().nth(1).as_deref() == Some("setup") {
    ///     Cluster::setup_only("shard-orm.toml").await?.table::<Order>().run().await?;
    ///     return Ok(());
    /// }
    /// let cluster = Cluster::open("shard-orm.toml").await?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// As [`open`](Self::open).
    pub async fn setup_only(path: impl AsRef<Path>) -> Result<Setup> {
        let mut setup = Self::open(path).await?.setup();
        setup.closes = true;
        Ok(setup)
    }
}

impl Setup {
    /// Also creates the table of this model: in each namespace of its group, or in its database. A
    /// static model's table is created at its source, and in the static namespace of each server of
    /// its groups, which is created if it does not exist.
    pub fn table<M: Model>(self) -> Self {
        self.table_of(M::def())
    }

    pub(crate) fn table_of(mut self, def: &'static ModelDef) -> Self {
        self.defs.push(def);
        self
    }

    /// Also creates the namespaces of the static tables of a group.
    #[cfg(feature = "migrate")]
    pub(crate) fn static_namespaces(mut self, group: &str) -> Self {
        self.statics.insert(Arc::from(group));
        self
    }

    /// Allows these logical shards of a group to be created empty, although the group was set up
    /// before and has lost them; also tables that they have lost.
    ///
    /// Only for rows that cannot be recovered: the keys of these shards start again without rows. A
    /// shard that exists on another server of the configuration is not created.
    ///
    /// ```no_run
    /// # async fn run(cluster: &shard_orm::Cluster) -> shard_orm::Result<()> {
    /// cluster.setup().create_missing("shop", [5]).run().await?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn create_missing(mut self, group: &str, shards: impl IntoIterator<Item = u32>) -> Self {
        let allowed = self.allowed.entry(group.to_owned()).or_default();
        allowed.missing.extend(shards);
        self
    }

    /// Accepts the pins of the configuration for a group that was set up with others, after
    /// checking that no key whose pin has changed has rows in a logical shard to which it is no
    /// longer routed.
    ///
    /// Name all models of the group with [`table`](Self::table). Stop all programs with the former
    /// pins first: they would continue to write rows of these keys to the former shards.
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
    /// cluster.setup().table::<Order>().accept_pins("shop").run().await?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn accept_pins(mut self, group: &str) -> Self {
        self.allowed.entry(group.to_owned()).or_default().pins = true;
        self
    }

    /// Accepts a named database that is not the one in which the cluster was set up, for example
    /// after its rows were lost: ids from its tables start again.
    ///
    /// Not needed for a database that was moved with all its tables.
    ///
    /// ```no_run
    /// # async fn run(cluster: &shard_orm::Cluster) -> shard_orm::Result<()> {
    /// cluster.setup().accept_database("default").run().await?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn accept_database(mut self, name: &str) -> Self {
        self.new_databases.insert(name.to_owned());
        self
    }

    /// Runs the setup.
    ///
    /// # Errors
    /// [`Configuration`](ErrorKind::Configuration) if a group does not match its servers (with the
    /// edit that keeps all rows where they are), if a model names an unknown group or database, or
    /// if an existing table has narrower numbers than its model; otherwise the error of a server.
    /// If the groups do not match, nothing was created. After other errors, what was done so far
    /// remains, and the next run resumes from there.
    pub async fn run(self) -> Result<SetupReport> {
        let outcome = self.create().await;
        self.end().await;
        outcome
    }

    /// Surveys all servers as [`run`](Self::run) does, and creates nothing.
    ///
    /// # Errors
    /// Those with which `run` would refuse to start.
    pub async fn check(self) -> Result<()> {
        let outcome = async {
            self.models()?;
            let topology = self.cluster.topology();
            let planned = self.planned(topology.groups()).await?;
            self.databases(&planned).await.map(drop)
        }
        .await;
        self.end().await;
        outcome
    }

    async fn end(&self) {
        if self.closes {
            self.cluster.close().await;
        }
    }

    /// Checks that the configuration has everything that the models and the calls name.
    fn models(&self) -> Result<()> {
        for def in &self.defs {
            match def.location {
                ModelLocation::Sharded(group) | ModelLocation::Isolated(group) => {
                    self.cluster.handles_of_group(group)?;
                }
                ModelLocation::Database(name) => {
                    self.cluster.handle_of_database(name)?;
                }
                ModelLocation::Static(_) => {
                    self.cluster.groups_of_static(def)?;
                }
            }
        }
        for (group, allowed) in &self.allowed {
            let handles = self.cluster.handles_of_group(group)?;
            let in_use = |shard| {
                handles
                    .iter()
                    .any(|handle| handle.namespace.shard() == shard)
            };
            if let Some(shard) = allowed.missing.iter().find(|shard| !in_use(**shard)) {
                let shards = handles.iter().map(|handle| handle.namespace.shard());
                return Err(Error::configuration(format!(
                    "group `{group}` has no logical shard {shard} to create; it has {}",
                    Runs::of(shards).in_words()
                )));
            }
        }
        Ok(())
    }

    /// Plans the work for each group. Creates nothing.
    async fn planned<'t>(&self, groups: &'t [Group]) -> Result<Vec<Planned<'t>>> {
        let mut planned = Vec::with_capacity(groups.len());
        for group in groups {
            let guard = self.cluster.guard_of_group(group.name())?;
            let handles = self.cluster.handles_of_group(group.name())?;
            let copies = self.groups_of_copies()?.contains(group.name());
            let statics = if copies {
                self.cluster.static_handles(group.name())?
            } else {
                Vec::new()
            };
            let allowed = self.allowed.get(group.name()).cloned().unwrap_or_default();
            let mut look = 1;
            let plan = loop {
                let survey = guard.survey().await;
                match plan(group, &handles, &statics, &survey, &allowed) {
                    Err(error) if error.kind() == ErrorKind::Configuration && look < ATTEMPTS => {
                        look += 1
                    }
                    outcome => break outcome?,
                }
            };
            if let Some(former) = &plan.former_pins {
                pins::check(group, &handles, &self.defs_of(group), former).await?;
            }
            planned.push(Planned {
                group,
                handles,
                statics,
                plan,
            });
        }
        Ok(planned)
    }

    /// The groups whose servers hold copies of static models.
    fn groups_of_copies(&self) -> Result<BTreeSet<Arc<str>>> {
        let mut groups = self.statics.clone();
        for def in &self.defs {
            groups.extend(self.cluster.groups_of_static(def)?);
        }
        Ok(groups)
    }

    /// The models in the logical shards of a group.
    fn defs_of(&self, group: &Group) -> Vec<&'static ModelDef> {
        let is_own = |def: &&'static ModelDef| matches!(def.location, ModelLocation::Sharded(name) | ModelLocation::Isolated(name) if name == group.name());
        self.defs.iter().copied().filter(is_own).collect()
    }

    async fn create(&self) -> Result<SetupReport> {
        self.models()?;
        let topology = self.cluster.topology();
        let planned = self.planned(topology.groups()).await?;
        let databases = self.databases(&planned).await?.settle().await?;
        let mut report = SetupReport::default();
        for def in &self.defs {
            if let ModelLocation::Database(name) = def.location {
                let handle = self.cluster.handle_of_database(name)?;
                create_table(&handle, def).await?;
                report.tables += 1;
            }
        }
        let held = self.sources(&mut report).await?;
        for (handle, create) in id::tables(&self.cluster)? {
            create_in_database(&handle, &create).await?;
        }
        for planned in &planned {
            let defs = self.defs_of(planned.group);
            report.namespaces += planned.handles.len();
            report.tables += planned.handles.len() * defs.len();
            let copies = held.get(planned.group.name());
            report.tables += copies.map_or(0, |copies| planned.statics.len() * copies.len());
            self.group(
                planned,
                &defs,
                copies.map_or(&[], Vec::as_slice),
                &databases,
            )
            .await?;
        }
        self.report_keys().await?;
        Ok(report)
    }

    /// Records in the catalog, if there is one, by which columns rows are routed.
    async fn report_keys(&self) -> Result<()> {
        let keys = self.defs.iter().filter_map(|def| self.cluster.key_of(def));
        self.cluster.record_keys(&keys.collect::<Vec<_>>()).await
    }

    /// Creates the tables of static models at their sources. Returns, by group, the models of which
    /// its servers hold copies.
    async fn sources(
        &self,
        report: &mut SetupReport,
    ) -> Result<BTreeMap<Arc<str>, Vec<&'static ModelDef>>> {
        let mut held: BTreeMap<Arc<str>, Vec<&'static ModelDef>> = BTreeMap::new();
        for def in &self.defs {
            let ModelLocation::Static(copied) = def.location else {
                continue;
            };
            if let Some(source) = copied.source {
                let handle = self.cluster.handle_of_database(source)?;
                create_table(&handle, def).await?;
                for own in sync::tables_at_source() {
                    create_table(&handle, own).await?;
                }
                let statements = sync::statements_at_source(def, handle.dialect())?;
                match create_all(&handle, &statements).await {
                    // Other modes of sync do not need the capture, and `capture` mode reports that
                    // it is missing.
                    Err(error) if error.kind() == ErrorKind::Unsupported => tracing::warn!(
                        target: "shard_orm",
                        table = def.table,
                        %error,
                        "the changes of a static table are not captured"
                    ),
                    outcome => outcome?,
                }
                report.tables += 1;
            }
            for group in self.cluster.groups_of_static(def)? {
                held.entry(group).or_default().push(def);
            }
        }
        Ok(held)
    }
}

/// A random id, unique to a group or database.
fn new_id() -> String {
    format!("{:016x}{:016x}", random(), random())
}
