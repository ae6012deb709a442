//! The difference of two tables, as one database has them.

use std::fmt;
use std::sync::Arc;

use super::{
    Collation, ColumnDef, CreateTable, DefaultValue, ForeignKeyDef, IndexDef, IndexPart, TableDef,
};
use crate::backend::{DataType, canonical, ddl};
use crate::dialect::Dialect;
use crate::error::Result;

/// All deviations of one table from another.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Difference {
    /// The table.
    pub table: String,
    /// The deviations; none when the tables are the same.
    pub deviations: Vec<Deviation>,
}

/// One deviation.
#[derive(Debug, Clone, PartialEq, Eq)]
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
#[non_exhaustive]
#[allow(missing_docs)]
pub enum Aspect {
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
        let mut sides = Sides {
            dialect,
            deviations: Vec::new(),
        };
        for table in [self, found] {
            CreateTable::new(&Arc::new(table.clone()), dialect)?;
        }
        for (ordinal, column) in self.columns.iter().enumerate() {
            match found.ordinal(&column.name) {
                None => {
                    let expected = sql_type(self, ordinal, dialect);
                    sides.add(Aspect::Column, &column.name, Some(expected), None);
                }
                Some(at) => sides.column((self, ordinal), (found, at)),
            }
        }
        for (ordinal, column) in found.columns.iter().enumerate() {
            if self.ordinal(&column.name).is_none() {
                let found = sql_type(found, ordinal, dialect);
                sides.add(Aspect::Column, &column.name, None, Some(found));
            }
        }
        let key = |table: &Self| {
            let key = &table.primary_key;
            (!key.is_empty()).then(|| table.names(key))
        };
        sides.compare(Aspect::PrimaryKey, &self.name, key(self), key(found));
        let is_implied = |index: &IndexDef| {
            let parts = |key: &ForeignKeyDef| {
                let parts = key.columns.iter().copied().map(IndexPart::Column);
                parts.collect::<Vec<_>>() == index.parts
            };
            // MySQL and MariaDB make an index for a foreign key.
            ddl::has_indexes_inside(dialect)
                && !index.unique
                && found.foreign_keys.iter().any(parts)
        };
        let indexes = |table: &Self| -> Vec<String> {
            let indexes = table.indexes.iter().filter(|index| !is_implied(index));
            indexes.map(|index| table.index_text(index)).collect()
        };
        sides.lists(Aspect::Index, indexes(self), indexes(found));
        let keys = |table: &Self| -> Vec<String> {
            let keys = table.foreign_keys.iter();
            keys.map(|key| table.foreign_key_text(key)).collect()
        };
        sides.lists(Aspect::ForeignKey, keys(self), keys(found));
        sides.lists(
            Aspect::Check,
            self.check_texts(dialect),
            found.check_texts(dialect),
        );
        Ok(Difference {
            table: self.name.clone(),
            deviations: sides.deviations,
        })
    }

    fn names(&self, ordinals: &[usize]) -> String {
        let names = ordinals.iter().map(|at| self.columns[*at].name.as_str());
        names.collect::<Vec<_>>().join(", ")
    }

    fn index_text(&self, index: &IndexDef) -> String {
        let parts = index.parts.iter().map(|part| match part {
            IndexPart::Column(ordinal) => self.columns[*ordinal].name.as_str(),
            IndexPart::Expression(expression) => expression.text.as_str(),
        });
        let parts = parts.collect::<Vec<_>>().join(", ");
        let kind = if index.unique { "UNIQUE " } else { "" };
        match &index.condition {
            Some(condition) => format!("{kind}({parts}) WHERE {}", condition.text),
            None => format!("{kind}({parts})"),
        }
    }

    fn foreign_key_text(&self, key: &ForeignKeyDef) -> String {
        let schema = key.schema.as_ref().map(|schema| format!("{schema}."));
        format!(
            "({}) REFERENCES {}{} ({}) ON DELETE {:?} ON UPDATE {:?}",
            self.names(&key.columns),
            schema.unwrap_or_default(),
            key.table,
            key.referenced.join(", "),
            key.on_delete,
            key.on_update
        )
    }

    /// The checks of the table, and those that the types of its columns need on this database.
    fn check_texts(&self, dialect: Dialect) -> Vec<String> {
        let of_types = self.columns.iter().filter_map(|column| {
            ddl::type_check(dialect, &column.name, &column.data_type)
                .map(|check| canonical::check(&ddl::text(dialect, &check)))
        });
        let own = self.checks.iter();
        let own = own.map(|check| canonical::check(&check.expression.text));
        of_types.chain(own).collect()
    }
}

/// The type of a column on this database.
fn sql_type(table: &TableDef, ordinal: usize, dialect: Dialect) -> String {
    let data_type = &table.columns[ordinal].data_type;
    let declared = data_type.declared();
    match declared.filter(|declared| declared.dialect == dialect) {
        Some(declared) => declared.text.clone(),
        None => ddl::sql_type(dialect, data_type, table.is_indexed(ordinal))
            .map(|sql_type| canonical::rendered_type(dialect, sql_type))
            .unwrap_or_default(),
    }
}

/// The default of a column, for people and for comparison.
fn default(column: &ColumnDef, like: &DataType, dialect: Dialect) -> Option<String> {
    let text = match column.default.as_ref()? {
        DefaultValue::Value(value) => {
            let literal = crate::backend::literal(dialect, value.clone()).ok()?;
            ddl::text(dialect, &literal)
        }
        DefaultValue::Expression(expression) => expression.text.clone(),
    };
    Some(canonical::default(dialect, like, &text))
}

/// What one database makes of both sides.
struct Sides {
    dialect: Dialect,
    deviations: Vec<Deviation>,
}

impl Sides {
    fn add(
        &mut self,
        aspect: Aspect,
        subject: &str,
        expected: Option<String>,
        found: Option<String>,
    ) {
        self.deviations.push(Deviation {
            aspect,
            subject: subject.to_owned(),
            expected,
            found,
        });
    }

    fn compare(
        &mut self,
        aspect: Aspect,
        subject: &str,
        expected: Option<String>,
        found: Option<String>,
    ) {
        if expected != found {
            self.add(aspect, subject, expected, found);
        }
    }

    fn column(&mut self, expected: (&TableDef, usize), found: (&TableDef, usize)) {
        let dialect = self.dialect;
        let (one, other) = (&expected.0.columns[expected.1], &found.0.columns[found.1]);
        let name = one.name.as_str();
        let types = [expected, found].map(|(table, at)| sql_type(table, at, dialect));
        let [(base, arguments), (found_base, found_arguments)] = types
            .each_ref()
            .map(|text| canonical::sql_type(dialect, text));
        let [expected_type, found_type] = types;
        if base != found_base {
            self.add(Aspect::Type, name, Some(expected_type), Some(found_type));
        } else if arguments != found_arguments {
            self.add(Aspect::Length, name, Some(expected_type), Some(found_type));
        }
        let null =
            |column: &ColumnDef| Some(if column.nullable { "NULL" } else { "NOT NULL" }.to_owned());
        self.compare(Aspect::Nullability, name, null(one), null(other));
        let collations = [one, other].map(|column| {
            let by_bytes = ddl::binary_collation(dialect).is_none();
            match &column.collation {
                // Where tables compare by bytes as a whole, these are one.
                Collation::Default | Collation::Binary if by_bytes => "binary".to_owned(),
                Collation::Default => "default".to_owned(),
                Collation::Binary => "binary".to_owned(),
                Collation::Named(name) => name.text.clone(),
            }
        });
        let [collation, found_collation] = collations.map(Some);
        self.compare(Aspect::Collation, name, collation, found_collation);
        let like = &one.data_type;
        let defaults = [one, other].map(|column| default(column, like, dialect));
        let [default, found_default] = defaults;
        let is_same = match (&default, &found_default) {
            (Some(one), Some(other)) => {
                one == other || ddl::may_be_same_bytes(dialect, like, one, other)
            }
            (one, other) => one == other,
        };
        if !is_same {
            self.add(Aspect::Default, name, default, found_default);
        }
        let identity = |column: &ColumnDef| column.identity.then(|| "identity".to_owned());
        self.compare(Aspect::Identity, name, identity(one), identity(other));
        let generated = |column: &ColumnDef| {
            let generated = column.generated.as_ref()?;
            let kind = if generated.stored {
                "STORED"
            } else {
                "VIRTUAL"
            };
            Some(format!("{} {kind}", generated.expression.text))
        };
        self.compare(Aspect::Generated, name, generated(one), generated(other));
    }

    /// What only one of the sides has.
    fn lists(&mut self, aspect: Aspect, expected: Vec<String>, mut found: Vec<String>) {
        for one in expected {
            match found.iter().position(|other| *other == one) {
                Some(at) => drop(found.remove(at)),
                None => self.add(aspect, &one.clone(), Some(one), None),
            }
        }
        for other in found {
            self.add(aspect, &other.clone(), None, Some(other));
        }
    }
}
