//! The statements by which the tables of a closed namespace become those of another namespace of the same server, without
//! the rows that leave.
//!
//! Called by `reshard`, on a session in the closed namespace: in one transaction, which has confirmed the record, or, on
//! MySQL and MariaDB, the deletion in a transaction and then a single statement, which fails as a whole unless a table is
//! there whose name has the token of the runner.

use sea_query::{Alias, Expr, IntoTableRef as _};

use super::ddl::text;
use super::fence::Fence;
use super::quote;
use crate::dialect::Dialect;

/// A foreign key between two of the tables.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Reference {
    pub(crate) child: String,
    pub(crate) parent: String,
    /// The columns that refer, each with the one that is referred to.
    pub(crate) columns: Vec<(String, String)>,
}

/// What becomes of a closed namespace.
pub(crate) struct Adoption<'a> {
    pub(crate) fence: Fence<'a>,
    /// The namespace that gets the tables.
    pub(crate) into: &'a str,
    /// Which rows are deleted, of each table.
    pub(crate) leaving: &'a [(String, Expr)],
    pub(crate) references: &'a [Reference],
}

impl Adoption<'_> {
    /// The queries for rows that stay and refer to rows that leave, each with its table, where a deletion would be refused or
    /// would reach them. On MySQL and MariaDB the sessions of a mover do not look at foreign keys.
    pub(crate) fn strays(&self) -> Vec<(&str, String)> {
        if self.fence.dialect != Dialect::Postgres {
            return Vec::new();
        }
        let queries = self.references.iter().filter_map(|reference| {
            let Reference {
                child,
                parent,
                columns,
            } = reference;
            let pairs = columns.iter();
            let on = pairs.map(|(child, parent)| {
                format!("c.{} = p.{}", self.quoted(child), self.quoted(parent))
            });
            let query = format!(
                "SELECT 1 FROM (SELECT * FROM {} WHERE {}) AS p \
                 JOIN (SELECT * FROM {} WHERE ({}) IS NOT TRUE) AS c ON {} LIMIT 1",
                self.held(parent),
                self.condition(parent)?,
                self.held(child),
                self.condition(child)?,
                on.collect::<Vec<_>>().join(" AND "),
            );
            Some((child.as_str(), query))
        });
        queries.collect()
    }

    /// The statements that delete the rows that leave. On PostgreSQL all rows are gone before a foreign key is looked at.
    pub(crate) fn delete(&self) -> Vec<String> {
        let deletes = self.leaving.iter().map(|(table, whose)| {
            let whose = text(self.fence.dialect, whose);
            format!("DELETE FROM {} WHERE {whose}", self.held(table))
        });
        if self.fence.dialect != Dialect::Postgres {
            return deletes.collect();
        }
        let deletes = deletes.enumerate();
        let parts: Vec<String> = deletes
            .map(|(number, delete)| format!("so_{number} AS ({delete})"))
            .collect();
        if parts.is_empty() {
            return Vec::new();
        }
        vec![
            format!("WITH {} SELECT 1", parts.join(", ")),
            "SET CONSTRAINTS ALL IMMEDIATE".to_owned(),
        ]
    }

    /// The statements that give the tables to the other namespace, under their names.
    pub(crate) fn rename(&self) -> Vec<String> {
        let Fence {
            tables, sequences, ..
        } = self.fence;
        let into = self.quoted(self.into);
        match self.fence.dialect {
            Dialect::Postgres => {
                let mut statements = self.fence.unrefuse();
                for name in tables {
                    let held = self.held(name);
                    statements.push(format!("ALTER TABLE {held} SET SCHEMA {into}"));
                    statements.push(format!(
                        "ALTER TABLE {into}.{held} RENAME TO {}",
                        self.quoted(name)
                    ));
                }
                // They have gone with the columns to which they belong.
                statements.extend(sequences.iter().map(|name| {
                    let held = self.held(name);
                    format!(
                        "ALTER SEQUENCE {into}.{held} RENAME TO {}",
                        self.quoted(name)
                    )
                }));
                statements
            }
            Dialect::MySql | Dialect::Sqlite => {
                let mut pairs = self.fence.marked();
                pairs.extend(
                    tables
                        .iter()
                        .map(|name| format!("{} TO {into}.{}", self.held(name), self.quoted(name))),
                );
                vec![format!("RENAME TABLE {}", pairs.join(", "))]
            }
        }
    }

    /// Which rows of a table are deleted.
    fn condition(&self, table: &str) -> Option<String> {
        let mut leaving = self.leaving.iter();
        let (_, whose) = leaving.find(|(own, _)| own == table)?;
        Some(text(self.fence.dialect, whose))
    }

    fn held(&self, name: &str) -> String {
        self.quoted(&self.fence.held(name))
    }

    fn quoted(&self, name: &str) -> String {
        quote(self.fence.dialect, &Alias::new(name).into_table_ref())
    }
}
