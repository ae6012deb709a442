//! Where a read goes.

/// Where a query reads. Writes, locks and transactions go to the primary in any case.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize),
    serde(rename_all = "snake_case")
)]
#[non_exhaustive]
pub enum Read {
    /// From the primary: sees every write that was acknowledged.
    #[default]
    Primary,
    /// From a replica, which may lag behind by up to `max_lag`; from the primary when there is
    /// none.
    Replica,
    /// From a replica that is known to hold what the [`Session`](crate::Session) has written to
    /// that logical shard; from the primary when there is none, and outside of a session.
    Session,
}
