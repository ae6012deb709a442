//! The primary key of a compared table: its order, and ranges of it.

mod part;

pub(crate) use self::part::{most_parts, part};

use std::cmp::Ordering;
use std::ops::Bound;
use std::sync::Arc;

#[cfg(feature = "migrate")]
use sea_query::Alias;
use sea_query::{
    Condition, Expr, ExprTrait as _, IntoCondition as _, SelectStatement, TableRef, UnionType,
    Value,
};

use super::keys::{alias, picked};
use crate::backend::{ColumnType, compare, in_byte_order};
use crate::dialect::Dialect;
use crate::schema::TableDef;

/// The values of a primary key's columns, in the key's order.
pub(crate) type Key = Vec<Value>;

/// The keys between two bounds. Of neighbouring ranges each key is in exactly one.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Range {
    pub(crate) from: Bound<Key>,
    pub(crate) until: Bound<Key>,
}

impl Default for Range {
    /// All keys.
    fn default() -> Self {
        Self {
            from: Bound::Unbounded,
            until: Bound::Unbounded,
        }
    }
}

/// The order of a table's primary keys, the same on all databases.
#[derive(Debug)]
pub(crate) struct KeyOrder {
    table: Arc<TableDef>,
    /// Each column of the key, as a condition or an order spells it.
    columns: Vec<Expr>,
}

impl KeyOrder {
    /// Where the columns have the order of the library by themselves.
    pub(crate) fn of(table: &Arc<TableDef>) -> Self {
        Self::with(table, |_, column| column)
    }

    /// Where text columns that `is_exact` does not name have another order, which is replaced.
    pub(crate) fn at(
        table: &Arc<TableDef>,
        dialect: Dialect,
        is_exact: impl Fn(&str) -> bool,
    ) -> Self {
        Self::with(table, |ordinal, column| {
            let def = &table.columns[ordinal];
            if def.data_type.column_type() == Some(ColumnType::Text) && !is_exact(&def.name) {
                in_byte_order(dialect, column)
            } else {
                column
            }
        })
    }

    /// In the database's own order, where a statement calls the table `name`.
    #[cfg(feature = "migrate")]
    pub(crate) fn named(table: &Arc<TableDef>, name: &str) -> Self {
        Self::with(table, |ordinal, _| {
            Expr::col((Alias::new(name), alias(table, ordinal)))
        })
    }

    fn with(table: &Arc<TableDef>, spell: impl Fn(usize, Expr) -> Expr) -> Self {
        let key = table.primary_key.iter();
        let columns = key.map(|ordinal| spell(*ordinal, Expr::col(alias(table, *ordinal))));
        Self {
            columns: columns.collect(),
            table: Arc::clone(table),
        }
    }

    /// The key of a row.
    pub(crate) fn key(&self, row: &[Value]) -> Key {
        picked(&self.def().primary_key, row)
    }

    fn def(&self) -> &TableDef {
        &self.table
    }

    /// The order of two keys.
    pub(crate) fn compare(&self, one: &Key, other: &Key) -> Ordering {
        let mut values = one.iter().zip(other);
        values
            .find_map(|(one, other)| Some(compare(one, other)).filter(|found| found.is_ne()))
            .unwrap_or(Ordering::Equal)
    }

    /// Begins a query of the rows of several ranges, which do not overlap.
    pub(crate) fn select(
        &self,
        table: &TableRef,
        ranges: &[Range],
        method: Method,
    ) -> SelectStatement {
        let mut select = SelectStatement::new();
        match (ranges, method) {
            ([], _) => {
                select.from(table.clone()).and_where(Expr::cust("1 = 0"));
            }
            ([first, rest @ ..], Method::Branches) if !rest.is_empty() => {
                let mut all = self.branch(table, first);
                for range in rest {
                    all.union(UnionType::All, self.branch(table, range));
                }
                select.from_subquery(all, "ranges");
            }
            _ => {
                let any = ranges.iter().map(|range| self.within(range));
                select
                    .from(table.clone())
                    .cond_where(any.fold(Condition::any(), Condition::add));
            }
        }
        select
    }

    /// All columns of the rows of a range.
    fn branch(&self, table: &TableRef, range: &Range) -> SelectStatement {
        let mut select = SelectStatement::new();
        let columns = 0..self.def().columns.len();
        select
            .columns(columns.map(|ordinal| alias(self.def(), ordinal)))
            .from(table.clone())
            .cond_where(self.within(range));
        select
    }

    /// Whether a row's key is in a range.
    pub(crate) fn within(&self, range: &Range) -> Condition {
        let from = match &range.from {
            Bound::Unbounded => None,
            Bound::Included(key) => Some(beyond(&self.columns, key, Edge::From)),
            Bound::Excluded(key) => Some(beyond(&self.columns, key, Edge::Above)),
        };
        let until = match &range.until {
            Bound::Unbounded => None,
            Bound::Included(key) => Some(beyond(&self.columns, key, Edge::UpTo)),
            Bound::Excluded(key) => Some(self.before(key)),
        };
        match (from, until) {
            (None, None) => Expr::cust("1 = 1").into_condition(),
            (from, until) => Condition::all().add_option(from).add_option(until),
        }
    }

    /// Whether a row's key comes before this one.
    pub(crate) fn before(&self, key: &Key) -> Expr {
        beyond(&self.columns, key, Edge::Below)
    }

    /// The type of the key's column, when there is only one.
    pub(crate) fn only_column(&self) -> Option<ColumnType> {
        match self.def().primary_key[..] {
            [ordinal] => self.def().columns[ordinal].data_type.column_type(),
            _ => None,
        }
    }

    /// The columns of the key, to order by.
    pub(crate) fn columns(&self) -> &[Expr] {
        &self.columns
    }
}

/// The form of a query of the rows of several ranges.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Method {
    /// Each range by a query of its own, joined by `UNION ALL`: each looks its range up in the index,
    /// whatever number of rows the server expects in it.
    Branches,
    /// By one condition.
    Condition,
}

impl Method {
    /// The cheaper form, for keys in the order of an index or in no such order.
    pub(crate) fn of(dialect: Dialect, is_indexed: bool) -> Self {
        // Without an index each branch would read the whole table.
        if is_indexed && !dialect.capability().index_lookahead {
            Self::Branches
        } else {
            Self::Condition
        }
    }
}

#[derive(Clone, Copy)]
enum Edge {
    From,
    Above,
    UpTo,
    Below,
}

/// `(a, b) > (?, ?)` and the like, spelled so that an index on `a` is used: MySQL and MariaDB use none
/// for a comparison of rows.
fn beyond(columns: &[Expr], key: &[Value], side: Edge) -> Expr {
    let (Some((column, columns)), Some((value, key))) = (columns.split_first(), key.split_first())
    else {
        return Expr::cust("1 = 1");
    };
    let column = || column.clone();
    let value = || Expr::Value(value.clone());
    match (side, columns.is_empty()) {
        (Edge::From, true) => column().gte(value()),
        (Edge::Above, true) => column().gt(value()),
        (Edge::UpTo, true) => column().lte(value()),
        (Edge::Below, true) => column().lt(value()),
        (Edge::From | Edge::Above, false) => {
            let rest = column().gt(value()).or(beyond(columns, key, side));
            column().gte(value()).and(rest)
        }
        (Edge::UpTo | Edge::Below, false) => {
            let rest = column().lt(value()).or(beyond(columns, key, side));
            column().lte(value()).and(rest)
        }
    }
}
