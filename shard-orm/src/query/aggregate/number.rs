//! Numbers, which have sums and means.

use crate::backend::Field;

/// A numeric field, with the types of its sum and mean.
///
/// Implemented for integers (sum `i128`, mean `f64`), floats (`f64` for both) and, with the feature
/// `decimal`, `Decimal`. For a newtype, forward to the inner type:
///
/// ```
/// use shard_orm::aggregate::Number;
/// use shard_orm::prelude::*;
///
/// #[derive(ShardField)]
/// struct Cents(i64);
///
/// impl Number for Cents {
///     type Sum = <i64 as Number>::Sum;
///     type Mean = <i64 as Number>::Mean;
/// }
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a number, so it has no sum and no mean",
    note = "implement `shard_orm::aggregate::Number` for a struct around a number by handing on to \
            the number"
)]
pub trait Number: Field {
    /// The type of the sum.
    type Sum;

    /// The type of the mean.
    type Mean;
}

macro_rules! numbers {
    ($($rust:ty: $sum:ty, $mean:ty;)*) => {$(
        impl Number for $rust {
            type Sum = $sum;
            type Mean = $mean;
        }
    )*};
}

numbers! {
    i8: i128, f64;
    i16: i128, f64;
    i32: i128, f64;
    i64: i128, f64;
    u8: i128, f64;
    u16: i128, f64;
    u32: i128, f64;
    u64: i128, f64;
    f32: f64, f64;
    f64: f64, f64;
}

#[cfg(feature = "decimal")]
numbers! {
    rust_decimal::Decimal: Self, Self;
}
