//! What is missing in a namespace: a pure function of its versions and of the files.

use super::file::{Direction, Script};
use super::history::State;
use super::migrations::Migration;
use super::phase::Phase;
use super::survey::Found;
use crate::connect::NamespaceHandle;
use crate::dialect::Dialect;
use crate::error::{Error, Result};

/// The limits of a plan.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Limits {
    /// The last version to apply, or the version to go back to.
    pub(super) to: Option<i64>,
    /// Whether migrations of the phase `contract` are applied.
    pub(super) contract: bool,
}

/// The migrations that a namespace lacks, by version.
///
/// # Errors
/// [`Configuration`](crate::ErrorKind::Configuration) if the namespace has a version without a file,
/// one whose file has changed, or one that is half reverted.
pub(super) fn missing<'m>(
    migrations: &'m [Migration],
    handle: &NamespaceHandle,
    found: &Found,
    limits: Limits,
) -> Result<Vec<&'m Migration>> {
    check(migrations, handle, found)?;
    let mut missing = Vec::new();
    for migration in migrations {
        if limits.to.is_some_and(|to| migration.version() > to) {
            break;
        }
        let state = found
            .entries
            .get(&migration.version())
            .map(|entry| entry.state);
        match state {
            Some(State::Applied) => continue,
            Some(State::Reverting) => return Err(half_reverted(migration, handle)),
            Some(State::Applying) | None => {}
        }
        let held = migration.phase(handle.dialect()) == Some(Phase::Contract) && !limits.contract;
        if held && state.is_none() {
            // Later migrations may need what it does.
            break;
        }
        missing.push(migration);
    }
    Ok(missing)
}

/// The migrations to revert in a namespace, the latest first.
///
/// # Errors
/// As [`missing`], or if a version has no `.down.sql` file.
pub(super) fn to_revert<'m>(
    migrations: &'m [Migration],
    handle: &NamespaceHandle,
    found: &Found,
    to: i64,
) -> Result<Vec<&'m Migration>> {
    check(migrations, handle, found)?;
    let of_found = |entry: &i64| {
        migrations
            .iter()
            .find(|migration| migration.version() == *entry)
    };
    let later = found
        .entries
        .keys()
        .rev()
        .take_while(|version| **version > to);
    let reverted: Vec<&Migration> = later.filter_map(of_found).collect();
    for migration in &reverted {
        if migration.down(handle.dialect()).is_none() {
            return Err(Error::configuration(format!(
                "migration {} `{}` has no `.down.sql` file for {}, so it cannot be reverted",
                migration.version(),
                migration.name(),
                handle.dialect()
            )));
        }
    }
    Ok(reverted)
}

/// The text of a migration in one direction.
pub(super) fn script(
    migration: &Migration,
    direction: Direction,
    dialect: Dialect,
) -> Result<&Script> {
    let (script, suffix) = match direction {
        Direction::Up => (migration.up(dialect), "up"),
        Direction::Down => (migration.down(dialect), "down"),
    };
    script.ok_or_else(|| {
        Error::configuration(format!(
            "migration {} `{}` has no file for {dialect}; add `{}_{}.{suffix}.sql`",
            migration.version(),
            migration.name(),
            migration.version(),
            migration.name().replace(' ', "_"),
        ))
    })
}

fn half_reverted(migration: &Migration, handle: &NamespaceHandle) -> Error {
    handle.name_error(Error::configuration(format!(
        "migration {} `{}` is half reverted at {handle}; complete `migrate down` first",
        migration.version(),
        migration.name()
    )))
}

/// Checks that each version of a namespace has a file with the text that was applied.
fn check(migrations: &[Migration], handle: &NamespaceHandle, found: &Found) -> Result<()> {
    for entry in found.entries.values() {
        let (version, name) = (entry.version, &entry.name);
        let migration = migrations
            .iter()
            .find(|migration| migration.version() == version);
        let Some(migration) = migration else {
            return Err(handle.name_error(Error::configuration(format!(
                "{handle} has version {version} `{name}`, which has no file in the folder of \
                 migrations; use the release that has it, or restore the file"
            ))));
        };
        // Statements of interrupted migrations are compared one by one.
        if entry.state != State::Applied {
            continue;
        }
        let script = script(migration, Direction::Up, handle.dialect())?;
        if !migration.has_checksum(&entry.checksum) {
            return Err(handle.name_error(Error::configuration(format!(
                "migration file `{}` was changed after it was applied at {handle}: its checksum is \
                 {}, and was {}; restore the file, and make the change in a new migration",
                script.path, script.checksum, entry.checksum
            ))));
        }
    }
    Ok(())
}
