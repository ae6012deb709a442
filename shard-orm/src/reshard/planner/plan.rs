//! A plan: what moves where, in which order and why, and the fleet before and after.

use std::fmt;

use super::Cost;
use crate::config::ServerState;

/// The moves and splits that bring each server to its share.
///
/// Each prefix of the steps leaves the fleet no worse than before it, so a plan can be stopped anywhere.
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct Plan {
    /// What was brought into balance.
    pub by: Cost,
    /// The steps, in their order; empty if nothing is to be done.
    pub steps: Vec<Step>,
    /// The bytes that all steps move.
    pub bytes: u64,
    /// The rows that all steps move.
    pub rows: u64,
    /// The bytes that every plan moves that leaves no more load than this one on servers that may not hold it, and outside
    /// of the shares: a bound that counts parts of logical shards. With [`most_moves`](super::Planner::most_moves), it is
    /// that of the whole plan. A split copies more, since all of a logical shard's rows are copied.
    pub least_bytes: u64,
    /// The servers before the first step.
    pub before: Vec<ServerLoad>,
    /// The servers after the last step.
    pub after: Vec<ServerLoad>,
    /// What the plan does not mend, and why.
    pub leftovers: Vec<Leftover>,
}

/// A step of a plan.
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct Step {
    /// What is done.
    #[cfg_attr(feature = "serde", serde(flatten))]
    pub action: Action,
    /// Why.
    pub why: Why,
}

/// What a step does.
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[cfg_attr(feature = "serde", serde(tag = "action", rename_all = "snake_case"))]
#[non_exhaustive]
pub enum Action {
    /// An inactive server is made active, because a later step moves logical shards to it.
    Activate {
        /// The group.
        group: String,
        /// The server.
        server: String,
    },
    /// A logical shard moves.
    Move {
        /// The group.
        group: String,
        /// The logical shard.
        shard: u32,
        /// The server that it leaves.
        from: String,
        /// The server to which it goes.
        to: String,
        /// Its rows.
        rows: u64,
        /// Its bytes.
        bytes: u64,
    },
    /// A logical shard is split by equal shares of rows. All of its rows are copied.
    Split {
        /// The group.
        group: String,
        /// The logical shard.
        shard: u32,
        /// The server that has it.
        from: String,
        /// The parts. The first one keeps the number.
        parts: Vec<SplitPart>,
        /// Its rows.
        rows: u64,
        /// Its bytes.
        bytes: u64,
    },
}

/// A part of a logical shard that is split.
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct SplitPart {
    /// The number of the new logical shard.
    pub shard: u32,
    /// Its server.
    pub server: String,
    /// About how many rows it gets.
    pub rows: u64,
    /// About how many bytes it gets.
    pub bytes: u64,
}

/// Why a step is taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "snake_case"))]
#[non_exhaustive]
pub enum Why {
    /// The servers in use are full, or none of them may hold a logical shard.
    ServersAreFull,
    /// The server is leaving: it is draining or inactive, or has weight 0.
    ServerLeaves,
    /// The server may not hold this logical shard.
    NotAllowed,
    /// The logical shard is pinned to another server.
    Pinned,
    /// The server holds more bytes than its capacity.
    OverCapacity,
    /// The server has more than its share.
    AboveShare,
    /// The other server has less than its share.
    BelowShare,
    /// The logical shard is larger than any server's share.
    LargerThanShare,
    /// The logical shard has more bytes than was asked for.
    LargerThanBound,
    /// The group is to have more logical shards.
    MoreShards,
}

/// What is said of each reason, and its name.
const REASONS: [(Why, &str, &str); 10] = [
    (
        Why::ServersAreFull,
        "servers_are_full",
        "the servers in use are full",
    ),
    (Why::ServerLeaves, "server_leaves", "its server leaves"),
    (Why::NotAllowed, "not_allowed", "not allowed on its server"),
    (Why::Pinned, "pinned", "pinned to another server"),
    (
        Why::OverCapacity,
        "over_capacity",
        "its server is over its capacity",
    ),
    (
        Why::AboveShare,
        "above_share",
        "its server is above its share",
    ),
    (
        Why::BelowShare,
        "below_share",
        "the other server is below its share",
    ),
    (
        Why::LargerThanShare,
        "larger_than_share",
        "it is larger than a share",
    ),
    (
        Why::LargerThanBound,
        "larger_than_bound",
        "it is larger than the bound",
    ),
    (
        Why::MoreShards,
        "more_shards",
        "the group gets more logical shards",
    ),
];

impl Why {
    /// The name in stored plans.
    pub(crate) fn name(self) -> &'static str {
        let mut reasons = REASONS.iter();
        let own = reasons.find(|(why, ..)| *why == self);
        own.map_or("", |(_, name, _)| name)
    }

    pub(crate) fn parse(name: &str) -> Option<Self> {
        let mut reasons = REASONS.iter();
        let own = reasons.find(|(_, own, _)| *own == name);
        own.map(|(why, ..)| *why)
    }
}

impl fmt::Display for Why {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut reasons = REASONS.iter();
        let own = reasons.find(|(why, ..)| why == self);
        f.pad(own.map_or("", |(.., words)| words))
    }
}

/// What a server holds.
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct ServerLoad {
    /// The group.
    pub group: String,
    /// The server.
    pub name: String,
    /// The state of the server.
    pub state: ServerState,
    /// The number of its logical shards.
    pub shards: u32,
    /// The rows of its logical shards.
    pub rows: u64,
    /// The bytes of its logical shards.
    pub bytes: u64,
    /// The load of its machine, with that of the other servers there, in the unit of [`Plan::by`].
    pub load: u64,
    /// The share of its machine, in the same unit; 0 if it leaves.
    pub share: u64,
    /// How many bytes its machine is meant to hold at most.
    pub capacity: Option<u64>,
}

/// Something that a plan does not mend.
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct Leftover {
    /// The group.
    pub group: String,
    /// The server.
    pub server: String,
    /// What stays as it is, why, and what to do.
    pub message: String,
}

impl fmt::Display for Leftover {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            group,
            server,
            message,
        } = self;
        write!(f, "server `{server}` of group `{group}` {message}")
    }
}

impl Plan {
    /// Whether nothing is to be done.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.steps.is_empty()
    }

    /// The number of logical shards that are split.
    #[must_use]
    pub fn splits(&self) -> usize {
        let splits = self.steps.iter().map(|step| &step.action);
        splits
            .filter(|action| matches!(action, Action::Split { .. }))
            .count()
    }

    /// The number of logical shards that move.
    #[must_use]
    pub fn moves(&self) -> usize {
        let moves = self.steps.iter().map(|step| &step.action);
        moves
            .filter(|action| matches!(action, Action::Move { .. }))
            .count()
    }
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Activate { group, server } => {
                write!(f, "activate server `{server}` of group `{group}`")
            }
            Self::Move {
                group,
                shard,
                from,
                to,
                ..
            } => write!(
                f,
                "move logical shard {shard} of group `{group}` from server `{from}` to `{to}`"
            ),
            Self::Split {
                group,
                shard,
                from,
                parts,
                ..
            } => {
                let parts: Vec<String> = parts.iter().map(ToString::to_string).collect();
                write!(
                    f,
                    "split logical shard {shard} of group `{group}` on server `{from}` into {}",
                    parts.join(", ")
                )
            }
        }
    }
}

impl fmt::Display for SplitPart {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} on `{}`", self.shard, self.server)
    }
}
