//! The reasons why ranges cannot be made, split or merged.

use std::error::Error as StdError;
use std::fmt;

use crate::error::Error;

/// The reason why [`Ranges`](super::Ranges) cannot be made, split or merged. Positions are in the
/// notation of configuration files.
///
/// ```
/// use shard_orm::route::{Ranges, RangesError};
///
/// let ranges = Ranges::even([0, 1, 2])?;
/// assert_eq!(ranges.merge(0, 2), Err(RangesError::NotAdjacent { shard: 0, other: 2 }));
/// assert_eq!(ranges.merge(0, 7), Err(RangesError::UnknownShard { shard: 7 }));
/// # Ok::<(), RangesError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum RangesError {
    /// There are no ranges.
    Empty,
    /// There are more than [`MAX_RANGES`](super::MAX_RANGES).
    TooMany {
        /// Their number.
        ranges: usize,
    },
    /// No range begins at the lowest position.
    NoFirst {
        /// The lowest position.
        lowest: String,
        /// The first position of the first range.
        first: String,
    },
    /// Two ranges begin at the same position.
    Duplicate {
        /// That position.
        first: String,
    },
    /// A logical shard to be split or merged owns no range.
    UnknownShard {
        /// That shard.
        shard: u32,
    },
    /// The new logical shard of a split owns a range already.
    ShardInUse {
        /// That shard.
        shard: u32,
    },
    /// One of the two parts of a split would be empty.
    EmptyPart {
        /// The shard to be split.
        shard: u32,
        /// The position at which it was to be split.
        at: String,
    },
    /// A position that is to change its owner belongs to a logical shard that takes no part.
    OtherOwner {
        /// That shard.
        shard: u32,
        /// The first such position.
        first: String,
    },
    /// The logical shards of a merge have no ranges that touch each other.
    NotAdjacent {
        /// The shard that was to own the ranges of both.
        shard: u32,
        /// The other shard.
        other: u32,
    },
}

impl fmt::Display for RangesError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty => f.write_str(
                "there are no ranges; write the first position of each range with its logical shard",
            ),
            Self::TooMany { ranges } => write!(
                f,
                "there are {ranges} ranges; use at most {}",
                super::MAX_RANGES
            ),
            Self::NoFirst { lowest, first } => write!(
                f,
                "everything below {first} has no logical shard; add a range that begins at {lowest}"
            ),
            Self::Duplicate { first } => write!(
                f,
                "two ranges begin at {first}; remove one of them"
            ),
            Self::UnknownShard { shard } => write!(
                f,
                "logical shard {shard} owns no range; use one that does"
            ),
            Self::ShardInUse { shard } => write!(
                f,
                "logical shard {shard} owns a range already; split off a logical shard that owns \
                 none"
            ),
            Self::EmptyPart { shard, at } => write!(
                f,
                "splitting logical shard {shard} at {at} would leave one part empty; use a \
                 position within its ranges, above their lowest"
            ),
            Self::OtherOwner { shard, first } => write!(
                f,
                "the range that begins at {first} belongs to logical shard {shard}, which takes no part; \
                 plan anew"
            ),
            Self::NotAdjacent { shard, other } => write!(
                f,
                "no range of logical shard {other} is next to one of logical shard {shard}; merge \
                 neighbours"
            ),
        }
    }
}

impl StdError for RangesError {}

impl From<RangesError> for Error {
    fn from(error: RangesError) -> Self {
        Self::configuration(error.to_string()).with_source(error)
    }
}
