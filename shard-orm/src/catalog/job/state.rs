//! How far a job is.

use super::named;
use crate::error::Result;

/// How far a job is. Each state is recorded before the first of its steps is taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "lowercase"))]
#[non_exhaustive]
pub enum JobState {
    /// The target's namespace is created, and the capture of changes begins.
    Preparing,
    /// The rows are copied.
    Copying,
    /// Changes since the copy are applied, and indexes are built.
    Levelling,
    /// Source and target are compared.
    Verifying,
    /// The target is kept equal to the source; the switch can begin.
    Ready,
    /// The target is kept equal to the source, and a share of the reads of applications is sent to both.
    Mirroring,
    /// The target is kept equal to the source, and serves a share of the reads with the policy `Replica`.
    Shifting,
    /// The source is fenced, its last changes are applied, and the target is made active.
    Switching,
    /// The source is fenced, and its tables become those of the part that stays, without the rows that leave: the job
    /// can only go on.
    Parting,
    /// The target serves the logical shard.
    Switched,
    /// The target serves, and the old rows are kept equal to it, so that the job can be reversed.
    Holding,
    /// The old rows are removed.
    Finishing,
    /// The logical shard has moved.
    Finished,
    /// The move was given up before its switch; what it has created is removed.
    Aborting,
    /// The logical shard stays where it was.
    Aborted,
    /// The target is fenced, its last changes are applied to the source, which is made active again.
    Reversing,
    /// The source serves the logical shard again; what is left at the target is removed.
    Returning,
    /// The logical shard is back.
    Reversed,
}

named!(
    JobState,
    "state",
    Preparing => "preparing",
    Copying => "copying",
    Levelling => "levelling",
    Verifying => "verifying",
    Ready => "ready",
    Mirroring => "mirroring",
    Shifting => "shifting",
    Switching => "switching",
    Parting => "parting",
    Switched => "switched",
    Holding => "holding",
    Finishing => "finishing",
    Finished => "finished",
    Aborting => "aborting",
    Aborted => "aborted",
    Reversing => "reversing",
    Returning => "returning",
    Reversed => "reversed",
);

impl JobState {
    /// Whether nothing is left to be done.
    #[must_use]
    pub fn is_over(self) -> bool {
        matches!(self, Self::Finished | Self::Aborted | Self::Reversed)
    }

    /// Whether the job can be given up: its switch was not decided.
    #[must_use]
    pub fn is_before_switch(self) -> bool {
        self <= Self::Switching
    }
}
