//! The query builder: typed queries that lower to a plan.
//!
//! A query starts at a model: `Order::on(key)`, `Order::on_each(keys)`, or `Order::query()`, which
//! names no shard yet. Verbs such as `all`, `count` and `delete` run it; they do not compile on a
//! query without a shard.

pub mod aggregate;
mod broadcast;
mod cursor;
mod explain;
mod filter;
mod operand;
mod order;
mod page;
mod partial;
mod raw;
mod scope;
mod select;
mod selection;
mod soft_delete;
mod update;
mod verbs;

pub use crate::exec::ReadFrom;
pub use crate::plan::Missing;
pub use crate::plan::Nulls;
pub use broadcast::{Broadcast, BroadcastQuery, BroadcastReport, Outcome};
pub use cursor::Cursor;
pub use filter::Filter;
pub use operand::{Assign, Operand};
pub use order::OrderBy;
pub use page::Page;
pub(crate) use page::make_total;
pub use partial::{Partial, Partially};
pub use raw::{RawQuery, ReadRow, ShardRows};
pub use scope::{
    AllShards, ChangesRows, InDatabase, NamesAShard, OnKey, OnKeys, OnShard, OnShardOf, OnShardsOf,
    OnStaticCopy, TakesSql, Unscoped,
};
pub use select::{Query, UnscopedQuery};
#[doc(hidden)]
pub use selection::row_of_field;
pub use selection::{AllColumns, As, Columns, Projection, Selection};
pub use update::Update;
pub use verbs::QueryFuture;
