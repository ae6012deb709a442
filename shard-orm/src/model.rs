//! What a struct is: its table, its columns, its shard key.
//!
//! Constants and a few small functions for each model, all made by the derive. Read by `exec`,
//! which sends fixed statements, and by `query`, which builds the others.

mod column;
mod def;
mod id;
mod key;

pub use column::Column;
pub use def::{ColumnDef, Home, IndexDef, ModelDef, Slot, no_such_column, unknown_variant};
pub use id::{Id, IntoId};
pub use key::{IntoKey, Key, Region, ShardKey};

use std::time::SystemTime;

use crate::backend::{Args, Row};
use crate::error::Result;
use crate::route::RoutingKey;

/// A struct whose values are rows of one table.
///
/// Implemented by the derive [`ShardModel`](crate::ShardModel), together with the trait that
/// says where the rows live: [`Sharded`], [`IsolatedModel`](crate::IsolatedModel) or
/// [`DatabaseModel`](crate::DatabaseModel).
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a model",
    note = "derive `ShardModel` on it"
)]
pub trait Model: Sized + Send + Sync + 'static {
    /// What names a row beside the shard key: the type of the primary key's columns without the
    /// key's; `()` when the key is the primary key.
    type Id: Id;

    /// The table, its columns and where it lives.
    fn def() -> &'static ModelDef;

    /// Binds the value of the column at `ordinal` of [`def`](Self::def).
    ///
    /// # Errors
    /// As [`Field::bind`](crate::Field::bind).
    fn bind(&self, ordinal: usize, args: &mut Args) -> Result<()>;

    /// Reads a value from a row that holds the columns of [`def`](Self::def) in their order,
    /// beginning at column `first`.
    ///
    /// # Errors
    /// As [`Field::read`](crate::Field::read).
    fn read(row: &Row<'_>, first: usize) -> Result<Self>;

    /// Fills the fields marked `created_at` and `updated_at`.
    fn stamp(&mut self, _time: SystemTime) {}
}

/// A model whose rows are spread over the logical shards of a group by a shard key.
///
/// Implemented by the derive; what can be done with such a model is in
/// [`ShardModel`](crate::ShardModel).
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a sharded model",
    note = "derive `ShardModel` on it with `#[shard(group = \"..\", table = \"..\")]` and mark its \
            shard key with `#[shard(key)]`"
)]
pub trait Sharded: Model {
    /// The shard key; with a region, the pair of region and shard key.
    type Key: Key;

    /// What this row is routed by.
    ///
    /// # Errors
    /// [`NoShardForKey`](crate::ErrorKind::NoShardForKey) for a key above `i64::MAX`.
    fn routing_key(&self) -> Result<RoutingKey<'_>>;
}
