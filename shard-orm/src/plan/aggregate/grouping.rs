//! What rows are grouped by, whatever its model: a column, what is derived from one, or an
//! expression of the user's.

use std::fmt;
use std::sync::Arc;

use sea_query::{Alias, Expr, Value};

use crate::backend::{ColumnType, Row, by_bytes};
use crate::definition::ModelDef;
use crate::dialect::Dialect;
use crate::error::{Error, Result};
use crate::plan::aggregate::Derivation;
use crate::plan::spec::{DeferredError, Requirements};

/// Reads a column of a result as a value of the type that it is declared to have.
type ReadValue = fn(&Row<'_>, usize) -> Result<Value>;

/// What rows are grouped by.
#[derive(Debug, Clone)]
pub(crate) enum Grouping {
    /// The column at this ordinal.
    Column(usize),
    /// What is derived from it.
    Derived(Derivation, usize, ReadValue),
    Written(Arc<Written>),
}

/// An expression of the user's, or whether a row meets a filter.
pub(crate) struct Written {
    pub(crate) expr: Result<Expr, DeferredError>,
    pub(crate) requirements: Requirements,
    pub(crate) column_type: ColumnType,
    /// Whether texts are compared by their bytes.
    pub(crate) binary: bool,
    /// Whether it can give no values but those of its type.
    pub(crate) of_type: bool,
    pub(crate) read: ReadValue,
}

impl fmt::Debug for Written {
    /// Shows no value: operands are the users' data.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Written")
            .field("column_type", &self.column_type)
            .field("binary", &self.binary)
            .finish_non_exhaustive()
    }
}

impl PartialEq for Grouping {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Column(one), Self::Column(two)) => one == two,
            (Self::Derived(one, of, _), Self::Derived(two, other, _)) => one == two && of == other,
            (Self::Written(one), Self::Written(two)) => {
                let same = match (&one.expr, &two.expr) {
                    (Ok(one), Ok(two)) => one == two,
                    _ => false,
                };
                same && (one.column_type, one.binary) == (two.column_type, two.binary)
            }
            _ => false,
        }
    }
}

impl Grouping {
    /// It in SQL.
    pub(crate) fn expr(&self, def: &'static ModelDef, dialect: Dialect) -> Result<Expr> {
        let column = |ordinal: usize| Expr::col(Alias::new(def.columns[ordinal].name));
        match self {
            Self::Column(ordinal) => Ok(column(*ordinal)),
            Self::Derived(derivation, ordinal, _) => {
                let column_type = def.columns[*ordinal].column_type;
                Ok(derivation.expr(dialect, column_type, || column(*ordinal)))
            }
            Self::Written(written) => {
                let expr = written.expr.clone()?;
                Ok(if written.binary {
                    by_bytes(dialect, expr)
                } else {
                    expr
                })
            }
        }
    }

    /// Reads it from the column of a result.
    pub(crate) fn read(
        &self,
        def: &'static ModelDef,
        row: &Row<'_>,
        position: usize,
    ) -> Result<Value> {
        match self {
            Self::Column(ordinal) => def.columns[*ordinal].read(row, position),
            Self::Derived(_, _, read) => read(row, position),
            Self::Written(written) => (written.read)(row, position),
        }
    }

    /// What it asks of the way in which a statement is sent.
    pub(crate) fn requirements(&self) -> Requirements {
        match self {
            Self::Column(_) | Self::Derived(..) => Requirements::default(),
            Self::Written(written) => written.requirements,
        }
    }

    /// Whether its values can be told apart; where answers are merged, by the client too.
    pub(crate) fn check(
        &self,
        def: &'static ModelDef,
        dialect: Dialect,
        merged: bool,
    ) -> Result<()> {
        let (column_type, binary) = match self {
            Self::Column(ordinal) => (def.columns[*ordinal].column_type, is_binary(def, *ordinal)),
            Self::Derived(derivation, ordinal, _) => {
                return derivation.check(&self.name(def), def.columns[*ordinal].column_type);
            }
            Self::Written(written) => {
                written.expr.as_ref().map_err(|deferred| deferred.clone())?;
                if !dialect.capability().decimals.is_supported()
                    && written.column_type == ColumnType::Decimal
                {
                    return Err(Error::unsupported(
                        "SQLite has no decimals, so that an expression gives none there; group by \
                         a column of them, or by an integer of the smallest unit",
                    ));
                }
                (written.column_type, written.binary)
            }
        };
        match column_type {
            ColumnType::Json => Err(Error::unsupported(format!(
                "{} holds JSON, whose values the databases do not tell apart alike: it is not \
                 grouped or ordered by, and its values are not counted as distinct",
                self.name(def)
            ))),
            ColumnType::Text if merged && !binary => Err(self.is_collated(def)),
            _ => Ok(()),
        }
    }

    /// Whether two groups of a database are two to the client: of a number that is read as a truth
    /// value, the database has more.
    pub(crate) fn is_faithful(&self) -> bool {
        match self {
            Self::Column(_) | Self::Derived(..) => true,
            Self::Written(written) => written.of_type,
        }
    }

    /// Whether the database orders its values as the client does.
    pub(crate) fn is_ordered_alike(&self, def: &'static ModelDef, dialect: Dialect) -> bool {
        match self {
            Self::Column(ordinal) => is_ordered_alike(def, *ordinal, dialect),
            Self::Derived(..) => true,
            Self::Written(written) => written.of_type,
        }
    }

    /// What a message calls it.
    pub(crate) fn name(&self, def: &ModelDef) -> String {
        let column = |ordinal: usize| format!("`{}.{}`", def.table, def.columns[ordinal].name);
        match self {
            Self::Column(ordinal) => column(*ordinal),
            Self::Derived(derivation, ordinal, _) => {
                format!("the {} of {}", derivation.name(), column(*ordinal))
            }
            Self::Written(written) => match written.column_type {
                ColumnType::Bool => "a condition".to_owned(),
                column_type => format!("an expression of the type {column_type:?}"),
            },
        }
    }

    fn is_collated(&self, def: &ModelDef) -> Error {
        match self {
            Self::Column(ordinal) => is_collated(def, *ordinal),
            _ => Error::unsupported(
                "groups are not merged or ordered by the texts of an expression: databases compare \
                 texts by their collation, which the client does not know; where the database \
                 compares these by bytes, say so with `GroupExpr::binary`",
            ),
        }
    }
}

fn is_binary(def: &ModelDef, ordinal: usize) -> bool {
    def.columns[ordinal].binary
}

/// Whether the database orders the values of a column as the client does.
pub(crate) fn is_ordered_alike(def: &ModelDef, ordinal: usize, dialect: Dialect) -> bool {
    match def.columns[ordinal].column_type {
        ColumnType::Text => is_binary(def, ordinal),
        ColumnType::Json => false,
        ColumnType::Decimal => dialect.capability().decimals.is_supported(),
        _ => true,
    }
}

/// The error for texts that the client cannot compare.
pub(crate) fn is_collated(def: &ModelDef, ordinal: usize) -> Error {
    let (table, column) = (def.table, def.columns[ordinal].name);
    Error::unsupported(format!(
        "groups and aggregates are not merged or ordered by the texts of `{table}.{column}`: \
         databases compare texts by their collation, which the client does not know; declare \
         `#[shard(collation = \"binary\")]` on the field, for texts whose column is compared by \
         bytes (`COLLATE \"C\"` on PostgreSQL, a `_bin` collation without padding on MySQL and \
         MariaDB)"
    ))
}
