//! Copies of tables: what differs between two of them, and by how little reading that is found.
//!
//! [`compare`] finds the rows that differ between a source and a copy and hands them on, [`verify`]
//! only counts them, [`digest`] gives a checksum that is the same on all databases. Called by what
//! keeps the copies of static tables, and by programs that move tables between databases.

mod compare;
mod digest;
mod shape;
mod table;

pub use compare::{Apply, Change, Comparison, Reading, compare, verify};
pub use digest::{Digest, digest};
pub use table::TableAt;
