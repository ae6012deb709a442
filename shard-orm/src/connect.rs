//! From a placement to a connection: one pool for each endpoint, and the choice among them.
//!
//! Called by `cluster`, which keeps the places of the current topology, and by `exec`, which asks
//! a place for a connection.

mod links;
mod place;
mod pool;
mod verify;

pub(crate) use links::Links;
pub(crate) use place::{Endpoint, Place};
pub(crate) use pool::Lease;
pub(crate) use verify::{CLUSTER, GENERATION, GROUP, Record, SHARD, TABLE, compare, read};
