//! A topology as a document that can be edited: a configuration file in canonical form.
//!
//! Works on the text, where `${NAME}` is unexpanded, so that no secret can get into it. Whether the
//! result is a valid topology is checked when it is stored.

mod databases;
mod difference;
mod endpoints;
#[cfg(feature = "reshard")]
mod placement;
mod servers;

use std::collections::BTreeMap;
use std::fmt;

use toml::{Table, Value};

pub use self::databases::DatabaseEntry;
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
            let server_of = |placement: &Placement| {
                let server = group.servers().get(placement.server())?;
                let shard = placement.namespace().shard();
                Some((shard, server.name().to_string()))
            };
            let homes = group.placements().filter_map(server_of).collect();
            document.set_shards(group.name(), &homes)?;
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

    /// The worker number in `[ids]`, if each process would use the same one.
    pub(crate) fn fixed_worker(&self) -> Option<i64> {
        // A text refers to the environment of each process, and a table is a lease.
        self.table.get("ids")?.get("worker")?.as_integer()
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

    #[cfg(feature = "reshard")]
    fn group_mut(&mut self, group: &str) -> Result<&mut Table> {
        self.group(group)?;
        let groups = self.table.get_mut("groups").and_then(Value::as_table_mut);
        let found = groups.and_then(|groups| groups.get_mut(group)?.as_table_mut());
        found.ok_or_else(|| Error::configuration(format!("unknown group `{group}`")))
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

#[cfg(all(test, feature = "sqlite"))]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::Document;
    use crate::config::{Config, ServerState};

    /// A change of one of four servers, or of one that may not exist.
    #[derive(Debug, Clone)]
    enum Edit {
        Add(u8, bool),
        Remove(u8),
        State(u8, ServerState),
        Weight(u8, u32),
        Capacity(u8, Option<u64>),
        Replica(u8, u8, bool),
    }

    fn edit() -> impl Strategy<Value = Edit> {
        let states = [
            ServerState::Active,
            ServerState::Inactive,
            ServerState::Draining,
        ];
        prop_oneof![
            (0..4_u8, any::<bool>()).prop_map(|(server, inactive)| Edit::Add(server, inactive)),
            (0..4_u8).prop_map(Edit::Remove),
            (0..4_u8, prop::sample::select(states.to_vec()))
                .prop_map(|(one, to)| Edit::State(one, to)),
            (0..4_u8, 0..9_u32).prop_map(|(one, weight)| Edit::Weight(one, weight)),
            (0..4_u8, any::<Option<u64>>()).prop_map(|(one, bytes)| Edit::Capacity(one, bytes)),
            (0..4_u8, 0..3_u8, any::<bool>())
                .prop_map(|(one, to, add)| Edit::Replica(one, to, add)),
        ]
    }

    fn apply(document: &mut Document, edit: &Edit) -> crate::Result<()> {
        let name = |server: &u8| format!("s{server}");
        match edit {
            Edit::Add(server, inactive) => {
                let state = if *inactive {
                    ServerState::Inactive
                } else {
                    ServerState::Active
                };
                let url = format!("sqlite://data/s{server}");
                document.add_server("shop", &name(server), &url, state)
            }
            Edit::Remove(server) => document.remove_server("shop", &name(server)),
            Edit::State(server, state) => document.set_state("shop", &name(server), *state),
            Edit::Weight(server, weight) => document.set_weight("shop", &name(server), *weight),
            Edit::Capacity(server, bytes) => document.set_capacity("shop", &name(server), *bytes),
            Edit::Replica(server, to, add) => {
                let url = format!("sqlite://data/r{server}_{to}");
                if *add {
                    document.add_replica("shop", &name(server), &url, 1 + u32::from(*to))
                } else {
                    document.remove_replica("shop", &name(server), &url)
                }
            }
        }
    }

    /// The server of each logical shard; `None` if the document is no valid topology.
    fn places(document: &Document) -> Option<BTreeMap<u32, String>> {
        let topology = Config::from_toml(&document.to_string())
            .ok()?
            .topology()
            .ok()?;
        let group = topology.group("shop")?;
        let place = |shard: u32| {
            let server = group.placement(shard).unwrap().server();
            (shard, group.servers()[server].name().to_string())
        };
        Some((0..group.logical_shards()).map(place).collect())
    }

    proptest! {
        #[test]
        fn no_sequence_of_edits_moves_a_shard(edits in prop::collection::vec(edit(), 0..40)) {
            let text = "[groups.shop]\nlogical_shards = 8\n\
                        [[groups.shop.servers]]\nname = 's0'\nprimary = 'sqlite://data/s0'\n\
                        [[groups.shop.servers]]\nname = 's1'\nprimary = 'sqlite://data/s1'\nweight = 3\n";
            let mut document = Document::of_configuration(text).unwrap();
            let before = places(&document).unwrap();
            for edit in &edits {
                let mut next = document.clone();
                if apply(&mut next, edit).is_err() {
                    // Refused whole.
                    prop_assert_eq!(&next, &document);
                    continue;
                }
                // Else the catalog refuses it, as for a server that is inactive and has shards.
                if let Some(after) = places(&next) {
                    prop_assert_eq!(&after, &before);
                    let read: Document = next.to_string().parse().unwrap();
                    prop_assert_eq!(read.to_string(), next.to_string());
                    prop_assert!(next.difference(&read).is_empty());
                    document = next;
                }
            }
        }
    }

    #[test]
    fn weights_become_lists_of_shards() {
        let text = "catalog = 'default'\n[databases.default]\nprimary = 'sqlite://data/d.db'\n\
                    [groups.shop]\nlogical_shards = 4\n\
                    [[groups.shop.servers]]\nname = 'b'\nprimary = 'sqlite://data/b'\nweight = 3\n\
                    [[groups.shop.servers]]\nname = 'a'\nprimary = 'sqlite://data/a'\n";
        let document = Document::of_configuration(text).unwrap();
        assert_eq!(
            document.to_string(),
            "[databases.default]\nprimary = \"sqlite://data/d.db\"\n\n[groups.shop]\nlogical_shards = 4\n\n\
             [[groups.shop.servers]]\nname = \"b\"\nprimary = \"sqlite://data/b\"\nshards = [\"0..3\"]\nweight = 3\n\n\
             [[groups.shop.servers]]\nname = \"a\"\nprimary = \"sqlite://data/a\"\nshards = [\"3..4\"]\n"
        );
    }
}
