//! The targets of migrations: the logical shards of a group, its static tables, a named database.

use std::fmt;
use std::sync::Arc;

use crate::cluster::Cluster;
use crate::connect::NamespaceHandle;
use crate::error::{Error, Result};

/// The suffix of the folder with the migrations of a group's static tables.
const STATICS: &str = ".static";

/// The namespaces that share one sequence of migrations.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Target {
    /// A named database, with the folder `migrations/<database>/`.
    Database(String),
    /// The static tables of a group on each of its servers, with the folder
    /// `migrations/<group>.static/`.
    Static(String),
    /// The logical shards of a group, with the folder `migrations/<group>/`.
    Group(String),
}

impl Target {
    /// The name of its folder.
    #[must_use]
    pub fn folder(&self) -> String {
        match self {
            Self::Group(name) | Self::Database(name) => name.clone(),
            Self::Static(group) => format!("{group}{STATICS}"),
        }
    }

    /// The target whose migrations are in this folder.
    pub(super) fn of_folder(cluster: &Cluster, folder: &str) -> Result<Self> {
        let topology = cluster.topology();
        let is_group = |name: &str| topology.groups().iter().any(|group| group.name() == name);
        if let Some(group) = folder.strip_suffix(STATICS).filter(|group| is_group(group)) {
            return Ok(Self::Static(group.to_owned()));
        }
        if is_group(folder) {
            return Ok(Self::Group(folder.to_owned()));
        }
        if cluster.handle_of_database(folder).is_ok() {
            return Ok(Self::Database(folder.to_owned()));
        }
        let groups = topology.groups().iter().flat_map(|group| {
            let name = group.name();
            [name.to_owned(), format!("{name}{STATICS}")]
        });
        let databases = topology.databases().iter();
        let databases = databases.map(|database| database.name().to_string());
        let known: Vec<String> = groups
            .chain(databases)
            .map(|name| format!("`{name}`"))
            .collect();
        Err(Error::configuration(format!(
            "the migrations folder `{folder}` is not named after a group or named database of the \
             configuration; rename it to one of {}",
            known.join(", ")
        )))
    }

    /// Its namespaces, in the order of logical shards or servers.
    pub(super) fn handles(&self, cluster: &Cluster) -> Result<Vec<Arc<NamespaceHandle>>> {
        match self {
            Self::Group(group) => cluster.handles_of_group(group),
            Self::Static(group) => cluster.static_handles(group),
            Self::Database(name) => cluster.handle_of_database(name).map(|handle| vec![handle]),
        }
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Group(group) => write!(f, "group `{group}`"),
            Self::Static(group) => write!(f, "the static tables of group `{group}`"),
            Self::Database(name) => write!(f, "database `{name}`"),
        }
    }
}
