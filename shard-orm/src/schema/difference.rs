//! The difference of two tables, as one database has them.

use std::fmt;

use super::TableDef;
use super::compare::compare;
use crate::dialect::Dialect;
use crate::error::Result;

/// All deviations of one table from another.
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct Difference {
    /// The table.
    pub table: String,
    /// The deviations; none when the tables are the same.
    pub deviations: Vec<Deviation>,
}

/// One deviation.
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct Deviation {
    /// The kind.
    pub aspect: Aspect,
    /// The column; of a key, an index or a check its columns or its name.
    pub subject: String,
    /// What was expected; `None` where there should be nothing.
    pub expected: Option<String>,
    /// What was found; `None` where there is nothing.
    pub found: Option<String>,
}

/// The kinds of deviations.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize),
    serde(rename_all = "snake_case")
)]
#[non_exhaustive]
#[allow(missing_docs)]
pub enum Aspect {
    /// The table as a whole.
    Table,
    /// A column that one side does not have.
    Column,
    Type,
    Length,
    Nullability,
    Collation,
    Default,
    Identity,
    Generated,
    PrimaryKey,
    Index,
    ForeignKey,
    Check,
}

impl Difference {
    /// Whether the tables are the same.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.deviations.is_empty()
    }
}

impl fmt::Display for Aspect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Table => "table",
            Self::Column => "column",
            Self::Type => "type of column",
            Self::Length => "length of column",
            Self::Nullability => "nullability of column",
            Self::Collation => "collation of column",
            Self::Default => "default of column",
            Self::Identity => "identity of column",
            Self::Generated => "expression of column",
            Self::PrimaryKey => "primary key",
            Self::Index => "index",
            Self::ForeignKey => "foreign key",
            Self::Check => "check",
        })
    }
}

impl fmt::Display for Deviation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let of = |side: &Option<String>| match side {
            Some(side) => format!("`{side}`"),
            None => "none".to_owned(),
        };
        let (expected, found) = (of(&self.expected), of(&self.found));
        let (aspect, subject) = (self.aspect, &self.subject);
        write!(
            f,
            "{aspect} `{subject}`: expected {expected}, found {found}"
        )
    }
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_empty() {
            return write!(f, "table `{}`: no difference", self.table);
        }
        write!(f, "table `{}`:", self.table)?;
        for deviation in &self.deviations {
            write!(f, "\n- {deviation}")?;
        }
        Ok(())
    }
}

impl TableDef {
    /// The deviations of a table that was found from this one, as a database of this kind has both:
    /// types that are the same there do not differ. The names of indexes and constraints are not
    /// compared, nor the order of columns.
    ///
    /// ```
    /// use std::sync::Arc;
    ///
    /// use shard_orm::model::Model as _;
    /// use shard_orm::prelude::*;
    /// use shard_orm::schema::{Aspect, TableDef};
    ///
    /// #[derive(ShardModel)]
    /// #[shard(group = "shop", table = "orders")]
    /// struct Order {
    ///     #[shard(primary_key)]
    ///     id: i64,
    ///     #[shard(key)]
    ///     user_id: i64,
    /// }
    ///
    /// let expected = Order::def().table_def();
    /// let mut found = TableDef::clone(expected);
    /// found.columns[1].nullable = true;
    /// let difference = expected.difference(&found, Dialect::Postgres)?;
    /// assert_eq!(difference.deviations[0].aspect, Aspect::Nullability);
    /// assert_eq!(
    ///     difference.deviations[0].to_string(),
    ///     "nullability of column `user_id`: expected `NOT NULL`, found `NULL`"
    /// );
    /// # Ok::<(), shard_orm::Error>(())
    /// ```
    ///
    /// # Errors
    /// When one of the tables has a type or an expression that this database does not have.
    pub fn difference(&self, found: &Self, dialect: Dialect) -> Result<Difference> {
        let deviations = compare(self, found, dialect)?;
        Ok(Difference {
            table: self.name.clone(),
            deviations: deviations
                .into_iter()
                .map(|(deviation, _)| deviation)
                .collect(),
        })
    }
}
