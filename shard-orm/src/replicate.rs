//! Keeps two tables equal: a source and its copy, on any two databases.
//!
//! Called by `sync`. A table is known by its definition alone, and a place by its namespace handle: no
//! model, no static table, no hooks. Callers that take part in the writing hand in an [`Observer`].
//!
//! ```text
//! Run            one table at one place: fences off earlier runs, then works in rounds
//!   Strategy     finds the changes since a position: a change feed, a watermark column, a comparison
//!   Source       reads the rows that have changed
//!   CopyWriter   writes them together with the new position, in one transaction
//!   Observer     sees each batch, and can refuse or extend it
//! ```
//!
//! Progress is stored next to the rows: a row of `shard_orm_sync` in the copy's namespace holds the
//! position up to which the copy has its source's changes. Both are committed together, so if a run is
//! killed, the next one resumes from the recorded position. The row also holds a *fencing token* that
//! each new run raises: a run whose token is no longer the current one cannot commit, whatever lock it
//! believes to hold.

mod apply;
mod blocked;
mod capture;
mod compare;
mod compatibility;
mod conflict;
mod consumer;
mod declaration;
mod digest;
mod feed;
mod foreign_keys;
mod keys;
mod location;
mod mode;
mod observer;
mod position;
mod progress;
mod range;
mod run;
mod self_references;
mod source;
mod subset;
mod table;
#[cfg(all(test, feature = "testing"))]
mod tests;
mod watermark;

#[cfg(all(test, feature = "testing"))]
pub(crate) use self::apply::CopyWriter;
#[cfg(feature = "reshard")]
pub(crate) use self::apply::rows_per_statement;
pub(crate) use self::blocked::TABLE as BLOCKED_TABLE;
pub(crate) use self::capture::{CHANNEL, TriggerLog, log_name};
pub use self::compare::{Apply, Change, Comparison, Reading, compare, verify};
#[cfg(test)]
pub(crate) use self::consumer::TABLE as CONSUMER_TABLE;
pub(crate) use self::declaration::{Claim, Declaration, complete_progress, select_declared};
#[cfg(feature = "reshard")]
pub(crate) use self::digest::encode;
pub use self::digest::{Digest, digest};
pub(crate) use self::feed::ChangeFeed;
#[cfg(feature = "reshard")]
pub(crate) use self::keys::{
    Cells, KEYS_PER_STATEMENT, bytes_of, cells, key_of, limit_to_page, limit_to_range, one_of,
};
#[cfg(feature = "migrate")]
pub(crate) use self::keys::{selected, text_of, values, values_from};
pub(crate) use self::location::TableLocation;
pub use self::mode::Mode;
pub(crate) use self::mode::Strategy;
pub(crate) use self::observer::{ObservedBatch, Observer, WriteBatch};
pub(crate) use self::position::{Mark, Position};
pub(crate) use self::progress::Progress;
#[cfg(all(test, feature = "testing"))]
pub(crate) use self::progress::Started;
pub(crate) use self::progress::TABLE as PROGRESS_TABLE;
#[cfg(feature = "migrate")]
pub(crate) use self::range::{Key, KeyOrder, Range};
pub(crate) use self::run::{Replication, Run, Work};
pub(crate) use self::source::Source;
pub(crate) use self::subset::{Subset, rendered};
pub use self::table::TableAt;
pub(crate) use self::watermark::{Watermark, without_stamp};

use crate::dialect::Dialect;
use crate::error::Result;
use crate::schema::TableDef;

/// The statements that prepare a source for a mode, where it is not prepared yet.
pub(crate) fn statements_at_source(
    mode: Mode,
    table: &TableDef,
    dialect: Dialect,
) -> Result<Vec<String>> {
    match mode {
        Mode::Capture => capture::statements(table, dialect),
        Mode::Incremental => Ok(watermark::statements(table, dialect)),
        Mode::Full => Ok(Vec::new()),
    }
}
