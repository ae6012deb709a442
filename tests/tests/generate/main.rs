//! Migrations and models that the library writes.

mod files;
mod models;
mod rows;
mod written;

use std::fs;
use std::path::Path;

/// The files below a folder of migrations, by path.
fn files_of(folder: &Path) -> Vec<String> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        for file in fs::read_dir(&path).unwrap() {
            let file = file.unwrap().path();
            let file = file.strip_prefix(folder).unwrap();
            files.push(file.to_str().unwrap().to_owned());
        }
    }
    files.sort_unstable();
    files
}
