//! Locks that keep two runs of one task apart, on each of what keeps them.
//!
//! A manager of a [`Fixture`](fixture::Fixture) has connections of its own, as another process has.

mod apart;
mod fences;
mod fixture;
mod redis;
mod sessions;
mod silent;
mod times;
