//! What a model says of its table, as constants: columns, keys, generated ids and location.
//!
//! The derives write them. `model` adds what needs the struct; `exec` and `plan` make statements from
//! them, and know no struct.

mod copies;
mod generated;
mod model;
mod soft_delete;
mod statics;

pub use generated::{Generate, Generated};
pub use model::{FieldDef, ModelDef, ModelIndex, ModelLocation};
#[doc(hidden)]
pub use model::{Slot, bind_decimal, no_such_column, row_of_decimals, unknown_variant};
pub use statics::{CopyId, StaticDef, StaticGroups};
#[doc(hidden)]
pub use statics::{is_reached, same_text};
