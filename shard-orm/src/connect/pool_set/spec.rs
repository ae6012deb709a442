//! The specification of a pool, derived from an endpoint of the topology.

use std::path::PathBuf;

use crate::backend::Session;
use crate::connect::pool::Limits;
use crate::dialect::Dialect;
use crate::topology::{self, StatementSlot};

/// The number of CRUD statements of a model that a connection is likely to keep.
const STATEMENTS_PER_MODEL: usize = 8;
/// The number of builder statements to keep in addition.
const DYNAMIC_STATEMENTS: usize = 100;
/// The number of models assumed before the actual number is known.
const EXPECTED_MODELS: usize = 16;

/// The specification of a pool.
pub(super) struct Spec {
    pub(super) session: Session,
    pub(super) label: String,
    pub(super) limits: Limits,
    readers: usize,
}

impl Spec {
    /// Turns it into a SQLite reader.
    pub(super) fn read_only(&mut self) {
        self.session.read_only = true;
        self.limits.max_connections = self.readers;
    }
}

/// The specification for an endpoint; on SQLite, for one file.
pub(super) fn session(
    endpoint: &topology::Endpoint,
    file: Option<PathBuf>,
    namespaces: usize,
) -> Spec {
    let pool = endpoint.pool();
    let options = endpoint.options();
    let max_connections = usize::try_from(pool.max_connections).unwrap_or(usize::MAX);
    let label = match &file {
        Some(file) => format!("sqlite://{}", file.display()),
        None => endpoint.label(),
    };
    Spec {
        session: Session {
            dialect: endpoint.dialect(),
            url: endpoint.url().to_owned(),
            file,
            read_only: false,
            attached: None,
            sql_mode: options.sql_mode.clone(),
            collation: options.collation.clone(),
            time_zone: options.time_zone.clone(),
            settings: options
                .settings
                .iter()
                .map(|(name, value)| (name.clone(), value.clone()))
                .collect(),
            statement_timeout: pool.statement_timeout,
            statement_cache: statements_of(endpoint, namespaces),
            busy_timeout: pool.busy_timeout,
            cache_kib: pool.sqlite_cache_kib.into(),
        },
        label,
        limits: Limits {
            max_connections,
            acquire_timeout: pool.acquire_timeout,
            connect_timeout: pool.connect_timeout,
            idle_timeout: pool.idle_timeout,
            max_lifetime: pool.max_lifetime,
            ping_after_idle: pool.ping_after_idle,
        },
        readers: usize::try_from(pool.sqlite_readers).unwrap_or(1).max(1),
    }
}

/// The number of prepared statements that each connection to an endpoint keeps.
pub(crate) fn statements_of(endpoint: &topology::Endpoint, namespaces: usize) -> usize {
    let pool = endpoint.pool();
    let max_connections = usize::try_from(pool.max_connections).unwrap_or(usize::MAX);
    let default = || statement_cache(endpoint.dialect(), namespaces, max_connections);
    pool.statement_cache.unwrap_or_else(default)
}

/// The number of prepared statements per connection: enough for the CRUD statements of all its
/// namespaces, within the limits of the server.
fn statement_cache(dialect: Dialect, namespaces: usize, max_connections: usize) -> usize {
    let models = usize::try_from(StatementSlot::used())
        .unwrap_or(0)
        .max(EXPECTED_MODELS);
    let wanted = namespaces * models * STATEMENTS_PER_MODEL + DYNAMIC_STATEMENTS;
    let capability = dialect.capability();
    let share = |pool: usize| (pool / max_connections.max(1)).max(32);
    let limit = capability.statements_per_pool.map_or(usize::MAX, share);
    wanted.min(limit).min(capability.statements_per_connection)
}
