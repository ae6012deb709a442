//! The namespaces of one target that are migrated together, on connections that they share.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use super::apply::{Context, Work, apply, prepare};
use super::backfill::Pace;
use super::builder::Migrate;
use super::event::Event;
use super::lock::GroupLock;
use super::report::{Done, Failed};
use super::run::{Task, failed, location};
use super::sessions::Sessions;

/// The namespaces of one target that are migrated together.
pub(super) struct Wave<'a> {
    migrate: &'a Migrate,
    works: &'a [Work<'a>],
    lock: &'a GroupLock,
    /// The servers on which a migration has failed, once for each.
    stopped: Mutex<Vec<Arc<str>>>,
    sessions: Sessions,
    pace: Pace,
}

/// The outcome in one namespace.
pub(super) struct Outcome {
    pub(super) done: Done,
    pub(super) end: End,
}

/// How the run in a namespace has ended.
pub(super) enum End {
    Done,
    Failed(Failed),
    Skipped,
}

impl<'a> Wave<'a> {
    pub(super) fn new(migrate: &'a Migrate, works: &'a [Work<'a>], lock: &'a GroupLock) -> Self {
        Self {
            migrate,
            works,
            lock,
            stopped: Mutex::default(),
            sessions: Sessions::new(migrate.options.lock_timeout),
            pace: Pace::new(migrate.options.throttle),
        }
    }

    /// The number of namespaces in which a migration has failed.
    pub(super) fn failures(&self) -> usize {
        self.stopped
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .len()
    }

    /// Whether nothing more is started on this server.
    fn is_stopped(&self, server: &str) -> bool {
        let stopped = self.stopped.lock().unwrap_or_else(PoisonError::into_inner);
        stopped.len() >= self.migrate.options.max_failures
            || stopped.iter().any(|one| **one == *server)
            || !self.lock.is_held()
    }

    /// Runs the migrations of one namespace, unless the run has stopped on its server.
    pub(super) async fn run(&self, task: &Task<'_>) -> Outcome {
        let handle = &task.handle;
        let mut done = Done::new(location(handle), Vec::new());
        if self.is_stopped(&handle.server) {
            return Outcome {
                done,
                end: End::Skipped,
            };
        }
        let end = match self.migrate(task, &mut done).await {
            Ok(()) => End::Done,
            Err(failed) => {
                let mut stopped = self.stopped.lock().unwrap_or_else(PoisonError::into_inner);
                stopped.push(Arc::clone(&handle.server));
                drop(stopped);
                self.migrate.notify(Event::Failed(failed.clone()));
                End::Failed(failed)
            }
        };
        Outcome { done, end }
    }

    async fn migrate(&self, task: &Task<'_>, done: &mut Done) -> Result<(), Failed> {
        let handle = &task.handle;
        let opened = self.sessions.take(handle).await;
        let mut session = opened.map_err(|error| failed(handle, None, &error.into()))?;
        let prepared = prepare(&mut session, &task.found).await;
        prepared.map_err(|stopped| failed(handle, None, &stopped))?;
        for migration in &task.migrations {
            let of_migration = |work: &&Work<'_>| {
                work.migration.version() == migration.version() && work.dialect == handle.dialect()
            };
            let Some(work) = self.works.iter().find(of_migration) else {
                continue;
            };
            let version = migration.version();
            let started = Instant::now();
            let location = location(handle);
            self.migrate.notify(Event::Started {
                location: location.clone(),
                version,
            });
            let context = Context {
                lock_wait: self.migrate.options.lock_wait,
                location: &location,
                notify: &|event| self.migrate.notify(event),
                is_held: &|| self.lock.is_held(),
                pace: &self.pace,
            };
            let applied = apply(&mut session, work, &context).await;
            applied.map_err(|stopped| failed(handle, Some(work), &stopped))?;
            if work.has_settings() {
                // They would hold for what runs next on this connection.
                let reopened = session.reopen().await;
                reopened.map_err(|error| failed(handle, Some(work), &error.into()))?;
            }
            done.versions.push(version);
            self.migrate.notify(Event::Done {
                location,
                version,
                duration: started.elapsed(),
            });
        }
        self.sessions.put(session).await;
        Ok(())
    }

    pub(super) async fn close(self) {
        self.sessions.close().await;
    }
}
