//! What holds when things go wrong: lost connections, dropped futures, conflicts, refusals.
//!
//! Each test has an observer of its own beside the library: a plain connection of the driver, the server's own
//! statistics, or a relay between the library and its server.

mod altered_tables;
mod cancellation;
mod direct;
mod driver_crashes;
mod ended_transactions;
mod errors;
mod explain;
mod fixture;
mod health;
mod lost_connections;
mod output;
mod partial_results;
mod pool;
mod retries;
mod secrets;
mod spans;
mod transactions;
