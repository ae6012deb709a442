//! What a job is to do, and what it has done: texts in its row.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use toml::{Table, Value};

use super::{Gradual, Job, Leaving, Mirror, Mirrored, Shifted, Throttling};
use crate::error::{Error, Result};
use crate::route::OwnedKeys;

/// A namespace of a job.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct Part {
    /// The logical shard.
    pub shard: u32,
    /// The name of the server.
    pub server: String,
    /// The generation of the namespace.
    pub generation: u32,
    /// The keys that it has, where a job changes their owners: as texts in JSON.
    #[cfg_attr(
        feature = "serde",
        serde(serialize_with = "crate::catalog::job::keys_as_text")
    )]
    pub(crate) keys: OwnedKeys,
}

/// The step of a stored plan.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct StepOf {
    /// The number of the plan in its cluster.
    pub plan: u64,
    /// The number of the step in the plan, from 1.
    pub step: u64,
}

/// How fast a job copies rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "snake_case"))]
#[non_exhaustive]
pub enum Pace {
    /// As fast as the calls of applications allow: slower at once while short statements take longer at one of
    /// the ends than they do without the copy, or while many more statements run there than before it, and faster
    /// again bit by bit. Waits while a replica of either server lags behind its `max_lag`.
    #[default]
    Gentle,
    /// At most so many rows in a second. Waits for replicas too.
    RowsPerSecond(u64),
    /// As fast as both servers can, whatever their replicas do.
    Full,
}

impl fmt::Display for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "logical shard {} on server `{}`",
            self.shard, self.server
        )
    }
}

impl fmt::Display for Pace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Gentle => f.write_str("gentle"),
            Self::RowsPerSecond(rows) => write!(f, "{rows}"),
            Self::Full => f.write_str("full"),
        }
    }
}

impl FromStr for Pace {
    type Err = Error;

    /// Reads `gentle`, `full`, or a number of rows in a second.
    fn from_str(text: &str) -> Result<Self> {
        match text {
            "gentle" => Ok(Self::Gentle),
            "full" => Ok(Self::Full),
            text => match text.parse() {
                Ok(rows) if rows > 0 => Ok(Self::RowsPerSecond(rows)),
                _ => Err(Error::configuration(format!(
                    "`{text}` is no pace: it is `gentle`, `full`, or the number of rows in a second"
                ))),
            },
        }
    }
}

/// What a job has done so far.
#[derive(Debug, Clone, PartialEq, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct Copied {
    /// Rows that were copied.
    pub rows: u64,
    /// Rows that there were at the beginning, as the source estimates them.
    pub estimated_rows: u64,
    /// Changes that were applied since.
    pub changes: u64,
    /// Changes that were not applied yet, when that was looked at last.
    pub backlog: u64,
    /// How often a server of an end had another history than before, as after a failover, so that both
    /// ends were compared again.
    pub failovers: u64,
    /// Rows that were found to differ after a failover, and were copied again.
    pub repaired: u64,
    /// Why rows are copied slower than they could be, when that was noted last.
    pub throttling: Option<Throttling>,
    /// The position of each end's server whose history the job trusts, as a text.
    #[cfg_attr(feature = "serde", serde(skip))]
    pub(crate) histories: Histories,
    /// What the reads that were sent to both ends have shown.
    pub mirrored: Mirrored,
    /// How far the gradual switch of the reads is.
    pub shifted: Shifted,
    /// How long each state lasted, in milliseconds.
    pub milliseconds: BTreeMap<String, u64>,
    /// How long writes waited at the switch: from the fence to the new topology.
    #[cfg_attr(feature = "serde", serde(serialize_with = "crate::units::seconds"))]
    pub pause: Option<Duration>,
}

/// For each end, a position of the server with which the job began, or with which both ends were compared.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct Histories {
    pub(crate) sources: Vec<Option<String>>,
    pub(crate) targets: Vec<Option<String>>,
}

/// What a job is to do.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Plan {
    pub(crate) sources: Vec<Part>,
    pub(crate) targets: Vec<Part>,
    pub(crate) tables: Vec<String>,
    pub(crate) keys: BTreeMap<String, Vec<String>>,
    /// The types of the columns of each table, as texts, where the ends are different kinds of databases.
    pub(crate) types: BTreeMap<String, BTreeMap<String, String>>,
    pub(crate) pace: Pace,
    pub(crate) step: Option<StepOf>,
    pub(crate) accepts_replica_risk: bool,
    pub(crate) mirror: Option<Mirror>,
    pub(crate) gradual: Option<Gradual>,
    pub(crate) leaving: Option<Leaving>,
}

impl Part {
    pub(crate) fn new(shard: u32, server: &str, generation: u32) -> Self {
        Self {
            shard,
            server: server.to_owned(),
            generation,
            keys: OwnedKeys::Fixed,
        }
    }

    /// The keys that it has, as a text, where the job changes their owners: ranges of the hash, as in
    /// `hash 8000000000000000..=ffffffffffffffff`, or of the key. Empty otherwise.
    #[must_use]
    pub fn keys(&self) -> String {
        match &self.keys {
            OwnedKeys::Fixed => String::new(),
            keys => keys.to_string(),
        }
    }

    /// The same, with the keys that it gets.
    pub(crate) fn with_keys(self, keys: OwnedKeys) -> Self {
        Self { keys, ..self }
    }

    fn to_value(&self) -> Value {
        let mut table = Table::new();
        table.insert("shard".to_owned(), i64::from(self.shard).into());
        table.insert("server".to_owned(), self.server.clone().into());
        table.insert("generation".to_owned(), i64::from(self.generation).into());
        if self.keys != OwnedKeys::Fixed {
            table.insert("keys".to_owned(), self.keys.to_string().into());
        }
        Value::Table(table)
    }

    fn of_value(value: &Value) -> Option<Self> {
        let number = |key: &str| u32::try_from(value.get(key)?.as_integer()?).ok();
        Some(Self {
            shard: number("shard")?,
            server: value.get("server")?.as_str()?.to_owned(),
            generation: number("generation")?,
            keys: match value.get("keys") {
                Some(keys) => OwnedKeys::parse(keys.as_str()?)?,
                None => OwnedKeys::Fixed,
            },
        })
    }
}

impl Plan {
    pub(super) fn to_text(&self) -> String {
        let parts = |parts: &[Part]| Value::Array(parts.iter().map(Part::to_value).collect());
        let mut table = Table::new();
        table.insert("sources".to_owned(), parts(&self.sources));
        table.insert("targets".to_owned(), parts(&self.targets));
        let tables = self.tables.iter().cloned().map(Value::String).collect();
        table.insert("tables".to_owned(), Value::Array(tables));
        if !self.keys.is_empty() {
            let columns = |columns: &Vec<String>| {
                Value::Array(columns.iter().cloned().map(Value::String).collect())
            };
            let keys = self.keys.iter();
            let keys: Table = keys.map(|(of, own)| (of.clone(), columns(own))).collect();
            table.insert("keys".to_owned(), Value::Table(keys));
        }
        if !self.types.is_empty() {
            let columns = |columns: &BTreeMap<String, String>| {
                let columns = columns.iter();
                Value::Table(
                    columns
                        .map(|(of, own)| (of.clone(), own.clone().into()))
                        .collect(),
                )
            };
            let types = self.types.iter();
            let types: Table = types.map(|(of, own)| (of.clone(), columns(own))).collect();
            table.insert("types".to_owned(), Value::Table(types));
        }
        table.insert("pace".to_owned(), self.pace.to_string().into());
        if let Some(StepOf { plan, step }) = self.step {
            let own = [
                ("plan".to_owned(), integer(plan)),
                ("step".to_owned(), integer(step)),
            ];
            table.insert("step".to_owned(), Value::Table(own.into_iter().collect()));
        }
        if self.accepts_replica_risk {
            table.insert("accepts_replica_risk".to_owned(), true.into());
        }
        if let Some(mirror) = &self.mirror {
            table.insert("mirror".to_owned(), mirror.to_value());
        }
        if let Some(gradual) = &self.gradual {
            table.insert("gradual".to_owned(), gradual.to_value());
        }
        if let Some(leaving) = &self.leaving {
            table.insert("leaving".to_owned(), leaving.to_value());
        }
        table.to_string()
    }

    pub(super) fn parse(text: &str) -> Result<Self> {
        let table: Table = text.parse().map_err(|_| unreadable())?;
        let array = |key: &str| table.get(key).and_then(Value::as_array);
        let is_set = |key: &str| table.get(key).and_then(Value::as_bool) == Some(true);
        let parts = |key: &str| -> Result<Vec<Part>> {
            let parts = array(key).ok_or_else(unreadable)?.iter();
            parts
                .map(|part| Part::of_value(part).ok_or_else(unreadable))
                .collect()
        };
        let tables = array("tables").ok_or_else(unreadable)?.iter();
        let tables = tables.map(|table| table.as_str().map(str::to_owned).ok_or_else(unreadable));
        let columns = |columns: &Value| -> Option<Vec<String>> {
            let columns = columns.as_array()?.iter();
            columns.map(|one| one.as_str().map(str::to_owned)).collect()
        };
        let keys = table.get("keys").and_then(Value::as_table);
        let keys = keys.into_iter().flatten();
        let keys = keys.map(|(of, own)| Some((of.clone(), columns(own)?)));
        let types_of = |columns: &Value| -> Option<BTreeMap<String, String>> {
            let columns = columns.as_table()?.iter();
            columns
                .map(|(of, own)| Some((of.clone(), own.as_str()?.to_owned())))
                .collect()
        };
        let types = table.get("types").and_then(Value::as_table);
        let types = types.into_iter().flatten();
        let types = types.map(|(of, own)| Some((of.clone(), types_of(own)?)));
        let targets = parts("targets")?;
        let leaving = table.get("leaving").map(|leaving| {
            let leaving = Leaving::of_value(leaving);
            let leaving = leaving.filter(|leaving| leaving.stays() < targets.len());
            leaving.ok_or_else(unreadable)
        });
        let leaving = leaving.transpose()?;
        Ok(Self {
            types: types.collect::<Option<_>>().ok_or_else(unreadable)?,
            keys: keys.collect::<Option<_>>().ok_or_else(unreadable)?,
            sources: parts("sources")?,
            targets,
            tables: tables.collect::<Result<_>>()?,
            pace: match table.get("pace").and_then(Value::as_str) {
                Some(pace) => pace.parse().map_err(|_| unreadable())?,
                None => Pace::default(),
            },
            step: table.get("step").and_then(|step| {
                Some(StepOf {
                    plan: number(step.get("plan")?)?,
                    step: number(step.get("step")?)?,
                })
            }),
            accepts_replica_risk: is_set("accepts_replica_risk"),
            mirror: match table.get("mirror") {
                Some(mirror) => Some(Mirror::of_value(mirror).ok_or_else(unreadable)?),
                None => None,
            },
            gradual: match table.get("gradual") {
                Some(gradual) => Some(Gradual::of_value(gradual).ok_or_else(unreadable)?),
                None => None,
            },
            leaving,
        })
    }
}

impl Job {
    /// What it is to do.
    pub(crate) fn plan(&self) -> Plan {
        Plan {
            sources: self.sources.clone(),
            targets: self.targets.clone(),
            tables: self.tables.clone(),
            keys: self.keys.clone(),
            types: self.types.clone(),
            pace: self.pace,
            step: self.step,
            accepts_replica_risk: self.accepts_replica_risk,
            mirror: self.mirror,
            gradual: self.gradual.clone(),
            leaving: self.leaving.clone(),
        }
    }
}

impl Copied {
    pub(super) fn to_text(&self) -> String {
        let mut table = Table::new();
        for (key, number) in [
            ("rows", self.rows),
            ("estimated_rows", self.estimated_rows),
            ("changes", self.changes),
            ("backlog", self.backlog),
            ("failovers", self.failovers),
            ("repaired", self.repaired),
        ] {
            table.insert(key.to_owned(), integer(number));
        }
        let times = self.milliseconds.iter();
        let times: Table = times
            .map(|(state, time)| (state.clone(), integer(*time)))
            .collect();
        table.insert("milliseconds".to_owned(), Value::Table(times));
        if let Some(throttling) = &self.throttling {
            table.insert("throttling".to_owned(), throttling.to_value());
        }
        let Histories { sources, targets } = &self.histories;
        for (end, positions) in [("source", sources), ("target", targets)] {
            for (number, position) in positions.iter().enumerate() {
                if let Some(position) = position {
                    table.insert(key_of(end, number), position.clone().into());
                }
            }
        }
        if self.mirrored != Mirrored::default() {
            table.insert("mirrored".to_owned(), self.mirrored.to_value());
        }
        if self.shifted != Shifted::default() {
            table.insert("shifted".to_owned(), self.shifted.to_value());
        }
        if let Some(pause) = self.pause {
            let micros = u64::try_from(pause.as_micros()).unwrap_or(u64::MAX);
            table.insert("pause_microseconds".to_owned(), integer(micros));
        }
        table.to_string()
    }

    pub(super) fn parse(text: &str) -> Result<Self> {
        let table: Table = text.parse().map_err(|_| unreadable())?;
        let own = |key: &str| table.get(key).and_then(number);
        let text = |key: &str| table.get(key).and_then(Value::as_str).map(str::to_owned);
        let times = table.get("milliseconds").and_then(Value::as_table);
        let times = times.into_iter().flatten();
        let positions = |end: &str| {
            let positions = (0..table.len()).map(|number| text(&key_of(end, number)));
            let mut positions: Vec<_> = positions.collect();
            while positions.last() == Some(&None) {
                positions.pop();
            }
            positions
        };
        Ok(Self {
            rows: own("rows").unwrap_or_default(),
            estimated_rows: own("estimated_rows").unwrap_or_default(),
            changes: own("changes").unwrap_or_default(),
            backlog: own("backlog").unwrap_or_default(),
            failovers: own("failovers").unwrap_or_default(),
            repaired: own("repaired").unwrap_or_default(),
            throttling: table.get("throttling").and_then(Throttling::parse),
            histories: Histories {
                sources: positions("source"),
                targets: positions("target"),
            },
            mirrored: table
                .get("mirrored")
                .map(Mirrored::of_value)
                .unwrap_or_default(),
            shifted: table
                .get("shifted")
                .map(Shifted::of_value)
                .unwrap_or_default(),
            milliseconds: times
                .filter_map(|(state, time)| Some((state.clone(), number(time)?)))
                .collect(),
            pause: own("pause_microseconds").map(Duration::from_micros),
        })
    }
}

/// The first one of an end has the name that it had when there was but one.
fn key_of(end: &str, number: usize) -> String {
    match number {
        0 => end.to_owned(),
        _ => format!("{end}_{number}"),
    }
}

pub(in crate::catalog) fn integer(number: u64) -> Value {
    Value::Integer(i64::try_from(number).unwrap_or(i64::MAX))
}

pub(in crate::catalog) fn number(value: &Value) -> Option<u64> {
    value
        .as_integer()
        .and_then(|number| u64::try_from(number).ok())
}

fn unreadable() -> Error {
    Error::decode(
        "a job of the catalog cannot be read; it was written by another version of this library",
    )
}
