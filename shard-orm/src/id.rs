//! Ids that the library makes: snowflakes, numbers from a table, and others.
//!
//! `generate` on the primary key of a model says how its ids are made; a row whose id is 0 (or nil)
//! gets one when it is inserted. The guide's chapter on ids says what each kind is good for.
//!
//! [`Layout`] takes snowflakes apart. `text` writes ids as texts for JavaScript.
//!
//! What is made by the clock alone (`layout`, `clock`, `snowflake`, `nanosecond`) knows no
//! database. `generators` is what a cluster holds of it. `lease` and `block` go to a named database, by
//! the same way as everything else.

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
#[doc(hidden)]
pub use snowflake::{Refusal, Snowflakes};
pub(crate) use statement::tables;
