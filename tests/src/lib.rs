//! Servers, fixtures and helpers of `shard-orm`'s behaviour suite.
//!
//! - [`servers`] starts private database servers on free ports of the loopback interface, shared by a test run or
//!   owned by one test that kills and restarts them.
//! - [`exporter`] keeps what a cluster publishes of its metrics, for a test.
//! - [`fixture`] makes a cluster for one behaviour; its macro runs the behaviour on every database.
//! - [`guide`](mod@guide) holds the chapters of the guide, whose examples are compiled and run, with their helpers.
//! - [`history`] checks what clients saw of lists, for anomalies.
//! - [`listening`] hands the spans of one thread to a test.
//! - [`relay`] stands between the library and a server.
//! - [`database`] gives each test a database, or a prefix for databases, that no other test uses.
//! - [`sample`] says how much a test with random choices tries.
//! - [`scratch`] gives it a folder, in memory where there is room.
//!
//! The suite itself is in `tests/*.rs` of this package. `scripts/test` runs it with one server of each kind for all
//! test binaries, through the binary `test-servers`; a plain `cargo test` works too, and starts a server of a kind
//! in each test process that asks for one.

pub mod database;
pub mod exporter;
pub mod fixture;
#[cfg(feature = "sqlite")]
pub mod guide;
pub mod history;
pub mod listening;
pub mod relay;
pub mod sample;
pub mod scratch;
pub mod secrets;
pub mod servers;
pub mod waiting;
