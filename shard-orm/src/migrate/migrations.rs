//! A set of migrations: from a folder, or embedded in the program.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use super::checksum::Checksum;
use super::file::{Direction, FileName, Script};
use super::phase::Phase;
use crate::dialect::Dialect;
use crate::error::{Error, Result};

/// The migrations of a cluster, by the folder of their group or named database.
///
/// One folder has a folder for each group, for each group's static tables, and for each named
/// database:
///
/// ```text
/// migrations/shop/20260101120000_orders.sql
/// migrations/shop/20260214093000_notes.up.sql
/// migrations/shop/20260214093000_notes.down.sql
/// migrations/shop/20260214093000_notes.sqlite.up.sql   on SQLite, instead of the former
/// migrations/shop.static/20260101120000_airlines.sql
/// migrations/default/20260101120000_settings.sql
/// ```
///
/// The files have the layout of sqlx, and files of sqlx are read unchanged. `-- no-transaction` in
/// the first line runs the statements outside of a transaction. Statements name tables without a
/// namespace.
#[derive(Debug, Clone)]
pub struct Migrations {
    folders: Arc<BTreeMap<String, Vec<Migration>>>,
}

/// One migration of a group or named database.
#[derive(Debug, Clone)]
pub struct Migration {
    version: i64,
    name: String,
    up: Scripts,
    down: Scripts,
}

/// The texts of one direction: the common one, and those for single backends.
#[derive(Debug, Clone, Default)]
struct Scripts {
    common: Option<Script>,
    backends: Vec<(Dialect, Script)>,
}

impl Scripts {
    fn of(&self, dialect: Dialect) -> Option<&Script> {
        let own = self.backends.iter().find(|(own, _)| *own == dialect);
        own.map(|(_, script)| script).or(self.common.as_ref())
    }

    fn add(&mut self, backend: Option<Dialect>, script: Script) -> Result<()> {
        let former = match backend {
            Some(dialect) => {
                let own = self.backends.iter().find(|(own, _)| *own == dialect);
                own.map(|(_, script)| script.path.clone())
            }
            None => self.common.as_ref().map(|script| script.path.clone()),
        };
        if let Some(former) = former {
            return Err(Error::configuration(format!(
                "migration files `{former}` and `{}` have the same version; remove or renumber one",
                script.path
            )));
        }
        match backend {
            Some(dialect) => self.backends.push((dialect, script)),
            None => self.common = Some(script),
        }
        Ok(())
    }
}

impl Migration {
    /// The version: the number at the beginning of the file's name.
    #[must_use]
    pub fn version(&self) -> i64 {
        self.version
    }

    /// The name, with spaces for underscores.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The phase in the file for this database.
    #[must_use]
    pub fn phase(&self, dialect: Dialect) -> Option<Phase> {
        self.up.of(dialect).and_then(|script| script.phase)
    }

    /// Whether its file for this database runs in batches.
    #[must_use]
    pub fn is_backfill(&self, dialect: Dialect) -> bool {
        let script = self.up.of(dialect);
        script.is_some_and(|script| script.backfill.is_some())
    }

    /// Whether there is a file that reverts it on this database.
    #[must_use]
    pub fn is_reversible(&self, dialect: Dialect) -> bool {
        self.down.of(dialect).is_some()
    }

    pub(super) fn up(&self, dialect: Dialect) -> Option<&Script> {
        self.up.of(dialect)
    }

    pub(super) fn down(&self, dialect: Dialect) -> Option<&Script> {
        self.down.of(dialect)
    }

    /// Whether this is the checksum of its file for one of the kinds of databases. A namespace that has come from another
    /// kind has that of the file that ran there.
    pub(super) fn has_checksum(&self, checksum: &Checksum) -> bool {
        let of_backends = self.up.backends.iter().map(|(_, script)| script);
        let mut scripts = self.up.common.iter().chain(of_backends);
        scripts.any(|script| script.checksum == *checksum)
    }
}

impl Migrations {
    /// No files: what is known of migrations then are the versions of the namespaces.
    #[must_use]
    pub fn none() -> Self {
        Self {
            folders: Arc::default(),
        }
    }

    /// Reads the migrations in a folder.
    ///
    /// ```no_run
    /// # fn run() -> shard_orm::Result<()> {
    /// use shard_orm::migrate::Migrations;
    ///
    /// let migrations = Migrations::from_folder("migrations")?;
    /// for migration in migrations.folder("shop") {
    ///     println!("{} {}", migration.version(), migration.name());
    /// }
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// [`Configuration`](crate::ErrorKind::Configuration) if the folder or a file in it cannot be
    /// read, if a file's name has no version or an unknown backend, or if two files have the same
    /// version.
    pub fn from_folder(folder: impl AsRef<Path>) -> Result<Self> {
        let folder = folder.as_ref();
        let mut files = Vec::new();
        for (name, path) in entries(folder)? {
            if !path.is_dir() {
                continue;
            }
            for (file, path) in entries(&path)? {
                if path.is_dir() || FileName::parse(&file)?.is_none() {
                    continue;
                }
                let text = std::fs::read_to_string(&path).map_err(|source| {
                    Error::configuration(format!("cannot read migration file {}", path.display()))
                        .with_source(source)
                })?;
                files.push((format!("{name}/{file}"), text));
            }
        }
        Self::of_files(files)
    }

    /// The migrations in files that are embedded in the program, each with its path below the
    /// folder of migrations and its text. Called by [`migrations!`](crate::migrations).
    ///
    /// # Errors
    /// As [`from_folder`](Self::from_folder).
    pub fn embedded(files: &[(&str, &str)]) -> Result<Self> {
        let owned = files
            .iter()
            .map(|(path, text)| (String::from(*path), String::from(*text)));
        Self::of_files(owned.collect())
    }

    fn of_files(files: Vec<(String, String)>) -> Result<Self> {
        let mut folders: BTreeMap<String, BTreeMap<i64, Migration>> = BTreeMap::new();
        for (path, text) in files {
            let Some((folder, file)) = path.split_once('/') else {
                continue;
            };
            let Some(name) = FileName::parse(file)? else {
                continue;
            };
            let versions = folders.entry(folder.to_owned()).or_default();
            let script = Script::new(path, text)?;
            let migration = versions.entry(name.version).or_insert_with(|| Migration {
                version: name.version,
                name: name.name.clone(),
                up: Scripts::default(),
                down: Scripts::default(),
            });
            if migration.name != name.name {
                return Err(Error::configuration(format!(
                    "migration file `{}` has the same version as `{} {}`; renumber one",
                    script.path, migration.version, migration.name
                )));
            }
            match name.direction {
                Direction::Up => migration.up.add(name.backend, script)?,
                Direction::Down => migration.down.add(name.backend, script)?,
            }
        }
        let folders = folders
            .into_iter()
            .map(|(folder, versions)| (folder, versions.into_values().collect()));
        Ok(Self {
            folders: Arc::new(folders.collect()),
        })
    }

    /// The migrations in one folder, by version.
    pub fn folder(&self, name: &str) -> impl Iterator<Item = &Migration> {
        self.in_folder(name).iter()
    }

    pub(super) fn in_folder(&self, name: &str) -> &[Migration] {
        self.folders.get(name).map_or(&[], Vec::as_slice)
    }

    /// The names of the folders.
    pub fn folders(&self) -> impl Iterator<Item = &str> {
        self.folders.keys().map(String::as_str)
    }
}

/// The entries of a folder, by name.
fn entries(folder: &Path) -> Result<Vec<(String, std::path::PathBuf)>> {
    let unreadable = |source| {
        Error::configuration(format!(
            "cannot read the migrations folder {}",
            folder.display()
        ))
        .with_source(source)
    };
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(unreadable)? {
        let path = entry.map_err(unreadable)?.path();
        let name = path.file_name().and_then(|name| name.to_str());
        if let Some(name) = name.filter(|name| !name.starts_with('.')) {
            found.push((name.to_owned(), path));
        }
    }
    found.sort_unstable();
    Ok(found)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn refusal(files: &[(&str, &str)]) -> String {
        Migrations::embedded(files).unwrap_err().to_string()
    }

    #[test]
    fn files_are_sorted_by_version_and_backend() {
        let migrations = Migrations::embedded(&[
            ("shop/10_b.sql", "b"),
            ("shop/9_a_b.up.sql", "a"),
            ("shop/9_a_b.down.sql", "not a"),
            ("shop/9_a_b.sqlite.up.sql", "a on SQLite"),
            ("shop/notes.txt", ""),
        ])
        .unwrap();
        let all = migrations.in_folder("shop");
        assert_eq!(
            all.iter().map(Migration::version).collect::<Vec<_>>(),
            [9, 10]
        );
        assert_eq!(all[0].name(), "a b");
        assert_eq!(all[0].up(Dialect::Postgres).unwrap().text, "a");
        assert_eq!(all[0].up(Dialect::Sqlite).unwrap().text, "a on SQLite");
        assert!(all[0].is_reversible(Dialect::MySql) && !all[1].is_reversible(Dialect::MySql));
    }

    #[test]
    fn wrong_names_and_doubled_versions_are_refused() {
        assert!(refusal(&[("shop/a.sql", "")]).contains("no version"));
        assert!(refusal(&[("shop/0_a.sql", "")]).contains("no version"));
        assert!(refusal(&[("shop/1_a.oracle.sql", "")]).contains("unknown backend `oracle`"));
        assert!(refusal(&[("shop/1_a.sql", ""), ("shop/1_b.sql", "")]).contains("same version"));
        assert!(refusal(&[("shop/1_a.sql", ""), ("shop/1_a.up.sql", "")]).contains("same version"));
        assert!(
            refusal(&[("shop/1_a.sql", "-- phase: shrink")]).contains("unknown phase `shrink`")
        );
    }

    #[test]
    fn headers_are_read() {
        let text = "-- no-transaction\n-- phase: contract\n\nDROP TABLE a;";
        let migrations = Migrations::embedded(&[("shop/1_a.sql", text)]).unwrap();
        let script = migrations.in_folder("shop")[0].up(Dialect::Sqlite).unwrap();
        assert!(script.no_transaction);
        assert_eq!(script.phase, Some(Phase::Contract));
        assert!(script.checksum.to_string().len() == 12);
    }
}
