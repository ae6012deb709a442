//! The report on the state of a cluster.

use std::time::Duration;

use crate::admin::look::EndpointRole;
use crate::connect::NamespaceHandle;
use crate::dialect::Dialect;
use crate::error::{Error, Result};
use crate::exec::sizes::{Named, Size};

/// The state of a cluster.
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct Status {
    /// The cluster's name.
    pub cluster: String,
    /// The epoch of its topology.
    pub epoch: u64,
    /// The shard groups.
    pub groups: Vec<GroupStatus>,
    /// The named databases.
    pub databases: Vec<DatabaseStatus>,
}

/// The state of a shard group.
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct GroupStatus {
    /// The group.
    pub name: String,
    /// The kind of database of its first server.
    pub dialect: Dialect,
    /// The strategy, in the notation of a configuration file.
    pub strategy: String,
    /// The number of logical shards.
    pub logical_shards: u32,
    /// The servers, in the order of the configuration.
    pub servers: Vec<ServerStatus>,
    /// The namespaces of the logical shards, by number.
    pub shards: Vec<NamespaceStatus>,
    /// The namespaces of static tables, by server; only those that exist or are unknown.
    pub statics: Vec<NamespaceStatus>,
}

/// The state of a named database.
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct DatabaseStatus {
    /// Its name and endpoints.
    #[cfg_attr(feature = "serde", serde(flatten))]
    pub server: ServerStatus,
    /// Its tables.
    pub size: NamespaceStatus,
}

/// The state of a server.
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct ServerStatus {
    /// The server.
    pub name: String,
    /// The number of logical shards that are placed there.
    pub logical_shards: usize,
    /// The configured primary, then the replicas.
    pub endpoints: Vec<EndpointState>,
}

/// The state of an endpoint.
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct EndpointState {
    /// The URL, without password and parameters.
    pub endpoint: String,
    /// Whether the configuration names it as the primary.
    pub configured_as_primary: bool,
    /// Its role, as it reports it; `None` if it did not answer.
    pub role: Option<EndpointRole>,
    /// Its version, as it reports it.
    pub version: Option<String>,
    /// Of a replica: the age of the last change that it has applied, as it reports it. A replica of
    /// MySQL or MariaDB reports it to privileged accounts alone.
    #[cfg_attr(
        feature = "serde",
        serde(rename = "lag_seconds", serialize_with = "crate::units::seconds")
    )]
    pub lag: Option<Duration>,
    /// Of a replica of PostgreSQL: the bytes of the log by which it lags.
    pub lag_bytes: Option<u64>,
    /// Why it did not answer, or does not replicate.
    pub problem: Option<String>,
}

/// Whether a namespace exists.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize),
    serde(rename_all = "snake_case")
)]
#[non_exhaustive]
pub enum NamespaceState {
    /// It exists.
    Present,
    /// It does not.
    Missing,
    /// Its server did not answer.
    Unknown,
}

/// The state of a namespace.
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct NamespaceStatus {
    /// The logical shard; `None` for static tables.
    pub shard: Option<u32>,
    /// The server.
    pub server: String,
    /// The schema (PostgreSQL), database (MySQL and MariaDB) or file (SQLite).
    pub namespace: String,
    /// Whether it exists.
    pub state: NamespaceState,
    /// The number of tables, without the library's own.
    pub tables: Option<u64>,
    /// The number of rows in them.
    pub rows: Option<u64>,
    /// Whether `rows` is an estimate of the database.
    pub rows_estimated: bool,
    /// The bytes on disk, with indexes.
    pub bytes: Option<u64>,
    /// Whether `bytes` is an estimate of the database.
    pub bytes_estimated: bool,
    /// Why the rows could not be counted.
    pub problem: Option<String>,
}

/// The state of a namespace from its estimated and its exact size.
pub(super) fn namespace(
    named: &Named,
    size: Option<&Size>,
    counted: Option<&Result<Size>>,
) -> NamespaceStatus {
    let mut status = bare(&named.handle);
    status.namespace.clone_from(&named.name);
    let Some(size) = size else {
        status.state = NamespaceState::Missing;
        return status;
    };
    status.state = NamespaceState::Present;
    status.tables = size.tables;
    status.rows = size.rows;
    status.bytes = size.bytes;
    status.rows_estimated = size.rows.is_some();
    status.bytes_estimated = size.bytes.is_some() && !size.is_file;
    match counted {
        None => {}
        Some(Ok(exact)) => {
            status.tables = exact.tables.or(status.tables);
            status.rows = exact.rows;
            status.rows_estimated = false;
            if exact.bytes.is_some() {
                status.bytes = exact.bytes;
                status.bytes_estimated = false;
            }
        }
        Some(Err(error)) => status.problem = Some(error.message().to_owned()),
    }
    status
}

/// The state of a namespace whose server did not answer.
pub(super) fn unknown(handle: &NamespaceHandle, error: &Error) -> NamespaceStatus {
    NamespaceStatus {
        problem: Some(error.message().to_owned()),
        ..bare(handle)
    }
}

fn bare(handle: &NamespaceHandle) -> NamespaceStatus {
    let namespace = &handle.namespace;
    NamespaceStatus {
        shard: namespace.is_sharded().then(|| namespace.shard()),
        server: handle.server.to_string(),
        namespace: namespace.name().to_string(),
        state: NamespaceState::Unknown,
        tables: None,
        rows: None,
        rows_estimated: false,
        bytes: None,
        bytes_estimated: false,
        problem: None,
    }
}
