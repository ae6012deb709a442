//! The check of backfills before anything runs.

use super::BackfillTable;
use crate::error::Result;
use crate::migrate::apply::Work;
use crate::migrate::run::Task;
use crate::migrate::sessions::Sessions;

/// Checks the tables and keys of the backfills among these tasks, each in the first namespace that lacks
/// it. A table that a file before it names may be another one by then: it is checked when the backfill
/// begins, as in all other namespaces.
///
/// # Errors
/// [`Configuration`](crate::ErrorKind::Configuration) with the file and the line. A namespace that does
/// not answer is left to the run.
pub(in crate::migrate) async fn check(
    tasks: &[Task<'_>],
    works: &[Work<'_>],
    sessions: &Sessions,
) -> Result<()> {
    for work in works {
        let Some(backfill) = &work.backfill else {
            continue;
        };
        let version = work.migration.version();
        let lacks = |task: &&Task<'_>| {
            let mut missing = task.migrations.iter();
            task.handle.dialect() == work.dialect && missing.any(|one| one.version() == version)
        };
        let Some(task) = tasks.iter().find(lacks) else {
            continue;
        };
        let before = task.migrations.iter().filter(|one| one.version() < version);
        let table = backfill.head.table.to_lowercase();
        let mut scripts = before.filter_map(|one| one.up(work.dialect));
        if scripts.any(|script| script.text.to_lowercase().contains(&table)) {
            continue;
        }
        let Ok(mut session) = sessions.take(&task.handle).await else {
            continue;
        };
        if let Ok(tables) = session.own_tables().await {
            sessions.put(session).await;
            BackfillTable::of(backfill, &tables, work.dialect)?;
        }
    }
    Ok(())
}
