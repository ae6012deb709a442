//! What each database can do, and its limits, as data with a name for every question.
//!
//! Asked by every module above `backend`, none of which matches on the database. Each field says
//! why the databases differ in it. A feature that a database lacks is a [`Support`], which carries
//! the reason and turns it into an error.

use super::Dialect;
use crate::error::{Error, Result};

/// A feature that not every database has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Support {
    /// The database has it.
    Yes,
    /// The database lacks it: the reason, and what to do instead.
    No(&'static str),
}

impl Support {
    /// Returns whether the database has the feature.
    pub(crate) const fn is_supported(self) -> bool {
        matches!(self, Self::Yes)
    }

    /// Fails with [`Unsupported`](crate::ErrorKind::Unsupported) and the reason where the database
    /// lacks the feature.
    pub(crate) fn require(self) -> Result<()> {
        match self {
            Self::Yes => Ok(()),
            Self::No(reason) => Err(Error::unsupported(reason)),
        }
    }

    /// The same as [`require`](Self::require), with the subject of the request before the reason.
    pub(crate) fn require_for(self, subject: impl FnOnce() -> String) -> Result<()> {
        match self {
            Self::Yes => Ok(()),
            Self::No(reason) => Err(Error::unsupported(format!("{}: {reason}", subject()))),
        }
    }
}

/// The features and limits of one database.
#[derive(Debug)]
pub(crate) struct Capability {
    // Servers, namespaces and connections.
    /// Statements that run once per server. SQLite has files and no server.
    pub(crate) servers: Support,
    /// Accounts with passwords and privileges.
    pub(crate) accounts: Support,
    /// Each namespace is a file with connections of its own. Elsewhere a server's connections
    /// reach all of its namespaces, by qualified names.
    pub(crate) file_per_namespace: bool,
    /// The name by which a connection finds the tables of its own file, which tells them from
    /// those of an attached file.
    pub(crate) main_schema: Option<&'static str>,
    /// Statements run on threads of this process, and compete with it for processors.
    pub(crate) in_process: bool,
    /// The bytes that a name may have. `NAMEDATALEN - 1` of PostgreSQL, identifiers of MySQL. SQLite
    /// has no limit, and a file name has 255 bytes: the shorter limit lets a group change its database.
    pub(crate) name_bytes: usize,
    /// The prepared statements that one connection keeps at most. PostgreSQL holds about 16 KB for
    /// each.
    pub(crate) statements_per_connection: usize,
    /// The prepared statements that the connections of one pool keep at most. MySQL and MariaDB hold
    /// 16,382 for all connections of all clients (`max_prepared_stmt_count`); a pool takes a quarter.
    pub(crate) statements_per_pool: Option<usize>,
    /// Run-time parameters that a session is given by name.
    pub(crate) run_time_parameters: bool,
    /// A session's own SQL mode, character set and collation.
    pub(crate) sql_modes: bool,
    /// A session's own time zone.
    pub(crate) time_zones: bool,

    // Statements.
    /// The arguments that one statement takes at most, by the protocol.
    pub(crate) arguments: usize,
    /// The bytes of arguments of a statement that takes several rows. MySQL and MariaDB end the
    /// connection of one that is larger than `max_allowed_packet`: 16 MiB on MariaDB unless it is set,
    /// and 1 MiB on servers that are set up sparingly. The others take a gigabyte, and the limit keeps
    /// the memory of a call small.
    pub(crate) statement_bytes: usize,
    /// Numbered placeholders, `$1`: one argument may be used several times. Elsewhere each `?` takes
    /// an argument of its own.
    pub(crate) numbered_placeholders: bool,
    /// One array argument holds a column of many rows (`UNNEST`).
    pub(crate) array_arguments: bool,
    /// `OFFSET` without `LIMIT`.
    pub(crate) offset_without_limit: bool,
    /// The planner looks into an index for the ranges of a condition. Elsewhere it estimates how many
    /// rows they hold, and may read the whole table for ranges that are queries of their own otherwise.
    pub(crate) index_lookahead: bool,
    /// `RETURNING` of an upsert.
    pub(crate) returning: bool,
    /// `ON CONFLICT (columns)`. MySQL and MariaDB take a conflict on any unique index for the one that
    /// is meant.
    pub(crate) conflict_target: bool,
    /// An upsert looks for its conflict before it inserts. When another client inserts the same row
    /// in between, another unique index than the named one can refuse it; the next attempt finds the
    /// conflict.
    pub(crate) upsert_retry: bool,
    /// An `UPDATE` assigns from left to right, and a column that is read after it was set has its new
    /// value. Elsewhere it has its old one.
    pub(crate) sequential_assignments: bool,
    /// Rows of a statement pass to another server in binary form (`COPY`).
    pub(crate) binary_transfer: bool,
    /// One message holds several statements, each with its rows.
    #[cfg_attr(not(feature = "migrate"), allow(dead_code))]
    pub(crate) statement_lists: bool,

    // Transactions and locks.
    /// `FOR UPDATE`. A transaction of SQLite that writes holds the whole file.
    pub(crate) row_locks: bool,
    /// One transaction writes at a time, to one file.
    pub(crate) single_writer: bool,
    /// A plain read inside a transaction sees the state of the transaction's first read, unless it
    /// asks for another isolation.
    pub(crate) repeatable_reads: bool,
    /// A failed statement ends its transaction: until `ROLLBACK` every further statement fails.
    pub(crate) errors_abort_transactions: bool,
    /// All sessions of a server share one lock table of a fixed size.
    pub(crate) shared_lock_table: bool,
    /// Transactions are numbered in the order of their first writes, and a statement knows the number
    /// of the oldest open one.
    pub(crate) transaction_numbers: bool,
    /// Locks that the server keeps for one session.
    pub(crate) session_locks: Support,
    /// `CREATE TABLE` and the like take part in a transaction. MySQL and MariaDB commit before and
    /// after each.
    #[cfg_attr(not(feature = "migrate"), allow(dead_code))]
    pub(crate) transactional_ddl: bool,

    // Values.
    /// NULL is larger than any value. Elsewhere it is smaller.
    pub(crate) nulls_are_largest: bool,
    /// NaN becomes NULL.
    pub(crate) nan_is_null: bool,
    /// Decimals that are compared, ordered and added as numbers.
    pub(crate) decimals: Support,
    /// Decimals of few digits are stored as integers of their smallest unit, so that a user's own
    /// expression with a decimal would compare two units.
    pub(crate) decimals_in_units: bool,
    /// Sums of 64-bit integers and of decimals are exact. SQLite refuses a sum beyond 64 bits.
    pub(crate) exact_sums: bool,
    /// Variance and standard deviation.
    pub(crate) variance: Support,
    /// `MIN` and `MAX` of byte strings and UUIDs.
    pub(crate) extremes_of_bytes: Support,
}

/// A SQLite file is opened by this process.
static SQLITE: Capability = Capability {
    servers: Support::No(
        "SQLite has no server: each logical shard is a file of its own. Run the statement on each \
         namespace, without `each_server`",
    ),
    accounts: Support::No(
        "SQLite has no accounts: the operating system decides who may read and write its files. Use \
         the owner, the group and the mode of the folders",
    ),
    file_per_namespace: true,
    main_schema: Some("main"),
    in_process: true,
    name_bytes: 64,
    statements_per_connection: 512,
    statements_per_pool: None,
    run_time_parameters: false,
    sql_modes: false,
    time_zones: false,
    arguments: 32_766,
    statement_bytes: 8 << 20,
    numbered_placeholders: false,
    array_arguments: false,
    offset_without_limit: false,
    index_lookahead: false,
    returning: true,
    conflict_target: true,
    upsert_retry: false,
    sequential_assignments: false,
    binary_transfer: false,
    statement_lists: false,
    row_locks: false,
    single_writer: true,
    repeatable_reads: false,
    errors_abort_transactions: false,
    shared_lock_table: false,
    transaction_numbers: false,
    session_locks: Support::No(
        "SQLite keeps no locks for a session; use `LeaseLocks`, which keep theirs in a table",
    ),
    transactional_ddl: true,
    nulls_are_largest: false,
    nan_is_null: true,
    decimals: Support::No(
        "SQLite holds decimals as texts and cannot compare, order or add them as numbers, unless the \
         model declares their digits: `#[shard(precision = 12, scale = 2)]`",
    ),
    decimals_in_units: true,
    exact_sums: false,
    variance: Support::No(
        "SQLite has no such function, and one made of sums of squares would lose the digits that \
         count; read the values, or sum integers",
    ),
    extremes_of_bytes: Support::Yes,
};

static POSTGRES: Capability = Capability {
    servers: Support::Yes,
    accounts: Support::Yes,
    file_per_namespace: false,
    main_schema: None,
    in_process: false,
    name_bytes: 63,
    statements_per_connection: 4_096,
    statements_per_pool: None,
    run_time_parameters: true,
    sql_modes: false,
    time_zones: true,
    arguments: 65_535,
    statement_bytes: 8 << 20,
    numbered_placeholders: true,
    array_arguments: true,
    offset_without_limit: true,
    index_lookahead: false,
    returning: true,
    conflict_target: true,
    upsert_retry: true,
    sequential_assignments: false,
    binary_transfer: true,
    statement_lists: true,
    row_locks: true,
    single_writer: false,
    repeatable_reads: false,
    errors_abort_transactions: true,
    shared_lock_table: true,
    transaction_numbers: true,
    session_locks: Support::Yes,
    transactional_ddl: true,
    nulls_are_largest: true,
    nan_is_null: false,
    decimals: Support::Yes,
    decimals_in_units: false,
    exact_sums: true,
    variance: Support::Yes,
    extremes_of_bytes: Support::No(
        "PostgreSQL has no such function; order by the column, and take the first",
    ),
};

static MYSQL: Capability = Capability {
    servers: Support::Yes,
    accounts: Support::Yes,
    file_per_namespace: false,
    main_schema: None,
    in_process: false,
    name_bytes: 64,
    statements_per_connection: 4_096,
    statements_per_pool: Some(4_096),
    run_time_parameters: false,
    sql_modes: true,
    time_zones: true,
    arguments: 65_535,
    statement_bytes: 1_000_000,
    numbered_placeholders: false,
    array_arguments: false,
    offset_without_limit: false,
    index_lookahead: true,
    returning: false,
    conflict_target: false,
    upsert_retry: false,
    sequential_assignments: true,
    binary_transfer: false,
    statement_lists: false,
    row_locks: true,
    single_writer: false,
    repeatable_reads: true,
    errors_abort_transactions: false,
    shared_lock_table: false,
    transaction_numbers: false,
    session_locks: Support::Yes,
    transactional_ddl: false,
    nulls_are_largest: false,
    nan_is_null: false,
    decimals: Support::Yes,
    decimals_in_units: false,
    exact_sums: true,
    variance: Support::Yes,
    extremes_of_bytes: Support::Yes,
};

impl Dialect {
    /// Returns the features and limits of this database.
    pub(crate) const fn capability(self) -> &'static Capability {
        match self {
            Self::Sqlite => &SQLITE,
            Self::Postgres => &POSTGRES,
            Self::MySql => &MYSQL,
        }
    }
}
