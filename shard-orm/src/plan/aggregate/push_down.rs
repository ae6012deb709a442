//! What of HAVING, ORDER BY and LIMIT the databases do themselves, so that fewer groups are read.
//!
//! Only where no group is spread over logical shards, and only what the database compares as the
//! client does: counts, sums of integers and decimals, least and greatest values, and what is
//! grouped by. The client looks at all of it once more, for the groups of all logical shards
//! together.

use sea_query::{Alias, Expr, ExprTrait, Func, NullOrdering, Order, SelectStatement, Value};

use super::exact::integer_of;
use super::grouping::is_ordered_alike;
use crate::backend::ColumnType;
use crate::definition::ModelDef;
use crate::dialect::Dialect;
use crate::error::Result;
use crate::plan::aggregate::{
    AggregateSpec, Comparison, Function, GroupCondition, GroupSpec, Grouping, Item, Test,
};
use crate::plan::order::Nulls;
use crate::plan::request::name;

/// What the databases do themselves.
#[derive(Debug, Default)]
pub(crate) struct PushDown {
    having: Option<Expr>,
    /// The order of the groups, total, where the database can leave out what lies behind the limit.
    orders: Option<Vec<Sort>>,
}

/// One part of an order.
#[derive(Debug)]
struct Sort {
    by: SortBy,
    descending: bool,
    nulls: Option<Nulls>,
}

#[derive(Debug)]
enum SortBy {
    /// The column of the result at this position.
    Key(usize),
    Aggregate(Expr),
}

impl PushDown {
    /// Of groups that are told apart by these keys. With `whole`, none of them is spread.
    pub(crate) fn new(
        def: &'static ModelDef,
        group_spec: &GroupSpec,
        dialect: Dialect,
        keys: &[Grouping],
        whole: bool,
    ) -> Result<Self> {
        // All rows as one group are one row.
        if !whole || keys.is_empty() {
            return Ok(Self::default());
        }
        let side = Side { def, dialect };
        let (having, complete) = match &group_spec.having {
            Some(having) => side.having(having)?,
            None => (None, true),
        };
        let ordered = keys.iter().all(|key| key.is_ordered_alike(def, dialect));
        let orders = if complete && ordered {
            side.orders(group_spec, keys)
        } else {
            None
        };
        Ok(Self { having, orders })
    }

    /// Whether the groups of a logical shard can be cut to the first ones.
    pub(crate) fn cuts(&self) -> bool {
        self.orders.is_some()
    }

    /// Sets HAVING.
    pub(crate) fn keep(&self, select: &mut SelectStatement) {
        if let Some(having) = &self.having {
            select.and_having(having.clone());
        }
    }

    /// Sets ORDER BY of the groups of one logical shard.
    pub(crate) fn order(&self, select: &mut SelectStatement) {
        for sort in self.orders.iter().flatten() {
            let by = match &sort.by {
                SortBy::Key(position) => Expr::col(name(*position)),
                SortBy::Aggregate(aggregate) => aggregate.clone(),
            };
            sort.add(select, by);
        }
    }

    /// What has to be selected beside the rest for the order of several logical shards together.
    pub(crate) fn columns(&self) -> impl Iterator<Item = Expr> {
        let sorts = self.orders.iter().flatten();
        sorts.filter_map(|sort| match &sort.by {
            SortBy::Key(_) => None,
            SortBy::Aggregate(aggregate) => Some(aggregate.clone()),
        })
    }

    /// Sets ORDER BY of the groups of several logical shards, with the [`columns`](Self::columns)
    /// from the position `first` on.
    pub(crate) fn order_all(&self, select: &mut SelectStatement, first: usize) {
        let mut next = first;
        for sort in self.orders.iter().flatten() {
            let position = match &sort.by {
                SortBy::Key(position) => *position,
                SortBy::Aggregate(_) => {
                    next += 1;
                    next - 1
                }
            };
            sort.add(select, Expr::col(name(position)));
        }
    }
}

impl Sort {
    fn add(&self, select: &mut SelectStatement, by: Expr) {
        let order = if self.descending {
            Order::Desc
        } else {
            Order::Asc
        };
        match self.nulls {
            None => select.order_by_expr(by, order),
            Some(Nulls::First) => select.order_by_expr_with_nulls(by, order, NullOrdering::First),
            Some(Nulls::Last) => select.order_by_expr_with_nulls(by, order, NullOrdering::Last),
        };
    }
}

/// For whom it is written.
struct Side {
    def: &'static ModelDef,
    dialect: Dialect,
}

impl Side {
    /// What of a condition the database can tell, and whether that is all of it.
    fn having(&self, condition: &GroupCondition) -> Result<(Option<Expr>, bool)> {
        condition.render_part(&|test| self.test(test))
    }

    fn test(&self, test: &Test) -> Result<Option<Expr>> {
        match test {
            Test::Compare(spec, comparison, operand) => {
                let operand = self.operand(*spec, operand)?;
                let both = self.exact(*spec).zip(operand);
                Ok(both.map(|(aggregate, operand)| compare(aggregate, *comparison, operand)))
            }
            Test::IsNull(spec) => Ok(self.exact(*spec).map(|aggregate| aggregate.is_null())),
        }
    }

    /// An aggregate that the database compares as the client does.
    fn exact(&self, spec: AggregateSpec) -> Option<Expr> {
        let AggregateSpec::Of(function, ordinal) = spec else {
            return Some(Expr::cust("COUNT(*)"));
        };
        let column = || Expr::col(Alias::new(self.def.columns[ordinal].name));
        let column_type = self.def.columns[ordinal].column_type;
        match function {
            Function::Count => Some(column().count()),
            Function::CountDistinct => Some(Expr::from(Func::count_distinct(column()))),
            Function::Sum if self.adds(column_type) => Some(column().sum()),
            Function::Min if self.orders_alike(ordinal) => Some(column().min()),
            Function::Max if self.orders_alike(ordinal) => Some(column().max()),
            _ => None,
        }
    }

    /// Whether sums are exact. SQLite refuses those of integers beyond 64 bits, and adds no decimals.
    /// A sum that `Decimal` does not hold is an error of the client where it is among the groups that
    /// are given.
    fn adds(&self, column_type: ColumnType) -> bool {
        use ColumnType as Type;
        match column_type {
            Type::I8 | Type::I16 | Type::I32 | Type::U8 | Type::U16 | Type::U32 => true,
            Type::I64 | Type::U64 | Type::Decimal => self.dialect.capability().exact_sums,
            _ => false,
        }
    }

    fn orders_alike(&self, ordinal: usize) -> bool {
        is_ordered_alike(self.def, ordinal, self.dialect)
    }

    /// What an aggregate is compared with, in a type that every database compares with it.
    fn operand(&self, spec: AggregateSpec, operand: &Value) -> Result<Option<Expr>> {
        let number = |number: Option<i64>| number.map(|number| Value::BigInt(Some(number)));
        let value = match (spec, operand) {
            (AggregateSpec::Of(Function::Sum, _), Value::Bytes(Some(bytes))) => {
                number(i64::try_from(integer_of(bytes)?).ok())
            }
            (_, Value::BigUnsigned(Some(unsigned))) => number(i64::try_from(*unsigned).ok()),
            // No such float is sent to MySQL or SQLite, and no such text to PostgreSQL. A float of
            // 32 bits is compared in 64.
            (_, Value::Float(_)) => None,
            // One with more digits is compared by the client.
            (AggregateSpec::Of(Function::Min | Function::Max, ordinal), value)
                if self.def.columns[ordinal].decimal.is_some() =>
            {
                self.def.columns[ordinal].typed(value.clone()).ok()
            }
            (_, Value::Double(Some(float))) if !float.is_finite() => None,
            (_, Value::String(Some(text))) if text.contains('\0') => None,
            (_, value) => Some(value.clone()),
        };
        Ok(value.map(Expr::Value))
    }

    /// The order that is asked for, made total by the keys.
    fn orders(&self, group_spec: &GroupSpec, keys: &[Grouping]) -> Option<Vec<Sort>> {
        let mut sorts = Vec::with_capacity(group_spec.orders.len() + keys.len());
        for term in &group_spec.orders {
            let by = match &term.item {
                Item::Group(grouping) => SortBy::Key(keys.iter().position(|key| key == grouping)?),
                Item::Aggregate(spec) => SortBy::Aggregate(self.exact(*spec)?),
            };
            sorts.push(Sort {
                by,
                descending: term.descending,
                nulls: term.nulls,
            });
        }
        sorts.extend((0..keys.len()).map(|position| Sort {
            by: SortBy::Key(position),
            descending: false,
            nulls: None,
        }));
        Some(sorts)
    }
}

fn compare(aggregate: Expr, comparison: Comparison, operand: Expr) -> Expr {
    match comparison {
        Comparison::Eq => aggregate.eq(operand),
        Comparison::Ne => aggregate.ne(operand),
        Comparison::Lt => aggregate.lt(operand),
        Comparison::Le => aggregate.lte(operand),
        Comparison::Gt => aggregate.gt(operand),
        Comparison::Ge => aggregate.gte(operand),
    }
}
