//! The phases of a change that an application goes through without stopping.

use std::fmt;

/// The phase of a migration, from the line `-- phase: <phase>` at the head of its file.
///
/// A change that running programs would not survive is made in phases: `expand` adds what the next
/// version of the program needs, `backfill` fills it, and `contract` removes what the former
/// version used, once no process of it is left.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "lowercase"))]
pub enum Phase {
    /// Adds columns, tables or indexes. Former versions of the program continue to work.
    Expand,
    /// Fills what was added, by primary key in batches.
    Backfill,
    /// Removes what former versions of the program used.
    Contract,
}

impl Phase {
    pub(super) fn parse(name: &str) -> Option<Self> {
        match name {
            "expand" => Some(Self::Expand),
            "backfill" => Some(Self::Backfill),
            "contract" => Some(Self::Contract),
            _ => None,
        }
    }
}

impl fmt::Display for Phase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Expand => "expand",
            Self::Backfill => "backfill",
            Self::Contract => "contract",
        })
    }
}
