//! New files, never in place of existing ones.

use std::fs::{OpenOptions, create_dir_all, remove_file};
use std::io::{ErrorKind as IoKind, Write as _};
use std::path::Path;

use crate::error::{Error, Result};

/// Writes a file, and its folder, if they do not exist.
///
/// # Errors
/// [`Configuration`](crate::ErrorKind::Configuration) if the file exists, or cannot be written.
pub(in crate::migrate) fn new_file(path: &Path, text: &str) -> Result<()> {
    let failed = |source: std::io::Error| {
        let message = match source.kind() {
            IoKind::AlreadyExists => format!(
                "{} exists already, and is not overwritten; remove it, or choose another name",
                path.display()
            ),
            _ => format!("cannot write {}", path.display()),
        };
        Error::configuration(message).with_source(source)
    };
    if let Some(folder) = path.parent() {
        create_dir_all(folder).map_err(failed)?;
    }
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .open(path)
        .map_err(failed)?;
    let written = file
        .write_all(text.as_bytes())
        .and_then(|()| file.sync_all());
    written.map_err(|source| {
        // Half a migration must not be applied.
        let _ = remove_file(path);
        failed(source)
    })
}
