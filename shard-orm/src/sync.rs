//! Static tables: copies on every server, kept equal to their source.
//!
//! A static model's rows are written at its source, a named database, and every server of its groups
//! holds a copy. [`StaticSync`] brings copies up to date: once, or repeatedly by a supervisor. Its cost
//! is proportional to the number of changes, and not to the size of a table.
//!
//! ```text
//! StaticSync    the models, the mode, locks
//!   Described   the same for tables whose models are not known
//!   Task        one table on one server
//!   schedule    the copies of one server, in the order of their foreign keys
//!   supervise   a worker for each copy, until it is stopped
//!   replicate   what a run does: see the module
//! ```

mod backoff;
mod builder;
mod described;
mod hooks;
mod options;
mod report;
mod schedule;
mod supervise;
mod system_tables;
mod table;
mod task;
#[cfg(all(test, feature = "testing"))]
mod tests;
mod write_through;

pub use self::builder::StaticSync;
pub(crate) use self::described::{DescribedCopy, DescribedSync};
pub(crate) use self::options::OnEnd;
pub use self::report::{Rows, SyncReport, Synced, Verified};
#[cfg(feature = "metrics")]
pub(crate) use self::supervise::supervised;
pub use self::supervise::{CopyStatus, Supervise, Supervisor};
pub(crate) use self::system_tables::{statements_at_source, tables_at_copy, tables_at_source};

pub use crate::model::CopyId;
pub use crate::record::{Batch, Collect, TransmitContext, TransmitHooks};
pub(crate) use crate::replicate::complete_progress;
pub use crate::replicate::{
    Apply, Change, Comparison, Digest, Mode, Reading, TableAt, compare, digest, verify,
};
