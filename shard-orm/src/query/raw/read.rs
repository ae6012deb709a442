//! The result types of raw SQL.

use crate::backend::{Field, Row};
use crate::error::{Error, Result};

/// The type of a row of raw SQL: one field, a tuple of up to twelve, a model or a projection. The
/// result must have exactly its columns.
#[diagnostic::on_unimplemented(
    message = "a row is not read as `{Self}`",
    note = "use a field, a tuple of up to twelve fields, a model or a projection"
)]
pub trait ReadRow: Sized + Send + 'static {
    /// The number of columns.
    const WIDTH: usize;

    /// Reads a value, starting at the first column.
    ///
    /// # Errors
    /// As [`Field::read`].
    fn read_row(row: &Row<'_>) -> Result<Self>;
}

impl<T: Field> ReadRow for T {
    const WIDTH: usize = 1;

    fn read_row(row: &Row<'_>) -> Result<Self> {
        T::read(row, 0)
    }
}

macro_rules! tuples {
    ($width:literal: $($name:ident $position:tt),+) => {
        impl<$($name: Field),+> ReadRow for ($($name,)+) {
            const WIDTH: usize = $width;

            fn read_row(row: &Row<'_>) -> Result<Self> {
                Ok(($($name::read(row, $position)?,)+))
            }
        }
    };
}

tuples!(1: A 0);
tuples!(2: A 0, B 1);
tuples!(3: A 0, B 1, C 2);
tuples!(4: A 0, B 1, C 2, D 3);
tuples!(5: A 0, B 1, C 2, D 3, E 4);
tuples!(6: A 0, B 1, C 2, D 3, E 4, F 5);
tuples!(7: A 0, B 1, C 2, D 3, E 4, F 5, G 6);
tuples!(8: A 0, B 1, C 2, D 3, E 4, F 5, G 6, H 7);
tuples!(9: A 0, B 1, C 2, D 3, E 4, F 5, G 6, H 7, I 8);
tuples!(10: A 0, B 1, C 2, D 3, E 4, F 5, G 6, H 7, I 8, J 9);
tuples!(11: A 0, B 1, C 2, D 3, E 4, F 5, G 6, H 7, I 8, J 9, K 10);
tuples!(12: A 0, B 1, C 2, D 3, E 4, F 5, G 6, H 7, I 8, J 9, K 10, L 11);

/// Reads a row that has exactly the columns of `T`.
pub(in crate::query) fn read<T: ReadRow>(row: &Row<'_>) -> Result<T> {
    if row.len() == T::WIDTH {
        return T::read_row(row);
    }
    Err(Error::decode(format!(
        "the result has {} columns, but the type that it is read as takes {}",
        row.len(),
        T::WIDTH
    )))
}
