//! Tables as data: described by a model, or read from a database; and `CREATE TABLE`.
//!
//! A [`TableDef`] owns what it says and is shared, so that whatever works on tables needs no model
//! of them.

mod alter;
mod catalog;
mod clause;
mod compare;
#[cfg(feature = "reshard")]
pub(crate) mod counterpart;
mod create;
mod difference;
#[cfg(feature = "reshard")]
pub(crate) mod move_log;
#[cfg(feature = "migrate")]
mod neutral;
mod table;

pub use self::alter::{AlterStatement, Alteration, Change};
pub(crate) use self::clause::{column_like, index_name};
pub use self::create::CreateTable;
pub use self::difference::{Aspect, Deviation, Difference};
pub use self::table::{
    CheckDef, ColumnDef, DefaultValue, ForeignKeyDef, GeneratedColumn, IndexDef, IndexPart,
    ReferenceAction, TableDef,
};
pub use crate::backend::{Collation, DataType, OpaqueForm, SqlFragment};
