//! Reads, writes and sessions on replicated servers, during role changes and failures.

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
mod swapped_roles;
mod switchover;
mod tokens;
