//! Transactions on one logical shard, or on one named database.
//!
//! A transaction holds one connection from BEGIN until the response to its COMMIT or ROLLBACK.
//! Called by users through [`Cluster::begin`] and [`Cluster::transaction`], and by `exec`, which
//! runs statements in it.

mod begin;
mod options;
mod retry;
mod savepoint;
mod tx;

pub use options::{Isolation, TxOptions};
pub use savepoint::Savepoint;
pub use tx::Tx;

#[allow(unused_imports)] // Named in the docs above.
use crate::Cluster;
