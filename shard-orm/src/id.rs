//! Generated ids: snowflakes, sequences in a table, and others.
//!
//! `generate` on the primary key of a model selects the kind; a row whose id is 0 (or nil) gets an
//! id when it is inserted. The guide's chapter on ids compares the kinds.
//!
//! [`Layout`] decodes snowflakes. `text` writes ids as strings for JavaScript.
//!
//! `timeline`, `snowflake` and `nanosecond` need only a clock, and no database. `generators` holds
//! the state of a cluster. `lease` and `block` use a named database, through `exec` like all
//! statements.

mod block;
mod generate;
mod generators;
mod lease;
mod nanosecond;
mod snowflake;
mod statement;
#[cfg(feature = "serde")]
pub mod text;
mod timeline;
mod worker;

#[doc(hidden)]
pub use crate::clock::{Clock, SystemClock};
pub use crate::config::layout::{Layout, Parts};
pub(crate) use generate::{fill, fill_at_once, refuse_lookup, refuse_unset};
pub use nanosecond::{NanosecondParts, nanosecond_parts};
#[doc(hidden)]
pub use snowflake::{Refusal, Snowflakes};
pub(crate) use statement::tables;
