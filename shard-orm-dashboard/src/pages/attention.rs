//! What needs attention: the findings of `shard-orm check`, servers that do not serve, jobs that wait for an
//! operator, servers that are nearly full, and what is unusual in the calls. Each says what to do, and is there once.

use shard_orm::admin::{CheckReport, Finding, Severity};
use shard_orm::health::{Readiness, ServerReadiness, Serving};
use shard_orm::reshard::{Job, JobState, Wish};
use shard_orm::statistics::Anomaly;

use super::group::GroupView;
use crate::readings::Jobs;

/// The share of its capacity from which a server counts as nearly full, in percent.
const FULL: u64 = 85;

/// Something that needs attention.
#[derive(Debug)]
pub(super) struct Item {
    pub(super) severity: Severity,
    pub(super) place: String,
    pub(super) message: String,
    /// What to do.
    pub(super) advice: String,
}

impl Item {
    /// The severity as a class.
    pub(super) fn class(&self) -> &'static str {
        match self.severity {
            Severity::Error => "bad",
            Severity::Warning => "warning",
            _ => "note",
        }
    }
}

/// All items, the worst first.
pub(super) fn items(
    (check, readiness, jobs): (Option<&CheckReport>, &Readiness, Option<&Jobs>),
    groups: &[GroupView],
    anomalies: &[Anomaly],
) -> Vec<Item> {
    let mut items = Vec::new();
    let is_down = |reads, writes| reads == Serving::No || writes == Serving::No;
    let down = readiness.servers.iter();
    let down = down.filter(|server| is_down(server.reads, server.writes));
    let down: Vec<&ServerReadiness> = down.collect();
    let findings = || check.into_iter().flat_map(|check| &check.findings);
    let others = findings().filter(|finding| !down.iter().any(|server| is_of(finding, server)));
    items.extend(others.map(|finding| Item {
        severity: finding.severity,
        place: finding.place.clone(),
        message: finding.message.clone(),
        advice: finding.advice.clone(),
    }));
    items.extend(down.iter().map(|server| Item {
        severity: Severity::Error,
        place: format!("{}, server {}", server.group, server.server),
        message: match (server.shards, &server.problem) {
            (0, None) => "it does not serve".to_owned(),
            (0, Some(problem)) => format!("it does not serve: {problem}"),
            (shards, None) => format!("it does not serve its {shards} logical shards"),
            (shards, Some(problem)) => {
                format!("it does not serve its {shards} logical shards: {problem}")
            }
        },
        advice: match findings().find(|finding| is_of(finding, server)) {
            Some(finding) => finding.advice.clone(),
            None => "see `shard-orm status`, and the log of the server".to_owned(),
        },
    }));
    items.extend(anomalies.iter().map(|anomaly| Item {
        severity: Severity::Warning,
        place: anomaly.subject.to_string(),
        message: anomaly.message.clone(),
        advice: anomaly.advice(),
    }));
    let jobs = jobs.into_iter().flat_map(|jobs| &jobs.jobs);
    items.extend(jobs.filter_map(of_job));
    for group in groups {
        items.extend(group.servers.iter().filter_map(|server| {
            let (percent, words) = server.fill.as_ref()?;
            (*percent >= FULL).then(|| Item {
                severity: Severity::Warning,
                place: format!("{}, server {}", group.name, server.name),
                message: format!("{percent}% of its capacity is filled: {words}"),
                advice: format!(
                    "plan moves with `shard-orm reshard rebalance --group {}`",
                    group.name
                ),
            })
        }));
    }
    items.sort_by_key(|item| item.severity);
    items
}

/// Whether a finding says of a server that does not serve that one of its endpoints does not.
fn is_of(finding: &Finding, server: &ServerReadiness) -> bool {
    let ServerReadiness { group, server, .. } = server;
    let places = [format!("{group}/{server} ("), format!("database {group} (")];
    ["endpoint_unreachable", "primary_read_only"].contains(&finding.check)
        && places.iter().any(|place| finding.place.starts_with(place))
}

/// A job that waits for somebody.
fn of_job(job: &Job) -> Option<Item> {
    let id = job.id;
    let item = |severity, message: String, advice| {
        Some(Item {
            severity,
            place: format!("job {id}, group {}", job.group),
            message,
            advice,
        })
    };
    let because = match &*job.message {
        "" => String::new(),
        message => format!(": {message}"),
    };
    match job.state {
        state if state.is_over() => None,
        JobState::Holding if job.step.is_some() => None,
        JobState::Holding if job.wish == Wish::Run => item(
            Severity::Note,
            "the logical shard has moved, and the old rows are kept".to_owned(),
            format!(
                "`shard-orm job finish {id}` removes them, `shard-orm job reverse {id}` goes back"
            ),
        ),
        state if job.wish == Wish::Pause => item(
            Severity::Note,
            format!("it is paused in the state {state}"),
            format!("`shard-orm job resume {id}` goes on"),
        ),
        state if job.lease.is_zero() => item(
            Severity::Warning,
            format!("nobody runs it; its state is {state}{because}"),
            format!(
                "`shard-orm job run {id}` goes on, `shard-orm job abort {id}` gives up before the switch"
            ),
        ),
        state if !because.is_empty() => item(
            Severity::Warning,
            format!("it does not go on from the state {state}{because}"),
            format!("see `shard-orm job show {id}`"),
        ),
        _ => None,
    }
}
