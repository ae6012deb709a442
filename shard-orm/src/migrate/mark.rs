//! Changes the record of a version without running its statements.

use super::apply::{forget, prepare, read, resolve_backfill, write};
use super::builder::Migrate;
use super::file::Direction;
use super::history::{Entry, State};
use super::lock::GroupLock;
use super::plan::script;
use super::report::{Done, Report};
use super::run::{failed, location};
use super::session::Session;
use super::survey::survey;
use super::target::Target;
use crate::error::{Error, ErrorKind, Result};

/// What to do about a statement of which it is unknown whether it has run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Resolution {
    /// It has run; the migration goes on with the next one.
    Done,
    /// It has not run; the migration goes on with it.
    Again,
}

impl Migrate {
    /// Records all migrations up to [`to`](Self::to), or all, as applied, without running them; for
    /// tables that exist already.
    ///
    /// # Errors
    /// As [`up`](Self::up).
    pub async fn fake(self) -> Result<Report> {
        let mut report = Report::default();
        for target in self.targets()? {
            let lock = self.lock(&target).await?;
            let outcome = self.fake_in(&target, &mut report).await;
            lock.release().await?;
            outcome?;
        }
        report.into_result()
    }

    async fn fake_in(&self, target: &Target, report: &mut Report) -> Result<()> {
        let handles = self.handles(target)?;
        for (handle, found) in handles.iter().zip(survey(&handles).await) {
            let mut done = Done::new(location(handle), Vec::new());
            let outcome = async {
                let found = found?;
                let mut session = Session::open(handle, self.options.lock_timeout).await?;
                prepare(&mut session, &found)
                    .await
                    .map_err(|stopped| stopped.error)?;
                for migration in self.migrations.in_folder(&target.folder()) {
                    let version = migration.version();
                    let is_beyond = self.options.limits.to.is_some_and(|to| version > to);
                    if is_beyond || found.entries.contains_key(&version) {
                        continue;
                    }
                    let script = script(migration, Direction::Up, handle.dialect())?;
                    let checksum = script.checksum.clone();
                    let entry = Entry::new(version, migration.name(), checksum, State::Applied);
                    let written = write(&mut session, &entry, false).await;
                    written.map_err(|failure| failure.error)?;
                    done.versions.push(version);
                }
                session.close().await;
                Ok::<_, Error>(())
            };
            if let Err(error) = outcome.await {
                report.failed.push(failed(handle, None, &error.into()));
            }
            if !done.versions.is_empty() {
                report.done.push(done);
            }
        }
        Ok(())
    }

    /// Decides about the statement at which a version was interrupted, where the catalog does not
    /// tell whether it has run. [`up`](Self::up) or [`down`](Self::down) then goes on.
    ///
    /// Of a backfill whose statement was changed after it had begun, [`Done`](Resolution::Done) keeps the
    /// rows that the former statement has changed, and [`Again`](Resolution::Again) begins with the first
    /// row.
    ///
    /// Limit it with [`only`](Self::only), [`shard`](Self::shard) or [`server`](Self::server) to the
    /// namespaces that were looked at.
    ///
    /// # Errors
    /// [`NotFound`](ErrorKind::NotFound) if the version is interrupted in none of the namespaces.
    pub async fn resolve(self, version: i64, resolution: Resolution) -> Result<Report> {
        let mut report = Report::default();
        for target in self.targets()? {
            let lock = self.lock(&target).await?;
            let outcome = self
                .resolve_in(&target, version, resolution, &mut report)
                .await;
            lock.release().await?;
            outcome?;
        }
        if report.done.is_empty() && report.failed.is_empty() {
            return Err(Error::new(
                ErrorKind::NotFound,
                format!("version {version} is not interrupted in any of these namespaces"),
            ));
        }
        report.into_result()
    }

    async fn resolve_in(
        &self,
        target: &Target,
        version: i64,
        resolution: Resolution,
        report: &mut Report,
    ) -> Result<()> {
        let handles = self.handles(target)?;
        for (handle, found) in handles.iter().zip(survey(&handles).await) {
            let outcome = async {
                let is_interrupted = |entry: &&Entry| entry.started > entry.completed;
                let migrations = self.migrations.in_folder(&target.folder());
                let migration = migrations.iter().find(|one| one.version() == version);
                let backfill = migration.filter(|one| one.is_backfill(handle.dialect()));
                let is_begun = |entry: &&Entry| {
                    is_interrupted(entry) || backfill.is_some() && entry.state == State::Applying
                };
                if found?.entries.get(&version).filter(is_begun).is_none() {
                    return Ok(false);
                }
                if let Some(migration) = backfill {
                    let mut session = Session::open(handle, self.options.lock_timeout).await?;
                    let resolved = resolve_backfill(&mut session, migration, resolution).await;
                    let resolved = resolved.map_err(|failure| failure.error)?;
                    session.close().await;
                    return Ok(resolved);
                }
                let mut session = Session::open(handle, self.options.lock_timeout).await?;
                let entry = read(&mut session, version)
                    .await
                    .map_err(|failure| failure.error)?;
                let Some(mut entry) = entry.filter(|entry| is_interrupted(&entry)) else {
                    return Ok(false);
                };
                let migration = migration.ok_or_else(|| {
                    Error::configuration(format!("there is no file of version {version}"))
                })?;
                super::apply::resolve(&mut entry, migration, handle.dialect(), resolution)?;
                let written = write(&mut session, &entry, true).await;
                written.map_err(|failure| failure.error)?;
                session.close().await;
                Ok::<_, Error>(true)
            };
            match outcome.await {
                Ok(false) => {}
                Ok(true) => {
                    let done = Done::new(location(handle), vec![version]);
                    report.done.push(done);
                }
                Err(error) => report.failed.push(failed(handle, None, &error.into())),
            }
        }
        Ok(())
    }

    /// Forgets that versions were applied, without reverting them: those after `to`. For tables that
    /// were restored from an older backup.
    ///
    /// # Errors
    /// As [`up`](Self::up).
    pub async fn forget(self, to: i64) -> Result<Report> {
        let mut report = Report::default();
        for target in self.targets()? {
            let lock = self.lock(&target).await?;
            let handles = self.handles(&target)?;
            for (handle, found) in handles.iter().zip(survey(&handles).await) {
                let outcome = async {
                    let found = found?;
                    let later = found
                        .entries
                        .keys()
                        .copied()
                        .filter(|version| *version > to);
                    let versions: Vec<i64> = later.collect();
                    if versions.is_empty() {
                        return Ok(versions);
                    }
                    let mut session = Session::open(handle, self.options.lock_timeout).await?;
                    prepare(&mut session, &found)
                        .await
                        .map_err(|stopped| stopped.error)?;
                    for version in &versions {
                        let forgotten = forget(&mut session, *version).await;
                        forgotten.map_err(|failure| failure.error)?;
                    }
                    session.close().await;
                    Ok::<_, Error>(versions)
                };
                match outcome.await {
                    Ok(versions) if versions.is_empty() => {}
                    Ok(versions) => report.done.push(Done::new(location(handle), versions)),
                    Err(error) => report.failed.push(failed(handle, None, &error.into())),
                }
            }
            lock.release().await?;
        }
        report.into_result()
    }

    /// Takes the lock of a target.
    pub(super) async fn lock(&self, target: &Target) -> Result<GroupLock> {
        let options = &self.options;
        GroupLock::acquire(
            &self.cluster,
            target,
            &options.holder,
            options.lease,
            options.wait,
        )
        .await
    }
}
