//! What a command works with: the configuration, and the cluster that it opens.

use std::path::PathBuf;
use std::sync::OnceLock;
use std::time::Duration;

use shard_orm::Cluster;
use shard_orm::config::Config;

use crate::Result;
use crate::cli::Global;
use crate::exit::Failure;
use crate::output::Output;

/// The longest wait for connections to close.
const CLOSING: Duration = Duration::from_secs(1);

/// The options of all commands, and where results are printed.
#[derive(Debug)]
pub struct Session<'o> {
    /// The configuration file.
    pub config: PathBuf,
    /// Where results are printed.
    pub output: &'o Output,
    /// The cluster, once it is open.
    opened: OnceLock<Cluster>,
}

impl<'o> Session<'o> {
    pub(crate) fn new(global: Global, output: &'o Output) -> Self {
        Self {
            config: global.config,
            output,
            opened: OnceLock::new(),
        }
    }

    /// Opens the cluster. Connects to no server yet.
    ///
    /// # Errors
    /// All problems of the configuration.
    pub async fn open(&self) -> Result<Cluster> {
        if let Some(cluster) = self.opened.get() {
            return Ok(cluster.clone());
        }
        if !self.config.exists() {
            return Err(Failure::Usage(format!(
                "there is no configuration {}; name one with --config or SHARD_ORM_CONFIG, or write \
                 one with `shard-orm init`",
                self.config.display()
            )));
        }
        // A command is not one of the processes that operators ask for.
        let config = Config::from_file(&self.config)?.unlisted();
        let cluster = Cluster::connect(&config).await?;
        // A command opens one cluster.
        Ok(self.opened.get_or_init(|| cluster).clone())
    }

    /// Closes the connections in good order, so that servers note no lost ones and files of SQLite
    /// are complete without their logs. Does not wait for statements that were given up.
    pub(crate) async fn close(&self) {
        if let Some(cluster) = self.opened.get() {
            let _ = tokio::time::timeout(CLOSING, cluster.close()).await;
        }
    }

    /// The group of this name, or the only one.
    ///
    /// # Errors
    /// If none is named and there are several.
    pub fn group(&self, cluster: &Cluster, named: Option<&str>) -> Result<String> {
        if let Some(named) = named {
            return Ok(named.to_owned());
        }
        let topology = cluster.topology();
        match topology.groups() {
            [only] => Ok(only.name().to_owned()),
            groups => {
                let names: Vec<&str> = groups.iter().map(|group| group.name()).collect();
                Err(Failure::Usage(format!(
                    "name the group with --group; the configuration has: {}",
                    names.join(", ")
                )))
            }
        }
    }
}
