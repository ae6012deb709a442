//! Static tables, kept in step with their source.
//!
//! A static model's rows are written at its source, a named database, and every server of its groups
//! holds a copy. [`StaticSync`] brings copies up to their source: once, or again and again by a supervisor.
//! Its cost follows what changed, and not how large a table is.
//!
//! ```text
//! StaticSync  which models, on which servers, how
//!   run       one model on one server: a lock, a new generation, then a mode's rounds
//!     mode    what has changed at the source since a position: `capture`, `criterion`, or `full`
//!     apply   the changes and the new position, in one transaction at the copy
//! ```
//!
//! What a run has done is kept where the rows are: a row of `shard_orm_sync` beside the copy holds
//! the position up to which the copy has its source's changes. Both are committed together, so that a
//! run that is killed at any moment is gone on with by the next one. The row also holds a
//! *generation*, which rises with every run that begins: a commit is refused to a run that another
//! one has overtaken, whatever lock it believes to hold.

mod apply;
mod blocked;
mod capture;
mod compare;
mod conflict;
mod consumer;
mod criterion;
mod digest;
mod keys;
mod mode;
mod neighbours;
mod once;
mod pause;
mod plan;
mod pointing;
mod position;
mod range;
mod report;
mod run;
mod shape;
mod source;
mod status;
mod supervise;
mod table;
mod task;
#[cfg(all(test, feature = "testing"))]
mod tests;
mod through;
mod together;

pub use compare::{Apply, Change, Comparison, Reading, compare, verify};
pub use digest::{Digest, digest};
pub use mode::Mode;
pub use once::StaticSync;
pub use report::{Rows, SyncReport, Synced, Verified};
pub use supervise::{CopyStatus, Supervise, Supervisor};
pub use table::TableAt;

pub use crate::model::CopyId;
pub use crate::record::{Batch, Collect, TransmitContext, TransmitHooks};

use crate::dialect::Dialect;
use crate::error::Result;
use crate::model::ModelDef;

/// The tables beside the copies.
pub(crate) fn tables_at_copy() -> [&'static ModelDef; 2] {
    [status::table(), blocked::table()]
}

/// The tables at a source.
pub(crate) fn tables_at_source() -> [&'static ModelDef; 1] {
    [consumer::table()]
}

/// What the sync of a model needs at its source beside the table, for those who create it.
pub(crate) fn statements_at_source(
    def: &'static ModelDef,
    dialect: Dialect,
) -> Result<Vec<String>> {
    statements_for(Mode::of(def, dialect), def, dialect)
}

/// What a mode needs at the source of a model.
fn statements_for(mode: Mode, def: &'static ModelDef, dialect: Dialect) -> Result<Vec<String>> {
    match mode {
        Mode::Capture => capture::statements(def, dialect),
        Mode::Criterion => Ok(criterion::statements(def, dialect)),
        Mode::Full => Ok(Vec::new()),
    }
}
