//! Locks that keep two runs of one task apart, on each of what keeps them.
//!
//! A manager of a [`Site`](site::Site) has connections of its own, as another process has.

mod apart;
mod fences;
mod redis;
mod sessions;
mod silent;
mod site;
mod times;
