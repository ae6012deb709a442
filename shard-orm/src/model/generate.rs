//! Ids that the library makes: what a model says of them, and the types that hold them.
//!
//! Read by `id`, which makes them, and by `record`, which fills them in.

use crate::error::Result;
use crate::model::Sharded;

/// How the ids of a model are made; `generate` on the field of its primary key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Generate {
    /// 63 bits of time, sequence, worker and shard.
    Snowflake,
    /// Counted by a table of a named database, in blocks.
    Table,
    /// A version 7 UUID.
    UuidV7,
    /// Microseconds, a part of the shard key, and chance.
    Nanosecond,
}

/// The column that is filled, and how.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Generated {
    /// The ordinal of the column.
    pub column: usize,
    /// How its ids are made.
    pub by: Generate,
}

/// An id that was made for a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum NewId {
    /// For all but `uuid_v7`.
    Integer(i64),
    /// For `uuid_v7`.
    #[cfg(feature = "uuid")]
    Uuid(uuid::Uuid),
}

impl NewId {
    /// The integer.
    ///
    /// # Errors
    /// [`Unsupported`](crate::ErrorKind::Unsupported) when it is none.
    pub fn integer(self) -> Result<i64> {
        match self {
            Self::Integer(id) => Ok(id),
            #[cfg(feature = "uuid")]
            Self::Uuid(_) => Err(other()),
        }
    }

    /// The UUID.
    ///
    /// # Errors
    /// [`Unsupported`](crate::ErrorKind::Unsupported) when it is none.
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
    crate::Error::unsupported("the id was made for a field of another type")
}

/// A field that holds a generated id, which is made as a `T`: an `i64`, or a `uuid::Uuid`.
///
/// Implemented for these two, and by the derives [`ShardField`](crate::ShardField) and
/// [`ShardKey`](crate::ShardKey) on a struct around one.
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
    label = "expected `{T}`, or a struct around it",
    note = "`uuid_v7` makes a `uuid::Uuid`, all others make an `i64`; a struct around one derives \
            `ShardField` or `ShardKey`"
)]
pub trait GeneratedId<T>: Sized {
    /// The field's value for an id.
    fn from_id(id: T) -> Self;

    /// The id in the field; 0 or nil when there is none yet.
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

/// A sharded model whose rows are found by their id alone.
///
/// Implemented by the derive for models whose primary key is one snowflake, alone or beside the
/// shard key.
#[diagnostic::on_unimplemented(
    message = "a `{Self}` is not found by its id alone",
    label = "its id does not tell where the row lives",
    note = "an id tells it when the primary key is one field with `generate = \"snowflake\"`, alone \
            or beside the shard key; else name the key: `find(&cluster, key, id)`"
)]
pub trait FindById: Sharded {
    /// The snowflake in an id.
    fn snowflake(id: &Self::Id) -> i64;
}
