//! What connections are opened with, and what goes through them: settings of sessions, poolers, packets, addresses.

mod addresses;
mod core;
mod packets;
mod poolers;
mod settings;
mod support;
