//! Finds the programs of the database servers.

use std::path::{Path, PathBuf};
use std::{env, fs};

use super::ServerError;

/// Where servers are installed that are not in every user's `PATH`.
const MORE_FOLDERS: [&str; 4] = [
    "/usr/sbin",
    "/usr/local/sbin",
    "/usr/local/bin",
    "/usr/libexec",
];
const POSTGRES_VERSIONS: &str = "/usr/lib/postgresql";

/// The first of `names` that is a file in `PATH` or in the usual folders of servers.
///
/// `package` is the name of the Debian package that holds it, for the message of the error.
pub(super) fn find(names: &[&str], package: &str) -> Result<PathBuf, ServerError> {
    let folders: Vec<PathBuf> = search_path()
        .chain(MORE_FOLDERS.map(PathBuf::from))
        .collect();
    names
        .iter()
        .find_map(|name| {
            folders
                .iter()
                .map(|folder| folder.join(name))
                .find(|file| file.is_file())
        })
        .ok_or_else(|| missing(names, package))
}

/// The folder with the programs of the newest PostgreSQL: in `PATH`, or in Debian's folder of versions.
pub(super) fn postgres_folder() -> Result<PathBuf, ServerError> {
    let complete = |folder: &Path| {
        ["postgres", "initdb", "pg_basebackup"]
            .iter()
            .all(|program| folder.join(program).is_file())
    };
    if let Some(folder) = search_path().find(|folder| complete(folder)) {
        return Ok(folder);
    }
    let mut versions: Vec<(u32, PathBuf)> = fs::read_dir(POSTGRES_VERSIONS)
        .into_iter()
        .flatten()
        .flatten()
        .filter_map(|entry| {
            let version = entry.file_name().to_str()?.parse().ok()?;
            Some((version, entry.path().join("bin")))
        })
        .filter(|(_, folder)| complete(folder))
        .collect();
    versions.sort();
    versions
        .pop()
        .map(|(_, folder)| folder)
        .ok_or_else(|| missing(&["postgres", "initdb"], "postgresql"))
}

fn search_path() -> impl Iterator<Item = PathBuf> {
    let path = env::var_os("PATH").unwrap_or_default();
    env::split_paths(&path).collect::<Vec<_>>().into_iter()
}

fn missing(names: &[&str], package: &str) -> ServerError {
    ServerError::new(format!(
        "the program `{}` was not found: run scripts/test, which installs the servers that the tests need, or \
         install the package `{package}`",
        names.join("` or `"),
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_program_is_reported_with_the_way_to_install_it() {
        let error = find(&["no-such-server"], "some-package")
            .unwrap_err()
            .to_string();
        for part in ["no-such-server", "some-package", "scripts/test"] {
            assert!(error.contains(part), "{part} is not in: {error}");
        }
    }
}
