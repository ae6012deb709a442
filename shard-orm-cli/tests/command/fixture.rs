//! Runs the command on a cluster of the behaviour suite.

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use serde_json::Value;
use shard_orm_tests::fixture::{DATABASE, Fixture, GROUP};
use tempfile::TempDir;

/// The program under test.
pub(crate) const BINARY: &str = env!("CARGO_BIN_EXE_shard-orm");

/// A folder with a configuration.
#[derive(Debug)]
pub(crate) struct Folder(TempDir);

/// What a run has printed.
#[derive(Debug)]
pub(crate) struct Ran {
    pub(crate) code: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Folder {
    /// With this configuration.
    pub(crate) fn new(configuration: &str) -> Self {
        let folder = TempDir::new().unwrap();
        fs::write(folder.path().join("shard-orm.toml"), configuration).unwrap();
        Self(folder)
    }

    /// With the configuration of a fixture.
    pub(crate) fn of(fixture: &Fixture) -> Self {
        Self::new(&configuration(fixture, fixture.server_urls()))
    }

    pub(crate) fn path(&self) -> &Path {
        self.0.path()
    }

    /// The command, not started yet.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(BINARY);
        command
            .args(arguments)
            .current_dir(self.path())
            .env_remove("SHARD_ORM_CONFIG")
            .stdin(Stdio::null());
        command
    }

    /// Runs the command.
    pub(crate) fn run(&self, arguments: &[&str]) -> Ran {
        self.command(arguments).output().unwrap().into()
    }

    /// Runs the command with a standard input.
    pub(crate) fn run_with(&self, arguments: &[&str], input: &str) -> Ran {
        let mut command = self.command(arguments);
        command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        child
            .stdin
            .take()
            .unwrap()
            .write_all(input.as_bytes())
            .unwrap();
        child.wait_with_output().unwrap().into()
    }

    /// Writes a file.
    pub(crate) fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.path().join(name);
        fs::write(&path, text).unwrap();
        path
    }
}

impl From<Output> for Ran {
    fn from(output: Output) -> Self {
        let ran = Self {
            code: output.status.code().unwrap_or(-1),
            stdout: String::from_utf8(output.stdout).unwrap(),
            stderr: String::from_utf8(output.stderr).unwrap(),
        };
        assert!(!ran.stderr.contains("panicked"), "{ran:?}");
        ran
    }
}

impl Ran {
    /// The JSON that it printed, after it ended with this code.
    #[track_caller]
    pub(crate) fn json(&self, code: i32) -> Value {
        assert_eq!(self.code, code, "{self:?}");
        serde_json::from_str(&self.stdout).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }
}

/// The configuration of a fixture with these servers, as a file.
pub(crate) fn configuration(fixture: &Fixture, servers: &[String]) -> String {
    let namespace = fixture.namespace();
    let mut text = format!(
        "name = \"{}\"\n[databases.{DATABASE}]\nprimary = \"{}\"\n[groups.{GROUP}]\nlogical_shards = {}\n\
         namespace = \"{namespace}\"\nstatic_namespace = \"{}\"\n",
        fixture.cluster_name(),
        fixture.database_url(),
        fixture.logical_shards,
        namespace.replace("{shard}", "static"),
    );
    for (number, url) in servers.iter().enumerate() {
        text.push_str(&format!(
            "[[groups.{GROUP}.servers]]\nname = \"server-{number}\"\nprimary = \"{url}\"\n"
        ));
    }
    text
}
