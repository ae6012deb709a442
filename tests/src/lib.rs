//! What the behaviour suite of `shard-orm` stands on.
//!
//! - [`servers`] starts private database servers on free ports of the loopback interface, shared by a test run or
//!   owned by one test that kills and restarts them.
//! - [`database`] gives each test a database, or a prefix for databases, that no other test uses.
//!
//! The suite itself is in `tests/*.rs` of this package. `scripts/test` runs it with one server of each kind for all
//! test binaries, through the binary `test-servers`; a plain `cargo test` works too, and starts a server of a kind
//! in each test process that asks for one.

pub mod database;
pub mod servers;
