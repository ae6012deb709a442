//! Models: structs whose values are rows, their keys and ids.
//!
//! The derive implements these traits with small functions, and with the constants of `definition`.
//! `record` and `query` convert them to statements and plans.

mod column;
mod generate;
pub(crate) mod hooks;
mod id;
mod key;
mod validate;

pub use crate::definition::{
    CopyId, FieldDef, Generate, Generated, ModelDef, ModelIndex, ModelLocation, StaticDef,
    StaticGroups,
};
#[doc(hidden)]
pub use crate::definition::{
    Slot, bind_decimal, is_reached, no_such_column, row_of_decimals, same_text, unknown_variant,
};
pub use column::Column;
pub use generate::{FindById, GeneratedId, NewId};
use hooks::DynHooks;
pub(crate) use hooks::{Around, around};
pub use hooks::{Hooks, WriteContext};
pub use id::{Id, IntoId};
pub use key::{IntoKey, Key, Region, ShardKey};
pub use validate::{Problems, Validate};

use std::time::SystemTime;

use crate::backend::{Args, Row};
use crate::error::Result;
use crate::route::RoutingKey;

/// A struct whose values are rows of one table.
///
/// Implemented by the derive [`ShardModel`](crate::ShardModel), together with the trait for the
/// location of the rows: [`Sharded`], [`IsolatedModel`](crate::IsolatedModel) or
/// [`DatabaseModel`](crate::DatabaseModel). Also implemented by the derive
/// [`StaticModel`](crate::StaticModel).
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a model",
    note = "derive `ShardModel` on it, or `StaticModel` for a reference table"
)]
pub trait Model: Sized + Send + Sync + 'static {
    /// The type of the id: the primary key columns without the shard key; `()` if the primary key
    /// is just the shard key.
    type Id: Id;

    /// The name of the table.
    const TABLE: &'static str;

    /// The groups whose servers hold copies, for a static model.
    #[doc(hidden)]
    const COPIES: Option<StaticGroups> = None;

    /// The model's [`Hooks`](crate::hooks::Hooks), connected by `#[shard(hooks)]`.
    #[doc(hidden)]
    const HOOKS: Option<&'static dyn DynHooks<Self>> = None;

    /// The model's [`Validate::validate`], connected by `#[shard(validate)]`.
    #[doc(hidden)]
    const VALIDATE: Option<fn(&Self, &mut Problems<Self>)> = None;

    /// Returns the description of the model: its table, columns and location.
    fn def() -> &'static ModelDef;

    /// Returns the id of this row: its primary key without the shard key.
    fn id(&self) -> Self::Id;

    /// Binds the value of the column at `ordinal` of [`def`](Self::def).
    ///
    /// # Errors
    /// As [`Field::bind`](crate::Field::bind).
    fn bind(&self, ordinal: usize, args: &mut Args) -> Result<()>;

    /// Reads a value from a row that contains the columns of [`def`](Self::def) in order, starting
    /// at column `first`.
    ///
    /// # Errors
    /// As [`Field::read`](crate::Field::read).
    fn read(row: &Row<'_>, first: usize) -> Result<Self>;

    /// Sets the fields marked `created_at` and `updated_at`.
    fn stamp(&mut self, _time: SystemTime) {}

    /// Returns whether the field with `generate` has no id yet, which means 0 or nil.
    fn needs_id(&self) -> bool {
        false
    }

    /// Returns the shard key, part of which goes into a generated id; 0 for a model without a key.
    ///
    /// # Errors
    /// As [`ShardKey::to_key`].
    #[doc(hidden)]
    fn id_key(&self) -> Result<i64> {
        Ok(0)
    }

    /// Sets the field with `generate`.
    ///
    /// # Errors
    /// [`Unsupported`](crate::ErrorKind::Unsupported) for an id of another type.
    #[doc(hidden)]
    fn set_id(&mut self, _id: NewId) -> Result<()> {
        Ok(())
    }
}

/// A model that a sharded model can refer to: a static model, or a model of a named database.
///
/// Implemented by the derives.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be the target of `refers_to`",
    label = "neither a static model nor a model of a named database",
    note = "`refers_to` requires a static model or a model of a named database; use `belongs_to`, \
            `has_one` or `has_many` for a model of the same group with the same key"
)]
pub trait Referred: Model {}

/// A model with soft delete: a field with `#[shard(soft_delete)]` marks rows as deleted.
///
/// Implemented by the derive.
#[diagnostic::on_unimplemented(
    message = "`{Self}` has no soft delete",
    label = "its deleted rows cannot be queried or restored",
    note = "add a field of type `Option<timestamp>` with `#[shard(soft_delete)]` to `{Self}`"
)]
pub trait SoftDelete: Model {}

/// A model whose rows are spread over the logical shards of a group by a shard key.
///
/// Implemented by the derive. The trait [`ShardModel`](crate::ShardModel) provides the methods of
/// these models.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a sharded model",
    note = "derive `ShardModel` on it with `#[shard(group = \"..\", table = \"..\")]` and mark its \
            shard key with `#[shard(key)]`",
    note = "related rows must be in the same logical shard; use `refers_to` for a model of a \
            named database"
)]
pub trait Sharded: Model {
    /// The shard key; with a region, the pair of region and shard key.
    type Key: Key;

    /// The name of the shard group.
    const GROUP: &'static str;

    /// Returns the shard key of this row.
    fn key(&self) -> Self::Key;

    /// Returns the routing key of this row.
    ///
    /// # Errors
    /// [`NoShardForKey`](crate::ErrorKind::NoShardForKey) for a key above `i64::MAX`.
    fn routing_key(&self) -> Result<RoutingKey<'_>>;
}
