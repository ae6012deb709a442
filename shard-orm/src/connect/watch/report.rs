//! What is known of a server, in the words of errors and reports.

use std::time::{Duration, Instant};

use super::{State, Watch};
use crate::connect::roles::{Standing, Verdict};
use crate::error::{Error, ErrorKind};

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

    /// What is known, for people.
    pub(crate) fn report(&self) -> Vec<EndpointReport> {
        let state = self.lock();
        self.slots
            .iter()
            .zip(&state.looks)
            .map(|(slot, look)| {
                let observed = look.as_ref().and_then(|look| look.found.as_ref().ok());
                let position = observed.and_then(|observed| observed.position.as_ref());
                let replica = observed.is_some_and(|observed| !observed.writable);
                EndpointReport {
                    label: slot.label.clone(),
                    standing: slot.standing(),
                    weight: slot.weight,
                    writable: observed.map(|observed| observed.writable),
                    latency: look
                        .as_ref()
                        .filter(|look| look.found.is_ok())
                        .map(|look| look.latency),
                    lag: position
                        .zip(look.as_ref())
                        .filter(|_| replica && state.history.last().is_some())
                        .map(|(position, look)| state.history.lag(position, look.began)),
                    lag_bytes: position
                        .filter(|_| replica)
                        .zip(state.history.last())
                        .and_then(|(position, primary)| position.bytes_behind(primary)),
                    looked: look.as_ref().map(|look| look.began),
                    problem: look
                        .as_ref()
                        .and_then(|look| look.found.as_ref().err().cloned()),
                }
            })
            .collect()
    }
}
