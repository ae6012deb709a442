//! The last topology in a local file, with which a process can start while the catalog is
//! unavailable.
//!
//! A TOML file: a comment, the epoch, the id of the change, and the document as a string. It is
//! replaced atomically. It holds `${NAME}` references, and no secrets.

use std::fs::{self, File};
use std::io::Write as _;
use std::path::{Path, PathBuf};

use super::history::Known;
use crate::error::{Error, Result};

/// The file.
#[derive(Debug)]
pub(crate) struct LocalCopy {
    path: PathBuf,
}

impl LocalCopy {
    pub(crate) fn new(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into() }
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Replaces the file. Blocks on the file system.
    ///
    /// # Errors
    /// `Configuration` with the reason of the file system.
    pub(crate) fn write(&self, known: &Known, cluster: &str, document: &str) -> Result<()> {
        let text = text_of(known, cluster, document);
        let written = self.replace(text.as_bytes());
        written.map_err(|source| {
            Error::configuration(format!(
                "cannot write the local copy of the topology, {}: {source}; set `local_copy` of \
                 `catalog` to a file that the process may write",
                self.path.display()
            ))
            .with_source(source)
        })
    }

    /// The epoch and document; `None` without a file.
    ///
    /// # Errors
    /// `Configuration` if the file cannot be read, or belongs to another cluster.
    pub(crate) fn read(&self, cluster: &str) -> Result<Option<(Known, String)>> {
        let path = self.path.display();
        let text = match fs::read_to_string(&self.path) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(source) => {
                return Err(Error::configuration(format!(
                    "cannot read the local copy of the topology, {path}: {source}"
                ))
                .with_source(source));
            }
        };
        parse(&text, cluster).map(Some).map_err(|error| {
            Error::configuration(format!("{path}: {}", error.message())).with_source(error)
        })
    }

    /// Writes a file beside it, makes that durable, and renames it.
    fn replace(&self, text: &[u8]) -> std::io::Result<()> {
        let mut name = self.path.file_name().unwrap_or_default().to_os_string();
        name.push(format!(
            ".{}.{:x}",
            std::process::id(),
            crate::random::random()
        ));
        let beside = self.path.with_file_name(name);
        let written = (|| {
            let mut file = File::create(&beside)?;
            file.write_all(text)?;
            file.sync_all()?;
            fs::rename(&beside, &self.path)
        })();
        if written.is_err() {
            let _ = fs::remove_file(&beside);
        }
        written
    }
}

/// The text of a local copy.
pub(crate) fn text_of(known: &Known, cluster: &str, document: &str) -> String {
    let epoch = i64::try_from(known.epoch).unwrap_or(i64::MAX);
    let mut table = toml::Table::new();
    table.insert("cluster".to_owned(), cluster.into());
    table.insert("epoch".to_owned(), epoch.into());
    table.insert("change_id".to_owned(), known.change_id.as_str().into());
    table.insert("document".to_owned(), document.into());
    format!(
        "# A topology of the catalog, written by shard-orm. A local copy is used if the catalog is\n\
         # unavailable when a process starts; `shard-orm catalog restore` stores it again. Do not edit\n\
         # it.\n{table}"
    )
}

/// Reads the text of a local copy of this cluster.
///
/// # Errors
/// `Configuration` if it is something else.
pub(crate) fn parse(text: &str, cluster: &str) -> Result<(Known, String)> {
    let invalid = || {
        Error::configuration(
            "not a local copy of a topology; remove a local copy that was damaged, and the next \
             process that reaches the catalog writes it again",
        )
    };
    let table: toml::Table = text.parse().map_err(|_| invalid())?;
    let field = |name: &str| table.get(name).and_then(toml::Value::as_str);
    let owner = field("cluster").ok_or_else(invalid)?;
    if owner != cluster {
        return Err(Error::configuration(format!(
            "the topology belongs to cluster `{owner}`, not to `{cluster}`; give each cluster a file of \
             its own with `local_copy`"
        )));
    }
    let epoch = table.get("epoch").and_then(toml::Value::as_integer);
    let epoch = epoch.and_then(|epoch| u64::try_from(epoch).ok());
    let known = Known {
        epoch: epoch.filter(|epoch| *epoch > 0).ok_or_else(invalid)?,
        change_id: field("change_id").ok_or_else(invalid)?.to_owned(),
    };
    Ok((known, field("document").ok_or_else(invalid)?.to_owned()))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn in_a_folder(run: impl FnOnce(LocalCopy)) {
        let name = format!("shard-orm-local-copy-{:x}", crate::random::random());
        let folder = std::env::temp_dir().join(name);
        fs::create_dir(&folder).unwrap();
        run(LocalCopy::new(folder.join("topology.toml")));
        fs::remove_dir_all(&folder).unwrap();
    }

    fn known(epoch: u64) -> Known {
        Known {
            epoch,
            change_id: "a".to_owned(),
        }
    }

    #[test]
    fn a_copy_is_read_as_written() {
        in_a_folder(|copy| {
            assert_eq!(copy.read("shop").unwrap(), None);
            for epoch in [1, 2] {
                let document = format!("name = 'shop'\n# \"\"\" {epoch}\n'''\\u0000");
                copy.write(&known(epoch), "shop", &document).unwrap();
                assert_eq!(copy.read("shop").unwrap(), Some((known(epoch), document)));
            }
            let files = fs::read_dir(copy.path().parent().unwrap()).unwrap();
            assert_eq!(files.count(), 1);
        });
    }

    #[test]
    fn a_copy_of_another_cluster_or_of_something_else_is_refused() {
        in_a_folder(|copy| {
            copy.write(&known(1), "shop", "").unwrap();
            let error = copy.read("other").unwrap_err();
            assert!(
                error.message().contains("belongs to cluster `shop`"),
                "{error}"
            );
            for text in ["", "epoch = 1", "not toml", "cluster = 'shop'\nepoch = -1"] {
                fs::write(copy.path(), text).unwrap();
                let error = copy.read("shop").unwrap_err();
                assert!(error.message().contains("not a local copy"), "{error}");
            }
        });
    }

    #[test]
    fn a_copy_that_cannot_be_written_says_where() {
        let copy = LocalCopy::new("/nonexistent/folder/topology.toml");
        let error = copy.write(&known(1), "shop", "").unwrap_err();
        assert!(error.message().contains("/nonexistent/folder"), "{error}");
    }
}
