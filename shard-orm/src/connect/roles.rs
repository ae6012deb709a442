//! Who takes writes, and which replicas may serve reads: decided from what the endpoints said.
//!
//! Pure: the watch asks again after each look.

use std::fmt;
use std::time::{Duration, Instant};

use super::history::History;
use crate::backend::Observed;
use crate::topology::HealthSettings;

/// What the last look at an endpoint found.
#[derive(Debug, Clone)]
pub(super) struct ProbeResult {
    /// Before the question was sent: what the answer says held at some time after it.
    pub(super) began: Instant,
    pub(super) latency: Duration,
    /// What it said, or why it said nothing.
    pub(super) found: Result<Observed, String>,
    /// How many looks in a row found nothing.
    pub(super) failures: u32,
    /// Whether it took writes when it answered last.
    pub(super) took_writes: bool,
}

/// From so many looks in a row on that found nothing, an endpoint counts as gone.
pub(super) const ABORT_AFTER: u32 = 3;

/// How an endpoint stands at the moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize),
    serde(rename_all = "snake_case")
)]
#[non_exhaustive]
pub enum EndpointStatus {
    /// Not looked at: nobody watches this server, or its first look is not done.
    Unknown,
    /// Takes the writes.
    Primary,
    /// A replica that serves reads.
    Serving,
    /// A replica that is further behind than `max_lag` or `max_lag_bytes` allow.
    Lagging,
    /// Did not answer.
    Unreachable,
    /// Takes writes, though it is not the primary: another endpoint is, or several take them.
    TakesWrites,
    /// A replica of another database than the primary's.
    Foreign,
    /// Takes no writes, and is no replica either: a primary that was fenced off.
    Fenced,
    /// Refused a write within the last 10 seconds, since it has no room on its disk.
    Full,
}

impl EndpointStatus {
    /// Its words in messages.
    fn words(self) -> &'static str {
        match self {
            Self::Unknown => "has not been looked at",
            Self::Primary => "takes the writes",
            Self::Serving => "serves reads",
            Self::Lagging => "lags behind and serves no reads",
            Self::Unreachable => "does not answer",
            Self::TakesWrites => "takes writes though it is not the primary, and is not used",
            Self::Fenced => "takes no writes and follows no primary",
            Self::Full => "has no room for writes",
            Self::Foreign => "is a replica of another database, and is not used",
        }
    }
}

impl fmt::Display for EndpointStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.words())
    }
}

/// Who takes writes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    One(usize),
    /// All that answer are read-only.
    Nobody,
    /// More than one does, and nothing says which is right.
    Several,
}

/// Who takes writes; `known` is who took them until now, and `before` what was decided then.
pub(super) fn primary(probes: &[Option<ProbeResult>], known: usize, before: Verdict) -> Verdict {
    let observed = |index: &usize| observed(probes, *index);
    // Of two that took writes, one that misses a look is not gone: the other may be the wrong one.
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
        // One that has not been asked yet may take them as well.
        [_] if !is_looked_at => Verdict::One(known),
        [only] => Verdict::One(only),
        // One that does not answer is tried all the same, and says so itself.
        [] if observed(&known).is_none() => Verdict::One(known),
        [] => Verdict::Nobody,
        _ => newest(probes, &writable).map_or(Verdict::Several, Verdict::One),
    }
}

/// The one on the highest timeline: the others were left behind by a promotion.
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

/// How an endpoint stands that is not the primary.
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
        // Nothing to compare: the user may not see positions, or no primary was seen yet.
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
    fn the_only_writable_endpoint_takes_the_writes() {
        let swapped = [probe(false, Some(2)), probe(true, Some(2))];
        assert_eq!(decide(&swapped, 0), Verdict::One(1));
        assert_eq!(
            decide(&[aborted(), probe(true, Some(2))], 0),
            Verdict::One(1)
        );
    }

    #[test]
    fn a_primary_that_was_not_asked_yet_is_not_passed_over() {
        assert_eq!(decide(&[None, probe(true, Some(9))], 0), Verdict::One(0));
        assert_eq!(decide(&[probe(true, None), None], 1), Verdict::One(1));
    }

    #[test]
    fn a_primary_that_does_not_answer_stays_until_another_takes_writes() {
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
    fn of_two_writable_endpoints_the_higher_timeline_is_right() {
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
    fn one_of_two_that_took_writes_is_gone_after_three_looks() {
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
