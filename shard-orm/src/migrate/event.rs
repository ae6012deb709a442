//! The events of a run, for progress bars and logs.

use std::time::Duration;

use super::blocker::Blocker;
use super::report::Failed;
use crate::cluster::Location;

/// Something that happened during a run; passed to [`Migrate::on_event`](super::Migrate::on_event).
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum Event {
    /// The plan is made, and the run starts.
    Planned {
        /// The number of namespaces that lack a migration; for a comparison, of all namespaces.
        namespaces: usize,
        /// The number of migrations to run, over all namespaces; for a comparison, of namespaces to
        /// read.
        steps: usize,
    },
    /// The tables of a namespace were read, or it cannot be compared.
    Read {
        /// The namespace.
        location: Location,
    },
    /// A migration starts in a namespace.
    Started {
        /// The namespace.
        location: Location,
        /// The version.
        version: i64,
    },
    /// A migration waits for locks that other sessions hold. Reported once a second.
    Waiting {
        /// The namespace.
        location: Location,
        /// The time since the first attempt.
        waited: Duration,
        /// The sessions in the way, as far as they are known.
        blockers: Vec<Blocker>,
    },
    /// A batch of a backfill is committed in a namespace.
    Batch {
        /// The namespace.
        location: Location,
        /// The version.
        version: i64,
        /// The number of batches that are committed, those of earlier runs included.
        batches: u64,
        /// The number of rows that they have changed.
        rows: u64,
    },
    /// A migration is done in a namespace.
    Done {
        /// The namespace.
        location: Location,
        /// The version.
        version: i64,
        /// The time that it took, with waits.
        duration: Duration,
    },
    /// A migration has failed in a namespace.
    Failed(Failed),
}
