//! What a struct is: its table, its columns, its shard key.
//!
//! Constants and a few small functions for each model, all made by the derive. Read by `exec`,
//! which sends fixed statements, and by `query`, which builds the others.

mod column;
mod def;
mod generate;
mod id;
mod key;
mod statics;
mod validate;

pub use column::Column;
pub use def::{
    ColumnDef, Home, IndexDef, ModelDef, Slot, bind_decimal, no_such_column, read_decimal,
    read_value, row_of_decimals, unknown_variant,
};
pub use generate::{FindById, Generate, Generated, GeneratedId, NewId};
pub use id::{Id, IntoId};
pub use key::{IntoKey, Key, Region, ShardKey};
pub use statics::{CopyId, Referred, StaticDef, StaticGroups, is_reached, same_text};
pub use validate::{Problems, Validate};

use std::time::SystemTime;

use crate::backend::{Args, Row};
use crate::error::Result;
use crate::record::DynHooks;
use crate::route::RoutingKey;

/// A struct whose values are rows of one table.
///
/// Implemented by the derive [`ShardModel`](crate::ShardModel), together with the trait that
/// says where the rows live: [`Sharded`], [`IsolatedModel`](crate::IsolatedModel) or
/// [`DatabaseModel`](crate::DatabaseModel); or by the derive [`StaticModel`](crate::StaticModel).
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a model",
    note = "derive `ShardModel` on it, or `StaticModel` for a reference table"
)]
pub trait Model: Sized + Send + Sync + 'static {
    /// What names a row beside the shard key: the type of the primary key's columns without the
    /// key's; `()` when the key is the primary key.
    type Id: Id;

    /// The table, as the compiler knows it.
    const TABLE: &'static str;

    /// The groups whose servers hold copies, of a static model.
    #[doc(hidden)]
    const COPIES: Option<StaticGroups> = None;

    /// What `#[shard(hooks)]` connects: the model's [`Hooks`](crate::Hooks).
    #[doc(hidden)]
    const HOOKS: Option<&'static dyn DynHooks<Self>> = None;

    /// What `#[shard(validate)]` connects: [`Validate::validate`].
    #[doc(hidden)]
    const VALIDATE: Option<fn(&Self, &mut Problems<Self>)> = None;

    /// The table, its columns and where it lives.
    fn def() -> &'static ModelDef;

    /// What names this row beside its shard key.
    fn id(&self) -> Self::Id;

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

    /// Whether the field with `generate` has no id yet: it is 0, or nil.
    fn needs_id(&self) -> bool {
        false
    }

    /// The shard key of which a generated id holds a part; 0 for a model without one.
    ///
    /// # Errors
    /// As [`ShardKey::to_key`].
    #[doc(hidden)]
    fn id_key(&self) -> Result<i64> {
        Ok(0)
    }

    /// Fills the field with `generate`.
    ///
    /// # Errors
    /// [`Unsupported`](crate::ErrorKind::Unsupported) for an id of another type.
    #[doc(hidden)]
    fn set_id(&mut self, _id: NewId) -> Result<()> {
        Ok(())
    }
}

/// A model whose rows are marked as deleted, by the field with `#[shard(soft_delete)]`, before they
/// are deleted for good.
///
/// Implemented by the derive.
#[diagnostic::on_unimplemented(
    message = "`{Self}` keeps no deleted rows",
    label = "a deleted row of it is gone",
    note = "mark an `Option` of a timestamp with `#[shard(soft_delete)]` in `{Self}`"
)]
pub trait SoftDelete: Model {}

/// A model whose rows are spread over the logical shards of a group by a shard key.
///
/// Implemented by the derive; what can be done with such a model is in
/// [`ShardModel`](crate::ShardModel).
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a sharded model",
    note = "derive `ShardModel` on it with `#[shard(group = \"..\", table = \"..\")]` and mark its \
            shard key with `#[shard(key)]`",
    note = "what belongs to a row of a shard is in that shard too; a model of a database is what a \
            row `refers_to`"
)]
pub trait Sharded: Model {
    /// The shard key; with a region, the pair of region and shard key.
    type Key: Key;

    /// The shard group, as the compiler knows it.
    const GROUP: &'static str;

    /// The shard key of this row.
    fn key(&self) -> Self::Key;

    /// What this row is routed by.
    ///
    /// # Errors
    /// [`NoShardForKey`](crate::ErrorKind::NoShardForKey) for a key above `i64::MAX`.
    fn routing_key(&self) -> Result<RoutingKey<'_>>;
}
