//! The parts that moves of logical shards consist of: what a namespace holds, created again in another one.
//!
//! They are reached through a hidden interface of `shard_orm::testing`.

mod counters;
mod fixture;
mod mysql;
mod objections;
mod postgres;
mod sqlite;
