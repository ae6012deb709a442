//! What is known of a server, in the words of errors and reports.

use std::time::{Duration, Instant};

use super::{Slot, State, Watch};
use crate::connect::roles::{self, Look, Standing, Verdict};
use crate::error::{Error, ErrorKind};
use crate::topology::HealthSettings;

/// What is known of one endpoint.
#[derive(Debug)]
pub(crate) struct EndpointReport {
    pub(crate) label: String,
    pub(crate) standing: Standing,
    pub(crate) weight: u32,
    pub(crate) writable: Option<bool>,
    pub(crate) latency: Option<Duration>,
    pub(crate) lag: Option<Duration>,
    pub(crate) lag_bytes: Option<u64>,
    pub(crate) looked: Option<Instant>,
    pub(crate) problem: Option<String>,
}

impl Watch {
    /// The error for a write that no endpoint takes.
    #[cold]
    pub(in crate::connect) fn nobody(&self) -> Error {
        let state = self.lock();
        Error::new(
            ErrorKind::ReadOnly,
            format!(
                "server `{}` of `{}` takes no writes: {}",
                self.server,
                self.group,
                self.why_nobody(state.verdict, &state)
            ),
        )
    }

    pub(super) fn why_nobody(&self, verdict: Verdict, state: &State) -> String {
        let that = |writable: bool| {
            let labels: Vec<&str> = self
                .slots
                .iter()
                .zip(&state.looks)
                .filter(|(_, look)| {
                    look.as_ref()
                        .and_then(|look| look.found.as_ref().ok())
                        .is_some_and(|observed| observed.writable == writable)
                })
                .map(|(slot, _)| &*slot.label)
                .collect();
            labels.join(" and ")
        };
        match verdict {
            Verdict::Several => format!(
                "{} both take them, and nothing says which is right; make all but one read-only, \
                 or stop them",
                that(true)
            ),
            _ => format!(
                "{} answers, and is read-only; promote a replica, or make the primary writable",
                that(false)
            ),
        }
    }

    /// The error for a read that no replica serves.
    #[cold]
    pub(in crate::connect) fn no_replica(&self) -> Error {
        let replicas: Vec<String> = self
            .slots
            .iter()
            .enumerate()
            .filter(|(index, _)| *index != self.last_primary())
            .map(|(_, slot)| format!("{} {}", slot.label, slot.standing()))
            .collect();
        Error::new(
            ErrorKind::Unavailable,
            format!(
                "no replica of server `{}` of `{}` serves reads, and `fallback` keeps them from \
                 the primary: {}",
                self.server,
                self.group,
                if replicas.is_empty() {
                    "it has none".to_owned()
                } else {
                    replicas.join("; ")
                }
            ),
        )
    }

    /// What is known, for people. Of looks that began before `asked`, the answer is no longer
    /// taken for true.
    pub(crate) fn report(&self, asked: Option<Instant>) -> Vec<EndpointReport> {
        let state = self.lock();
        self.slots
            .iter()
            .zip(&state.looks)
            .map(|(slot, look)| {
                let look = look.as_ref();
                let standing = if self.watched {
                    slot.standing()
                } else {
                    unwatched(look, &state, &self.settings)
                };
                let mut report = endpoint(slot, standing, look, &state);
                self.mark_outdated(&mut report, asked);
                report
            })
            .collect()
    }

    /// What a look found counts for as long as the next one may take to come.
    fn mark_outdated(&self, report: &mut EndpointReport, asked: Option<Instant>) {
        let limit = self.settings.probe_timeout;
        let missed = match (asked, report.looked) {
            (Some(asked), looked) => looked.is_none_or(|looked| looked < asked),
            (None, Some(looked)) => {
                self.watched && looked.elapsed() > (self.settings.probe_interval + limit) * MISSED
            }
            (None, None) => false,
        };
        if !missed {
            return;
        }
        report.writable = None;
        if asked.is_some() {
            report.standing = Standing::Unreachable;
            report.problem = Some(format!("no answer within {limit:?} (`probe_timeout`)"));
        } else {
            report.standing = Standing::Unknown;
            report.problem = Some("it is no longer looked at".to_owned());
        }
    }
}

/// After so many intervals without a look, nobody looks any more.
const MISSED: u32 = 3;

fn endpoint(slot: &Slot, standing: Standing, look: Option<&Look>, state: &State) -> EndpointReport {
    let observed = look.and_then(|look| look.found.as_ref().ok());
    let position = observed.and_then(|observed| observed.position.as_ref());
    let replica = observed.is_some_and(|observed| !observed.writable);
    EndpointReport {
        label: slot.label.clone(),
        standing,
        weight: slot.weight,
        writable: observed.map(|observed| observed.writable),
        latency: look
            .filter(|look| look.found.is_ok())
            .map(|look| look.latency),
        lag: position
            .zip(look)
            .filter(|_| replica && state.history.last().is_some())
            .map(|(position, look)| state.history.lag(position, look.began)),
        lag_bytes: position
            .filter(|_| replica)
            .zip(state.history.last())
            .and_then(|(position, primary)| position.bytes_behind(primary)),
        looked: look.map(|look| look.began),
        problem: look.and_then(|look| look.found.as_ref().err().cloned()),
    }
}

/// How an endpoint stood that no monitor watches, when it was last asked.
fn unwatched(look: Option<&Look>, state: &State, settings: &HealthSettings) -> Standing {
    match look.map(|look| &look.found) {
        Some(Ok(observed)) if observed.writable => Standing::Primary,
        _ => roles::standing(look, &state.history, settings),
    }
}
