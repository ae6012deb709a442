//! What can be added up.

use crate::backend::Field;

/// A field that is a number: what it adds up to, and what its mean is.
///
/// Implemented for integers (sums of `i128`, means of `f64`), floats (`f64` both) and, with the
/// feature `decimal`, `Decimal`. For a struct around one of them, hand on to that:
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
    /// What values of it add up to.
    type Sum;

    /// What their mean is.
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
