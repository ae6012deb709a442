//! The texts of the migrations in a run, split once for all namespaces.

use super::apply::Work;
use super::file::Direction;
use super::run::Task;
use crate::error::Result;

/// The work of all tasks: one for each migration and kind of database.
pub(super) fn all<'m>(tasks: &[Task<'m>], direction: Direction) -> Result<Vec<Work<'m>>> {
    let mut works: Vec<Work<'m>> = Vec::new();
    for task in tasks {
        let dialect = task.handle.dialect();
        for migration in &task.migrations {
            let is_known = |work: &Work<'_>| {
                work.migration.version() == migration.version() && work.dialect == dialect
            };
            if !works.iter().any(is_known) {
                works.push(Work::new(migration, direction, dialect)?);
            }
        }
    }
    Ok(works)
}
