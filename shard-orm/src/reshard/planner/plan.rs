//! A plan: what moves where, in which order and why, and the fleet before and after.

use std::fmt;

use super::Cost;
use crate::config::ServerState;

/// The moves that bring each server to its share.
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
    /// The bytes that every plan moves that empties the servers that leave and brings each other one
    /// into its share.
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
}

impl fmt::Display for Why {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::ServersAreFull => "the servers in use are full",
            Self::ServerLeaves => "its server leaves",
            Self::NotAllowed => "not allowed on its server",
            Self::Pinned => "pinned to another server",
            Self::OverCapacity => "its server is over its capacity",
            Self::AboveShare => "its server is above its share",
            Self::BelowShare => "the other server is below its share",
        })
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
        }
    }
}
