//! Decides which endpoint takes writes and which replicas may serve reads, from the results of
//! their probes.
//!
//! Pure functions; `health` calls them after each probe.

use std::fmt;
use std::time::{Duration, Instant};

use super::history::History;
use crate::backend::Observed;
use crate::topology::HealthSettings;

/// The result of the last probe of an endpoint.
#[derive(Debug, Clone)]
pub(super) struct ProbeResult {
    /// When the probe was sent: the answer was true at some time after it.
    pub(super) began: Instant,
    pub(super) latency: Duration,
    /// The answer, or the reason for its absence.
    pub(super) found: Result<Observed, String>,
    /// The number of consecutive failed probes.
    pub(super) failures: u32,
    /// Whether the last answer said that the endpoint takes writes.
    pub(super) took_writes: bool,
}

/// The number of consecutive failed probes after which pending requests are aborted.
pub(super) const ABORT_AFTER: u32 = 3;

/// The status of an endpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize),
    serde(rename_all = "snake_case")
)]
#[non_exhaustive]
pub enum EndpointStatus {
    /// Not probed: the server is not monitored, or its first probe is still running.
    Unknown,
    /// Takes writes.
    Primary,
    /// A replica that serves reads.
    Serving,
    /// A replica whose lag exceeds `max_lag` or `max_lag_bytes`.
    Lagging,
    /// Does not answer.
    Unreachable,
    /// Takes writes but is not the primary: another endpoint is, or several take writes.
    TakesWrites,
    /// A replica of a different database than the primary's.
    Foreign,
    /// Takes no writes and is not a replica: a fenced-off primary.
    Fenced,
    /// Refused a write within the last 10 seconds because its disk is full.
    Full,
}

impl EndpointStatus {
    /// The description in messages.
    fn words(self) -> &'static str {
        match self {
            Self::Unknown => "has not been probed",
            Self::Primary => "is the primary",
            Self::Serving => "serves reads",
            Self::Lagging => "lags and serves no reads",
            Self::Unreachable => "does not answer",
            Self::TakesWrites => "takes writes but is not the primary, and is not used",
            Self::Fenced => "takes no writes and follows no primary",
            Self::Full => "refuses writes because its disk is full",
            Self::Foreign => "is a replica of another database, and is not used",
        }
    }
}

impl fmt::Display for EndpointStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.words())
    }
}

/// The endpoint that takes writes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    One(usize),
    /// All that answer are read-only.
    Nobody,
    /// Several take writes, and nothing tells which is right.
    Several,
}

/// Decides which endpoint takes writes. `known` took them until now; `before` is the previous
/// decision.
pub(super) fn primary(probes: &[Option<ProbeResult>], known: usize, before: Verdict) -> Verdict {
    let observed = |index: &usize| observed(probes, *index);
    // Of two endpoints that took writes, one that misses a probe has not failed yet, and the other
    // may be the wrong one.
    let may_take_writes = |index: &usize| {
        before == Verdict::Several
            && probes[*index].as_ref().is_some_and(|probe| {
                probe.took_writes && (1..ABORT_AFTER).contains(&probe.failures)
            })
    };
    let writable: Vec<usize> = (0..probes.len())
        .filter(|index| {
            observed(index).is_some_and(|observed| observed.writable) || may_take_writes(index)
        })
        .collect();
    let is_looked_at = probes.get(known).is_some_and(Option::is_some);
    match writable[..] {
        // An endpoint that has not been probed yet may take writes too.
        [_] if !is_looked_at => Verdict::One(known),
        [only] => Verdict::One(only),
        // An unreachable primary is still tried: its error is the best report.
        [] if observed(&known).is_none() => Verdict::One(known),
        [] => Verdict::Nobody,
        _ => newest(probes, &writable).map_or(Verdict::Several, Verdict::One),
    }
}

/// The endpoint on the highest timeline: a promotion left the others behind.
fn newest(probes: &[Option<ProbeResult>], writable: &[usize]) -> Option<usize> {
    let timelines: Option<Vec<((u64, u32), usize)>> = writable
        .iter()
        .map(|index| {
            let position = observed(probes, *index)?.position.as_ref()?;
            Some((position.timeline()?, *index))
        })
        .collect();
    let timelines = timelines?;
    let ((system, highest), newest) = *timelines.iter().max()?;
    let alone = timelines.iter().all(|((own, timeline), index)| {
        *own == system && (*timeline < highest || *index == newest)
    });
    alone.then_some(newest)
}

fn observed(probes: &[Option<ProbeResult>], index: usize) -> Option<&Observed> {
    probes.get(index)?.as_ref()?.found.as_ref().ok()
}

/// The status of an endpoint that is not the primary.
pub(super) fn status(
    probe: Option<&ProbeResult>,
    history: &History,
    settings: &HealthSettings,
) -> EndpointStatus {
    let Some(probe) = probe else {
        return EndpointStatus::Unknown;
    };
    let Ok(observed) = &probe.found else {
        return EndpointStatus::Unreachable;
    };
    if observed.writable {
        return EndpointStatus::TakesWrites;
    }
    if !observed.follows {
        return EndpointStatus::Fenced;
    }
    let (Some(position), Some(primary)) = (&observed.position, history.last()) else {
        // Nothing to compare: the user may not read positions, or no primary has been seen yet.
        return EndpointStatus::Serving;
    };
    if !position.is_related(primary) {
        return EndpointStatus::Foreign;
    }
    let lag = history.lag(position, probe.began);
    let bytes = position.bytes_behind(primary);
    let too_many = settings
        .max_lag_bytes
        .is_some_and(|most| bytes.is_some_and(|bytes| bytes > most));
    if lag > settings.max_lag || too_many {
        EndpointStatus::Lagging
    } else {
        EndpointStatus::Serving
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::backend::{Position, Wal};

    fn probe(writable: bool, timeline: Option<u32>) -> Option<ProbeResult> {
        found(Ok(Observed {
            writable,
            follows: !writable,
            position: timeline.map(|timeline| {
                Position::Wal(Wal {
                    system: 1,
                    timeline,
                    lsn: 1,
                })
            }),
        }))
    }

    fn found(found: Result<Observed, String>) -> Option<ProbeResult> {
        Some(ProbeResult {
            began: Instant::now(),
            latency: Duration::ZERO,
            found,
            failures: 0,
            took_writes: false,
        })
    }

    fn aborted() -> Option<ProbeResult> {
        found(Err("gone".into()))
    }

    fn decide(probes: &[Option<ProbeResult>], known: usize) -> Verdict {
        primary(probes, known, Verdict::One(known))
    }

    #[test]
    fn the_only_writable_endpoint_is_the_primary() {
        let swapped = [probe(false, Some(2)), probe(true, Some(2))];
        assert_eq!(decide(&swapped, 0), Verdict::One(1));
        assert_eq!(
            decide(&[aborted(), probe(true, Some(2))], 0),
            Verdict::One(1)
        );
    }

    #[test]
    fn an_unprobed_primary_is_kept() {
        assert_eq!(decide(&[None, probe(true, Some(9))], 0), Verdict::One(0));
        assert_eq!(decide(&[probe(true, None), None], 1), Verdict::One(1));
    }

    #[test]
    fn an_unreachable_primary_is_kept_until_another_takes_writes() {
        assert_eq!(
            decide(&[aborted(), probe(false, Some(1))], 0),
            Verdict::One(0)
        );
        assert_eq!(decide(&[None, probe(false, None)], 0), Verdict::One(0));
        assert_eq!(decide(&[probe(false, None), aborted()], 1), Verdict::One(1));
        let read_only = [probe(false, Some(1)), probe(false, Some(1))];
        assert_eq!(decide(&read_only, 0), Verdict::Nobody);
    }

    #[test]
    fn the_higher_timeline_wins_among_writable_endpoints() {
        let both = |one, other| [probe(true, one), probe(true, other)];
        assert_eq!(decide(&both(Some(1), Some(2)), 0), Verdict::One(1));
        assert_eq!(decide(&both(Some(3), Some(2)), 1), Verdict::One(0));
        assert_eq!(decide(&both(Some(2), Some(2)), 0), Verdict::Several);
        assert_eq!(decide(&both(None, Some(2)), 0), Verdict::Several);
        assert_eq!(decide(&both(None, None), 0), Verdict::Several);
    }

    #[test]
    fn timelines_of_two_systems_are_not_compared() {
        let other = Position::Wal(Wal {
            system: 2,
            timeline: 9,
            lsn: 1,
        });
        let other = found(Ok(Observed {
            writable: true,
            follows: false,
            position: Some(other),
        }));
        assert_eq!(decide(&[probe(true, Some(1)), other], 0), Verdict::Several);
    }

    #[test]
    fn one_of_two_writers_is_ignored_after_three_failed_probes() {
        let missed = |failures| {
            let mut probe = aborted();
            if let Some(probe) = &mut probe {
                (probe.failures, probe.took_writes) = (failures, true);
            }
            probe
        };
        let after = |failures| {
            let probes = [missed(failures), probe(true, None)];
            primary(&probes, 0, Verdict::Several)
        };
        assert_eq!(after(1), Verdict::Several);
        assert_eq!(after(2), Verdict::Several);
        assert_eq!(after(3), Verdict::One(1));
        // A primary that was alone is followed at once.
        let probes = [missed(1), probe(true, None)];
        assert_eq!(decide(&probes, 0), Verdict::One(1));
    }
}
