//! The options of the sessions of one endpoint, whichever database it is.
//!
//! Made by `connect` from the configuration, and read by the opener of each database.

use std::path::PathBuf;
use std::time::Duration;

use super::attached::Attached;
use crate::dialect::Dialect;

/// The options of the sessions of one endpoint.
#[derive(Clone)]
pub(crate) struct Session {
    pub(crate) dialect: Dialect,
    pub(crate) url: String,
    /// The file of a SQLite namespace.
    pub(crate) file: Option<PathBuf>,
    pub(crate) read_only: bool,
    /// The file of static tables that is attached to that file.
    pub(crate) attached: Option<Attached>,
    pub(crate) sql_mode: Option<String>,
    pub(crate) collation: Option<String>,
    pub(crate) time_zone: Option<String>,
    /// Run-time parameters of PostgreSQL.
    pub(crate) settings: Vec<(String, String)>,
    pub(crate) statement_timeout: Option<Duration>,
    pub(crate) statement_cache: usize,
    pub(crate) busy_timeout: Duration,
    pub(crate) cache_kib: u64,
}

impl Session {
    /// The same with a private database in memory in place of a file (SQLite).
    #[cfg(feature = "migrate")]
    pub(super) fn in_memory(mut self) -> Self {
        self.file = Some(PathBuf::from(":memory:"));
        self.read_only = false;
        self
    }
}
