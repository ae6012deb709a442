//! Sessions on SQLite, and those of the guide.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;

use tempfile::TempDir;
use trycmd::TestCases;

use crate::fixture::BINARY;

/// Runs sessions, and compares their output.
fn run(pattern: &str) {
    let cases = TestCases::new();
    cases.register_bin("shard-orm", Path::new(BINARY));
    // The output does not depend on the terminal of whoever runs the tests.
    cases.env("COLUMNS", "100").env("NO_COLOR", "1");
    cases.env("SHARD_ORM_CONFIG", "shard-orm.toml");
    cases.env("USER", "ana");
    cases.case(pattern).run();
}

#[test]
fn sessions_have_the_output_that_they_show() {
    run("tests/command/cases/*.trycmd");
}

/// Copies what is in a folder.
fn copy(from: &Path, to: &Path) {
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let (from, to) = (entry.path(), to.join(entry.file_name()));
        if from.is_dir() {
            fs::create_dir(&to).unwrap();
            copy(&from, &to);
        } else {
            fs::copy(from, to).unwrap();
        }
    }
}

/// The sessions of a chapter, run in a copy of these files of the tests, or in an empty folder.
fn chapter(name: &str, files: Option<&str>) {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let file = root.join(name);
    let folder = TempDir::new().unwrap();
    let case = folder.path().join("chapter.md");
    // Written through the link by `TRYCMD=overwrite`.
    symlink(&file, &case).unwrap();
    let before = case.with_extension("in");
    fs::create_dir(&before).unwrap();
    if let Some(from) = files {
        copy(&Path::new("tests/command").join(from), &before);
    }
    fs::create_dir(case.with_extension("out")).unwrap();
    run(case.to_str().unwrap());
}

#[test]
fn the_sessions_of_the_guide_have_the_output_that_they_show() {
    chapter("docs/src/command.md", None);
}

#[test]
fn the_sessions_on_operating_a_cluster_have_the_output_that_they_show() {
    chapter("docs/src/catalog.md", Some("cases/catalog.in"));
}

#[test]
fn the_sessions_on_migrations_have_the_output_that_they_show() {
    chapter("docs/src/migrations.md", Some("chapters/migrations"));
}

#[test]
fn the_sessions_on_growing_a_fleet_have_the_output_that_they_show() {
    chapter("docs/src/growing-a-fleet.md", Some("chapters/growing"));
}

#[test]
fn the_sessions_on_moving_shards_have_the_output_that_they_show() {
    chapter("docs/src/moving-shards.md", Some("chapters/moving"));
}

#[test]
fn the_sessions_on_splitting_shards_have_the_output_that_they_show() {
    chapter("docs/src/splitting-shards.md", Some("chapters/splitting"));
}

#[test]
fn the_sessions_of_the_readme_have_the_output_that_they_show() {
    chapter("README.md", None);
}
