//! A topology as a document that can be edited: a configuration file in canonical form.
//!
//! Works on the text, where `${NAME}` is unexpanded, so that no secret can get into it. Whether the
//! result is a valid topology is checked when it is stored.

mod difference;
mod servers;

use std::collections::BTreeMap;
use std::fmt;

use toml::{Table, Value};

pub use self::difference::Difference;
pub use self::servers::ServerEntry;
use crate::config::{Config, Runs};
use crate::error::{Error, Result, names};
use crate::topology::Placement;

/// A topology as a document.
///
/// ```
/// use shard_orm::catalog::Document;
///
/// let mut document: Document = r#"
///     name = "shop"
///     [groups.shop]
///     logical_shards = 4
///     [[groups.shop.servers]]
///     name = "a"
///     primary = "postgres://app:${PASSWORD}@10.0.0.1/shop"
///     shards = ["0..4"]
/// "#
/// .parse()?;
/// document.add_replica("shop", "a", "postgres://app:${PASSWORD}@10.0.0.2/shop", 1)?;
/// assert!(document.to_string().contains("replicas = ["));
/// # Ok::<(), shard_orm::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Document {
    table: Table,
}

impl Document {
    /// The document of a configuration file: each server lists its logical shards, so that a change
    /// of weights or servers moves none; the settings of the catalog, which each process has for
    /// itself, are left out.
    ///
    /// # Errors
    /// [`Configuration`](crate::ErrorKind::Configuration) with all problems of the file.
    pub fn of_configuration(text: &str) -> Result<Self> {
        let topology = Config::from_toml(text)?.topology()?;
        let mut document: Self = text.parse()?;
        document.table.remove("catalog");
        for group in topology.groups() {
            let placements = (0_u32..).zip(group.placements());
            let server_of = |(shard, placement): (u32, &Placement)| {
                let server = group.servers().get(placement.server())?;
                Some((shard, server.name().to_string()))
            };
            document.set_shards(group.name(), &placements.filter_map(server_of).collect())?;
        }
        Ok(document)
    }

    /// Lists at each server of a group the logical shards that it has in `servers`.
    pub(crate) fn set_shards(
        &mut self,
        group: &str,
        servers: &BTreeMap<u32, String>,
    ) -> Result<()> {
        for server in self.servers_mut(group)? {
            let own = server.get("name").and_then(Value::as_str);
            let shards = servers.iter().filter(|(_, name)| Some(&***name) == own);
            let runs = Runs::of(shards.map(|(shard, _)| *shard));
            let runs = runs.texts().map(Value::String).collect();
            server.insert("shards".to_owned(), Value::Array(runs));
        }
        Ok(())
    }

    /// Sets the generations of a group's namespaces; those of the first generation are not listed.
    pub(crate) fn set_generations(
        &mut self,
        group: &str,
        generations: &BTreeMap<u32, u32>,
    ) -> Result<()> {
        self.group(group)?;
        let later = generations
            .iter()
            .filter(|(_, generation)| **generation > 1);
        let entry = |(shard, generation): (&u32, &u32)| {
            (shard.to_string(), Value::Integer((*generation).into()))
        };
        let later: Table = later.map(entry).collect();
        let groups = self.table.get_mut("groups").and_then(Value::as_table_mut);
        if let Some(own) = groups.and_then(|groups| groups.get_mut(group)?.as_table_mut()) {
            if later.is_empty() {
                own.remove("generations");
            } else {
                own.insert("generations".to_owned(), Value::Table(later));
            }
        }
        Ok(())
    }

    /// What differs in another document, by path. Servers are compared by name.
    #[must_use]
    pub fn difference(&self, other: &Self) -> Vec<Difference> {
        difference::of(&self.table, &other.table)
    }

    fn group(&self, group: &str) -> Result<&Table> {
        let groups = self.table.get("groups").and_then(Value::as_table);
        let found = groups.and_then(|groups| groups.get(group)?.as_table());
        found.ok_or_else(|| {
            let known = groups.into_iter().flat_map(Table::keys);
            Error::configuration(format!(
                "unknown group `{group}`; the topology has {}",
                names(known.map(String::as_str))
            ))
        })
    }

    fn servers_mut(&mut self, group: &str) -> Result<impl Iterator<Item = &mut Table>> {
        self.group(group)?;
        let groups = self.table.get_mut("groups").and_then(Value::as_table_mut);
        let servers = groups
            .and_then(|groups| groups.get_mut(group)?.as_table_mut())
            .and_then(|group| group.get_mut("servers")?.as_array_mut());
        Ok(servers
            .into_iter()
            .flatten()
            .filter_map(Value::as_table_mut))
    }
}

impl std::str::FromStr for Document {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let table: Table = text.parse().map_err(|error: toml::de::Error| {
            // The parser's own message repeats the line, which may hold a password.
            Error::configuration(format!("invalid TOML: {}", error.message()))
        })?;
        Ok(Self { table })
    }
}

/// The canonical form: keys in alphabetical order. Equal documents have equal texts.
impl fmt::Display for Document {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        sorted(&self.table).fmt(f)
    }
}

/// The same table with its keys in alphabetical order, whichever order the crate keeps.
fn sorted(table: &Table) -> Table {
    let mut entries: Vec<(&String, &Value)> = table.iter().collect();
    entries.sort_by_key(|(key, _)| *key);
    let entry = |(key, value): (&String, &Value)| (key.clone(), sorted_value(value));
    entries.into_iter().map(entry).collect()
}

fn sorted_value(value: &Value) -> Value {
    match value {
        Value::Table(table) => Value::Table(sorted(table)),
        Value::Array(items) => Value::Array(items.iter().map(sorted_value).collect()),
        other => other.clone(),
    }
}
