//! The page of the topology's history, and of the difference between two epochs.

use std::sync::Arc;

use askama::Template;
use axum::extract::{Query, State};
use axum::http::StatusCode;
use axum::response::Response;
use serde::Deserialize;
use shard_orm::catalog::{Difference, Document};

use super::{Frame, Source, html};
use crate::App;
use crate::readings::{Epoch, History};
use crate::text;

/// The most differences that are shown.
const DIFFERENCES: usize = 500;

/// The parameters: two epochs.
#[derive(Debug, Deserialize)]
pub(crate) struct Parameters {
    from: Option<String>,
    to: Option<String>,
}

/// An epoch.
#[derive(Debug)]
struct EpochRow {
    epoch: u64,
    at: String,
    by: String,
    comment: String,
    job: String,
    /// The epoch before, if it is known.
    before: Option<u64>,
    is_used: bool,
}

/// What differs between two epochs.
#[derive(Debug)]
struct Compared {
    from: u64,
    to: u64,
    differences: Vec<Difference>,
    left_out: usize,
    problem: Option<String>,
}

#[derive(Debug, Template)]
#[template(path = "topology.html")]
struct TopologyPage {
    frame: Frame,
    source: Source,
    is_read: bool,
    epochs: Vec<EpochRow>,
    compared: Option<Compared>,
    /// The epochs in the form.
    from: String,
    to: String,
}

pub(crate) async fn show(
    State(app): State<Arc<App>>,
    Query(parameters): Query<Parameters>,
) -> Response {
    let seen = app.readings.history.get().await;
    let used = app.readings.cluster.topology().epoch();
    let history = seen.value.as_deref();
    let compared = match (
        asked(parameters.from.as_deref()),
        asked(parameters.to.as_deref()),
        history,
    ) {
        (Some(from), Some(to), Some(history)) => Some(compare(history, from, to)),
        _ => None,
    };
    let epochs = history
        .map(|history| rows(history, used))
        .unwrap_or_default();
    let newest = epochs.first();
    let page = TopologyPage {
        frame: match compared {
            Some(_) => Frame::new(&app, "Topology", "/topology").still(),
            None => Frame::new(&app, "Topology", "/topology"),
        },
        source: Source::from(&seen),
        is_read: seen.value.is_some(),
        from: match &compared {
            Some(compared) => compared.from.to_string(),
            None => newest
                .and_then(|newest| newest.before)
                .map_or_else(String::new, |one| one.to_string()),
        },
        to: match &compared {
            Some(compared) => compared.to.to_string(),
            None => newest.map_or_else(String::new, |newest| newest.epoch.to_string()),
        },
        epochs,
        compared,
    };
    html(StatusCode::OK, &page)
}

/// What was written into a field.
fn asked(text: Option<&str>) -> Option<&str> {
    text.map(str::trim).filter(|text| !text.is_empty())
}

fn rows(history: &History, used: u64) -> Vec<EpochRow> {
    let row = |(position, epoch): (usize, &Arc<Epoch>)| {
        let revision = &epoch.revision;
        let before = history.epochs.get(position + 1);
        EpochRow {
            epoch: revision.epoch,
            at: text::time(revision.changed_at),
            by: revision.changed_by.clone(),
            comment: revision.comment.clone(),
            job: revision.job.clone().unwrap_or_default(),
            before: before.map(|before| before.revision.epoch),
            is_used: revision.epoch == used,
        }
    };
    history.epochs.iter().enumerate().map(row).collect()
}

fn compare(history: &History, from: &str, to: &str) -> Compared {
    let numbers = (from.parse().unwrap_or(0), to.parse().unwrap_or(0));
    let mut compared = Compared {
        from: numbers.0,
        to: numbers.1,
        differences: Vec::new(),
        left_out: 0,
        problem: None,
    };
    let document = |number: u64| -> Result<Document, String> {
        let mut epochs = history.epochs.iter();
        let epoch = epochs.find(|epoch| epoch.revision.epoch == number);
        let epoch = epoch.ok_or_else(|| {
            format!(
                "epoch {number} is not among the epochs below; compare older ones with \
                 `shard-orm catalog diff`"
            )
        })?;
        let document = epoch.revision.document.parse::<Document>();
        document.map_err(|error| format!("epoch {number} cannot be read: {error}"))
    };
    match (document(numbers.0), document(numbers.1)) {
        (Ok(one), Ok(other)) => compared.differences = one.difference(&other),
        (Err(problem), _) | (_, Err(problem)) => compared.problem = Some(problem),
    }
    compared.left_out = compared.differences.len().saturating_sub(DIFFERENCES);
    compared.differences.truncate(DIFFERENCES);
    compared
}
