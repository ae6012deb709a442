//! The catalog: the topology of a cluster as a shared, versioned fact.
//!
//! A few tables in one named database hold every topology that the cluster has had, by epoch, who
//! changed it and why, and the processes that use it. The catalog is not on the path of a
//! statement: without it a cluster keeps serving, and only cannot change.
//!
//! ```toml
//! name = "shop"
//! catalog = "default"
//!
//! [databases.default]
//! primary = "postgres://app:${PASSWORD}@10.0.0.1/main"
//! ```
//!
//! [`Cluster::open`](crate::Cluster::open) of this file reads the current topology from database
//! `default`, and follows its changes. Operators change it through
//! [`Cluster::catalog`](crate::Cluster::catalog).
//!
//! # Guarantees
//! - A topology changes by compare-and-swap on its epoch: of two operators one wins, and the other is
//!   told what changed.
//! - A process never goes back to a lower epoch, nor to another history, even if the catalog was
//!   restored from a backup.
//! - A topology is stored as written, with `${NAME}` for secrets; one with a password in a URL is
//!   refused.
//!
//! Called by `cluster`. Statements are sent to the primary of the catalog's database, and follow no
//! topology themselves.

mod document;
mod event;
#[cfg(feature = "reshard")]
mod findings;
mod history;
#[cfg_attr(not(feature = "reshard"), allow(dead_code))]
mod job;
#[cfg_attr(not(feature = "reshard"), allow(dead_code))]
mod lease;
mod local_copy;
#[cfg_attr(not(feature = "reshard"), allow(dead_code))]
mod plan;
mod process;
mod revision;
mod session;
#[cfg(feature = "metrics")]
mod size;
#[cfg(feature = "metrics")]
mod statistics;
mod table_key;
mod table_use;
mod tables;

pub use document::{DatabaseEntry, Difference, Document, ServerEntry};
pub use event::Event;
#[cfg(feature = "reshard")]
pub(crate) use findings::Findings;
pub(crate) use history::{Known, Latest};
#[cfg(feature = "reshard")]
pub(crate) use job::{Changes, Plan, Switch, taken};
pub use job::{
    Copied, DifferingRow, Gradual, Job, JobKind, JobState, Leaving, Mirror, Mirrored, Pace, Part,
    Shifted, StepOf, ThrottleReason, Throttling, Wish,
};
#[cfg(feature = "reshard")]
pub(crate) use lease::Owner;
pub(crate) use local_copy::{LocalCopy, parse as parse_local_copy, text_of as local_copy_text};
#[cfg(feature = "reshard")]
pub(crate) use plan::PlanRow;
pub use plan::PlanState;
pub(crate) use process::Heartbeat;
pub use process::Process;
#[cfg(feature = "metrics")]
pub(crate) use process::SILENCE;
pub(crate) use revision::Proposal;
pub use revision::Revision;
pub(crate) use session::Store;
#[cfg(feature = "metrics")]
pub(crate) use statistics::PublishedText;
pub(crate) use table_key::TableKey;
pub use table_use::TableUse;

/// The channel on which PostgreSQL announces a new topology.
pub(crate) const CHANNEL: &str = "shard_orm_topology";
