//! Backfills: files whose statement runs in batches by a key, each committed together with its progress,
//! so that an interrupted one continues where it has stopped.
//!
//! ```sql
//! -- phase: backfill
//! -- backfill: table=orders key=id batch=5000
//! UPDATE orders SET total = price * quantity WHERE total IS NULL AND {range};
//! ```
//!
//! Called by `apply`, which runs the batches, and by `run` and `status`.

mod begun;
mod check;
mod head;
mod pace;
mod progress;
mod statement;
mod table;

pub use self::begun::Begun;
pub(super) use self::begun::begun;
pub(super) use self::check::check;
pub(super) use self::head::Head;
pub(super) use self::pace::{Pace, Throttle};
pub(super) use self::progress::{Progress, create, delete, select_version};
pub(super) use self::statement::Backfill;
pub(super) use self::table::BackfillTable;
