//! What a configuration file gives, and what each mistake in one is answered with: the part, the
//! line, and what to do.

#![cfg(feature = "sqlite")]
#![allow(clippy::unwrap_used)]

mod ids;
mod places;
mod ranges;
mod reading;
mod shares;
mod text;

use std::error::Error as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use shard_orm::config::{
    Config, ConfigError, Database, Group, PoolOptions, Problem, Server, StrategyConfig,
};
use shard_orm::route::{Hash, RoutingKey};
use shard_orm::topology::{Read, Topology};
use shard_orm::{Dialect, Error, ErrorKind};

/// A configuration without a mistake, by line from 1.
const SHOP: [&str; 12] = [
    "[groups.shop]",
    "logical_shards = 16",
    "namespace = 'shop_{shard}'",
    "",
    "[[groups.shop.servers]]",
    "name = 'a'",
    "primary = 'sqlite://data/a'",
    "",
    "[[groups.shop.servers]]",
    "name = 'b'",
    "primary = 'sqlite://data/b'",
    "",
];

/// That configuration with some of its lines, by their number, in other words.
fn shop(changes: &[(usize, &str)]) -> String {
    let mut lines = SHOP;
    for (line, text) in changes {
        lines[line - 1] = text;
    }
    lines.join("\n")
}

fn topology(text: &str) -> Topology {
    let config = Config::from_toml(text).unwrap_or_else(|error| panic!("{error}"));
    config.topology().unwrap()
}

fn problems_of(error: &Error) -> Vec<Problem> {
    assert_eq!(error.kind(), ErrorKind::Configuration);
    let source = error
        .source()
        .and_then(|source| source.downcast_ref::<ConfigError>());
    let problems = source.unwrap().problems().to_vec();
    for problem in &problems {
        assert!(error.to_string().contains(problem.message()), "{error}");
        assert!(!problem.to_string().contains("secret"), "{problem}");
        assert!(!format!("{problem:?}").contains("secret"), "{problem:?}");
    }
    problems
}

fn problems(text: &str) -> Vec<Problem> {
    problems_of(&Config::from_toml(text).unwrap_err())
}

/// The text has these mistakes and no others: part, line, and a piece of what is said.
fn assert_problems(text: &str, expected: &[(&str, u32, &str)]) {
    let found = problems(text);
    let all: Vec<String> = found.iter().map(Problem::to_string).collect();
    assert_eq!(found.len(), expected.len(), "{all:#?}");
    for (problem, (path, line, part)) in found.iter().zip(expected) {
        assert_eq!(problem.path(), *path, "{all:#?}");
        assert_eq!(problem.line(), Some(*line), "{all:#?}");
        assert!(problem.message().contains(part), "{all:#?}");
    }
}

/// The mistakes of a configuration made in code.
fn assert_problems_in_code(config: &Config, expected: &[(&str, &str)]) {
    let found = problems_of(&config.topology().unwrap_err());
    let all: Vec<String> = found.iter().map(Problem::to_string).collect();
    assert_eq!(found.len(), expected.len(), "{all:#?}");
    for (problem, (path, part)) in found.iter().zip(expected) {
        assert_eq!((problem.path(), problem.line()), (*path, None), "{all:#?}");
        assert!(problem.message().contains(part), "{all:#?}");
    }
}

/// Shards of each server, by its name.
fn shares(topology: &Topology, group: &str) -> Vec<(String, Vec<u32>)> {
    let group = topology.group(group).unwrap();
    let servers = group.servers().iter().enumerate();
    servers
        .map(|(at, server)| {
            let own = group.placements().filter(|place| place.server() == at);
            let shards = own.map(|place| place.namespace().shard()).collect();
            (server.name().to_string(), shards)
        })
        .collect()
}

#[test]
fn no_password_is_shown_by_debug() {
    let config = Config::new("x")
        .database(
            "d",
            Database::new("postgres://app:secret@h/db").replica("mysql://a:secret@h"),
        )
        .group(
            "g",
            Group::new(1).server(Server::new("a", "postgres://app:secret@h/db")),
        );
    let text = format!("{config:?}");
    assert!(
        !text.contains("secret") && text.contains("postgres://app:***@h/db"),
        "{text}"
    );
}

#[test]
fn all_mistakes_are_reported_at_once_in_the_order_of_their_lines() {
    let text = shop(&[
        (2, "logical_shards = 16\nlogcal_shards = 3"),
        (3, "namespace = 'shop'"),
        (4, "strategy = 'hahs'\nread = 1"),
        (6, "name = 'b'"),
        (7, "primary = 'oracle://app:secret@h'"),
        (8, "shards = '0..8'"),
        (10, "name = 'b'"),
        (11, "master = '${SHARD_ORM_IS_NOT_SET}'"),
        (
            12,
            "shards = '9..16'\n[databases.x]\nprimary = 'sqlite::memory:'\n[pool]\nbusy_timeout = 3",
        ),
    ]);
    assert_problems(
        &text,
        &[
            (
                "groups.shop.logcal_shards",
                3,
                "did you mean `logical_shards`?",
            ),
            ("groups.shop.namespace", 4, "the same name for 16"),
            ("groups.shop.strategy", 5, "unknown choice"),
            ("groups.shop.read", 6, "write a string"),
            ("groups.shop.servers", 7, "no server has the shards 8..9"),
            ("groups.shop.servers[0].primary", 9, "`oracle://`"),
            ("groups.shop.servers[1].name", 12, "duplicate server `b`"),
            (
                "groups.shop.servers[1].primary",
                13,
                "`SHARD_ORM_IS_NOT_SET`",
            ),
            ("databases.x.primary", 16, "in-memory"),
            ("pool.busy_timeout", 18, "without a unit"),
        ],
    );
}
