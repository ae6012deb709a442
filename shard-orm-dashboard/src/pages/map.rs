//! The map: each logical shard of a group as a cell.

use std::collections::{HashMap, HashSet};

use shard_orm::admin::{NamespaceState, NamespaceStatus};
use shard_orm::topology::Group;

use crate::text;

/// What colours the cells.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Colour {
    /// Bytes on disk.
    #[default]
    Size,
    /// Calls.
    Load,
    /// Whether the namespace exists and is served, and whether it moves.
    State,
}

/// A logical shard.
#[derive(Debug)]
pub(super) struct Cell {
    /// Its number.
    pub(super) shard: u32,
    /// All facts, for pointers, keyboards and screen readers.
    pub(super) facts: String,
    /// Its colour: `level-0` to `level-5`, `present`, `moving`, `missing`, `unserved` or `unknown`.
    pub(super) class: &'static str,
    /// A sign for its state, so that colour is not all that tells it.
    pub(super) sign: &'static str,
}

/// What is known of logical shards apart from their topology, by their numbers.
#[derive(Debug, Default)]
pub(super) struct Known<'a> {
    pub(super) namespaces: HashMap<u32, &'a NamespaceStatus>,
    /// Calls in a second, within the last five minutes.
    pub(super) loads: HashMap<u32, f64>,
    pub(super) moving: HashSet<u32>,
    /// The servers that are known not to serve.
    pub(super) unserved: HashSet<String>,
}

const LEVELS: [&str; 6] = [
    "level-0", "level-1", "level-2", "level-3", "level-4", "level-5",
];

impl Colour {
    /// From a parameter; unknown ones are the default.
    pub(super) fn parse(text: Option<&str>) -> Self {
        match text {
            Some("load") => Self::Load,
            Some("state") => Self::State,
            _ => Self::Size,
        }
    }

    /// The parameter.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Size => "size",
            Self::Load => "load",
            Self::State => "state",
        }
    }
}

/// The cells of a group, in one pass.
pub(super) fn cells(group: &Group, known: &Known<'_>, colour: Colour) -> Vec<Cell> {
    let size = |shard: u32| {
        let namespace = known.namespaces.get(&shard)?;
        namespace.bytes.map(float)
    };
    let figure = |shard: u32| match colour {
        Colour::Size => size(shard),
        Colour::Load => known.loads.get(&shard).copied(),
        Colour::State => None,
    };
    let largest = group.shards().filter_map(figure).fold(0.0, f64::max);
    let cell = |shard: u32| {
        let placement = group.placement(shard);
        let server = placement.and_then(|placement| group.servers().get(placement.server()));
        let server = server.map_or("", |server| &**server.name());
        let namespace = known.namespaces.get(&shard).copied();
        let state = state(shard, server, namespace, known);
        Cell {
            shard,
            facts: facts(
                shard,
                server,
                state,
                namespace,
                known.loads.get(&shard).copied(),
            ),
            class: match (colour, figure(shard)) {
                (Colour::State, _) => state,
                (_, Some(figure)) => LEVELS[level(figure, largest)],
                (_, None) => "unknown",
            },
            sign: match state {
                "missing" | "unserved" => "!",
                "moving" => "→",
                _ => "",
            },
        }
    };
    group.shards().map(cell).collect()
}

fn state(
    shard: u32,
    server: &str,
    namespace: Option<&NamespaceStatus>,
    known: &Known<'_>,
) -> &'static str {
    match namespace.map(|namespace| namespace.state) {
        _ if known.unserved.contains(server) => "unserved",
        Some(NamespaceState::Missing) => "missing",
        _ if known.moving.contains(&shard) => "moving",
        Some(NamespaceState::Present) => "present",
        _ => "unknown",
    }
}

fn facts(
    shard: u32,
    server: &str,
    state: &str,
    namespace: Option<&NamespaceStatus>,
    load: Option<f64>,
) -> String {
    let state = match state {
        "unserved" => "its server does not serve",
        "missing" => "its namespace is missing",
        "moving" => "is moving",
        "present" => "present",
        _ => "state unknown",
    };
    let rows = namespace.and_then(|one| Some((one.rows?, one.rows_estimated)));
    let bytes = namespace.and_then(|one| Some((one.bytes?, one.bytes_estimated)));
    let mut facts = format!("Logical shard {shard} on server {server}: {state}");
    if let Some((rows, is_estimate)) = rows {
        let rows = text::estimated(Some(text::count(rows, "row")), is_estimate);
        facts.push_str(&format!(", {rows}"));
    }
    if let Some((bytes, is_estimate)) = bytes {
        let bytes = text::estimated(Some(text::bytes(bytes)), is_estimate);
        facts.push_str(&format!(", {bytes}"));
    }
    if let Some(load) = load.filter(|load| *load > 0.0) {
        facts.push_str(&format!(", {load:.1} calls/s"));
    }
    facts
}

/// Fifths of the largest figure; 0 for nothing.
fn level(figure: f64, largest: f64) -> usize {
    let share = if largest > 0.0 { figure / largest } else { 0.0 };
    match share {
        share if share <= 0.0 => 0,
        share if share <= 0.2 => 1,
        share if share <= 0.4 => 2,
        share if share <= 0.6 => 3,
        share if share <= 0.8 => 4,
        _ => 5,
    }
}

/// Exact up to 2^53 bytes, which no namespace has.
#[allow(clippy::cast_precision_loss)]
fn float(number: u64) -> f64 {
    number as f64
}
