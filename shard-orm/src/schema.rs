//! Tables as data: described by a model, or read from a database; and `CREATE TABLE`.
//!
//! A [`TableDef`] owns what it says and is shared, so that whatever works on tables needs no model
//! of them.

mod catalog;
mod create;
mod difference;
mod table;

pub use self::create::CreateTable;
pub(crate) use self::create::{column_like, index_name};
pub use self::difference::{Aspect, Deviation, Difference};
pub use self::table::{
    CheckDef, ColumnDef, DefaultValue, ForeignKeyDef, GeneratedColumn, IndexDef, IndexPart,
    ReferenceAction, TableDef,
};
pub use crate::backend::{Collation, DataType, OpaqueForm, SqlFragment};
