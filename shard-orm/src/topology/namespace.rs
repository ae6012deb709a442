//! The place of a logical shard's tables on its server.

use std::sync::Arc;

use sea_query::{Alias, IntoTableRef, TableRef};

use super::texts::Texts;
use crate::dialect::Dialect;

/// Where a logical shard's tables live on its server: a schema (PostgreSQL), a database (MySQL and
/// MariaDB) or a file (SQLite).
#[derive(Debug)]
pub struct Namespace {
    group: Arc<str>,
    shard: u32,
    name: Arc<str>,
    generation: u32,
    dialect: Dialect,
    /// Whether it belongs to a logical shard; else it is the whole of a named database.
    sharded: bool,
    texts: Texts,
}

impl Namespace {
    /// The first generation has the template's name; later ones add `_g` and their number, so
    /// that no name is used twice.
    pub(crate) fn new(
        group: Arc<str>,
        shard: u32,
        first_name: &str,
        generation: u32,
        dialect: Dialect,
    ) -> Self {
        let name = match generation {
            0 | 1 => Arc::from(first_name),
            _ => Arc::from(format!("{first_name}_g{generation}")),
        };
        Self {
            group,
            shard,
            name,
            generation,
            dialect,
            sharded: true,
            texts: Texts::new(),
        }
    }

    /// The tables of a named database, which is not sharded; `group` is its name.
    pub(crate) fn of_database(name: Arc<str>, dialect: Dialect) -> Self {
        Self {
            group: Arc::clone(&name),
            shard: 0,
            name,
            generation: 1,
            dialect,
            sharded: false,
            texts: Texts::new(),
        }
    }

    /// Whether it belongs to a logical shard.
    pub(crate) fn is_sharded(&self) -> bool {
        self.sharded
    }

    /// Whether both are namespaces of one logical shard, or of one database; of whatever
    /// generation.
    pub(crate) fn is_same_shard(&self, other: &Self) -> bool {
        self.sharded == other.sharded && self.shard == other.shard && self.group == other.group
    }

    /// Whether both are the same namespace of the same generation.
    pub(crate) fn is_same(&self, other: &Self) -> bool {
        self.is_same_shard(other)
            && self.generation == other.generation
            && self.name == other.name
            && self.dialect == other.dialect
    }

    /// How a statement names a table in it: qualified, unless the connection leads to nothing
    /// else.
    pub(crate) fn table(&self, table: &str) -> TableRef {
        if self.sharded && self.dialect != Dialect::Sqlite {
            (Alias::new(&*self.name), Alias::new(table)).into_table_ref()
        } else {
            Alias::new(table).into_table_ref()
        }
    }

    /// The texts of fixed statements that were rendered for it.
    pub(crate) fn texts(&self) -> &Texts {
        &self.texts
    }

    /// The shard group.
    #[must_use]
    pub fn group(&self) -> &Arc<str> {
        &self.group
    }

    /// The number of the logical shard in its group, from 0.
    #[must_use]
    pub fn shard(&self) -> u32 {
        self.shard
    }

    /// Its name on the server: ASCII letters, digits and `_` only.
    #[must_use]
    pub fn name(&self) -> &Arc<str> {
        &self.name
    }

    /// Counts the namespaces that the logical shard has had, from 1.
    #[must_use]
    pub fn generation(&self) -> u32 {
        self.generation
    }

    /// The SQL that its server speaks.
    #[must_use]
    pub fn dialect(&self) -> Dialect {
        self.dialect
    }
}
