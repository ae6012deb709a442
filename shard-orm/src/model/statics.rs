//! What a static model is: where its rows are written, and which servers hold copies of them.

use std::fmt;

use super::Model;

/// A static model's source, copies and criterion.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StaticDef {
    /// The named database in which the rows are written; `None` with `transmit = false`, where
    /// each server has rows of its own.
    pub source: Option<&'static str>,
    /// The groups whose servers hold copies.
    pub groups: StaticGroups,
    /// The ordinal of the column that says which rows have changed.
    pub criterion: Option<usize>,
}

/// The groups whose servers hold the copies of a static model.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StaticGroups {
    /// All groups of the configuration.
    All,
    /// These.
    Named(&'static [&'static str]),
}

impl StaticGroups {
    /// Whether the servers of this group hold copies.
    ///
    /// ```
    /// use shard_orm::StaticGroups;
    ///
    /// assert!(StaticGroups::All.contains("shop"));
    /// assert!(!StaticGroups::Named(&["air"]).contains("shop"));
    /// ```
    #[must_use]
    pub const fn contains(&self, group: &str) -> bool {
        let names = match self {
            Self::All => return true,
            Self::Named(names) => *names,
        };
        let mut at = 0;
        while at < names.len() {
            if same_text(names[at], group) {
                return true;
            }
            at += 1;
        }
        false
    }
}

/// One copy: of which table, on which server.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct CopyId {
    /// The table.
    pub table: String,
    /// The shard group.
    pub group: String,
    /// The server of the group.
    pub server: String,
}

impl fmt::Display for CopyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} on {}/{}", self.table, self.group, self.server)
    }
}

/// A model that a sharded one can refer to: of a named database, or static.
///
/// Implemented by the derives.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a model that a row refers to",
    label = "neither static nor of a named database",
    note = "`refers_to` leads to a static model, whose copies are on each server, or to a model of \
            a named database; what lives in the same group and has the same key is related by \
            `belongs_to`, `has_one` or `has_many`"
)]
pub trait Referred: Model {}

/// Whether rows of this group reach what they refer to: in a copy beside them, or in a named
/// database, which is in no group.
#[doc(hidden)]
#[must_use]
pub const fn is_reached(copies: Option<StaticGroups>, group: &str) -> bool {
    match copies {
        Some(groups) => groups.contains(group),
        None => true,
    }
}

/// Whether two texts are equal, for constants.
#[doc(hidden)]
#[must_use]
pub const fn same_text(one: &str, other: &str) -> bool {
    let (one, other) = (one.as_bytes(), other.as_bytes());
    if one.len() != other.len() {
        return false;
    }
    let mut at = 0;
    while at < one.len() {
        if one[at] != other[at] {
            return false;
        }
        at += 1;
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_group_is_found_by_its_whole_name() {
        let groups = StaticGroups::Named(&["shop", "air"]);
        assert!(groups.contains("shop") && groups.contains("air"));
        for other in ["", "sho", "shops", "Shop"] {
            assert!(!groups.contains(other), "{other}");
        }
        assert!(!StaticGroups::Named(&[]).contains(""));
    }

    #[test]
    fn a_named_database_is_reached_from_every_group() {
        assert!(is_reached(None, "shop"));
        assert!(is_reached(Some(StaticGroups::All), "shop"));
        assert!(!is_reached(Some(StaticGroups::Named(&["air"])), "shop"));
    }
}
