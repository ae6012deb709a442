//! What happens on a server apart from calls, counted by kind.

/// Something that happened on a server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(not(feature = "metrics"), allow(dead_code))]
pub(crate) enum Event {
    /// The future of a call was dropped before its end.
    Cancelled,
    /// A connection was lost.
    ConnectionLost,
    /// The response to a write or a COMMIT was lost.
    OutcomeUnknown,
    /// Another endpoint has become the primary.
    RoleChanged,
    /// A read was sent again, on another connection.
    RetriedElsewhere,
    /// A statement was sent again, since the connection's prepared one was out of date.
    RetriedStale,
    /// A write that a read-only server refused was sent to the new primary.
    RetriedNewPrimary,
    /// A statement was sent again where its logical shard has moved.
    RetriedMoved,
    /// A transaction was run again.
    RetriedTransaction,
    /// A session's read went to the primary: the session wrote static tables.
    SessionStatics,
    /// The same: no replica had the session's writes in time.
    SessionBehind,
    /// A read for replicas went to the primary: no replica was available.
    NoReplica,
}

#[cfg(feature = "metrics")]
impl Event {
    /// All events, by discriminant.
    pub(crate) const ALL: [Self; 12] = [
        Self::Cancelled,
        Self::ConnectionLost,
        Self::OutcomeUnknown,
        Self::RoleChanged,
        Self::RetriedElsewhere,
        Self::RetriedStale,
        Self::RetriedNewPrimary,
        Self::RetriedMoved,
        Self::RetriedTransaction,
        Self::SessionStatics,
        Self::SessionBehind,
        Self::NoReplica,
    ];

    /// The reasons for which something is sent again.
    pub(crate) const RETRIES: [(Self, &'static str); 5] = [
        (Self::RetriedElsewhere, "connection"),
        (Self::RetriedStale, "statement"),
        (Self::RetriedNewPrimary, "new_primary"),
        (Self::RetriedMoved, "moved"),
        (Self::RetriedTransaction, "transaction"),
    ];

    /// The reasons for which the primary serves a read in the place of a replica.
    pub(crate) const PRIMARY_READS: [(Self, &'static str); 3] = [
        (Self::SessionBehind, "session_behind"),
        (Self::SessionStatics, "session_static_tables"),
        (Self::NoReplica, "no_replica"),
    ];
}

#[cfg(all(test, feature = "metrics"))]
mod tests {
    use super::Event;

    #[test]
    fn each_event_has_its_place() {
        for (place, event) in Event::ALL.into_iter().enumerate() {
            assert_eq!(event as usize, place);
        }
    }
}
