//! The results of aggregates.

use crate::backend::{Field, Row};
use crate::error::Result;
use crate::plan::aggregate::integer_of;

/// The result of an aggregate: a count, or an `Option` of a value or a sum.
pub trait AggregateValue: Sized + Send + 'static {
    /// The type that it is compared with in `having`.
    type Plain;

    #[doc(hidden)]
    fn read(row: &Row<'_>, position: usize) -> Result<Self>;
}

impl AggregateValue for u64 {
    type Plain = Self;

    fn read(row: &Row<'_>, position: usize) -> Result<Self> {
        Field::read(row, position)
    }
}

impl<T: Field<Plain = T>> AggregateValue for Option<T> {
    type Plain = T;

    fn read(row: &Row<'_>, position: usize) -> Result<Self> {
        Field::read(row, position)
    }
}

impl AggregateValue for Option<i128> {
    type Plain = i128;

    fn read(row: &Row<'_>, position: usize) -> Result<Self> {
        let bytes: Option<Vec<u8>> = Field::read(row, position)?;
        bytes.as_deref().map(integer_of).transpose()
    }
}
