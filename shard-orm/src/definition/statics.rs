//! The description of static models: their source, and the groups whose servers hold copies.

use std::fmt;

/// The source, the copies and the watermark column of a static model.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StaticDef {
    /// The named database in which the rows are written; `None` with `transmit = false`, if each
    /// server has its own rows.
    pub source: Option<&'static str>,
    /// The groups whose servers hold copies.
    pub groups: StaticGroups,
    /// The ordinal of the watermark column, whose value grows with each change.
    pub criterion: Option<usize>,
}

/// The groups whose servers hold the copies of a static model.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StaticGroups {
    /// All groups of the configuration.
    All,
    /// The named groups.
    Named(&'static [&'static str]),
}

impl StaticGroups {
    /// Returns whether the servers of this group hold copies.
    ///
    /// ```
    /// use shard_orm::model::StaticGroups;
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

/// One copy of a static table, identified by its server.
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

/// Returns whether rows of this group can access the target of a reference: a copy on their server,
/// or a named database.
#[doc(hidden)]
#[must_use]
pub const fn is_reached(copies: Option<StaticGroups>, group: &str) -> bool {
    match copies {
        Some(groups) => groups.contains(group),
        None => true,
    }
}

/// Compares two strings in a constant.
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
    fn group_names_are_compared_in_full() {
        let groups = StaticGroups::Named(&["shop", "air"]);
        assert!(groups.contains("shop") && groups.contains("air"));
        for other in ["", "sho", "shops", "Shop"] {
            assert!(!groups.contains(other), "{other}");
        }
        assert!(!StaticGroups::Named(&[]).contains(""));
    }

    #[test]
    fn a_named_database_is_accessible_from_every_group() {
        assert!(is_reached(None, "shop"));
        assert!(is_reached(Some(StaticGroups::All), "shop"));
        assert!(!is_reached(Some(StaticGroups::Named(&["air"])), "shop"));
    }
}
