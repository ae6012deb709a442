//! Drift: what namespaces have that the migration files do not say, and the other way round.
//!
//! Reads the tables of all namespaces, builds a scratch from the files up to the versions that each
//! namespace has, and compares them.

mod level;
mod report;
mod shard;

use std::sync::Arc;

use self::level::{Level, Read, by_dialect, levels};
pub use self::report::{Basis, Drift, Drifted, TargetDrift};
pub use self::shard::{ShardLevel, ShardVersion, VersionState};
use super::apply::Stopped;
use super::builder::Migrate;
use super::catalog::{Reading, Tables};
use super::event::Event;
use super::history::State;
use super::migrations::Migration;
use super::report::Failed;
use super::run::{failed, location};
use super::scratch::{Scratch, Waits};
use super::survey::{Found, survey};
use super::target::Target;
use crate::connect::NamespaceHandle;
use crate::error::{Error, ErrorKind, Result};
use crate::schema::TableDef;

/// A namespace of which the versions are known.
struct Known<'h> {
    handle: &'h Arc<NamespaceHandle>,
    found: Found,
    versions: Vec<i64>,
}

impl Migrate {
    /// Compares the tables of all namespaces with what the migration files make of an empty one, and
    /// changes nothing.
    ///
    /// Reads the catalog of each namespace with four statements (five on PostgreSQL), some namespaces on each server
    /// concurrently. The files are run in a scratch namespace on one server, up to the versions that
    /// each namespace has, without the statements that change rows. The scratch is in memory on
    /// SQLite, in a transaction that is rolled back on PostgreSQL, and a database on MySQL and MariaDB,
    /// which is dropped at the end. It is a server of this target that answers; the account may create
    /// namespaces there.
    ///
    /// The names of indexes and constraints and the order of columns are not compared, and this
    /// library's own tables are left out. A table that is in no file is reported. Namespaces with a
    /// version without a file are compared with what most of them have.
    ///
    /// No table of a namespace is locked, except by a file with a foreign key to a table of another
    /// namespace, which PostgreSQL locks against writers until the scratch is rolled back.
    ///
    /// ```no_run
    /// # async fn run(cluster: &shard_orm::Cluster) -> shard_orm::Result<()> {
    /// use shard_orm::migrate::Migrations;
    ///
    /// let migrations = Migrations::from_folder("migrations")?;
    /// let drift = cluster.migrate(&migrations).drift().await?;
    /// for drifted in drift.deviations() {
    ///     println!("{drifted}");
    /// }
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// The error of the database with the file and the line if a file does not run in the scratch;
    /// [`Configuration`](ErrorKind::Configuration) if a file changes something outside of its
    /// namespace. Namespaces that do not answer are listed.
    pub async fn drift(self) -> Result<Drift> {
        let targets = self.targets()?;
        let mut all = Vec::new();
        for target in &targets {
            all.push(self.handles(target)?);
        }
        let namespaces = all.iter().map(Vec::len).sum();
        self.notify(Event::Planned {
            namespaces,
            steps: namespaces,
        });
        let mut drift = Drift::default();
        for (target, handles) in targets.iter().zip(&all) {
            drift.targets.push(self.drift_of(target, handles).await?);
        }
        Ok(drift)
    }

    async fn drift_of(
        &self,
        target: &Target,
        handles: &[Arc<NamespaceHandle>],
    ) -> Result<TargetDrift> {
        let mut drift = TargetDrift {
            folder: target.folder(),
            namespaces: 0,
            deviations: Vec::new(),
            failed: Vec::new(),
        };
        let mut known = Vec::new();
        for (handle, found) in handles.iter().zip(survey(handles).await) {
            match found.and_then(|found| versions_of(handle, found)) {
                Ok(one) => known.push(one),
                Err(error) => {
                    drift.failed.push(failed(handle, None, &error.into()));
                    self.notify(Event::Read {
                        location: location(handle),
                    });
                }
            }
        }
        let read = self.read(&known, &mut drift.failed).await;
        let migrations = self.migrations.in_folder(&target.folder());
        let mut deviations = Vec::new();
        for read in by_dialect(read) {
            deviations.extend(self.compare(migrations, &read, &mut drift).await?);
        }
        drift.deviations = self.settled(deviations, &known, &mut drift.failed).await;
        Ok(drift)
    }

    /// Reads the tables of namespaces.
    async fn read<'h>(&self, known: &[Known<'h>], failures: &mut Vec<Failed>) -> Vec<Read<'h>> {
        let handles: Vec<_> = known.iter().map(|one| one.handle).collect();
        let reading = Reading {
            lock_timeout: self.options.lock_timeout,
            per_server: self.options.per_server,
            on_read: &|handle| {
                self.notify(Event::Read {
                    location: location(handle),
                });
            },
        };
        let mut read = Vec::new();
        for (one, outcome) in known.iter().zip(reading.all(&handles).await) {
            let Known {
                handle, versions, ..
            } = one;
            match outcome {
                Ok(Tables {
                    tables,
                    invalid_indexes,
                }) => read.push(Read {
                    handle,
                    versions: versions.clone(),
                    tables,
                    invalid_indexes,
                }),
                Err(error) => failures.push(failed(handle, None, &error.into())),
            }
        }
        read
    }

    /// Compares the namespaces of each level with the scratch at that level, or with each other.
    async fn compare(
        &self,
        migrations: &[Migration],
        read: &[Read<'_>],
        drift: &mut TargetDrift,
    ) -> Result<Vec<Drifted>> {
        let Some(first) = read.first() else {
            return Ok(Vec::new());
        };
        let dialect = first.handle.dialect();
        let mut steps = Steps {
            migrations,
            handles: read.iter().map(|one| one.handle).collect(),
            waits: Waits {
                lock_timeout: self.options.lock_timeout,
                lock_wait: self.options.lock_wait,
            },
            scratch: None,
            applied: Vec::new(),
        };
        let mut deviations = Vec::new();
        let mut outcome = Ok(());
        for level in levels(read) {
            let has_files = level.versions.iter().all(|version| {
                let mut migrations = migrations.iter();
                migrations.any(|migration| migration.version() == *version)
            });
            let (expected, basis) = if has_files && self.options.scratch {
                match steps.tables(&level).await {
                    Ok(tables) => (tables, Basis::Files),
                    Err(error) => {
                        outcome = Err(error);
                        break;
                    }
                }
            } else {
                (level.majority(), Basis::Majority)
            };
            let mut locations = level.locations();
            if let (Basis::Majority, Some(only), None) = (basis, locations.next(), locations.next())
            {
                drift.failed.push(alone(only, has_files));
                continue;
            }
            drift.namespaces += level.locations().count();
            match level.compare(&expected, basis, dialect) {
                Ok(found) => deviations.extend(found),
                Err(error) => {
                    outcome = Err(error);
                    break;
                }
            }
        }
        let removed = steps.end().await;
        outcome?;
        removed?;
        Ok(deviations)
    }

    /// The deviations of namespaces whose versions are the same as before: a migration that ran
    /// meanwhile has changed the tables of the others.
    async fn settled(
        &self,
        deviations: Vec<Drifted>,
        known: &[Known<'_>],
        failures: &mut Vec<Failed>,
    ) -> Vec<Drifted> {
        let deviates = |one: &&Known<'_>| {
            let own = location(one.handle);
            deviations.iter().any(|drifted| drifted.location == own)
        };
        let deviating: Vec<&Known<'_>> = known.iter().filter(deviates).collect();
        let handles: Vec<_> = deviating.iter().map(|one| Arc::clone(one.handle)).collect();
        let mut changed = Vec::new();
        for (one, found) in deviating.iter().zip(survey(&handles).await) {
            let error = match found {
                Ok(found) if found.entries == one.found.entries => continue,
                Ok(_) => Error::new(
                    ErrorKind::Unavailable,
                    "it was migrated while it was compared; compare again",
                ),
                Err(error) => error,
            };
            failures.push(failed(one.handle, None, &Stopped::from(error)));
            changed.push(location(one.handle));
        }
        let is_settled = |drifted: &Drifted| !changed.contains(&drifted.location);
        deviations.into_iter().filter(is_settled).collect()
    }
}

/// The scratch, which is built upward through the levels.
struct Steps<'m> {
    migrations: &'m [Migration],
    /// The namespaces beside which it may be created.
    handles: Vec<&'m Arc<NamespaceHandle>>,
    waits: Waits,
    scratch: Option<Scratch>,
    applied: Vec<i64>,
}

impl Steps<'_> {
    /// The tables at a level.
    async fn tables(&mut self, level: &Level<'_>) -> Result<Vec<Arc<TableDef>>> {
        // A level that lacks an earlier version than another one has is not above it.
        if !level.versions.starts_with(&self.applied) {
            self.end().await?;
        }
        if self.scratch.is_none() {
            self.scratch = Some(Scratch::beside(&self.handles, self.waits).await?);
        }
        let Some(scratch) = &mut self.scratch else {
            return Ok(Vec::new());
        };
        for version in &level.versions[self.applied.len()..] {
            let mut migrations = self.migrations.iter();
            if let Some(migration) = migrations.find(|one| one.version() == *version) {
                scratch.apply(migration).await?;
            }
            self.applied.push(*version);
        }
        let tables = scratch.tables().await?;
        Ok(tables.into_iter().map(Arc::new).collect())
    }

    /// Removes the scratch.
    async fn end(&mut self) -> Result<()> {
        self.applied.clear();
        match self.scratch.take() {
            Some(scratch) => scratch.remove().await,
            None => Ok(()),
        }
    }
}

/// The versions of a namespace that can be compared.
fn versions_of(handle: &Arc<NamespaceHandle>, found: Found) -> Result<Known<'_>> {
    if !found.exists {
        return Err(Error::new(
            ErrorKind::UndefinedTable,
            "the namespace does not exist; `migrate up` creates it",
        ));
    }
    let mut entries = found.entries.values();
    if let Some(entry) = entries.find(|entry| entry.state != State::Applied) {
        return Err(Error::configuration(format!(
            "version {} `{}` is interrupted here; complete it with `migrate up` or `migrate down`",
            entry.version, entry.name
        )));
    }
    let versions = found.entries.keys().copied().collect();
    Ok(Known {
        handle,
        found,
        versions,
    })
}

/// Why the only namespace of its level is not compared.
fn alone(location: crate::cluster::Location, has_files: bool) -> Failed {
    let message = if has_files {
        "no other namespace has the same versions, and the files are not looked at"
    } else {
        "it has a version without a file, and no other namespace has the same versions; use the files \
         of the release that has been deployed"
    };
    Failed {
        location,
        version: None,
        file: None,
        line: None,
        kind: ErrorKind::Configuration,
        message: message.to_owned(),
    }
}
