//! The command as a process: sessions with their output, exit codes, signals and pipes, on all
//! databases.
//!
//! `cases/*.trycmd` are sessions on SQLite. After an intended change, write them anew and review the
//! difference: `TRYCMD=overwrite cargo test -p shard-orm-cli --test command sessions`.

#![allow(clippy::unwrap_used)]

mod dashboard;
mod drift;
mod fixture;
mod interrupt;
mod replicas;
mod rotation;
mod route;
mod servers;
mod sessions;
mod stats;
mod sync;
