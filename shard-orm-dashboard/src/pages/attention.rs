//! What needs attention: the findings of `shard-orm check`, servers that do not serve, jobs that wait for an
//! operator, servers that are nearly full, and what is unusual in the calls. Each says what to do, and is there once.

use shard_orm::admin::{CheckReport, Finding, Severity};
use shard_orm::health::{Readiness, ServerReadiness, Serving};
use shard_orm::reshard::{Job, JobState, Wish};
use shard_orm::statistics::Anomaly;

use super::group::GroupView;
use crate::readings::Jobs;
use crate::text;

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
    let findings = check.map_or(&[][..], |check| &check.findings);
    let down = readiness.servers.iter();
    let down: Vec<&ServerReadiness> = down.filter(|server| is_down(server)).collect();
    let mut items: Vec<Item> = down
        .iter()
        .map(|server| of_server(server, findings))
        .collect();
    // What is known of a server that is down is one item.
    let is_said = |finding: &&Finding| down.iter().any(|server| is_of_endpoint(finding, server));
    let others = findings.iter().filter(|finding| !is_said(finding));
    items.extend(others.map(|finding| Item {
        severity: finding.severity,
        place: finding.place.clone(),
        message: finding.message.clone(),
        advice: finding.advice.clone(),
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

fn is_down(server: &ServerReadiness) -> bool {
    server.reads == Serving::No || server.writes == Serving::No
}

/// Whether a finding says of a server that does not serve that one of its endpoints does not.
fn is_of_endpoint(finding: &Finding, server: &ServerReadiness) -> bool {
    let place = match server.shards {
        0 if server.group == server.server => format!("database {} (", server.group),
        _ => format!("{}/{} (", server.group, server.server),
    };
    ["endpoint_unreachable", "primary_read_only"].contains(&finding.check)
        && finding.place.starts_with(&place)
}

/// A server that does not serve.
fn of_server(server: &ServerReadiness, findings: &[Finding]) -> Item {
    let mut findings = findings.iter();
    let advice = findings
        .find(|finding| is_of_endpoint(finding, server))
        .map(|finding| finding.advice.clone());
    let what = match server.shards {
        0 => "it does not serve".to_owned(),
        shards => format!(
            "it does not serve its {}",
            text::count(shards as u64, "logical shard")
        ),
    };
    Item {
        severity: Severity::Error,
        place: format!("{}, server {}", server.group, server.server),
        message: match &server.problem {
            Some(problem) => format!("{what}: {problem}"),
            None => what,
        },
        advice: advice
            .unwrap_or_else(|| "see `shard-orm status`, and the log of the server".to_owned()),
    }
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
