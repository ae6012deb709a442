//! What is asked: a typed builder that ends in one statement for each logical shard.
//!
//! A query begins at a model: `Order::on(key)`, `Order::on_each(keys)`, or as a draft that names
//! no shard yet, `Order::query()`. Verbs such as `all`, `count` and `delete` run it; on a draft
//! they do not compile.

pub mod aggregate;
mod broadcast;
mod built;
mod combined;
mod cursor;
mod explain;
mod filter;
mod operand;
mod order;
mod page;
mod partial;
mod parts;
mod place;
mod raw;
pub(crate) mod scatter;
mod select;
mod selection;
mod soft_delete;
mod update;
mod verbs;
mod volatile;

pub use broadcast::{Broadcast, BroadcastQuery, BroadcastReport, Outcome};
pub(crate) use built::{Built, Verb, bound, order_by, ready};
pub(crate) use combined::{all_of, any_of, few};
pub use cursor::Cursor;
pub use filter::Filter;
pub use operand::{Assign, Operand};
pub(crate) use order::Term;
pub use order::{Nulls, OrderBy};
pub use page::Page;
pub(crate) use page::make_total;
pub use partial::{Partial, Partially};
pub(crate) use parts::{Deleted, Needs, Parts};
pub(crate) use place::private::Legs;
pub use place::{
    ChangesRows, Everywhere, InDatabase, NamesAShard, Nowhere, OnCopy, OnKey, OnKeys, OnShard,
    OnShardOf, OnShardsOf, TakesSql,
};
pub use raw::{RawQuery, ReadRow, ShardRows};
pub use select::{Draft, Query};
pub use selection::{As, Columns, Projection, Selection, Whole};
pub use update::Update;
pub use verbs::Running;
pub(crate) use verbs::{flatten, limited};
