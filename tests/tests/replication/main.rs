//! Reads, writes and sessions over servers that replicate, while roles change and servers fail.

#[macro_use]
mod on;

mod failures;
mod fixture;
mod health;
mod hedged;
mod lag;
mod logs;
mod nodes;
mod reads;
mod roles;
mod sessions;
mod swapped;
mod switchover;
mod tokens;
