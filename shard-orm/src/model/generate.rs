//! Generated ids, and the field types that hold them.
//!
//! Used by `id`, which generates ids, and by `record`, which sets them in rows.

use crate::error::Result;
use crate::model::Sharded;

/// A generated id.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum NewId {
    /// For all generators except `uuid_v7`.
    Integer(i64),
    /// For `uuid_v7`.
    #[cfg(feature = "uuid")]
    Uuid(uuid::Uuid),
}

impl NewId {
    /// Returns the integer.
    ///
    /// # Errors
    /// [`Unsupported`](crate::ErrorKind::Unsupported) for an id of another type.
    pub fn integer(self) -> Result<i64> {
        match self {
            Self::Integer(id) => Ok(id),
            #[cfg(feature = "uuid")]
            Self::Uuid(_) => Err(other()),
        }
    }

    /// Returns the UUID.
    ///
    /// # Errors
    /// [`Unsupported`](crate::ErrorKind::Unsupported) for an id of another type.
    #[cfg(feature = "uuid")]
    pub fn uuid(self) -> Result<uuid::Uuid> {
        match self {
            Self::Uuid(id) => Ok(id),
            Self::Integer(_) => Err(other()),
        }
    }
}

#[cfg(feature = "uuid")]
#[cold]
fn other() -> crate::Error {
    crate::Error::unsupported("the generated id has another type than its field")
}

/// A field type for generated ids of type `T`, which is `i64` or `uuid::Uuid`.
///
/// Implemented for these two types, and by the derives [`ShardField`](crate::ShardField) and
/// [`ShardKey`](crate::ShardKey) for newtypes over them.
///
/// ```
/// use shard_orm::{ShardField, ShardModel};
///
/// #[derive(Debug, Clone, Copy, PartialEq, ShardField)]
/// struct OrderId(i64);
///
/// #[derive(ShardModel)]
/// #[shard(group = "shop", table = "orders")]
/// struct Order {
///     #[shard(primary_key, generate = "snowflake")]
///     id: OrderId,
///     #[shard(key)]
///     user_id: i64,
/// }
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot hold a generated id, which is a `{T}`",
    label = "expected `{T}`, or a newtype over it",
    note = "`uuid_v7` generates a `uuid::Uuid`, all others an `i64`; derive `ShardField` or \
            `ShardKey` on a newtype"
)]
pub trait GeneratedId<T>: Sized {
    /// Converts an id to the field's value.
    fn from_id(id: T) -> Self;

    /// Returns the id in the field; 0 or nil if there is none yet.
    fn to_id(&self) -> T;
}

impl GeneratedId<i64> for i64 {
    fn from_id(id: i64) -> Self {
        id
    }

    fn to_id(&self) -> i64 {
        *self
    }
}

#[cfg(feature = "uuid")]
impl GeneratedId<uuid::Uuid> for uuid::Uuid {
    fn from_id(id: uuid::Uuid) -> Self {
        id
    }

    fn to_id(&self) -> uuid::Uuid {
        *self
    }
}

/// A sharded model whose rows can be found by id alone.
///
/// Implemented by the derive for models whose primary key is a snowflake, alone or together with
/// the shard key.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be found by its id alone",
    label = "its id does not determine the shard",
    note = "this requires a primary key of one field with `generate = \"snowflake\"`, alone or \
            together with the shard key; otherwise pass the key: `find(&cluster, key, id)`"
)]
pub trait FindById: Sharded {
    /// Returns the snowflake in an id.
    fn snowflake(id: &Self::Id) -> i64;
}
