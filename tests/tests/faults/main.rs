//! What holds when things go wrong: lost connections, dropped futures, conflicts, refusals.
//!
//! Each test has an observer of its own beside the library: a plain connection of the driver, the server's own
//! statistics, or a relay between the library and its server.

mod altered;
mod cancelled;
mod crashed;
mod direct;
mod ended;
mod errors;
mod explained;
mod fixture;
mod health;
mod killed;
mod pool;
mod retried;
mod scattered;
mod secrets;
mod shown;
mod spans;
mod transactions;
