//! Which versions are where.

use std::collections::BTreeMap;
use std::fmt;

use super::backfill::{self, Begun};
use super::builder::Migrate;
use super::history::State;
use super::migrations::Migration;
use super::phase::Phase;
use super::report::Failed;
use super::run::{backfills, failed, location};
use super::sessions::Sessions;
use super::survey::{Found, survey};
use super::target::Target;
use crate::cluster::Location;
use crate::connect::NamespaceHandle;
use crate::error::{Error, ErrorKind, Result};

/// The versions of all targets; returned by [`Migrate::status`].
#[derive(Debug, Clone)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct Status {
    /// Named databases, static tables, then groups.
    pub targets: Vec<TargetStatus>,
}

/// The versions of one target.
#[derive(Debug, Clone)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct TargetStatus {
    /// The folder of its migrations.
    pub folder: String,
    /// The number of namespaces that answered.
    pub namespaces: usize,
    /// Each version that is in the folder or in a namespace, in order.
    pub versions: Vec<VersionStatus>,
    /// The namespaces that did not answer.
    pub unreachable: Vec<Failed>,
}

/// One version, and the namespaces that have it.
#[derive(Debug, Clone)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct VersionStatus {
    /// The version.
    pub version: i64,
    /// The name.
    pub name: String,
    /// The phase in its file.
    pub phase: Option<Phase>,
    /// Whether the folder has a file of it.
    pub has_file: bool,
    /// The number of namespaces that have it.
    pub applied: usize,
    /// The namespaces that lack it.
    pub missing: Vec<Location>,
    /// The namespaces in which it was interrupted, either way.
    pub interrupted: Vec<Location>,
    /// The namespaces in which it is a backfill that is partly done.
    pub begun: Vec<Begun>,
    /// The namespaces to which another text was applied than that of the file.
    pub changed: Vec<Location>,
}

impl Migrate {
    /// The versions of all namespaces, read with one statement per server.
    ///
    /// ```no_run
    /// # async fn run(cluster: &shard_orm::Cluster) -> shard_orm::Result<()> {
    /// use shard_orm::migrate::Migrations;
    ///
    /// let migrations = Migrations::from_folder("migrations")?;
    /// let status = cluster.migrate(&migrations).status().await?;
    /// if !status.is_current() {
    ///     println!("{status}");
    /// }
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// [`Configuration`](ErrorKind::Configuration) if a folder is named after no group or database.
    /// Namespaces that do not answer are listed.
    pub async fn status(&self) -> Result<Status> {
        let mut targets = Vec::new();
        for target in self.targets()? {
            targets.push(self.status_of(&target).await?);
        }
        Ok(Status { targets })
    }

    async fn status_of(&self, target: &Target) -> Result<TargetStatus> {
        let migrations = self.migrations.in_folder(&target.folder());
        let handles = self.handles(target)?;
        let dialect = handles.first().map(|handle| handle.dialect());
        let mut versions: BTreeMap<i64, VersionStatus> = BTreeMap::new();
        for migration in migrations {
            let (version, name) = (migration.version(), migration.name());
            let mut status = VersionStatus::new(version, name, true);
            status.phase = dialect.and_then(|dialect| migration.phase(dialect));
            versions.insert(version, status);
        }
        let mut unreachable = Vec::new();
        let sessions = Sessions::new(self.options.lock_timeout);
        let mut answered: Vec<(&NamespaceHandle, Found, Vec<Begun>)> = Vec::new();
        for (handle, found) in handles.iter().zip(survey(&handles).await) {
            match found {
                Ok(found) => {
                    let all: Vec<&Migration> = migrations.iter().collect();
                    let versions = backfills(&all, handle, &found);
                    let begun = match versions.is_empty() {
                        true => Ok(Vec::new()),
                        false => backfill::begun(handle, &versions, &sessions).await,
                    };
                    match begun {
                        Ok(begun) => answered.push((handle, found, begun)),
                        Err(error) => unreachable.push(failed(handle, None, &error.into())),
                    }
                }
                Err(error) => unreachable.push(failed(handle, None, &error.into())),
            }
        }
        sessions.close().await;
        let found = answered.iter().map(|(_, found, _)| found);
        for entry in found.flat_map(|found| found.entries.values()) {
            let new = || VersionStatus::new(entry.version, &entry.name, false);
            versions.entry(entry.version).or_insert_with(new);
        }
        for status in versions.values_mut() {
            let migration = migrations
                .iter()
                .find(|one| one.version() == status.version);
            for (handle, found, begun) in &answered {
                let mut begun = begun.iter();
                if let Some(begun) = begun.find(|begun| begun.version == status.version) {
                    status.begun.push(begun.clone());
                    continue;
                }
                match found.entries.get(&status.version) {
                    None => status.missing.push(location(handle)),
                    Some(entry) if entry.state == State::Applied => {
                        status.applied += 1;
                        if migration.is_some_and(|one| !one.has_checksum(&entry.checksum)) {
                            status.changed.push(location(handle));
                        }
                    }
                    Some(_) => status.interrupted.push(location(handle)),
                }
            }
        }
        Ok(TargetStatus {
            folder: target.folder(),
            namespaces: answered.len(),
            versions: versions.into_values().collect(),
            unreachable,
        })
    }

    /// Compares the migrations that a program was built with to its namespaces, at its start.
    ///
    /// Sends one statement per server. Log the error, or end the program with it, as the deployment
    /// wants it.
    ///
    /// ```no_run
    /// # async fn run(cluster: &shard_orm::Cluster) -> shard_orm::Result<()> {
    /// # use shard_orm::migrate::Migrations;
    /// # let migrations = Migrations::from_folder("migrations")?;
    /// if let Err(error) = cluster.migrate(&migrations).check().await {
    ///     eprintln!("warning: {error}");
    /// }
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// [`Configuration`](ErrorKind::Configuration) if a namespace is older (a migration is missing),
    /// newer (it has a version without a file), was interrupted, or had another text applied.
    /// [`Unavailable`](ErrorKind::Unavailable) if a namespace did not answer.
    pub async fn check(&self) -> Result<()> {
        let status = self.status().await?;
        if status.is_current() {
            return Ok(());
        }
        let is_down = status
            .targets
            .iter()
            .any(|target| !target.unreachable.is_empty());
        let kind = if is_down {
            ErrorKind::Unavailable
        } else {
            ErrorKind::Configuration
        };
        Err(Error::new(
            kind,
            format!("the namespaces do not match the migrations of this program:\n{status}"),
        ))
    }
}

impl VersionStatus {
    fn new(version: i64, name: &str, has_file: bool) -> Self {
        Self {
            version,
            name: name.to_owned(),
            phase: None,
            has_file,
            applied: 0,
            missing: Vec::new(),
            interrupted: Vec::new(),
            begun: Vec::new(),
            changed: Vec::new(),
        }
    }

    /// Where it is not as the file says, for people; `current` if it is everywhere.
    #[must_use]
    pub fn state(&self) -> String {
        if !self.has_file {
            return format!("has no file, but is in {} namespaces", self.applied);
        }
        let missing = ("missing", &self.missing);
        let interrupted = ("interrupted", &self.interrupted);
        let changed = ("applied with another text", &self.changed);
        let mut parts = Vec::new();
        for (what, locations) in [missing, interrupted, changed] {
            if let Some(first) = locations.first() {
                parts.push(format!("{what} in {}, such as {first}", locations.len()));
            }
        }
        if let Some(first) = self.begun.first() {
            parts.push(format!(
                "partly done in {}, such as {first}",
                self.begun.len()
            ));
        }
        if parts.is_empty() {
            return "current".to_owned();
        }
        parts.join("; ")
    }

    /// Whether all namespaces have it, and as the file says.
    #[must_use]
    pub fn is_current(&self) -> bool {
        self.has_file
            && self.missing.is_empty()
            && self.interrupted.is_empty()
            && self.begun.is_empty()
            && self.changed.is_empty()
    }
}

impl Status {
    /// Whether all namespaces answered, and have all versions of the files and no others.
    #[must_use]
    pub fn is_current(&self) -> bool {
        self.targets.iter().all(|target| {
            let mut versions = target.versions.iter();
            target.unreachable.is_empty() && versions.all(VersionStatus::is_current)
        })
    }
}

/// One line for each version that is not everywhere.
impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for target in &self.targets {
            for version in target
                .versions
                .iter()
                .filter(|version| !version.is_current())
            {
                let VersionStatus {
                    version: number,
                    name,
                    ..
                } = version;
                writeln!(f, "{}: {number} {name}: {}", target.folder, version.state())?;
            }
            for failed in &target.unreachable {
                writeln!(f, "{}: {failed}", target.folder)?;
            }
        }
        Ok(())
    }
}
