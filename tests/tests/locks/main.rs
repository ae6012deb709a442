//! Locks that keep two runs of one task apart, on each of what keeps them.
//!
//! A manager of a [`Fixture`](fixture::Fixture) has connections of its own, as another process has.

mod exclusion;
mod expiry;
mod fixture;
mod leases;
mod lost_responses;
mod redis;
mod sessions;
