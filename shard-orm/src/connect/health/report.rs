//! The health of a server in errors and reports.

use std::time::{Duration, Instant};

use super::{Health, Slot, State};
use crate::connect::roles::{self, EndpointStatus, ProbeResult, Verdict};
use crate::error::{Error, ErrorKind};
use crate::topology::HealthSettings;

/// The health of one endpoint.
#[derive(Debug)]
pub(crate) struct EndpointReport {
    pub(crate) label: String,
    pub(crate) status: EndpointStatus,
    pub(crate) weight: u32,
    pub(crate) writable: Option<bool>,
    pub(crate) latency: Option<Duration>,
    pub(crate) lag: Option<Duration>,
    pub(crate) lag_bytes: Option<u64>,
    pub(crate) probed: Option<Instant>,
    pub(crate) problem: Option<String>,
}

impl Health {
    /// The error for a write when no endpoint takes writes.
    #[cold]
    pub(in crate::connect) fn no_primary_error(&self) -> Error {
        let state = self.lock();
        Error::new(
            ErrorKind::ReadOnly,
            format!(
                "server `{}` of `{}` takes no writes: {}",
                self.server,
                self.group,
                self.no_primary_reason(state.verdict, &state)
            ),
        )
    }

    pub(super) fn no_primary_reason(&self, verdict: Verdict, state: &State) -> String {
        let that = |writable: bool| {
            let labels: Vec<&str> = self
                .slots
                .iter()
                .zip(&state.probes)
                .filter(|(_, probe)| {
                    probe
                        .as_ref()
                        .and_then(|probe| probe.found.as_ref().ok())
                        .is_some_and(|observed| observed.writable == writable)
                })
                .map(|(slot, _)| &*slot.label)
                .collect();
            labels.join(" and ")
        };
        match verdict {
            Verdict::Several => format!(
                "{} take writes, and it is unknown which is right; make all but one read-only, or \
                 stop them",
                that(true)
            ),
            _ => format!(
                "{} is read-only; promote a replica, or make the primary writable",
                that(false)
            ),
        }
    }

    /// The error for a read when no replica is available.
    #[cold]
    pub(in crate::connect) fn no_replica_error(&self) -> Error {
        let replicas: Vec<String> = self
            .slots
            .iter()
            .enumerate()
            .filter(|(index, _)| *index != self.last_primary())
            .map(|(_, slot)| format!("{} {}", slot.label, slot.status()))
            .collect();
        Error::new(
            ErrorKind::Unavailable,
            format!(
                "no replica of server `{}` of `{}` is available, and `fallback` forbids reads from \
                 the primary: {}",
                self.server,
                self.group,
                if replicas.is_empty() {
                    "it has no replicas".to_owned()
                } else {
                    replicas.join("; ")
                }
            ),
        )
    }

    /// The health of all endpoints. Results of probes that began before `asked` are outdated.
    pub(crate) fn report(&self, asked: Option<Instant>) -> Vec<EndpointReport> {
        let state = self.lock();
        self.slots
            .iter()
            .zip(&state.probes)
            .map(|(slot, probe)| {
                let probe = probe.as_ref();
                let status = if self.monitored {
                    slot.status()
                } else {
                    unwatched(probe, &state, &self.settings)
                };
                let mut report = endpoint(slot, status, probe, &state);
                self.mark_outdated(&mut report, asked);
                report
            })
            .collect()
    }

    /// Marks a result as outdated when the next one is overdue.
    fn mark_outdated(&self, report: &mut EndpointReport, asked: Option<Instant>) {
        let limit = self.settings.probe_timeout;
        let missed = match (asked, report.probed) {
            (Some(asked), probed) => probed.is_none_or(|probed| probed < asked),
            (None, Some(probed)) => {
                self.monitored && probed.elapsed() > (self.settings.probe_interval + limit) * MISSED
            }
            (None, None) => false,
        };
        if !missed {
            return;
        }
        report.writable = None;
        if asked.is_some() {
            report.status = EndpointStatus::Unreachable;
            report.problem = Some(format!("no answer within {limit:?} (`probe_timeout`)"));
        } else {
            report.status = EndpointStatus::Unknown;
            report.problem = Some("no longer probed".to_owned());
        }
    }
}

/// The number of intervals without a probe after which a result is outdated.
const MISSED: u32 = 3;

fn endpoint(
    slot: &Slot,
    status: EndpointStatus,
    probe: Option<&ProbeResult>,
    state: &State,
) -> EndpointReport {
    let observed = probe.and_then(|probe| probe.found.as_ref().ok());
    let position = observed.and_then(|observed| observed.position.as_ref());
    let replica = observed.is_some_and(|observed| !observed.writable);
    EndpointReport {
        label: slot.label.clone(),
        status,
        weight: slot.weight,
        writable: observed.map(|observed| observed.writable),
        latency: probe
            .filter(|probe| probe.found.is_ok())
            .map(|probe| probe.latency),
        lag: position
            .zip(probe)
            .filter(|_| replica && state.history.last().is_some())
            .map(|(position, probe)| state.history.lag(position, probe.began)),
        lag_bytes: position
            .filter(|_| replica)
            .zip(state.history.last())
            .and_then(|(position, primary)| position.bytes_behind(primary)),
        probed: probe.map(|probe| probe.began),
        problem: probe.and_then(|probe| probe.found.as_ref().err().cloned()),
    }
}

/// The status of an endpoint of an unmonitored server, from its last probe.
fn unwatched(
    probe: Option<&ProbeResult>,
    state: &State,
    settings: &HealthSettings,
) -> EndpointStatus {
    match probe.map(|probe| &probe.found) {
        Some(Ok(observed)) if observed.writable => EndpointStatus::Primary,
        _ => roles::status(probe, &state.history, settings),
    }
}
