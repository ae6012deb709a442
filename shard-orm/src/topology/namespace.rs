//! The place of a logical shard's tables on its server, and of what is beside them.

use std::sync::Arc;

use sea_query::{Alias, IntoTableRef, TableRef};

use super::statement_cache::StatementCache;
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
    kind: Kind,
    statement_cache: StatementCache,
}

/// Whose tables a namespace holds.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Kind {
    /// A logical shard's.
    Sharded {
        /// The namespace of the static tables on the same server.
        statics: Arc<str>,
    },
    /// The static tables of a group on one server, whose position in the group is its `shard`.
    Static,
    /// All of a named database.
    Database,
}

impl Namespace {
    /// The first generation has the template's name; later ones add `_g` and their number, so
    /// that no name is used twice.
    pub(crate) fn new(
        group: Arc<str>,
        shard: u32,
        first_name: &str,
        generation: u32,
        statics: Arc<str>,
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
            kind: Kind::Sharded { statics },
            statement_cache: StatementCache::new(),
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
            kind: Kind::Database,
            statement_cache: StatementCache::new(),
        }
    }

    /// The static tables of a group on the server at this position in it.
    pub(crate) fn of_statics(
        group: Arc<str>,
        server: u32,
        name: Arc<str>,
        dialect: Dialect,
    ) -> Self {
        Self {
            group,
            shard: server,
            name,
            generation: 1,
            dialect,
            kind: Kind::Static,
            statement_cache: StatementCache::new(),
        }
    }

    /// Whether it belongs to a logical shard.
    pub(crate) fn is_sharded(&self) -> bool {
        matches!(self.kind, Kind::Sharded { .. })
    }

    /// Whether it holds the static tables of a group on one server.
    pub(crate) fn is_static(&self) -> bool {
        self.kind == Kind::Static
    }

    /// Of a logical shard: the namespace of the static tables on the same server.
    pub(crate) fn statics(&self) -> Option<&Arc<str>> {
        match &self.kind {
            Kind::Sharded { statics } => Some(statics),
            Kind::Static | Kind::Database => None,
        }
    }

    /// Whether both are namespaces of one logical shard, of one database, or of the static tables of
    /// one server; of whatever generation.
    pub(crate) fn is_same_shard(&self, other: &Self) -> bool {
        self.kind == other.kind && self.shard == other.shard && self.group == other.group
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
        if self.kind != Kind::Database && !self.dialect.capability().file_per_namespace {
            qualified(&self.name, table)
        } else {
            Alias::new(table).into_table_ref()
        }
    }

    /// How a statement names a static table on the same server; `None` in a named database.
    pub(crate) fn static_table(&self, table: &str) -> Option<TableRef> {
        match &self.kind {
            Kind::Sharded { statics } => Some(qualified(statics, table)),
            Kind::Static => Some(self.table(table)),
            Kind::Database => None,
        }
    }

    /// How a statement names a table that is in this namespace itself. On SQLite a bare name that is
    /// not there would be looked for in the attached file too.
    pub(crate) fn own_table(&self, table: &str) -> TableRef {
        match (&self.kind, self.dialect.capability().main_schema) {
            (Kind::Sharded { .. }, Some(main)) => qualified(main, table),
            _ => self.table(table),
        }
    }

    /// The texts of fixed statements that were rendered for it.
    pub(crate) fn statement_cache(&self) -> &StatementCache {
        &self.statement_cache
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

fn qualified(namespace: &str, table: &str) -> TableRef {
    (Alias::new(namespace), Alias::new(table)).into_table_ref()
}
