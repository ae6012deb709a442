//! Ids: primary keys without the shard key.

use crate::backend::{Args, Field, Row};
use crate::error::Result;

#[diagnostic::on_unimplemented(message = "`{Self}` cannot be an id", label = "not a column type")]
/// The primary key without the shard key: `()`, one field, or a tuple of up to four fields.
pub trait Id: Sized + Send + Sync + 'static {
    /// Binds the values in the order of the columns.
    ///
    /// # Errors
    /// As [`Field::bind`].
    fn bind(&self, args: &mut Args) -> Result<()>;

    /// Reads the values from a row that starts with these columns, in order.
    ///
    /// # Errors
    /// As [`Field::read`].
    fn read(row: &Row<'_>) -> Result<Self>;
}

impl Id for () {
    fn bind(&self, _args: &mut Args) -> Result<()> {
        Ok(())
    }

    fn read(_row: &Row<'_>) -> Result<Self> {
        Ok(())
    }
}

impl<T: Field> Id for T {
    fn bind(&self, args: &mut Args) -> Result<()> {
        Field::bind(self, args)
    }

    fn read(row: &Row<'_>) -> Result<Self> {
        Field::read(row, 0)
    }
}

macro_rules! tuples {
    ($($name:ident $position:tt),+) => {
        impl<$($name: Field),+> Id for ($($name,)+) {
            fn bind(&self, args: &mut Args) -> Result<()> {
                $(self.$position.bind(args)?;)+
                Ok(())
            }

            fn read(row: &Row<'_>) -> Result<Self> {
                Ok(($($name::read(row, $position)?,)+))
            }
        }
    };
}

tuples!(A 0, B 1);
tuples!(A 0, B 1, C 2);
tuples!(A 0, B 1, C 2, D 3);

/// The id argument of `get` and `find`: a value, a reference, or a `&str` for a `String` id.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not the id `{I}` of this model",
    label = "expected `{I}`",
    note = "an id is the primary key without the shard key: `()` if nothing remains, a single \
            value, or a tuple"
)]
pub trait IntoId<I> {
    /// Converts it to the id.
    fn into_id(self) -> I;
}

impl<I: Id> IntoId<I> for I {
    fn into_id(self) -> I {
        self
    }
}

impl<I: Id + Clone> IntoId<I> for &I {
    fn into_id(self) -> I {
        self.clone()
    }
}

impl IntoId<String> for &str {
    fn into_id(self) -> String {
        self.to_owned()
    }
}
