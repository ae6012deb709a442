//! Contract migrations are refused while a process reads what they remove.

use std::collections::BTreeSet;

use super::builder::Migrate;
use super::file::Script;
use super::lint::removals;
use super::phase::Phase;
use super::run::Tasks;
use crate::catalog::{Process, TableUse};
use crate::dialect::Dialect;
use crate::error::{Error, ErrorKind, Result};

impl Migrate {
    /// Refuses migrations of the phase `contract` that remove what a living process reads. Sends nothing
    /// without a catalog, or without such a migration.
    ///
    /// # Errors
    /// [`Conflict`](ErrorKind::Conflict) with the file, the line and the processes. The error of the
    /// catalog if it cannot be read.
    pub(super) async fn refuse_in_use(&self, planned: &[Tasks<'_>]) -> Result<()> {
        if self.options.ignores_uses {
            return Ok(());
        }
        let Ok(catalog) = self.cluster.catalog() else {
            return Ok(());
        };
        let mut seen = BTreeSet::new();
        let mut scripts: Vec<(String, &Script, Dialect)> = Vec::new();
        for tasks in planned {
            let place = tasks.target.folder();
            for task in &tasks.tasks {
                let dialect = task.handle.dialect();
                for migration in &task.migrations {
                    if migration.phase(dialect) != Some(Phase::Contract) {
                        continue;
                    }
                    if let Some(script) = migration.up(dialect)
                        && seen.insert(script.path.as_str())
                    {
                        scripts.push((place.clone(), script, dialect));
                    }
                }
            }
        }
        if scripts.is_empty() {
            return Ok(());
        }
        let processes = catalog.processes().await.map_err(|error| {
            Error::new(
                error.kind(),
                format!(
                    "the catalog does not tell whether a process uses what `{}` removes: {}; try again, \
                     or use `Migrate::ignore_uses` or `--ignore-uses`",
                    scripts[0].1.path,
                    error.message()
                ),
            )
        })?;
        for (place, script, dialect) in scripts {
            refuse(&place, script, dialect, &processes)?;
        }
        Ok(())
    }
}

fn refuse(place: &str, script: &Script, dialect: Dialect, processes: &[Process]) -> Result<()> {
    for removal in removals(script, dialect) {
        let (table, column) = (removal.table.as_str(), removal.column.as_deref());
        let is_used = |one: &TableUse| one.names(place, table, column);
        let living = processes.iter().filter(|one| one.is_living());
        let users: Vec<String> = living
            .filter(|one| one.tables.iter().any(is_used))
            .map(described)
            .collect();
        if users.is_empty() {
            continue;
        }
        let what = match column {
            Some(column) => format!("column `{column}` of table `{table}`"),
            None => format!("table `{table}`"),
        };
        return Err(Error::new(
            ErrorKind::Conflict,
            format!(
                "migration file `{}`, line {}: it removes {what}, which is in use by {}. Nothing was done: \
                 end these processes, or replace them with a release that does not use it, and run it \
                 again. `Migrate::ignore_uses` and `--ignore-uses` override this",
                script.path,
                removal.line,
                users.join(", ")
            ),
        ));
    }
    Ok(())
}

/// `web on host-1 (process 7, version 0.1.0)`.
fn described(process: &Process) -> String {
    let Process {
        name,
        host,
        pid,
        version,
        ..
    } = process;
    format!("{name} on {host} (process {pid}, library {version})")
}
