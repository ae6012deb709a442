//! From a placement to a connection: one pool for each endpoint, and the choice among them.
//!
//! Called by `cluster`, which keeps the places of the current topology, and by `exec`, which asks
//! a place for a connection.

mod choice;
mod guard;
mod history;
mod latencies;
mod links;
mod locks;
mod marks;
mod monitor;
mod namespace_handle;
mod pool;
mod record;
mod roles;
mod verify;
mod watch;

pub(crate) use choice::Served;
pub(crate) use guard::{Finding, Guard, Looked, Survey, comment};
pub(crate) use links::{Links, ServerReport};
pub(crate) use locks::Weighed;
pub(crate) use marks::{Marks, Writing};
pub(crate) use namespace_handle::{Endpoint, NamespaceHandle};
pub(crate) use pool::{Lease, Pool};
pub(crate) use record::{IDENTITY, LAYOUT, Layout, Record, STATICS, TABLE};
pub use roles::Standing;
pub(crate) use verify::{compare, described, read};
pub(crate) use watch::{EndpointReport, Watch};
