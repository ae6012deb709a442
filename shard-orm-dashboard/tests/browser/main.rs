//! The page in a browser, on a cluster of SQLite, PostgreSQL and MariaDB: what is on the screen equals what the databases
//! and the catalog say, and it can be read and used on narrow and wide screens, in light and dark, and by keyboard.
//!
//! Pictures of the pages are kept in the folder `tmp/dashboard` of cargo's target folder.

#![allow(clippy::unwrap_used, clippy::print_stdout)]

mod accessible;
mod acting;
mod chromium;
mod failover;
mod guide;
mod harmless;
mod live;
mod measured;
mod plans;
#[path = "../support/mod.rs"]
mod support;
mod tab;
mod world;

/// All pages of a cluster with the group `elephants`.
const PAGES: [(&str, &str); 10] = [
    ("cluster", "/"),
    ("cluster-by-state", "/?colour=state"),
    ("shard", "/shard/elephants/0"),
    ("shard-with-drift", "/shard/elephants/1"),
    ("moves", "/moves"),
    ("traffic", "/traffic"),
    ("processes", "/processes"),
    ("topology", "/topology?from=1&to=2"),
    ("static", "/static"),
    ("ask", "/ask?group=elephants&what=key&value=1"),
];
