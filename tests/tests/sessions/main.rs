//! Connections: session settings, poolers, packet sizes and addresses.

mod addresses;
mod core;
mod packets;
mod poolers;
mod settings;
mod support;
