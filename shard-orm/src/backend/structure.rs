//! The contents of a namespace, as statements that create them again in another namespace of the same kind of database.
//!
//! Called by `reshard`, on a session whose namespace is the one that moves. The session is in no transaction. Names are
//! not qualified in the statements, so that they run in any namespace; only references to static tables are, whose
//! namespace has the same name on every server of a group.

mod counters;
#[cfg(feature = "mysql")]
mod mysql;
#[cfg(feature = "postgres")]
mod postgres;
#[cfg(feature = "sqlite")]
mod sqlite;

use std::fmt;

use sea_query::{Alias, IntoTableRef as _};

pub(crate) use self::counters::{Counter, Numbered, counters, highest, numbering};
use super::args::not_compiled;
use super::text_result::TextResult;
use super::{Conn, Failure, quote};
use crate::dialect::Dialect;

/// Where the statements of a structure run, and what they leave out.
pub(crate) struct Scope<'a> {
    /// The namespace of the group's static tables, if it is not the same one: foreign keys may lead there.
    pub(crate) statics: Option<&'a str>,
    /// The name of the namespace in which the statements run. Few contain it: privileges, and functions with a search
    /// path of their own.
    pub(crate) target: &'a str,
    /// Whether a table, view, sequence, function, type or trigger of this name is a part of the structure.
    pub(crate) includes: &'a (dyn Fn(&str) -> bool + Sync),
}

/// Everything that a namespace holds. The statements run in the order of the fields.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Structure {
    dialect: Dialect,
    /// The base tables, by name.
    pub(crate) tables: Vec<String>,
    pub(crate) sequences: Vec<Sequence>,
    /// The views, each after those that it reads.
    pub(crate) views: Vec<View>,
    /// Creates types, sequences and tables, with the functions that they use: columns, defaults, generated and identity
    /// columns, checks, primary keys. On SQLite also unique constraints and foreign keys, which cannot be added later.
    pub(crate) create: Vec<String>,
    /// Creates indexes and unique constraints.
    pub(crate) indexes: Vec<String>,
    /// Creates foreign keys; on PostgreSQL without a look at the rows.
    pub(crate) foreign_keys: Vec<String>,
    /// Looks at the rows of the foreign keys (PostgreSQL).
    pub(crate) validate: Vec<String>,
    /// Creates the other functions, and the views.
    pub(crate) programs: Vec<String>,
    /// Creates the triggers, in the order in which they fire.
    pub(crate) triggers: Vec<String>,
    /// Grants what is granted on the namespace and its objects. On PostgreSQL also sets their owners.
    pub(crate) privileges: Vec<String>,
    /// The accounts that the privileges name, which have to exist.
    pub(crate) accounts: Vec<String>,
    /// Everything that stands against a move.
    pub(crate) objections: Vec<Objection>,
    attached: Vec<Attached>,
}

/// A sequence.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Sequence {
    pub(crate) name: String,
    /// Whether it belongs to a column, and is dropped with it.
    pub(crate) owned: bool,
}

/// A view.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct View {
    pub(crate) name: String,
    /// The statement that creates it.
    pub(crate) create: String,
}

/// A foreign key or trigger, which is dropped from a table that is held.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Attached {
    ForeignKey { table: String, name: String },
    Trigger { table: String, name: String },
}

/// A reason why a namespace cannot move.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Objection {
    /// The object, such as `` table `orders` ``.
    pub(crate) object: String,
    pub(crate) reason: String,
    pub(crate) advice: String,
}

impl fmt::Display for Objection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}; {}", self.object, self.reason, self.advice)
    }
}

impl Objection {
    fn new(kind: &str, name: &str, reason: impl Into<String>, advice: impl Into<String>) -> Self {
        Self {
            object: format!("{kind} `{name}`"),
            reason: reason.into(),
            advice: advice.into(),
        }
    }

    fn no_primary_key(table: &str) -> Self {
        Self::new(
            "table",
            table,
            "has no primary key, by which rows are copied and compared",
            "add one",
        )
    }
}

/// Reads the structure of the session's namespace.
///
/// # Errors
/// When the namespace does not exist, or a statement fails.
pub(crate) async fn read(conn: &mut Conn, scope: &Scope<'_>) -> Result<Structure, Failure> {
    match conn.dialect() {
        #[cfg(feature = "sqlite")]
        Dialect::Sqlite => sqlite::read(conn, scope).await,
        #[cfg(feature = "postgres")]
        Dialect::Postgres => postgres::read(conn, scope).await,
        #[cfg(feature = "mysql")]
        Dialect::MySql => mysql::read(conn, scope).await,
        #[allow(unreachable_patterns)]
        other => Err(Failure::own(not_compiled(other))),
    }
}

impl Structure {
    /// Tables and sequences by their names alone, as the counters need them.
    pub(crate) fn of_names(dialect: Dialect, tables: &[String], sequences: &[String]) -> Self {
        let sequences = sequences.iter().map(|name| Sequence {
            name: name.clone(),
            owned: false,
        });
        Self {
            tables: tables.to_vec(),
            sequences: sequences.collect(),
            ..Self::empty(dialect)
        }
    }

    pub(crate) fn empty(dialect: Dialect) -> Self {
        Self {
            dialect,
            tables: Vec::new(),
            sequences: Vec::new(),
            views: Vec::new(),
            create: Vec::new(),
            indexes: Vec::new(),
            foreign_keys: Vec::new(),
            validate: Vec::new(),
            programs: Vec::new(),
            triggers: Vec::new(),
            privileges: Vec::new(),
            accounts: Vec::new(),
            objections: Vec::new(),
            attached: Vec::new(),
        }
    }

    /// The statements that drop the foreign keys and triggers, where they exist. `present` gives the name that a table
    /// has now. Foreign keys of SQLite cannot be dropped; a session with `foreign_keys = OFF` ignores them.
    pub(crate) fn release(&self, present: &dyn Fn(&str) -> String) -> Vec<String> {
        let statements = self.attached.iter().filter_map(|attached| match attached {
            Attached::ForeignKey { table, name } => {
                let (table, name) = (self.quoted(&present(table)), self.quoted(name));
                match self.dialect {
                    Dialect::Sqlite => None,
                    Dialect::Postgres => Some(format!(
                        "ALTER TABLE IF EXISTS {table} DROP CONSTRAINT IF EXISTS {name}"
                    )),
                    Dialect::MySql => Some(format!(
                        "ALTER TABLE {table} DROP FOREIGN KEY /*M! IF EXISTS */ {name}"
                    )),
                }
            }
            Attached::Trigger { table, name } => {
                let (table, name) = (self.quoted(&present(table)), self.quoted(name));
                Some(match self.dialect {
                    Dialect::Postgres => format!("DROP TRIGGER IF EXISTS {name} ON {table}"),
                    Dialect::Sqlite | Dialect::MySql => format!("DROP TRIGGER IF EXISTS {name}"),
                })
            }
        });
        statements.collect()
    }

    /// Why the tables cannot go to another namespace of the server by a rename, if they cannot: what would stay behind, or
    /// would still name the old one.
    pub(crate) fn bound(&self) -> Option<String> {
        if let Some((object, what)) = self.beside_tables().into_iter().next() {
            return Some(format!(
                "{object} {what}, which belongs to the namespace by its name"
            ));
        }
        let is_granted = |text: &&String| text.contains(" ON TABLE ");
        let granted = self.privileges.iter().find(is_granted);
        let granted = granted.filter(|_| self.dialect == Dialect::MySql)?;
        let account = granted.rsplit(" TO ").next().unwrap_or_default();
        Some(format!(
            "account {account} has privileges on single tables, which do not go with them"
        ))
    }

    /// The statements that bring a namespace without tables to the settings and privileges of the one that was read.
    pub(crate) fn of_namespace(&self) -> Vec<String> {
        let is_setting = |text: &&String| text.starts_with("ALTER DATABASE ");
        let is_right = |text: &&String| match self.dialect {
            Dialect::Postgres => text.contains(" SCHEMA "),
            Dialect::MySql => !text.contains(" ON TABLE "),
            Dialect::Sqlite => false,
        };
        let settings = self.create.iter().filter(is_setting);
        let rights = self.privileges.iter().filter(is_right);
        settings.chain(rights).cloned().collect()
    }

    /// Everything but tables and what belongs to one table: objects, and what they are.
    fn beside_tables(&self) -> Vec<(String, String)> {
        let mut found = Vec::new();
        for attached in &self.attached {
            if let Attached::Trigger { table, name } = attached {
                found.push((
                    format!("trigger `{name}`"),
                    format!("is on table `{table}`"),
                ));
            }
        }
        for view in &self.views {
            found.push((format!("view `{}`", view.name), "is a view".to_owned()));
        }
        for sequence in self.sequences.iter().filter(|sequence| !sequence.owned) {
            found.push((
                format!("sequence `{}`", sequence.name),
                "is a sequence of its own".to_owned(),
            ));
        }
        let is_view = |text: &str| self.views.iter().any(|view| view.create == text);
        let programs = self.programs.iter().filter(|text| !is_view(text));
        let creates = programs.chain(&self.create).filter_map(|text| {
            let words: Vec<&str> = text.split_whitespace().take(5).collect();
            let kind = words.iter().position(|word| {
                [
                    "FUNCTION",
                    "PROCEDURE",
                    "TYPE",
                    "DOMAIN",
                    "EVENT",
                    "AGGREGATE",
                ]
                .contains(&word.to_uppercase().as_str())
            })?;
            let is_created = words
                .first()
                .is_some_and(|word| word.eq_ignore_ascii_case("create"));
            let name = words.get(kind + 1)?.split('(').next()?;
            is_created.then(|| {
                (
                    format!("{} {name}", words[kind].to_lowercase()),
                    "is a program or type".to_owned(),
                )
            })
        });
        found.extend(creates);
        found
    }

    /// What only a database of this kind has: objects, and what they are.
    pub(crate) fn only_of_database(&self) -> Vec<(String, String)> {
        let mut found = self.beside_tables();
        let keys = self
            .foreign_keys
            .iter()
            .filter(|text| text.contains(" DEFERRABLE"));
        found.extend(keys.map(|_| ("a foreign key".to_owned(), "is deferrable".to_owned())));
        let updates = self
            .create
            .iter()
            .filter(|text| text.to_uppercase().contains(" ON UPDATE CURRENT_TIMESTAMP"));
        found.extend(updates.map(|text| {
            let name = text.split('`').nth(1).unwrap_or_default();
            (
                format!("table `{name}`"),
                "sets a time with `ON UPDATE`".to_owned(),
            )
        }));
        found
    }

    fn quoted(&self, name: &str) -> String {
        quoted(self.dialect, name)
    }
}

fn quoted(dialect: Dialect, name: &str) -> String {
    quote(dialect, &Alias::new(name).into_table_ref())
}

/// The rows of the last result of a text, all of whose columns are read as text.
async fn rows(conn: &mut Conn, text: &str) -> Result<Vec<Vec<Option<String>>>, Failure> {
    let mut results = Vec::new();
    conn.run_texts(text, &mut results).await?;
    Ok(results.pop().unwrap_or_else(TextResult::default).rows)
}

/// The text in a column of such a row; NULL is an empty one.
fn text(row: &[Option<String>], ordinal: usize) -> &str {
    row.get(ordinal)
        .and_then(Option::as_deref)
        .unwrap_or_default()
}
