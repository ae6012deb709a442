//! Runs migrations: one namespace first, then the others by server.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::apply::{Stopped, Work};
use super::builder::Migrate;
use super::event::Event;
use super::file::Direction;
use super::history::State;
use super::lock::GroupLock;
use super::migrations::Migration;
use super::plan::Limits;
use super::report::{Done, Failed, Report};
use super::sessions::Sessions;
use super::survey::{Found, survey};
use super::target::Target;
use super::wave::{End, Wave};
use super::{backfill, plan, work};
use crate::connect::{NamespaceHandle, read};
use crate::error::{Error, Result};
use crate::plan::{Concurrency, ConcurrencyLimiter};

/// How the work in a namespace is found.
#[derive(Clone, Copy)]
enum Plan {
    /// What is missing.
    Missing(Limits),
    /// What is later than this version.
    Revert(i64),
}

/// The work in one namespace.
pub(super) struct Task<'m> {
    pub(super) handle: Arc<NamespaceHandle>,
    pub(super) found: Found,
    pub(super) migrations: Vec<&'m Migration>,
}

/// The tasks of one target, and the namespaces that did not answer.
pub(super) struct Tasks<'m> {
    pub(super) target: Target,
    pub(super) tasks: Vec<Task<'m>>,
    pub(super) unreachable: Vec<Failed>,
}

impl Migrate {
    /// Applies the missing migrations.
    ///
    /// Reads the versions of all namespaces with one statement per server. If nothing is missing,
    /// that is all. Otherwise it creates missing namespaces, as [`Cluster::setup`] does, takes the
    /// lock of the group, and migrates the first namespace, then the others, some on each server
    /// concurrently. A failure stops the run on its own server, and the others finish.
    ///
    /// Where DDL is transactional, a file runs in one transaction with its record, unless its first
    /// line is `-- no-transaction`. On MySQL and MariaDB each statement is recorded. A backfill runs in
    /// batches, each in one transaction with its progress. A run that was
    /// interrupted is completed by the next one.
    ///
    /// # Errors
    /// [`Configuration`](crate::ErrorKind::Configuration) if the files do not match the versions of
    /// the namespaces; [`Unavailable`](crate::ErrorKind::Unavailable) if another operator holds the
    /// lock; [`Conflict`](crate::ErrorKind::Conflict) if a migration of the phase `contract` removes what
    /// a living process has registered. Nothing is done then. If a migration fails in a namespace, the error of the first one,
    /// which contains the [`Report`].
    ///
    /// [`Cluster::setup`]: crate::Cluster::setup
    pub async fn up(self) -> Result<Report> {
        let limits = self.options.limits;
        self.run(Direction::Up, Plan::Missing(limits)).await
    }

    /// Reverts the migrations after a version, the latest first; those with version 0, all of them.
    ///
    /// # Errors
    /// As [`up`](Self::up); also if a migration has no `.down.sql` file, in which case nothing is done.
    pub async fn down(self, to: i64) -> Result<Report> {
        self.run(Direction::Down, Plan::Revert(to)).await
    }

    /// What [`up`](Self::up) would do, by namespace: the versions that are missing. Sends one statement
    /// per server, and a few more about backfills; changes nothing.
    ///
    /// # Errors
    /// As `up`; also if a namespace does not answer.
    pub async fn plan(&self) -> Result<Vec<Done>> {
        let limits = self.options.limits;
        let mut planned = Vec::new();
        for target in self.targets()? {
            let tasks = self.tasks(target, Plan::Missing(limits)).await?;
            if let Some(failed) = tasks.unreachable.first() {
                return Err(Error::new(failed.kind, failed.to_string()));
            }
            let sessions = Sessions::new(self.options.lock_timeout);
            self.check_tasks(&tasks, Direction::Up, &sessions).await?;
            for task in &tasks.tasks {
                let versions: Vec<i64> = task.migrations.iter().map(|one| one.version()).collect();
                let begun = backfills(&task.migrations, &task.handle, &task.found);
                let mut done = Done::new(location(&task.handle), versions);
                if !begun.is_empty() {
                    done.begun = backfill::begun(&task.handle, &begun, &sessions).await?;
                }
                planned.push(done);
            }
            sessions.close().await;
        }
        Ok(planned)
    }

    /// Reverts the latest version of each target, and applies it again.
    ///
    /// # Errors
    /// As [`down`](Self::down) and [`up`](Self::up).
    pub async fn redo(self) -> Result<Report> {
        let status = self.status().await?;
        let mut report = Report::default();
        for target in status.targets {
            let mut applied = target
                .versions
                .iter()
                .rev()
                .filter(|version| version.applied > 0);
            let Some(latest) = applied.next() else {
                continue;
            };
            let before = applied.next().map_or(0, |version| version.version);
            let mut of_target = self.clone();
            of_target.options.folders = vec![target.folder];
            of_target.clone().down(before).await?;
            // It was applied before, whatever its phase.
            let again = of_target.to(latest.version).contract().up().await?;
            report.done.extend(again.done);
        }
        Ok(report)
    }

    /// Runs what a plan finds in each target.
    async fn run(&self, direction: Direction, plan: Plan) -> Result<Report> {
        let mut planned = Vec::new();
        for target in self.targets()? {
            planned.push(self.tasks(target, plan).await?);
        }
        let sessions = Sessions::new(self.options.lock_timeout);
        for tasks in &planned {
            self.check_tasks(tasks, direction, &sessions).await?;
        }
        sessions.close().await;
        if direction == Direction::Up {
            self.refuse_in_use(&planned).await?;
        }
        let tasks = || planned.iter().flat_map(|tasks| &tasks.tasks);
        let steps = tasks().map(|task| task.migrations.len()).sum();
        self.notify(Event::Planned {
            namespaces: tasks().count(),
            steps,
        });
        let mut report = Report::default();
        for tasks in planned {
            report.failed.extend(tasks.unreachable.iter().cloned());
            if tasks.tasks.is_empty() {
                continue;
            }
            if report.failed.len() >= self.options.max_failures {
                report
                    .skipped
                    .extend(tasks.tasks.iter().map(|task| location(&task.handle)));
                continue;
            }
            if direction == Direction::Up {
                self.set_up_namespaces(&tasks).await?;
            }
            let target = &tasks.target;
            let lock = self.lock(target).await?;
            // Another operator may have done some of it before the lock was free.
            let outcome = match self.tasks(target.clone(), plan).await {
                Ok(tasks) => {
                    self.run_tasks(direction, &tasks.tasks, &lock, &mut report)
                        .await
                }
                Err(error) => Err(error),
            };
            let released = lock.release().await;
            outcome?;
            if let Err(error) = released {
                tracing::warn!(target: "shard_orm", %error, "the lock of {target} expires by itself");
            }
        }
        report.into_result()
    }

    /// Checks the files of all tasks before anything runs.
    async fn check_tasks(
        &self,
        tasks: &Tasks<'_>,
        direction: Direction,
        sessions: &Sessions,
    ) -> Result<()> {
        let works = work::all(&tasks.tasks, direction)?;
        backfill::check(&tasks.tasks, &works, sessions).await
    }

    /// The tasks of a target. A namespace whose versions do not match the files is an error.
    async fn tasks(&self, target: Target, plan: Plan) -> Result<Tasks<'_>> {
        let migrations = self.migrations.in_folder(&target.folder());
        let handles = self.handles(&target)?;
        let mut tasks = Vec::new();
        let mut unreachable = Vec::new();
        for (handle, found) in handles.iter().zip(survey(&handles).await) {
            let found = match found {
                Ok(found) => found,
                Err(error) => {
                    unreachable.push(failed(handle, None, &Stopped::from(error)));
                    continue;
                }
            };
            let migrations = match plan {
                Plan::Missing(limits) => plan::missing(migrations, handle, &found, limits),
                Plan::Revert(to) => plan::to_revert(migrations, handle, &found, to),
            }?;
            if !migrations.is_empty() {
                tasks.push(Task {
                    handle: Arc::clone(handle),
                    found,
                    migrations,
                });
            }
        }
        Ok(Tasks {
            target,
            tasks,
            unreachable,
        })
    }

    /// Creates the namespaces that do not exist yet, and completes records of earlier versions.
    async fn set_up_namespaces(&self, tasks: &Tasks<'_>) -> Result<()> {
        let all_exist = tasks.tasks.iter().all(|task| task.found.exists);
        if all_exist && !has_old_record(tasks).await {
            return Ok(());
        }
        match &tasks.target {
            Target::Database(_) => tasks
                .tasks
                .iter()
                .try_for_each(|task| task.handle.create_file()),
            Target::Static(group) => {
                let setup = self.cluster.setup().static_namespaces(group);
                setup.run().await.map(drop)
            }
            Target::Group(_) => self.cluster.setup().run().await.map(drop),
        }
    }

    async fn run_tasks(
        &self,
        direction: Direction,
        tasks: &[Task<'_>],
        lock: &GroupLock,
        report: &mut Report,
    ) -> Result<()> {
        let works = work::all(tasks, direction)?;
        let wave = Wave::new(self, &works, lock);
        let mut outcomes = Vec::new();
        let mut rest = tasks;
        if let (true, [first, others @ ..]) = (self.options.canary && tasks.len() > 1, tasks) {
            outcomes.push(wave.run(first).await);
            rest = others;
            if let (true, Some(check)) = (wave.failures() == 0, &self.options.after_canary) {
                check(location(&first.handle)).await?;
            }
            if wave.failures() > 0 {
                // The first namespace is there to find out before the others are touched.
                report
                    .skipped
                    .extend(rest.iter().map(|task| location(&task.handle)));
                rest = &[];
            }
        }
        let mut limiter = ConcurrencyLimiter::new(Concurrency {
            most: usize::MAX,
            per_server: self.options.per_server,
        });
        for (number, task) in rest.iter().enumerate() {
            limiter.push(number, &task.handle, wave.run(task));
        }
        while let Some((_, outcome)) = limiter.next().await {
            outcomes.push(outcome);
        }
        drop(limiter);
        for outcome in outcomes {
            if !outcome.done.versions.is_empty() {
                report.done.push(outcome.done.clone());
            }
            match outcome.end {
                End::Done => {}
                End::Failed(failed) => report.failed.push(failed),
                End::Skipped => report.skipped.push(outcome.done.location),
            }
        }
        report.done.sort_by(|a, b| {
            let of = |done: &Done| (done.location.group.clone(), done.location.shard);
            of(a).cmp(&of(b))
        });
        wave.close().await;
        Ok(())
    }
}

/// Whether a server's last namespace, which `setup` completes last, has a record of an earlier version. One that does
/// not answer fails later.
async fn has_old_record(tasks: &Tasks<'_>) -> bool {
    if let Target::Database(_) = tasks.target {
        return false;
    }
    let handles = tasks.tasks.iter().map(|task| &task.handle);
    let last: BTreeMap<&str, _> = handles.map(|handle| (&*handle.server, handle)).collect();
    for handle in last.into_values() {
        let record = async {
            let mut lease = handle.writer()?.acquire().await?;
            read(handle, &mut lease).await
        };
        if let Ok(Some(record)) = record.await
            && record.state.is_none()
        {
            return true;
        }
    }
    false
}

/// The backfills among these migrations that have begun in a namespace.
pub(super) fn backfills<'m>(
    migrations: impl IntoIterator<Item = &'m &'m Migration>,
    handle: &NamespaceHandle,
    found: &Found,
) -> Vec<i64> {
    let migrations = migrations.into_iter();
    let versions = migrations.filter_map(|migration| {
        let entry = found.entries.get(&migration.version())?;
        let has_begun = entry.state == State::Applying && migration.is_backfill(handle.dialect());
        has_begun.then_some(entry.version)
    });
    versions.collect()
}

/// The location of a namespace.
pub(super) fn location(handle: &NamespaceHandle) -> crate::cluster::Location {
    crate::cluster::Location::of(handle)
}

pub(super) fn failed(
    handle: &NamespaceHandle,
    work: Option<&Work<'_>>,
    stopped: &Stopped,
) -> Failed {
    Failed {
        location: location(handle),
        version: work.map(|work| work.migration.version()),
        file: work.map(|work| work.script.path.clone()),
        line: stopped.line,
        kind: stopped.error.kind(),
        message: message(&stopped.error),
    }
}

/// The message without the logical shard, which is shown beside it.
pub(super) fn message(error: &Error) -> String {
    let mut message = error.message().to_owned();
    if let Some(source) = std::error::Error::source(error) {
        let source = source.to_string();
        if !message.contains(&source) && !source.contains(&message) {
            message = format!("{message}: {source}");
        }
    }
    message
}
