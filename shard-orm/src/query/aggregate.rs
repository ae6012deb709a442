//! Aggregates and groups, in any scope: what each logical shard computes, and how results are
//! merged.
//!
//! Each logical shard computes partial aggregates by group, with one statement per server. The
//! client merges them, and then applies HAVING, ORDER BY, OFFSET and LIMIT, which are meaningless
//! for a part. If no group is spread over several logical shards, because it is grouped by the
//! shard key or there is only one, the databases apply them where they are exact, so that fewer
//! groups are read. Nothing is approximated: aggregates that cannot be merged are rejected.
//!
//! | asked for | each logical shard gives, by group | merged |
//! |---|---|---|
//! | [`count()`](count), [`Column::count`](crate::Column::count) | its count | the sum |
//! | [`count_distinct`](crate::Column::count_distinct) | its groups by the column too; of whole groups its count | the values that there are |
//! | [`sum`](crate::Column::sum) | its sum, as a text where it is exact | the sum |
//! | [`avg`](crate::Column::avg) | sum and count | sum of sums by sum of counts |
//! | [`min`](crate::Column::min), [`max`](crate::Column::max) | its own | the least, the greatest |
//! | [`var_pop`](crate::Column::var_pop), [`stddev_pop`](crate::Column::stddev_pop) and so on | count, mean and variance | by the formula of Chan, Golub and LeVeque |
//! | [`bool_and`](crate::Column::bool_and), [`bool_or`](crate::Column::bool_or) | how many there are, and how many are true | the sums |
//!
//! Rows are grouped by columns, by values [`Derived`] from them, by whether they match a
//! [`Filter`](crate::Filter), and by a [`GroupExpr`].
//!
//! Created by [`Query::group_by`](crate::Query::group_by),
//! [`Query::aggregate`](crate::Query::aggregate) or [`Query::distinct`](crate::Query::distinct);
//! see [`Grouped`].

mod column;
mod derived;
mod expr;
mod fields;
mod grouped;
mod having;
mod item;
mod number;
mod order;
mod value;
mod verbs;

pub use column::count;
pub use derived::Derived;
pub use expr::GroupExpr;
pub use fields::{DateField, IntegerField, TimeField};
pub use grouped::Grouped;
pub use having::{Having, HavingOperand};
pub use item::{Aggregate, GroupItem, GroupKey, GroupKeys, GroupSelection};
pub use number::Number;
pub use order::GroupOrder;
pub use value::AggregateValue;
