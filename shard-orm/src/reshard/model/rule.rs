//! The rules that keep rows safe while they move, each of which a test takes out.

/// A rule of the mover.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Rule {
    /// Every transaction at the target checks the token.
    TokenAtTarget,
    /// Every transaction at the target checks the state of the record.
    StateAtTarget,
    /// The token is raised at the target before the source.
    TargetRaisedFirst,
    /// Nothing is concluded from the target's record before the token is raised there.
    TargetRaised,
    /// Nothing is concluded from the source's record before the token is raised there.
    SourceRaised,
    /// The log is read to its end after the fence.
    Drained,
    /// A source that is open while the job is reversed is fenced, unless this runner has opened it.
    DrainedAgain,
    /// Entries of a log are deleted after their rows were committed at the other end.
    ConsumedLast,
    /// Rows are read after the entries of the log.
    RowsAfterEntries,
    /// An aborted target is dead before the source is opened again.
    DeadBeforeReopen,
    /// The switch checks the token of the job.
    SwitchToken,
    /// The switch checks the state of the job.
    SwitchState,
    /// The capture at the source is dropped before changes flow back.
    CaptureDropped,
    /// The log of the target is emptied in the transaction that activates it.
    LogEmptiedAtOnce,
    /// After a failure whose outcome is unknown, a runner goes on under a new token.
    FreshToken,
    /// A takeover drops the tables that a rename of the former runner needs (MariaDB).
    MarkerDropped,
    /// The token is checked between the preparation of a fence and its rename (MariaDB).
    CheckedAfterPreparation,
    /// Tombstones that lie ready have the token in their names (MariaDB).
    TombstonesHaveToken,
    /// An installed capture and its log are left as they are (MariaDB).
    CaptureKept,
    /// Tables at the target are created, and never dropped, when a job is resumed.
    TablesKept,
    /// A source whose replicas lack the fence is not opened again once the target has its triggers.
    CompletedStays,
    /// An end is as far as that of its namespaces that is least far.
    AllOfAnEnd,
    /// Once the job is to be finished, the target is looked at again before anything is removed at the source.
    LookedBeforeFinishing,
    /// A target serves reads before the switch only while its record says that this job fills it.
    ReadByRecord,
    /// The state in which a part is parted from rows that leave is recorded before the first row is deleted.
    PartingRecorded,
    /// A job that has recorded it does not go back.
    PartedForGood,
    /// The capture is dropped before they are deleted.
    LeavingSilenced,
    /// The log is not read once the rows that leave may be deleted.
    NotDrainedAfterParting,
    /// A target serves such reads only once its rows were noted to be those of the source.
    ReadByNote,
}

/// The rules that are kept.
#[derive(Debug, Clone, Copy)]
pub(super) struct Rules(u32);

impl Rules {
    /// All but these.
    pub(super) fn without(out: &[Rule]) -> Self {
        let bits = out.iter().map(|rule| 1 << *rule as u32);
        Self(!bits.fold(0, |all: u32, bit: u32| all | bit))
    }

    pub(super) fn keep(self, rule: Rule) -> bool {
        self.0 & (1 << rule as u32) != 0
    }
}
