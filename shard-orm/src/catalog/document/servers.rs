//! Changes of servers: each is one edit of a document.

use toml::{Table, Value};

use super::{Document, endpoints};
use crate::config::ServerState;
use crate::error::{Error, Result, names};

/// A server in a document.
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct ServerEntry {
    /// Its group.
    pub group: String,
    /// Its name.
    pub name: String,
    /// Its state: `active`, `inactive` or `draining`.
    pub state: String,
    /// Its share of the logical shards to aim for, if one is set.
    pub weight: Option<u32>,
    /// How many bytes of rows it is meant to hold, if a limit is set.
    pub capacity: Option<u64>,
    /// The runs of its logical shards: `0..8`.
    pub shards: Vec<String>,
    /// The URL of its primary, with `${NAME}` for secrets.
    pub primary: String,
    /// The URLs of its replicas.
    pub replicas: Vec<String>,
}

impl Document {
    /// All servers of all groups, in their order.
    #[must_use]
    pub fn servers(&self) -> Vec<ServerEntry> {
        let groups = self.table.get("groups").and_then(Value::as_table);
        let groups = groups.into_iter().flatten();
        let servers = groups.flat_map(|(group, described)| {
            let servers = described.get("servers").and_then(Value::as_array);
            let servers = servers.into_iter().flatten();
            servers.map(|server| ServerEntry::of(group, server))
        });
        servers.collect()
    }

    /// Adds a server without logical shards, as the last one of its group.
    ///
    /// `primary` is its URL, with `${NAME}` for secrets.
    ///
    /// # Errors
    /// [`Configuration`](crate::ErrorKind::Configuration) if the group is unknown, or has a server of
    /// this name.
    pub fn add_server(
        &mut self,
        group: &str,
        name: &str,
        primary: &str,
        state: ServerState,
    ) -> Result<()> {
        if self.names(group)?.iter().any(|own| own == name) {
            return Err(Error::configuration(format!(
                "group `{group}` already has a server `{name}`; choose another name"
            )));
        }
        let mut server = Table::new();
        server.insert("name".to_owned(), name.into());
        server.insert("primary".to_owned(), primary.into());
        server.insert("shards".to_owned(), Value::Array(Vec::new()));
        set_state(&mut server, state);
        let groups = self.table.get_mut("groups").and_then(Value::as_table_mut);
        let own = groups.and_then(|groups| groups.get_mut(group)?.as_table_mut());
        let servers = own.map(|own| {
            own.entry("servers")
                .or_insert_with(|| Value::Array(Vec::new()))
        });
        if let Some(Value::Array(servers)) = servers {
            servers.push(Value::Table(server));
        }
        Ok(())
    }

    /// Removes a server that has no logical shards.
    ///
    /// # Errors
    /// [`Configuration`](crate::ErrorKind::Configuration) if it is unknown, or has logical shards.
    pub fn remove_server(&mut self, group: &str, name: &str) -> Result<()> {
        let server = self.server(group, name)?;
        let shards = server.get("shards");
        let is_empty = shards.and_then(Value::as_array).is_some_and(Vec::is_empty);
        if !is_empty {
            let shards = shards.map_or_else(String::new, ToString::to_string);
            return Err(Error::configuration(format!(
                "server `{name}` of group `{group}` still has the logical shards {shards}; move them \
                 to other servers first"
            )));
        }
        let groups = self.table.get_mut("groups").and_then(Value::as_table_mut);
        let servers = groups
            .and_then(|groups| groups.get_mut(group)?.as_table_mut())
            .and_then(|group| group.get_mut("servers")?.as_array_mut());
        if let Some(servers) = servers {
            servers.retain(|server| name_of(server) != Some(name));
        }
        Ok(())
    }

    /// Sets the state of a server.
    ///
    /// # Errors
    /// [`Configuration`](crate::ErrorKind::Configuration) if it is unknown.
    pub fn set_state(&mut self, group: &str, name: &str, state: ServerState) -> Result<()> {
        set_state(self.server(group, name)?, state);
        Ok(())
    }

    /// Sets the weight of a server: the share of logical shards to aim for.
    ///
    /// # Errors
    /// [`Configuration`](crate::ErrorKind::Configuration) if it is unknown.
    pub fn set_weight(&mut self, group: &str, name: &str, weight: u32) -> Result<()> {
        let server = self.server(group, name)?;
        server.insert("weight".to_owned(), i64::from(weight).into());
        Ok(())
    }

    /// Sets how many bytes of rows a server is meant to hold; `None` for no limit.
    ///
    /// # Errors
    /// [`Configuration`](crate::ErrorKind::Configuration) if it is unknown, or if the number exceeds
    /// 8 EiB.
    pub fn set_capacity(&mut self, group: &str, name: &str, bytes: Option<u64>) -> Result<()> {
        let server = self.server(group, name)?;
        match bytes.map(i64::try_from) {
            None => server.remove("capacity"),
            Some(Ok(bytes)) => server.insert("capacity".to_owned(), bytes.into()),
            Some(Err(_)) => {
                return Err(Error::configuration(
                    "the capacity is too large; use at most 8 EiB",
                ));
            }
        };
        Ok(())
    }

    /// Sets the URL of a server's primary, for example to refer to another password.
    ///
    /// # Errors
    /// [`Configuration`](crate::ErrorKind::Configuration) if it is unknown.
    pub fn set_primary(&mut self, group: &str, name: &str, url: &str) -> Result<()> {
        let server = self.server(group, name)?;
        endpoints::set_primary(server, url);
        Ok(())
    }

    /// Sets an option of a server's database sessions; see
    /// [`DatabaseOptions`](crate::config::DatabaseOptions). `None` removes it.
    ///
    /// # Errors
    /// [`Configuration`](crate::ErrorKind::Configuration) if the server is unknown.
    pub fn set_option(
        &mut self,
        group: &str,
        name: &str,
        option: &str,
        value: Option<&str>,
    ) -> Result<()> {
        let server = self.server(group, name)?;
        endpoints::set_option(server, option, value);
        Ok(())
    }

    /// Adds a replica to a server, with its share of the reads.
    ///
    /// # Errors
    /// [`Configuration`](crate::ErrorKind::Configuration) if the server is unknown, or has the replica
    /// already.
    pub fn add_replica(&mut self, group: &str, name: &str, url: &str, weight: u32) -> Result<()> {
        let server = self.server(group, name)?;
        endpoints::add_replica(server, url, weight, &in_words(group, name))
    }

    /// Removes a replica from a server, by its URL in the document.
    ///
    /// # Errors
    /// [`Configuration`](crate::ErrorKind::Configuration) if the server or the replica is unknown.
    pub fn remove_replica(&mut self, group: &str, name: &str, url: &str) -> Result<()> {
        let server = self.server(group, name)?;
        endpoints::remove_replica(server, url, &in_words(group, name))
    }

    fn names(&self, group: &str) -> Result<Vec<String>> {
        let servers = self.group(group)?.get("servers").and_then(Value::as_array);
        let names = servers.into_iter().flatten().filter_map(name_of);
        Ok(names.map(str::to_owned).collect())
    }

    fn server(&mut self, group: &str, name: &str) -> Result<&mut Table> {
        let known = self.names(group)?;
        let mut servers = self.servers_mut(group)?;
        let is_it = |server: &Table| server.get("name").and_then(Value::as_str) == Some(name);
        servers.find(|server| is_it(server)).ok_or_else(|| {
            Error::configuration(format!(
                "group `{group}` has no server `{name}`; it has {}",
                names(known.iter().map(String::as_str))
            ))
        })
    }
}

impl ServerEntry {
    fn of(group: &str, server: &Value) -> Self {
        let text = |key: &str| server.get(key).and_then(Value::as_str).map(str::to_owned);
        let number = |key: &str| server.get(key).and_then(Value::as_integer);
        let shards = match server.get("shards") {
            Some(Value::Array(runs)) => runs.iter().map(run_text).collect(),
            Some(run) => vec![run_text(run)],
            None => Vec::new(),
        };
        Self {
            group: group.to_owned(),
            name: text("name").unwrap_or_default(),
            state: text("state").unwrap_or_else(|| ServerState::Active.to_string()),
            weight: number("weight").and_then(|weight| u32::try_from(weight).ok()),
            capacity: number("capacity").and_then(|bytes| u64::try_from(bytes).ok()),
            shards,
            primary: endpoints::primary(server),
            replicas: endpoints::replicas(server),
        }
    }
}

/// A server in messages.
fn in_words(group: &str, name: &str) -> String {
    format!("server `{name}` of group `{group}`")
}

fn run_text(run: &Value) -> String {
    run.as_str().map_or_else(|| run.to_string(), str::to_owned)
}

fn set_state(server: &mut Table, state: ServerState) {
    if state == ServerState::Active {
        server.remove("state");
    } else {
        server.insert("state".to_owned(), state.to_string().into());
    }
}

fn name_of(server: &Value) -> Option<&str> {
    server.get("name").and_then(Value::as_str)
}
