//! A job: the move of a logical shard, as the catalog keeps it.
//!
//! Its row decides what has happened: each step is recorded before it is taken, and the last decisions
//! (`switched`, `aborting`, `finishing`, `reversing`) are states that are reached by compare-and-swap and
//! never left for another of them.

mod gradual;
mod leaving;
mod mirror;
mod plan;
mod state;
mod store;
mod throttling;

use std::collections::BTreeMap;
use std::fmt;
use std::time::{Duration, SystemTime};

pub use self::gradual::{Gradual, Shifted};
pub use self::leaving::Leaving;
pub use self::mirror::{DifferingRow, Mirror, Mirrored};
pub(crate) use self::plan::Plan;
pub use self::plan::{Copied, Pace, Part, StepOf};
pub use self::state::JobState;
#[cfg(feature = "reshard")]
pub(crate) use self::store::Changes;
pub(crate) use self::store::{Switch, taken};
pub use self::throttling::{ThrottleReason, Throttling};
use crate::error::{Error, Result};
#[cfg(feature = "serde")]
use crate::route::OwnedKeys;

/// What a job does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "lowercase"))]
#[non_exhaustive]
pub enum JobKind {
    /// A logical shard changes its server.
    Move,
    /// A logical shard is divided: each of several owns a part of its keys.
    Split,
    /// Several logical shards become one, which owns the keys of all.
    Merge,
    /// A logical shard is copied to a namespace that never serves it: a clone. The name of this variant is
    /// another one, since compilers would call the trait `std::clone::Clone` in all their messages.
    #[cfg_attr(feature = "serde", serde(rename = "clone"))]
    Duplicate,
}

/// What an operator has asked of a job.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "lowercase"))]
#[non_exhaustive]
pub enum Wish {
    /// To go on: up to the switch, and then to hold the old rows up to date.
    Run,
    /// To stand still after the step at hand.
    Pause,
    /// To give up before the switch: the logical shard stays where it is.
    Abort,
    /// To go back after the switch, with all rows that were written since.
    Reverse,
    /// To give up the way back after the switch, and remove the old rows.
    Finish,
}

/// A job of the catalog.
#[derive(Debug, Clone, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct Job {
    /// The number of the job in its cluster, from 1.
    pub id: u64,
    /// What it does.
    pub kind: JobKind,
    /// The group of its logical shard.
    pub group: String,
    /// How far it is.
    pub state: JobState,
    /// What an operator has asked for.
    pub wish: Wish,
    /// The number of its current runner: each one has a higher number than those before, whose
    /// statements are refused from then on.
    pub token: u64,
    /// The process that runs it, if one does.
    pub owner: Option<String>,
    /// How long the owner keeps the job unless it renews its lease, by the clock of the catalog's
    /// database; zero once another process may take over.
    #[cfg_attr(feature = "serde", serde(serialize_with = "crate::units::seconds_of"))]
    pub lease: Duration,
    /// Who created it.
    pub created_by: String,
    /// When it was created.
    #[cfg_attr(feature = "serde", serde(serialize_with = "crate::units::rfc_3339_of"))]
    pub created_at: SystemTime,
    /// When its state changed last.
    #[cfg_attr(feature = "serde", serde(serialize_with = "crate::units::rfc_3339_of"))]
    pub changed_at: SystemTime,
    /// Why it does not go on, or did not; empty if there is nothing to say.
    pub message: String,
    /// The namespaces that it reads.
    pub sources: Vec<Part>,
    /// The namespaces that it fills.
    pub targets: Vec<Part>,
    /// The tables, in the order of their numbers in names.
    pub tables: Vec<String>,
    /// The columns of each table by which rows are divided: region, if there is one, and shard key; none for a
    /// table whose rows all stay with the number of the logical shard. Empty unless keys change their owners.
    pub keys: BTreeMap<String, Vec<String>>,
    /// The types of the columns of each table, if its ends are different kinds of databases: those in which values pass
    /// from one to the other, such as `i64`, `text(40)` and `timestamp_utc`. Empty otherwise.
    pub types: BTreeMap<String, BTreeMap<String, String>>,
    /// How fast it copies rows.
    pub pace: Pace,
    /// The step of a plan that it is, if it is one: whoever runs the plan finishes it.
    pub step: Option<StepOf>,
    /// Whether it switches though a replica of its source may lack the fence.
    pub accepts_replica_risk: bool,
    /// The share of reads that its target is asked too before the switch, if that was asked for.
    pub mirror: Option<Mirror>,
    /// The shares of the reads that its target serves before the switch, if that was asked for.
    pub gradual: Option<Gradual>,
    /// The only rows that are copied, if a part of a split stays where it is: the tables become those of that part without
    /// being copied. Such a job cannot be reversed; a merge undoes it.
    #[cfg_attr(feature = "serde", serde(skip_serializing_if = "Option::is_none"))]
    pub leaving: Option<Leaving>,
    /// What was done so far.
    pub copied: Copied,
}

macro_rules! named {
    ($type:ident, $what:literal, $($variant:ident => $name:literal),+ $(,)?) => {
        impl $type {
            /// The name, as the catalog stores it and the command prints it.
            #[must_use]
            pub fn name(self) -> &'static str {
                match self {
                    $(Self::$variant => $name),+
                }
            }

            pub(crate) fn parse(name: &str) -> Result<Self> {
                match name {
                    $($name => Ok(Self::$variant),)+
                    other => Err(crate::catalog::job::unknown($what, other)),
                }
            }
        }

        impl std::fmt::Display for $type {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.pad(self.name())
            }
        }
    };
}
pub(super) use named;

named!(JobKind, "kind", Move => "move", Split => "split", Merge => "merge", Duplicate => "clone");

impl JobKind {
    /// Whether applications are switched to what it has filled.
    #[cfg(feature = "reshard")]
    pub(crate) fn switches(self) -> bool {
        self != Self::Duplicate
    }

    /// Whether it has several targets.
    #[cfg(feature = "reshard")]
    pub(crate) fn divides(self) -> bool {
        self == Self::Split
    }

    /// Whether keys change their owners.
    #[cfg(feature = "reshard")]
    pub(crate) fn regroups(self) -> bool {
        matches!(self, Self::Split | Self::Merge)
    }
}
named!(
    Wish,
    "wish",
    Run => "run",
    Pause => "pause",
    Abort => "abort",
    Reverse => "reverse",
    Finish => "finish",
);

/// Writes the keys of a part; nothing where a job does not change them.
#[cfg(feature = "serde")]
fn keys_as_text<S: serde::Serializer>(
    keys: &OwnedKeys,
    to: S,
) -> std::result::Result<S::Ok, S::Error> {
    match keys {
        OwnedKeys::Fixed => to.serialize_none(),
        keys => to.collect_str(keys),
    }
}

pub(super) fn unknown(what: &str, name: &str) -> Error {
    Error::decode(format!(
        "a job of the catalog has the unknown {what} `{name}`; it was written by a newer version of \
         this library"
    ))
}

impl Job {
    /// The reads that it asks processes for now: while it runs, and until it has had enough of them.
    #[cfg(feature = "reshard")]
    pub(crate) fn mirror_now(&self) -> Option<Mirror> {
        let is_run = self.owner.is_some()
            && !self.lease.is_zero()
            && self.state == JobState::Mirroring
            && self.wish == Wish::Run;
        let lasted = self.copied.mirrored.lasted;
        let asks = |mirror: &Mirror| !mirror.is_none() && lasted < mirror.duration();
        self.mirror.filter(|mirror| is_run && asks(mirror))
    }

    /// Whether a namespace is a source: on this server, of a logical shard of this group by its number and generation.
    #[cfg(feature = "reshard")]
    pub(crate) fn reads(&self, server: &str, group: &str, number: (u32, u32)) -> bool {
        let is_it = |part: &Part| (part.shard, part.generation) == number && part.server == server;
        self.group == group && self.sources.iter().any(is_it)
    }

    /// The share of the reads that the target serves now, in hundredths of a percent.
    #[cfg(feature = "reshard")]
    pub(crate) fn share_now(&self) -> u32 {
        let is_shifting = matches!(self.state, JobState::Shifting | JobState::Switching);
        let gradual = self.gradual.as_ref().filter(|_| is_shifting);
        gradual.map_or(0, |gradual| gradual.share(self.copied.shifted.step))
    }

    /// The logical shard that is moved.
    #[must_use]
    pub fn shard(&self) -> u32 {
        self.sources.first().map_or(0, |part| part.shard)
    }

    /// Why it copies rows slower than it could; `None` if it does not, or copies none: it is in another state, stands
    /// still because an operator wants that, or nobody runs it.
    #[must_use]
    pub fn throttling(&self) -> Option<&Throttling> {
        let copies =
            self.state == JobState::Copying && self.wish == Wish::Run && !self.lease.is_zero();
        self.copied.throttling.as_ref().filter(|_| copies)
    }
}

impl fmt::Display for Job {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            id, kind, group, ..
        } = self;
        let server = |parts: &[Part]| {
            parts
                .first()
                .map_or_else(String::new, |part| part.server.clone())
        };
        let places = |parts: &[Part]| {
            let places = parts.iter().map(ToString::to_string);
            places.collect::<Vec<_>>().join(" and ")
        };
        if self.targets.len() > 1 || self.sources.len() > 1 {
            return write!(
                f,
                "job {id} ({kind} of {} of group `{group}` into {})",
                places(&self.sources),
                places(&self.targets),
            );
        }
        write!(
            f,
            "job {id} ({kind} of logical shard {} of group `{group}` from server `{}` to `{}`)",
            self.shard(),
            server(&self.sources),
            server(&self.targets),
        )
    }
}
