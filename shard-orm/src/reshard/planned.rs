//! A move, split or merge that was examined, and what stands against it.

use std::collections::BTreeMap;
use std::fmt;

use super::columns::Columns;
use super::place::Place;
use super::request::Request;
use super::rows::MovedTable;
use crate::catalog::{JobKind, Leaving, Part};
use crate::error::{Error, Result, names};
use crate::reshard::blueprint::includes;
use crate::route::OwnedKeys;

/// Something that stands against a move.
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct Obstacle {
    /// What it is about, such as `` table `orders` ``.
    pub about: String,
    /// What is wrong, and what to do.
    pub message: String,
}

/// A move that was examined.
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct Planned {
    /// What it is.
    pub kind: JobKind,
    /// The group of the logical shard.
    pub group: String,
    /// Where the logical shard is: several places, if logical shards are merged.
    pub sources: Vec<Part>,
    /// Where it goes: several places, if it is split.
    pub targets: Vec<Part>,
    /// Its tables.
    pub tables: Vec<String>,
    /// The columns of each table by which rows are divided among several targets: region, if there is one, and shard
    /// key; none where all rows stay with the number of the logical shard.
    pub keys: BTreeMap<String, Vec<String>>,
    /// The types of the columns of each table, if its ends are different kinds of databases: those in which values pass
    /// from one to the other, such as `i64`, `text(40)` and `timestamp_utc`. Empty otherwise.
    pub types: BTreeMap<String, BTreeMap<String, String>>,
    /// The only rows that are copied, if a part of a split stays where it is: the tables become those of that part without
    /// being copied.
    #[cfg_attr(feature = "serde", serde(skip_serializing_if = "Option::is_none"))]
    pub leaving: Option<Leaving>,
    /// Why all parts of a split are copied, if they are.
    #[cfg_attr(feature = "serde", serde(skip_serializing_if = "Option::is_none"))]
    pub copied_because: Option<String>,
    /// The number of its rows, or of those that are copied, if a part stays: an estimate of the server, and exact on SQLite.
    pub rows: u64,
    /// Its size in bytes: an estimate of the server, and that of the file on SQLite.
    pub bytes: Option<u64>,
    /// The number of rows that leave.
    #[cfg_attr(feature = "serde", serde(skip))]
    pub(super) leaving_rows: u64,
    /// What stands against it; empty if it can begin.
    pub obstacles: Vec<Obstacle>,
}

impl Planned {
    /// # Errors
    /// [`Unsupported`](ErrorKind::Unsupported) with all obstacles.
    pub(super) fn check(&self) -> Result<()> {
        if self.obstacles.is_empty() {
            return Ok(());
        }
        let obstacles = self.obstacles.iter().map(ToString::to_string);
        Err(Error::unsupported(format!(
            "logical shard {} of group `{}` cannot go to {}:\n- {}",
            shards(&self.sources),
            self.group,
            servers(&self.targets),
            obstacles.collect::<Vec<_>>().join("\n- ")
        )))
    }
}

impl fmt::Display for Obstacle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.about, self.message)
    }
}

impl fmt::Display for Planned {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            kind,
            group,
            sources,
            targets,
            tables,
            rows,
            obstacles,
            ..
        } = self;
        writeln!(
            f,
            "{kind} of logical shard {} of group `{group}` from {} to {}: about {rows} rows of {} tables",
            shards(sources),
            servers(sources),
            servers(targets),
            tables.len()
        )?;
        for target in targets
            .iter()
            .filter(|target| target.keys != OwnedKeys::Fixed)
        {
            writeln!(f, "- {target}: {}", target.keys)?;
        }
        if let Some(copied) = self.copied() {
            writeln!(f, "- copied are {copied}")?;
        }
        for obstacle in obstacles {
            writeln!(f, "- {obstacle}")?;
        }
        Ok(())
    }
}

impl Planned {
    /// What is copied of a logical shard that is split, in words: the rows that leave a part that stays, or all, and why.
    #[must_use]
    pub fn copied(&self) -> Option<String> {
        let Some(leaving) = &self.leaving else {
            let because = self.copied_because.as_ref()?;
            return Some(format!("all parts: {because}"));
        };
        let stays = self.targets.get(leaving.stays())?;
        Some(format!(
            "only the rows of {leaving}: {stays} stays in its tables, and a merge undoes it"
        ))
    }
}

/// The servers of some parts.
fn servers(parts: &[Part]) -> String {
    let mut servers: Vec<&str> = parts.iter().map(|part| part.server.as_str()).collect();
    servers.dedup();
    let what = if servers.len() == 1 {
        "server"
    } else {
        "servers"
    };
    format!("{what} {}", names(servers.into_iter()))
}

/// The numbers of some logical shards.
fn shards(parts: &[Part]) -> String {
    let shards = parts.iter().map(|part| part.shard.to_string());
    shards.collect::<Vec<_>>().join(" and ")
}

impl Planned {
    pub(super) fn new(kind: JobKind, group: &str, sources: Vec<Part>) -> Self {
        Self {
            kind,
            group: group.to_owned(),
            sources,
            targets: Vec::new(),
            tables: Vec::new(),
            keys: BTreeMap::new(),
            types: BTreeMap::new(),
            leaving: None,
            copied_because: None,
            rows: 0,
            bytes: None,
            leaving_rows: 0,
            obstacles: Vec::new(),
        }
    }

    pub(super) fn against(&mut self, about: &str, message: &str) {
        self.obstacles.push(Obstacle {
            about: about.to_owned(),
            message: message.to_owned(),
        });
    }

    pub(super) fn add(&mut self, found: Vec<(String, &'static str)>) {
        for (about, message) in found {
            self.against(&about, message);
        }
    }

    /// The keys of each target, and the columns by which rows are divided; nothing where no key changes its owner.
    pub(super) async fn regroup(
        &mut self,
        request: &Request,
        sources: &mut [Place],
        known: &BTreeMap<String, Vec<String>>,
    ) -> Result<Vec<OwnedKeys>> {
        let (true, Some(place)) = (self.kind.regroups(), sources.first_mut()) else {
            return Ok(Vec::new());
        };
        let tables = self.resolve(&request.how.columns, place, known).await?;
        if self.kind == JobKind::Merge {
            self.keyless(&request.how.columns, sources).await?;
            let keys: Vec<&OwnedKeys> = self.sources.iter().map(|part| &part.keys).collect();
            let merged = OwnedKeys::of_all(&keys).ok_or_else(|| {
                Error::unsupported(format!(
                    "logical shards {} are not next to each other, or the strategy has no ranges: neighbours are merged, \
                     under `hash`, `range` and `region`",
                    shards(&self.sources)
                ))
            })?;
            return Ok(vec![merged]);
        }
        let keys = self.sources.first().map(|part| part.keys.clone());
        let (keys, parts) = (keys.unwrap_or_default(), request.servers.len());
        let divided = request
            .division
            .divide(&keys, parts, place, &tables)
            .await?;
        if divided.len() != parts {
            return Err(Error::configuration(format!(
                "{} parts are given, and {parts} servers; name the server of each part",
                divided.len()
            )));
        }
        Ok(divided)
    }

    /// Finds out by which columns rows are divided, and returns the tables with the ordinal of each key.
    async fn resolve(
        &mut self,
        columns: &Columns,
        place: &mut Place,
        known: &BTreeMap<String, Vec<String>>,
    ) -> Result<Vec<(MovedTable, Option<usize>)>> {
        let mut defs = place.tables().await?;
        defs.retain(|def| includes(&def.name));
        let names: Vec<String> = defs.iter().map(|def| def.name.clone()).collect();
        let divides = self.kind.divides();
        self.keys = columns.resolve((&names, &defs), known, divides, &mut self.obstacles);
        let tables = defs.iter().enumerate().map(|(number, def)| {
            let table = MovedTable::new(number, def);
            let key = self.keys.get(&def.name).and_then(|columns| columns.last());
            let ordinal = key.and_then(|key| {
                let mut columns = table.def.columns.iter();
                columns.position(|own| own.name.eq_ignore_ascii_case(key))
            });
            (table, ordinal)
        });
        Ok(tables.collect())
    }
}
