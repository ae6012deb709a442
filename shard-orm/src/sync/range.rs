//! The primary key of a compared table: its order, and ranges of it.

mod part;

pub(crate) use self::part::{most_parts, part};

use std::cmp::Ordering;
use std::ops::Bound;

use sea_query::{
    Alias, Condition, Expr, ExprTrait as _, IntoCondition as _, SelectStatement, UnionType, Value,
};

use crate::backend::ColumnType;
use crate::dialect::Dialect;
use crate::exec;
use crate::model::{FieldDef, ModelDef};
use crate::topology::Namespace;

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

    /// Begins a query of the rows of several ranges, which do not overlap.
    pub(crate) fn select(
        &self,
        namespace: &Namespace,
        ranges: &[Range],
        way: Way,
    ) -> SelectStatement {
        let mut select = SelectStatement::new();
        match (ranges, way) {
            ([], _) => {
                let table = namespace.table_of(self.def);
                select.from(table).and_where(Expr::cust("1 = 0"));
            }
            ([first, rest @ ..], Way::Branches) if !rest.is_empty() => {
                let mut all = self.branch(namespace, first);
                for range in rest {
                    all.union(UnionType::All, self.branch(namespace, range));
                }
                select.from_subquery(all, Alias::new("ranges"));
            }
            _ => {
                let any = ranges.iter().map(|range| self.within(range));
                select
                    .from(namespace.table_of(self.def))
                    .cond_where(any.fold(Condition::any(), Condition::add));
            }
        }
        select
    }

    /// All columns of the rows of a range.
    fn branch(&self, namespace: &Namespace, range: &Range) -> SelectStatement {
        let mut select = SelectStatement::new();
        let columns = self.def.columns.iter();
        select
            .columns(columns.map(|column| Alias::new(column.name)))
            .from(namespace.table_of(self.def))
            .cond_where(self.within(range));
        select
    }

    /// Whether a row's key is in a range.
    fn within(&self, range: &Range) -> Condition {
        let from = match &range.from {
            Bound::Unbounded => None,
            Bound::Included(key) => Some(beside(&self.columns, key, Side::From)),
            Bound::Excluded(key) => Some(beside(&self.columns, key, Side::Above)),
        };
        let until = match &range.until {
            Bound::Unbounded => None,
            Bound::Included(key) => Some(beside(&self.columns, key, Side::UpTo)),
            Bound::Excluded(key) => Some(self.before(key)),
        };
        match (from, until) {
            (None, None) => Expr::cust("1 = 1").into_condition(),
            (from, until) => Condition::all().add_option(from).add_option(until),
        }
    }

    /// Whether a row's key comes before this one.
    pub(crate) fn before(&self, key: &Key) -> Expr {
        beside(&self.columns, key, Side::Below)
    }

    /// The column of the key, when there is only one.
    pub(crate) fn only_column(&self) -> Option<&'static FieldDef> {
        match self.def.primary_key {
            [ordinal] => self.def.columns.get(*ordinal),
            _ => None,
        }
    }

    /// The columns of the key, to order by.
    pub(crate) fn columns(&self) -> &[Expr] {
        &self.columns
    }
}

/// How the rows of several ranges are asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Way {
    /// Each range by a query of its own, joined by `UNION ALL`: each looks its range up in the index,
    /// whatever the server believes of how many rows are in it.
    Branches,
    /// By one condition.
    Condition,
}

impl Way {
    /// How it costs least, in an order that is that of an index or of none.
    pub(crate) fn of(dialect: Dialect, is_indexed: bool) -> Self {
        match dialect {
            // It looks into the index before it chooses.
            Dialect::MySql => Self::Condition,
            Dialect::Postgres | Dialect::Sqlite if is_indexed => Self::Branches,
            // Each branch would look at the whole table.
            Dialect::Postgres | Dialect::Sqlite => Self::Condition,
        }
    }
}

#[derive(Clone, Copy)]
enum Side {
    From,
    Above,
    UpTo,
    Below,
}

/// `(a, b) > (?, ?)` and the like, spelled so that an index on `a` is used: MySQL and MariaDB look a
/// comparison of rows up in none.
fn beside(columns: &[Expr], key: &[Value], side: Side) -> Expr {
    let (Some((column, columns)), Some((value, key))) = (columns.split_first(), key.split_first())
    else {
        return Expr::cust("1 = 1");
    };
    let column = || column.clone();
    let value = || Expr::Value(value.clone());
    match (side, columns.is_empty()) {
        (Side::From, true) => column().gte(value()),
        (Side::Above, true) => column().gt(value()),
        (Side::UpTo, true) => column().lte(value()),
        (Side::Below, true) => column().lt(value()),
        (Side::From | Side::Above, false) => {
            let rest = column().gt(value()).or(beside(columns, key, side));
            column().gte(value()).and(rest)
        }
        (Side::UpTo | Side::Below, false) => {
            let rest = column().lt(value()).or(beside(columns, key, side));
            column().lte(value()).and(rest)
        }
    }
}
