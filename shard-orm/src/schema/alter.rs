//! The changes that bring a table to what is expected.
//!
//! Additive changes are statements; for all others there is a description of what to do. Used by
//! `migrate`.

mod remedy;

use std::fmt;
use std::sync::Arc;

use self::remedy::Sides;
use super::compare::compare;
use super::{Aspect, CreateTable, Deviation, TableDef};
use crate::dialect::Dialect;
use crate::error::Result;

/// The changes that bring a table to what is expected, one for each deviation.
///
/// Additive changes have statements: a table, a column that takes NULL or has a default, an index, a
/// foreign key or check where the database can add one. All others have advice in words. No statement
/// removes anything, and none names a namespace.
///
/// ```
/// use std::sync::Arc;
///
/// use shard_orm::model::Model as _;
/// use shard_orm::prelude::*;
/// use shard_orm::schema::{Alteration, TableDef};
///
/// #[derive(ShardModel)]
/// #[shard(group = "shop", table = "orders")]
/// struct Order {
///     #[shard(primary_key)]
///     id: i64,
///     #[shard(key)]
///     user_id: i64,
///     #[shard(length = 200)]
///     note: Option<String>,
/// }
///
/// let expected = Order::def().table_def();
/// let mut found = TableDef::clone(expected);
/// found.columns.pop();
/// let alteration = Alteration::new(expected, Some(&found), Dialect::Postgres)?;
/// let statements: Vec<_> = alteration.statements().map(|statement| &statement.sql).collect();
/// assert_eq!(statements, [r#"ALTER TABLE "orders" ADD COLUMN "note" varchar(200)"#]);
/// # Ok::<(), shard_orm::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Alteration {
    /// The table.
    pub table: String,
    /// The changes, in the order in which they have to be made; none when nothing deviates.
    pub changes: Vec<Change>,
}

/// The change for one deviation.
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct Change {
    /// The deviation.
    pub deviation: Deviation,
    /// The statements, in order; none where only the author can make the change.
    pub statements: Vec<AlterStatement>,
    /// What the author has to do where there is no statement.
    pub advice: Option<String>,
}

/// One statement of a change.
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct AlterStatement {
    /// The SQL, without a semicolon at its end.
    pub sql: String,
    /// Whether it has to run by itself after the others have been committed, outside of a
    /// transaction: `CREATE INDEX CONCURRENTLY` and `VALIDATE CONSTRAINT` of PostgreSQL.
    pub separate: bool,
}

impl Alteration {
    /// The changes that bring the table that was found to the expected one; `None` stands for a table
    /// that does not exist.
    ///
    /// # Errors
    /// [`Unsupported`](crate::ErrorKind::Unsupported) when one of the tables has a type or an
    /// expression that this database does not have.
    pub fn new(
        expected: &Arc<TableDef>,
        found: Option<&TableDef>,
        dialect: Dialect,
    ) -> Result<Self> {
        let table = expected.name.clone();
        let Some(found) = found else {
            let create = CreateTable::new(expected, dialect)?.statements();
            let deviation = Deviation {
                aspect: Aspect::Table,
                subject: table.clone(),
                expected: Some(table.clone()),
                found: None,
            };
            let statements = create.into_iter().map(|sql| AlterStatement {
                sql,
                separate: false,
            });
            let change = Change {
                deviation,
                statements: statements.collect(),
                advice: None,
            };
            return Ok(Self {
                table,
                changes: vec![change],
            });
        };
        let deviations = compare(expected, found, dialect)?;
        let sides = Sides {
            expected,
            found,
            dialect,
        };
        let mut changes = Vec::with_capacity(deviations.len());
        for (deviation, element) in &deviations {
            changes.push(sides.change(deviation, *element, &deviations)?);
        }
        Ok(Self { table, changes })
    }

    /// The statements of [`new`](Self::new) on one database, in the SQL of another one.
    #[cfg(feature = "migrate")]
    pub(crate) fn elsewhere(
        expected: &Arc<TableDef>,
        found: &TableDef,
        dialect: Dialect,
        other: Dialect,
    ) -> Result<Self> {
        expected.check_sql(other)?;
        let deviations = compare(expected, found, dialect)?;
        let [here, there] = [dialect, other].map(|dialect| Sides {
            expected,
            found,
            dialect,
        });
        let mut changes = Vec::new();
        for (deviation, element) in &deviations {
            let own = here.change(deviation, *element, &deviations)?;
            if !own.statements.is_empty() {
                changes.push(there.change(deviation, *element, &deviations)?);
            }
        }
        Ok(Self {
            table: expected.name.clone(),
            changes,
        })
    }

    /// Whether nothing has to be done.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.changes.is_empty()
    }

    /// All statements, in the order in which they have to run: those that have to run by themselves
    /// come last.
    pub fn statements(&self) -> impl Iterator<Item = &AlterStatement> {
        let all = || self.changes.iter().flat_map(|change| &change.statements);
        let together = all().filter(|statement| !statement.separate);
        together.chain(all().filter(|statement| statement.separate))
    }

    /// The changes that only the author can make.
    pub fn manual(&self) -> impl Iterator<Item = &Change> {
        let is_manual = |change: &&Change| change.statements.is_empty();
        self.changes.iter().filter(is_manual)
    }
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.deviation)?;
        for statement in &self.statements {
            write!(f, "\n  {};", statement.sql)?;
        }
        match &self.advice {
            Some(advice) => write!(f, ": {advice}"),
            None => Ok(()),
        }
    }
}
