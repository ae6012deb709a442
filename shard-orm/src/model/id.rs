//! What names a row within its shard key.

use crate::backend::{Args, Field};
use crate::error::Result;

#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be stored in a primary key's columns",
    label = "not a column's type"
)]
/// The values of the primary key's columns that are not the shard key: `()`, one field, or a
/// tuple of up to four.
pub trait Id: Send + Sync + 'static {
    /// Binds the values in the order of the columns.
    ///
    /// # Errors
    /// As [`Field::bind`].
    fn bind(&self, args: &mut Args) -> Result<()>;
}

impl Id for () {
    fn bind(&self, _args: &mut Args) -> Result<()> {
        Ok(())
    }
}

impl<T: Field> Id for T {
    fn bind(&self, args: &mut Args) -> Result<()> {
        Field::bind(self, args)
    }
}

macro_rules! tuples {
    ($($name:ident $position:tt),+) => {
        impl<$($name: Field),+> Id for ($($name,)+) {
            fn bind(&self, args: &mut Args) -> Result<()> {
                $(self.$position.bind(args)?;)+
                Ok(())
            }
        }
    };
}

tuples!(A 0, B 1);
tuples!(A 0, B 1, C 2);
tuples!(A 0, B 1, C 2, D 3);
