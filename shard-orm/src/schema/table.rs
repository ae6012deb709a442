//! A table as data: its columns, keys, indexes and constraints.

use sea_query::{Expr, Value};

use crate::backend::{Codec, Collation, DataType, Row, SqlFragment, ddl};
use crate::dialect::Dialect;
use crate::error::{Error, Result};

/// A table, described by a model or read from a database.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct TableDef {
    /// The name, without the namespace.
    pub name: String,
    /// The columns, in order.
    pub columns: Vec<ColumnDef>,
    /// The ordinals of the primary key's columns.
    pub primary_key: Vec<usize>,
    /// The indexes beside the primary key, those of unique constraints among them.
    pub indexes: Vec<IndexDef>,
    /// The foreign keys of this table.
    pub foreign_keys: Vec<ForeignKeyDef>,
    /// The checks, beside those that a column's type needs on a database whose own type is wider.
    pub checks: Vec<CheckDef>,
}

/// One column of a table.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct ColumnDef {
    /// The name.
    pub name: String,
    /// What it holds.
    pub data_type: DataType,
    /// Whether it takes NULL.
    pub nullable: bool,
    /// How its texts are compared.
    pub collation: Collation,
    /// The value of a row that is inserted without one.
    pub default: Option<DefaultValue>,
    /// Whether the database numbers the rows by it.
    pub identity: bool,
    /// The expression that it is computed by.
    pub generated: Option<GeneratedColumn>,
}

/// The default of a column.
#[derive(Debug, Clone, PartialEq)]
pub enum DefaultValue {
    /// A value of the column's type.
    Value(Value),
    /// An expression of one database.
    Expression(SqlFragment),
}

/// A column that is computed from others.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GeneratedColumn {
    /// The expression.
    pub expression: SqlFragment,
    /// Whether the value is kept in the row, rather than computed when it is read.
    pub stored: bool,
}

/// One index of a table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IndexDef {
    /// The name.
    pub name: String,
    /// The columns and expressions, in order.
    pub parts: Vec<IndexPart>,
    /// Whether it is unique.
    pub unique: bool,
    /// The condition of a partial index.
    pub condition: Option<SqlFragment>,
    /// What the other fields do not say, for an index of a kind that not all databases have:
    /// `FULLTEXT` and `SPATIAL` of MySQL and MariaDB; everything from the method on of PostgreSQL,
    /// such as `gin (tags)` or `btree (id) INCLUDE (item)`.
    pub definition: Option<SqlFragment>,
}

/// One part of an index.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum IndexPart {
    /// A column, by its ordinal.
    Column(usize),
    /// A column in descending order.
    Descending(usize),
    /// The beginning of a column, in characters of a text and bytes of a byte string (MySQL and
    /// MariaDB).
    Prefix(usize, u32),
    /// An expression; on SQLite also a column with a collation of its own.
    Expression(SqlFragment),
}

impl IndexPart {
    /// The ordinal of the column, unless it is an expression.
    #[must_use]
    pub fn column(&self) -> Option<usize> {
        match self {
            Self::Column(ordinal) | Self::Descending(ordinal) | Self::Prefix(ordinal, _) => {
                Some(*ordinal)
            }
            Self::Expression(_) => None,
        }
    }
}

/// A foreign key of a table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ForeignKeyDef {
    /// The name.
    pub name: String,
    /// The ordinals of the columns that refer.
    pub columns: Vec<usize>,
    /// The schema or database of the other table, when it is not that of this one.
    pub schema: Option<String>,
    /// The table that is referred to.
    pub table: String,
    /// The columns that are referred to.
    pub referenced: Vec<String>,
    /// What happens when the row that is referred to is deleted.
    pub on_delete: ReferenceAction,
    /// What happens when its key changes.
    pub on_update: ReferenceAction,
}

/// What a database does to a row when the row that it refers to goes or changes its key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReferenceAction {
    /// Refuses it, at the end of the statement or at once.
    Refuse,
    /// Does the same to the row that refers.
    Cascade,
    /// Sets the columns to NULL.
    SetNull,
    /// Sets the columns to their defaults.
    SetDefault,
}

/// A check of a table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CheckDef {
    /// The name, where it has one.
    pub name: Option<String>,
    /// The condition.
    pub expression: SqlFragment,
}

impl TableDef {
    /// A table of these columns, without keys and constraints.
    #[must_use]
    pub fn new(name: impl Into<String>, columns: Vec<ColumnDef>) -> Self {
        Self {
            name: name.into(),
            columns,
            primary_key: Vec::new(),
            indexes: Vec::new(),
            foreign_keys: Vec::new(),
            checks: Vec::new(),
        }
    }

    /// The ordinal of the column of this name. Where there is none, capitals do not count: MySQL,
    /// MariaDB and SQLite do not tell them apart.
    #[must_use]
    pub fn ordinal(&self, name: &str) -> Option<usize> {
        let exact = self.columns.iter().position(|column| column.name == name);
        exact.or_else(|| {
            let mut columns = self.columns.iter();
            columns.position(|column| column.name.eq_ignore_ascii_case(name))
        })
    }

    /// The column of this name, as [`ordinal`](Self::ordinal) finds it.
    #[must_use]
    pub fn column(&self, name: &str) -> Option<&ColumnDef> {
        self.ordinal(name).map(|ordinal| &self.columns[ordinal])
    }

    /// Whether an index, or the primary key, holds the whole column.
    #[must_use]
    pub fn is_indexed(&self, ordinal: usize) -> bool {
        let is_whole = |part: &IndexPart| matches!(part, IndexPart::Column(at) | IndexPart::Descending(at) if *at == ordinal);
        // One of another kind, such as FULLTEXT, needs no limit of length.
        let in_index =
            |index: &IndexDef| index.definition.is_none() && index.parts.iter().any(is_whole);
        self.primary_key.contains(&ordinal) || self.indexes.iter().any(in_index)
    }

    /// Checks that all columns have a type of this database, or one that all databases have.
    ///
    /// # Errors
    /// [`Unsupported`](crate::ErrorKind::Unsupported) with the table, the columns and their types.
    pub fn check_types(&self, dialect: Dialect) -> Result<()> {
        let foreign: Vec<String> = self
            .columns
            .iter()
            .filter_map(|column| match &column.data_type {
                DataType::Opaque { declared, .. } if declared.dialect != dialect => Some(format!(
                    "column `{}` is `{}` of {}",
                    column.name, declared.text, declared.dialect
                )),
                _ => None,
            })
            .collect();
        if foreign.is_empty() {
            return Ok(());
        }
        Err(Error::unsupported(format!(
            "table `{}` has types that {dialect} does not have: {}; change them to types that both \
             databases have, or leave the columns out",
            self.name,
            foreign.join("; ")
        )))
    }
}

impl TableDef {
    /// Checks that this database has all types and expressions of the table.
    pub(crate) fn check_sql(&self, dialect: Dialect) -> Result<()> {
        self.check_types(dialect)?;
        let indexes = self.indexes.iter();
        let fragments = indexes.flat_map(|index| {
            let parts = index.parts.iter().filter_map(|part| match part {
                IndexPart::Expression(expression) => Some(expression),
                _ => None,
            });
            parts.chain(&index.condition).chain(&index.definition)
        });
        let fragments = fragments.chain(self.checks.iter().map(|check| &check.expression));
        for fragment in fragments {
            let subject = format!("an expression of table `{}`", self.name);
            fragment.sql_for(dialect, &subject)?;
        }
        Ok(())
    }

    /// Checks that a statement can create the foreign keys on this database.
    pub(crate) fn check_references(&self, dialect: Dialect) -> Result<()> {
        let mut keys = self.foreign_keys.iter();
        match keys.find(|key| key.schema.is_some()) {
            Some(key) if !ddl::references_are_qualified(dialect) => {
                Err(Error::unsupported(format!(
                    "foreign key `{}` of table `{}` refers to table `{}` of another namespace, which \
                     cannot be created on {dialect}; create the table with your own SQL, or leave the \
                     foreign key out",
                    key.name, self.name, key.table
                )))
            }
            _ => Ok(()),
        }
    }
}

#[allow(dead_code)]
impl ColumnDef {
    /// A column that takes no NULL and has no default.
    #[must_use]
    pub fn new(name: impl Into<String>, data_type: DataType) -> Self {
        Self {
            name: name.into(),
            data_type,
            nullable: false,
            collation: Collation::Default,
            default: None,
            identity: false,
            generated: None,
        }
    }

    /// How its values are read and bound.
    pub(crate) fn codec(&self) -> Codec<'_> {
        Codec::of(&self.name, &self.data_type, self.nullable)
    }

    /// The column as it is selected, for [`read`](Self::read); `reference` names it.
    pub(crate) fn selected(&self, dialect: Dialect, reference: Expr) -> Expr {
        match &self.data_type {
            DataType::Known { .. } => reference,
            DataType::Opaque { form, .. } => form.selected(dialect, reference),
        }
    }

    /// The column as it is ordered, and compared with what [`bound`](Self::bound) returns; `reference` names it.
    pub(crate) fn ordered(&self, reference: Expr) -> Expr {
        match &self.data_type {
            DataType::Known { .. } => reference,
            DataType::Opaque { declared, form } => form.ordered(declared, reference),
        }
    }

    /// Reads the column of a result at a position: of what [`selected`](Self::selected) asks for.
    ///
    /// # Errors
    /// [`Decode`](crate::ErrorKind::Decode) when it holds something else.
    pub(crate) fn read(&self, row: &Row<'_>, ordinal: usize) -> Result<Value> {
        self.codec().read(row, ordinal)
    }

    /// NULL in the column's type.
    pub(crate) fn null(&self) -> Result<Value> {
        self.codec().null()
    }

    /// A value as this column has it: a decimal with its digits.
    ///
    /// # Errors
    /// [`Check`](crate::ErrorKind::Check) for a decimal that has more.
    pub(crate) fn typed(&self, value: Value) -> Result<Value> {
        self.codec().typed(value)
    }

    /// A value of the column in a statement.
    ///
    /// # Errors
    /// As [`typed`](Self::typed).
    pub(crate) fn bound(&self, value: Value) -> Result<Expr> {
        Ok(match &self.data_type {
            DataType::Known { .. } => Expr::Value(self.typed(value)?),
            DataType::Opaque { declared, form } => form.bound(declared, value),
        })
    }
}
