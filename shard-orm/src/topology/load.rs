//! Loads a configuration and builds its topology, reporting all problems at once.

use std::path::Path;

use super::Topology;
use super::build::build;
use crate::config::{Config, Report, parse_document, parse_file, parse_text};
use crate::error::Result;

impl Config {
    /// Reads a TOML file, expands `${NAME}` from the environment, and checks everything.
    ///
    /// # Errors
    ///
    /// [`Configuration`](crate::ErrorKind::Configuration) if the file cannot be read, or with all
    /// its problems: the error's source is then a [`ConfigError`](crate::config::ConfigError).
    ///
    /// ```no_run
    /// use shard_orm::config::Config;
    ///
    /// let topology = Config::from_file("shard-orm.toml")?.topology()?;
    /// # Ok::<(), shard_orm::Error>(())
    /// ```
    pub fn from_file(path: impl AsRef<Path>) -> Result<Self> {
        let (config, report) = parse_file(path.as_ref())?;
        checked(config, report)
    }

    /// As [`from_file`](Self::from_file), for a string; relative SQLite paths are resolved against
    /// the current folder.
    ///
    /// ```
    /// use shard_orm::config::Config;
    ///
    /// let config = Config::from_toml(
    ///     r#"
    ///     [databases.default]
    ///     primary = "sqlite://default.db"
    ///     "#,
    /// )?;
    /// # Ok::<(), shard_orm::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`Configuration`](crate::ErrorKind::Configuration) with all problems.
    pub fn from_toml(text: &str) -> Result<Self> {
        let (config, report) = parse_text(text)?;
        checked(config, report)
    }

    /// A document of the catalog, for a process with this configuration: relative SQLite paths are
    /// resolved as in its file, and it keeps its own settings of the catalog.
    pub(crate) fn with_document(&self, document: &str) -> Result<Self> {
        let (mut config, report) = parse_document(document, self.origin.folder.clone())?;
        config.catalog.clone_from(&self.catalog);
        checked(config, report)
    }

    /// Checks everything, and assigns the logical shards to servers.
    ///
    /// Connects to no server: the result depends on the configuration alone.
    ///
    /// # Errors
    ///
    /// [`Configuration`](crate::ErrorKind::Configuration) with all problems; the error's source is
    /// a [`ConfigError`](crate::config::ConfigError) that lists them.
    ///
    /// ```
    /// use std::error::Error as _;
    /// use shard_orm::config::{Config, ConfigError, Group, Server};
    ///
    /// let config = Config::new("shop").group(
    ///     "shop",
    ///     Group::new(0).server(Server::new("a", "oracle://db")),
    /// );
    /// let error = config.topology().unwrap_err();
    /// let problems = error.source().unwrap().downcast_ref::<ConfigError>().unwrap().problems();
    /// assert_eq!(problems[0].path(), "groups.shop.logical_shards");
    /// assert_eq!(problems[1].path(), "groups.shop.servers[0].primary");
    /// ```
    pub fn topology(&self) -> Result<Topology> {
        let mut report = Report::new(self.origin.clone());
        let topology = build(self, &mut report);
        report.finish(topology)
    }
}

/// Reports all problems at once: those of the text, and those that code could have as well.
fn checked(config: Config, mut report: Report) -> Result<Config> {
    let topology = build(&config, &mut report);
    report.finish(topology.map(|_| config))
}
