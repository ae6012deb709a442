//! Connections: one pool per endpoint, endpoint health, load balancing, and read-your-writes.
//!
//! `cluster` holds the [`PoolSet`] of the current topology. `exec` and `transaction` take
//! connections through a [`NamespaceHandle`].

mod confirm;
mod direct;
mod endpoint;
#[cfg(feature = "reshard")]
mod feed;
mod guard;
mod health;
mod history;
mod latencies;
mod load_balancer;
mod lock_budget;
mod monitor;
mod namespace_handle;
mod pool;
mod pool_set;
mod record;
mod roles;
pub(crate) mod sizes;
mod verify;
mod write_marks;

pub(crate) use confirm::Authority;
pub(crate) use direct::{ask, send, write};
pub(crate) use endpoint::{Checkout, Endpoint};
#[cfg(feature = "reshard")]
pub(crate) use feed::{FEED, Feed, PROGRESS, progress_table};
pub(crate) use guard::{Finding, Guard, Survey, SurveyedServer, comment};
pub(crate) use health::{EndpointReport, Health};
pub(crate) use lock_budget::LockDemand;
pub(crate) use namespace_handle::NamespaceHandle;
pub(crate) use pool::{Lease, Pool};
#[cfg(feature = "metrics")]
pub(crate) use pool_set::{PoolFigures, ServerFigures};
pub(crate) use pool_set::{PoolSet, ServerReport, statements_of};
#[cfg(feature = "reshard")]
pub(crate) use record::read_record as read_record_of;
pub(crate) use record::{IDENTITY, LAYOUT, Layout, Record, STATE, STATICS, State, TABLE};
pub use roles::EndpointStatus;
pub(crate) use verify::{compare, described, read, read_beside};
pub(crate) use write_marks::{WriteMarker, WriteMarks};
