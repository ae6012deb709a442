//! The worker id that a cluster holds.
//!
//! Kept by `generators`, changed by `lease`.

/// The worker id of a cluster, and who takes care of it.
#[derive(Debug, Default)]
pub(super) struct State {
    pub(super) held: Option<Held>,
    /// Whether a task renews the lease.
    pub(super) renewed: bool,
    /// Whether the cluster was closed.
    pub(super) closed: bool,
}

/// A leased worker id.
#[derive(Debug)]
pub(super) struct Held {
    pub(super) worker: u32,
    /// Identifies this lease in the table of workers.
    pub(super) token: String,
    /// The last millisecond for which ids may be made.
    pub(super) reserved: u64,
}
