//! A namespace: where the tables of a logical shard, a named database, or a server's static tables
//! are.

use std::sync::Arc;

use sea_query::{Alias, IntoTableRef, TableRef};

use super::statement_cache::StatementCache;
use crate::dialect::Dialect;
use crate::route::OwnedKeys;

/// Where the tables of a logical shard are: a schema (PostgreSQL), a database (MySQL and MariaDB)
/// or a file (SQLite).
#[derive(Debug)]
pub struct Namespace {
    group: Arc<str>,
    shard: u32,
    name: Arc<str>,
    generation: u32,
    /// The keys of the logical shard.
    keys: OwnedKeys,
    dialect: Dialect,
    kind: Kind,
    statement_cache: StatementCache,
}

/// The owner of the tables in a namespace.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Kind {
    /// A logical shard.
    Sharded {
        /// The namespace of the static tables on the same server.
        statics: Arc<str>,
    },
    /// The static tables of a group on one server, whose position in the group is `shard`.
    Static,
    /// A named database.
    Database,
}

impl Namespace {
    /// The first generation has the template's name; later ones add `_g` and their number, so that
    /// no name is ever reused.
    pub(crate) fn new(
        group: Arc<str>,
        shard: u32,
        first_name: &str,
        generation: u32,
        keys: OwnedKeys,
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
            keys,
            dialect,
            kind: Kind::Sharded { statics },
            statement_cache: StatementCache::new(),
        }
    }

    /// The namespace of a named database; `group` is its name.
    pub(crate) fn of_database(name: Arc<str>, dialect: Dialect) -> Self {
        Self {
            group: Arc::clone(&name),
            shard: 0,
            name,
            generation: 1,
            keys: OwnedKeys::Fixed,
            dialect,
            kind: Kind::Database,
            statement_cache: StatementCache::new(),
        }
    }

    /// The namespace of a group's static tables on the server at this position.
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
            keys: OwnedKeys::Fixed,
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

    /// For a logical shard: the namespace of the static tables on the same server.
    pub(crate) fn statics(&self) -> Option<&Arc<str>> {
        match &self.kind {
            Kind::Sharded { statics } => Some(statics),
            Kind::Static | Kind::Database => None,
        }
    }

    /// Whether both belong to the same logical shard, database, or server's static tables,
    /// regardless of generation.
    pub(crate) fn is_same_shard(&self, other: &Self) -> bool {
        self.kind == other.kind && self.shard == other.shard && self.group == other.group
    }

    /// The keys of its logical shard.
    pub(crate) fn keys(&self) -> &OwnedKeys {
        &self.keys
    }

    /// Whether both are the same namespace of the same generation.
    pub(crate) fn is_same(&self, other: &Self) -> bool {
        self.is_same_shard(other)
            && self.generation == other.generation
            && self.name == other.name
            && self.keys == other.keys
            && self.dialect == other.dialect
    }

    /// The name of a table in SQL: qualified, unless the connection sees nothing else.
    pub(crate) fn table(&self, table: &str) -> TableRef {
        if self.kind != Kind::Database && !self.dialect.capability().file_per_namespace {
            qualified(&self.name, table)
        } else {
            Alias::new(table).into_table_ref()
        }
    }

    /// The name of a static table on the same server in SQL; `None` in a named database.
    pub(crate) fn static_table(&self, table: &str) -> Option<TableRef> {
        match &self.kind {
            Kind::Sharded { statics } => Some(qualified(statics, table)),
            Kind::Static => Some(self.table(table)),
            Kind::Database => None,
        }
    }

    /// The name in SQL of a table of this namespace itself. On SQLite an unqualified name would
    /// also be looked up in the attached file.
    pub(crate) fn own_table(&self, table: &str) -> TableRef {
        match (&self.kind, self.dialect.capability().main_schema) {
            (Kind::Sharded { .. }, Some(main)) => qualified(main, table),
            _ => self.table(table),
        }
    }

    /// The rendered CRUD statements.
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

    /// The name on the server: only ASCII letters, digits and `_`.
    #[must_use]
    pub fn name(&self) -> &Arc<str> {
        &self.name
    }

    /// The number of this namespace among those that the logical shard has had, from 1.
    #[must_use]
    pub fn generation(&self) -> u32 {
        self.generation
    }

    /// The SQL dialect of its server.
    #[must_use]
    pub fn dialect(&self) -> Dialect {
        self.dialect
    }
}

fn qualified(namespace: &str, table: &str) -> TableRef {
    (Alias::new(namespace), Alias::new(table)).into_table_ref()
}
