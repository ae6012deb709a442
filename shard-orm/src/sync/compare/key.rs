//! The primary key of a compared table: its order, and ranges of it.

use std::cmp::Ordering;

use sea_query::{Alias, Expr, ExprTrait as _, SelectStatement, Value};

use crate::backend::ColumnType;
use crate::dialect::Dialect;
use crate::exec;
use crate::model::ModelDef;
use crate::topology::Namespace;

/// The values of a primary key's columns, in the key's order.
pub(crate) type Key = Vec<Value>;

/// The keys above `after` and up to `up_to`, which belongs to it; without bounds where those are
/// missing. So of neighbouring ranges each key is in exactly one.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Range {
    pub(crate) after: Option<Key>,
    pub(crate) up_to: Option<Key>,
}

/// The order of a table's primary keys, alike on all databases.
#[derive(Debug)]
pub(crate) struct KeyOrder {
    def: &'static ModelDef,
    /// How each column of the key is spelled in a condition or an order.
    columns: Vec<Expr>,
}

impl KeyOrder {
    /// Where the columns are ordered as the library orders them by themselves.
    pub(crate) fn of(def: &'static ModelDef) -> Self {
        Self::with(def, |column| Expr::col(Alias::new(column)))
    }

    /// Where the columns that `is_exact` does not name have another order, which they are rid of.
    pub(crate) fn at(
        def: &'static ModelDef,
        dialect: Dialect,
        is_exact: impl Fn(&str) -> bool,
    ) -> Self {
        let is_text = |name: &str| {
            let mut columns = def.columns.iter();
            columns.any(|column| column.name == name && column.column_type == ColumnType::Text)
        };
        Self::with(def, |name| {
            let column = Expr::col(Alias::new(name));
            if !is_text(name) || is_exact(name) {
                return column;
            }
            match dialect {
                Dialect::Postgres => Expr::cust_with_expr("$1 COLLATE \"C\"", column),
                Dialect::Sqlite => Expr::cust_with_expr("? COLLATE BINARY", column),
                Dialect::MySql => {
                    Expr::cust_with_expr("CAST(CONVERT(? USING utf8mb4) AS BINARY)", column)
                }
            }
        })
    }

    fn with(def: &'static ModelDef, spell: impl Fn(&'static str) -> Expr) -> Self {
        let names = def.primary_key.iter().map(|key| def.columns[*key].name);
        Self {
            def,
            columns: names.map(spell).collect(),
        }
    }

    /// The key of a row.
    pub(crate) fn key(&self, row: &[Value]) -> Key {
        let key = self.def.primary_key.iter();
        key.map(|ordinal| row[*ordinal].clone()).collect()
    }

    /// Which of two keys comes first.
    pub(crate) fn compare(&self, one: &Key, other: &Key) -> Ordering {
        let mut values = one.iter().zip(other);
        values
            .find_map(|(one, other)| Some(exec::compare(one, other)).filter(|found| found.is_ne()))
            .unwrap_or(Ordering::Equal)
    }

    /// Begins a query of the rows of a range.
    pub(crate) fn select(&self, namespace: &Namespace, range: &Range) -> SelectStatement {
        let mut select = SelectStatement::new();
        select.from(namespace.table_of(self.def));
        if let Some(after) = &range.after {
            select.and_where(beside(&self.columns, after, Side::Above));
        }
        if let Some(last) = &range.up_to {
            select.and_where(self.up_to(last));
        }
        select
    }

    /// Whether a row's key is this one or comes before it.
    pub(crate) fn up_to(&self, last: &Key) -> Expr {
        beside(&self.columns, last, Side::UpTo)
    }

    /// The columns of the key, to order by.
    pub(crate) fn columns(&self) -> &[Expr] {
        &self.columns
    }
}

#[derive(Clone, Copy)]
enum Side {
    Above,
    UpTo,
}

/// `(a, b) > (?, ?)` or `(a, b) <= (?, ?)`, spelled so that an index on `a` is used: MySQL and
/// MariaDB look a comparison of rows up in none.
fn beside(columns: &[Expr], key: &[Value], side: Side) -> Expr {
    let (Some((column, columns)), Some((value, key))) = (columns.split_first(), key.split_first())
    else {
        return Expr::cust("1 = 1");
    };
    let column = || column.clone();
    let value = || Expr::Value(value.clone());
    match (side, columns.is_empty()) {
        (Side::Above, true) => column().gt(value()),
        (Side::UpTo, true) => column().lte(value()),
        (Side::Above, false) => {
            let rest = column().gt(value()).or(beside(columns, key, side));
            column().gte(value()).and(rest)
        }
        (Side::UpTo, false) => {
            let rest = column().lt(value()).or(beside(columns, key, side));
            column().lte(value()).and(rest)
        }
    }
}
