//! Shard keys: integers, newtypes over them, and pairs of a region and one of them.

use crate::backend::{Args, Field};
use crate::error::{Error, ErrorKind, Result};
use crate::route::RoutingKey;

/// A field type for shard keys. The shard key determines the logical shard of a row.
///
/// Implemented for `i8` to `i64` and `u8` to `u64`; derive [`ShardKey`](crate::ShardKey) on a
/// newtype over one.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be a shard key",
    label = "not a shard key",
    note = "use an integer of at most 64 bits, or derive `ShardKey` on a newtype over one"
)]
pub trait ShardKey: Field + Clone {
    /// Returns the number that is routed.
    ///
    /// # Errors
    /// [`NoShardForKey`](ErrorKind::NoShardForKey) for a number above `i64::MAX`, which not every
    /// database can store.
    fn to_key(&self) -> Result<i64>;
}

macro_rules! integers {
    ($($rust:ty)*) => {$(
        impl ShardKey for $rust {
            fn to_key(&self) -> Result<i64> {
                i64::try_from(*self).map_err(|_| {
                    Error::new(
                        ErrorKind::NoShardForKey,
                        format!("the shard key {self} is above {}, the largest value that every \
                                 database can store", i64::MAX),
                    )
                })
            }
        }
    )*};
}

integers!(i8 i16 i32 i64 u8 u16 u32 u64);

/// A field type for the region of a row.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be a region",
    label = "not a region",
    note = "use `String`, or implement `AsRef<str>` for a field type of your own"
)]
pub trait Region: Field + Clone + AsRef<str> {}

impl<T: Field + Clone + AsRef<str>> Region for T {}

#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be a shard key",
    label = "not a shard key",
    note = "use an integer of at most 64 bits, or derive `ShardKey` on a newtype over one; a \
            region must be a `String` or a field type with `AsRef<str>`"
)]
/// The key that routes the rows of a model: its shard key, or the pair of its region and shard key.
pub trait Key: Clone + Send + Sync + 'static {
    /// Returns the routing key.
    ///
    /// # Errors
    /// As [`ShardKey::to_key`].
    fn routing_key(&self) -> Result<RoutingKey<'_>>;

    /// Binds the values of the routing columns: region, then key.
    ///
    /// # Errors
    /// As [`Field::bind`].
    fn bind(&self, args: &mut Args) -> Result<()>;
}

impl<K: ShardKey> Key for K {
    fn routing_key(&self) -> Result<RoutingKey<'_>> {
        Ok(RoutingKey::new(self.to_key()?))
    }

    fn bind(&self, args: &mut Args) -> Result<()> {
        Field::bind(self, args)
    }
}

impl<R: Region, K: ShardKey> Key for (R, K) {
    fn routing_key(&self) -> Result<RoutingKey<'_>> {
        Ok(RoutingKey::new(self.1.to_key()?).in_region(self.0.as_ref()))
    }

    fn bind(&self, args: &mut Args) -> Result<()> {
        self.0.bind(args)?;
        self.1.bind(args)
    }
}

/// The argument of `on`: a model's shard key, by value or by reference; with a region, the pair
/// `("eu", 42)`.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not the shard key `{K}` of this model",
    label = "expected `{K}`",
    note = "pass a value of the type of the field marked `#[shard(key)]`; for a model with a \
            region, the pair `(region, key)`"
)]
pub trait IntoKey<K> {
    /// Converts it to the key.
    fn into_key(self) -> K;
}

impl<K: Key> IntoKey<K> for K {
    fn into_key(self) -> K {
        self
    }
}

impl<K: Key> IntoKey<K> for &K {
    fn into_key(self) -> K {
        self.clone()
    }
}

impl<K: ShardKey> IntoKey<(String, K)> for (&str, K) {
    fn into_key(self) -> (String, K) {
        (self.0.to_owned(), self.1)
    }
}
