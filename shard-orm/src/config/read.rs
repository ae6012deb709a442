//! Read policies.

/// Where a query reads. Writes, locks and transactions always go to the primary.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize),
    serde(rename_all = "snake_case")
)]
#[non_exhaustive]
pub enum Read {
    /// From the primary: sees every acknowledged write.
    #[default]
    Primary,
    /// From a replica, which may lag by up to `max_lag`; from the primary if no replica is
    /// available.
    Replica,
    /// From a replica known to hold the [`Session`](crate::Session)'s writes to that logical shard;
    /// otherwise, and outside a session, from the primary.
    Session,
}
