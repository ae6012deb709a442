//! What an operator asks of a cluster: where keys are, what state it is in, what is wrong with it,
//! SQL on its shards, and accounts.
//!
//! On top of all modules. The command `shard-orm` prints what these functions return; a program can
//! use them for its own tools. None of them needs a model.
//!
//! | | |
//! |---|---|
//! | [`route`] | the logical shard, server and namespace of a key |
//! | [`status`](fn@status) | servers with role, version and lag; namespaces with rows and bytes |
//! | [`table_sizes`] | the tables of a logical shard with rows and bytes |
//! | [`check`](fn@check), `check_migrations` | everything that is wrong, and how to mend it |
//! | `filling_servers` | servers that will be full soon, by their sizes of the last days |
//! | `Rebalance` | which logical shards move, so that each server gets its share |
//! | [`run_sql`] | SQL on one logical shard, on all, or once on each server |
//! | [`sync_status`], [`verify_copies`] | the copies of static tables: progress and differences |
//! | [`sync_copies`], [`supervise_copies`] | brings them up to date, where no hooks of the application take part |
//! | [`set_up_accounts`] | accounts with the least privileges |
//! | [`describe_id`], [`describe_uuid`] | the parts of a generated id |

mod check;
#[cfg(feature = "metrics")]
mod filling;
mod id;
mod key;
mod look;
#[cfg(feature = "reshard")]
mod rebalance;
mod route;
mod servers;
mod sql;
mod status;
mod sync;
mod tables;
mod users;

#[cfg(feature = "migrate")]
pub use check::check_migrations;
pub use check::{
    CheckOptions, CheckReport, ConnectionBudget, Finding, Severity, check,
    findings_of_configuration,
};
#[cfg(feature = "metrics")]
pub use filling::filling_servers;
#[cfg(feature = "metrics")]
pub(crate) use filling::{SizedServer, find_filling, sized_servers};
pub use id::{IdDescription, ShardsOfId, UuidParts, describe_id, describe_id_in, describe_uuid};
pub use key::Key;
pub use look::EndpointRole;
#[cfg(feature = "reshard")]
pub use rebalance::Rebalance;
pub use route::{RoutedKey, route};
pub use sql::{
    ResultSet, SqlOutcome, SqlPlace, SqlReport, SqlRequest, destructive_statements, run_sql,
};
pub use status::{
    DatabaseStatus, EndpointState, GroupStatus, NamespaceState, NamespaceStatus, ServerStatus,
    Status, StatusOptions, status,
};
pub use sync::{
    CopiesSupervised, CopiesSynced, CopyProgress, Refusal, RefusedTable, SyncEvent, SyncOptions,
    supervise_copies, sync_copies, sync_status, verify_copies,
};
pub use tables::{TableSize, table_sizes};
pub use users::{Account, AccountOutcome, AccountPurpose, AccountReport, set_up_accounts};

pub use crate::task::StopSignal;
