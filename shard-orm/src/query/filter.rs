//! Conditions on the columns of one model.

use std::fmt;
use std::marker::PhantomData;
use std::ops::{BitAnd, BitOr, Not};

use sea_query::{Alias, Expr, ExprTrait, LikeExpr};

use super::operand::{Operand, typed};
use crate::backend::{ColumnType, Field};
use crate::dialect::Dialect;
use crate::error::{Error, Result};
use crate::model::{Column, Model};
use crate::plan::{Condition, DeferredError, QuerySpec, Requirements, volatile_in};

/// A condition on the rows of the model `M`, made from its columns.
///
/// Combine conditions with [`and`](Self::and), [`or`](Self::or) and `!`, or with `&` and `|`.
/// As in SQL, a comparison with NULL is neither true nor false. Chains of one operator may be of any
/// length; operators that alternate nest, and more than 200 levels are refused
/// ([`Unsupported`](crate::ErrorKind::Unsupported)) when the query runs.
///
/// ```
/// # use shard_orm::prelude::*;
/// # #[derive(ShardModel)]
/// # #[shard(group = "shop", table = "orders")]
/// # struct Order {
/// #     #[shard(primary_key)]
/// #     id: i64,
/// #     #[shard(key)]
/// #     user_id: i64,
/// #     item: String,
/// #     quantity: i32,
/// #     note: Option<String>,
/// # }
/// let large = Order::QUANTITY.ge(10).or(Order::ITEM.is_in(["tea", "coffee"]));
/// let query = Order::on(42).filter(large & Order::NOTE.is_null());
/// ```
#[must_use]
pub struct Filter<M> {
    pub(crate) condition: Result<RowCondition, DeferredError>,
    pub(crate) requirements: Requirements,
    of: PhantomData<fn() -> M>,
}

/// A condition on rows, of any table.
type RowCondition = Condition<Expr>;

impl<M> Filter<M> {
    fn new(expr: Result<Expr>) -> Self {
        Self {
            condition: expr.map(Condition::one).map_err(DeferredError::from),
            requirements: Requirements::default(),
            of: PhantomData,
        }
    }

    fn needing(mut self, requirements: Requirements) -> Self {
        self.requirements = self.requirements | requirements;
        self
    }

    /// A condition written with sea-query, for anything that columns do not offer.
    ///
    /// Its columns are those of the model's table, unqualified. Values are bound with their own
    /// types, so give them the types of their columns.
    ///
    /// Chains of AND and of OR can have any length. More than 200 nested levels are rejected
    /// ([`Unsupported`](crate::ErrorKind::Unsupported)) when the query runs; levels within a `CASE`
    /// or a subquery do not count.
    pub fn expr(expr: impl Into<Expr>) -> Self {
        Self {
            condition: Condition::of_expr(expr.into()),
            requirements: Requirements::FOREIGN,
            of: PhantomData,
        }
    }

    fn join(
        self,
        other: Self,
        join: fn(RowCondition, RowCondition) -> Result<RowCondition, DeferredError>,
    ) -> Self {
        let requirements = self.requirements | other.requirements;
        Self {
            condition: match (self.condition, other.condition) {
                (Ok(left), Ok(right)) => join(left, right),
                (Err(deferred), _) | (_, Err(deferred)) => Err(deferred),
            },
            requirements,
            of: PhantomData,
        }
    }

    /// The condition in SQL.
    pub(crate) fn into_expr(self) -> Result<Expr, DeferredError> {
        self.condition.map(Condition::into_expr)
    }

    /// The condition alone, for rows that are examined repeatedly.
    ///
    /// # Errors
    /// The deferred error, if there is one; `Unsupported` if this database cannot evaluate the
    /// condition, or if its value changes from one evaluation to the next.
    pub(crate) fn lasting(self, dialect: Dialect) -> Result<Expr> {
        let mut spec = QuerySpec {
            requirements: self.requirements,
            ..QuerySpec::default()
        };
        match self.into_expr() {
            Ok(condition) => spec.filters.push(condition),
            Err(deferred) => spec.defer(deferred),
        }
        spec.check(dialect)?;
        if let Some(name) = volatile_in(&spec.filters, spec.requirements) {
            return Err(Error::unsupported(format!(
                "`{name}` has another value each time: a condition on which rows a copy holds \
                 depends on the row alone"
            )));
        }
        spec.filters
            .pop()
            .ok_or_else(|| Error::unsupported("a condition without an expression"))
    }

    /// Combines both conditions with AND.
    pub fn and(self, other: Self) -> Self {
        self.join(other, Condition::and)
    }

    /// Combines both conditions with OR.
    pub fn or(self, other: Self) -> Self {
        self.join(other, Condition::or)
    }
}

impl<M> Not for Filter<M> {
    type Output = Self;

    fn not(self) -> Self {
        Self {
            condition: self.condition.and_then(Condition::not),
            requirements: self.requirements,
            of: PhantomData,
        }
    }
}

impl<M> BitAnd for Filter<M> {
    type Output = Self;

    fn bitand(self, other: Self) -> Self {
        self.and(other)
    }
}

impl<M> BitOr for Filter<M> {
    type Output = Self;

    fn bitor(self, other: Self) -> Self {
        self.or(other)
    }
}

impl<M> Clone for Filter<M> {
    fn clone(&self) -> Self {
        Self {
            condition: self.condition.clone(),
            requirements: self.requirements,
            of: PhantomData,
        }
    }
}

impl<M> fmt::Debug for Filter<M> {
    /// Shows no values: operands are user data.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Filter(..)")
    }
}

/// Comparisons. Each takes a value of the column's plain type, or another column of it.
impl<M: Model, T: Field> Column<M, T> {
    fn reference(self) -> Expr {
        Expr::col(Alias::new(self.name()))
    }

    fn compare(
        self,
        operand: impl Operand<M, T::Plain>,
        compare: impl FnOnce(Expr, Expr) -> Expr,
    ) -> Filter<M> {
        if T::TYPE == ColumnType::Json {
            return Filter::new(Err(Error::unsupported(format!(
                "column `{}` holds JSON, which the databases compare each in its way: use \
                 `Filter::expr`",
                self.name()
            ))));
        }
        Filter::new(
            operand
                .into_expr()
                .and_then(|operand| typed(M::def(), self.ordinal(), operand))
                .map(|operand| compare(self.reference(), operand)),
        )
    }

    /// What a comparison by size requires of the database.
    fn size(self) -> Requirements {
        Requirements::size_of(self.def().column_type)
    }

    /// Returns a value of this column's type, for a sea-query expression.
    ///
    /// # Errors
    /// [`Check`](crate::ErrorKind::Check) for a decimal with more digits than the model declares;
    /// [`Unsupported`](crate::ErrorKind::Unsupported) for a value that no database can store.
    #[allow(clippy::needless_pass_by_value)] // As the comparisons.
    pub fn value(self, value: T::Plain) -> Result<Expr> {
        let value = crate::backend::Args::value(|args| value.bind(args))?;
        self.def().typed(value).map(Expr::Value)
    }

    /// Equal to a value.
    #[allow(clippy::should_implement_trait)]
    pub fn eq(self, operand: impl Operand<M, T::Plain>) -> Filter<M> {
        self.compare(operand, |column, operand| column.eq(operand))
    }

    /// Not equal to a value; excludes rows with NULL.
    #[allow(clippy::should_implement_trait)]
    pub fn ne(self, operand: impl Operand<M, T::Plain>) -> Filter<M> {
        self.compare(operand, |column, operand| column.ne(operand))
    }

    /// Less than a value.
    #[allow(clippy::should_implement_trait)]
    pub fn lt(self, operand: impl Operand<M, T::Plain>) -> Filter<M> {
        self.compare(operand, |column, operand| column.lt(operand))
            .needing(self.size())
    }

    /// Less than a value, or equal to it.
    #[allow(clippy::should_implement_trait)]
    pub fn le(self, operand: impl Operand<M, T::Plain>) -> Filter<M> {
        self.compare(operand, |column, operand| column.lte(operand))
            .needing(self.size())
    }

    /// Greater than a value.
    #[allow(clippy::should_implement_trait)]
    pub fn gt(self, operand: impl Operand<M, T::Plain>) -> Filter<M> {
        self.compare(operand, |column, operand| column.gt(operand))
            .needing(self.size())
    }

    /// Greater than a value, or equal to it.
    #[allow(clippy::should_implement_trait)]
    pub fn ge(self, operand: impl Operand<M, T::Plain>) -> Filter<M> {
        self.compare(operand, |column, operand| column.gte(operand))
            .needing(self.size())
    }

    /// From `low` to `high`, both included.
    pub fn between(
        self,
        low: impl Operand<M, T::Plain>,
        high: impl Operand<M, T::Plain>,
    ) -> Filter<M> {
        self.ge(low).and(self.le(high))
    }

    /// One of several values. An empty list matches no row.
    pub fn is_in<V: Operand<M, T::Plain>>(self, values: impl IntoIterator<Item = V>) -> Filter<M> {
        self.list(values, false)
    }

    /// None of several values; excludes rows with NULL, unless the list is empty.
    pub fn not_in<V: Operand<M, T::Plain>>(self, values: impl IntoIterator<Item = V>) -> Filter<M> {
        self.list(values, true)
    }

    fn list<V: Operand<M, T::Plain>>(
        self,
        values: impl IntoIterator<Item = V>,
        negated: bool,
    ) -> Filter<M> {
        let values: Result<Vec<Expr>> = values
            .into_iter()
            .map(|value| typed(M::def(), self.ordinal(), value.into_expr()?))
            .collect();
        let expr = values.map(|values| match (values.is_empty(), negated) {
            (true, false) => Expr::cust("1 = 0"),
            (true, true) => Expr::cust("1 = 1"),
            (false, false) => self.reference().is_in(values),
            (false, true) => self.reference().is_not_in(values),
        });
        Filter::new(expr).needing(Requirements::VARIABLE)
    }

    /// Equal to the value, or NULL if it is `None`.
    pub fn eq_or_null(self, value: Option<T::Plain>) -> Filter<M> {
        match value {
            None => Filter::new(Ok(self.reference().is_null())),
            Some(value) => Filter::new(
                crate::backend::Args::value(|args| value.bind(args))
                    .and_then(|value| self.def().typed(value))
                    .map(|value| self.reference().eq(Expr::Value(value))),
            ),
        }
    }
}

/// Conditions on nullable columns.
impl<M: Model, T: Field<Plain = T>> Column<M, Option<T>> {
    /// NULL.
    pub fn is_null(self) -> Filter<M> {
        Filter::new(Ok(self.reference().is_null()))
    }

    /// Not NULL.
    pub fn is_not_null(self) -> Filter<M> {
        Filter::new(Ok(self.reference().is_not_null()))
    }
}

/// Conditions on strings.
impl<M: Model, T: Field<Plain = String>> Column<M, T> {
    /// Matches a pattern: `%` stands for any characters, `_` for one, and a backslash escapes the
    /// next character. Case-sensitive.
    pub fn like(self, pattern: impl Into<String>) -> Filter<M> {
        self.matches(pattern.into())
    }

    /// Starts with this string. Case-sensitive.
    pub fn starts_with(self, text: &str) -> Filter<M> {
        self.matches(format!("{}%", literal(text)))
    }

    /// Ends with this string. Case-sensitive.
    pub fn ends_with(self, text: &str) -> Filter<M> {
        self.matches(format!("%{}", literal(text)))
    }

    /// Contains this string. Case-sensitive.
    pub fn contains(self, text: &str) -> Filter<M> {
        self.matches(format!("%{}%", literal(text)))
    }

    fn matches(self, pattern: String) -> Filter<M> {
        Filter::new(Ok(self
            .reference()
            .like(LikeExpr::new(pattern).escape('\\'))))
    }
}

/// The pattern that matches exactly this string.
fn literal(text: &str) -> String {
    let mut pattern = String::with_capacity(text.len());
    for character in text.chars() {
        if matches!(character, '%' | '_' | '\\') {
            pattern.push('\\');
        }
        pattern.push(character);
    }
    pattern
}
