//! Changes of named databases: each is one edit of a document.

use toml::{Table, Value};

use super::{Document, endpoints};
use crate::error::{Error, Result, names};

/// A named database in a document.
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct DatabaseEntry {
    /// Its name.
    pub name: String,
    /// The URL of its primary, with `${NAME}` for secrets.
    pub primary: String,
    /// The URLs of its replicas.
    pub replicas: Vec<String>,
}

impl Document {
    /// All named databases, by name.
    ///
    /// ```
    /// use shard_orm::catalog::Document;
    ///
    /// let mut document: Document = "databases.default.primary = 'sqlite://default.db'".parse()?;
    /// document.set_database_primary("default", "sqlite://data/default.db")?;
    /// assert_eq!(document.databases()[0].primary, "sqlite://data/default.db");
    /// # Ok::<(), shard_orm::Error>(())
    /// ```
    #[must_use]
    pub fn databases(&self) -> Vec<DatabaseEntry> {
        let databases = self.table.get("databases").and_then(Value::as_table);
        let entry = |(name, described): (&String, &Value)| DatabaseEntry {
            name: name.clone(),
            primary: endpoints::primary(described),
            replicas: endpoints::replicas(described),
        };
        let mut entries: Vec<_> = databases.into_iter().flatten().map(entry).collect();
        entries.sort_by(|one, other| one.name.cmp(&other.name));
        entries
    }

    /// Sets the URL of a named database's primary, for example to refer to another password.
    ///
    /// # Errors
    /// [`Configuration`](crate::ErrorKind::Configuration) if it is unknown.
    pub fn set_database_primary(&mut self, name: &str, url: &str) -> Result<()> {
        endpoints::set_primary(self.database(name)?, url);
        Ok(())
    }

    /// Adds a replica to a named database, with its share of the reads.
    ///
    /// # Errors
    /// [`Configuration`](crate::ErrorKind::Configuration) if the database is unknown, or has the
    /// replica already.
    pub fn add_database_replica(&mut self, name: &str, url: &str, weight: u32) -> Result<()> {
        let owner = format!("database `{name}`");
        endpoints::add_replica(self.database(name)?, url, weight, &owner)
    }

    /// Removes a replica from a named database, by its URL in the document.
    ///
    /// # Errors
    /// [`Configuration`](crate::ErrorKind::Configuration) if the database or the replica is unknown.
    pub fn remove_database_replica(&mut self, name: &str, url: &str) -> Result<()> {
        let owner = format!("database `{name}`");
        endpoints::remove_replica(self.database(name)?, url, &owner)
    }

    /// Sets an option of a named database's sessions; see
    /// [`DatabaseOptions`](crate::config::DatabaseOptions). `None` removes it.
    ///
    /// # Errors
    /// [`Configuration`](crate::ErrorKind::Configuration) if the database is unknown.
    pub fn set_database_option(
        &mut self,
        name: &str,
        option: &str,
        value: Option<&str>,
    ) -> Result<()> {
        endpoints::set_option(self.database(name)?, option, value);
        Ok(())
    }

    fn database(&mut self, name: &str) -> Result<&mut Table> {
        let known: Vec<String> = self.databases().into_iter().map(|one| one.name).collect();
        let databases = self
            .table
            .get_mut("databases")
            .and_then(Value::as_table_mut);
        let found = databases.and_then(|databases| databases.get_mut(name)?.as_table_mut());
        found.ok_or_else(|| {
            Error::configuration(format!(
                "unknown database `{name}`; the topology has {}",
                names(known.iter().map(String::as_str))
            ))
        })
    }
}
