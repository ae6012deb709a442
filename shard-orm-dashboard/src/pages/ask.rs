//! The page that answers where a key, an id or a logical shard is. It sends nothing.

use std::sync::Arc;

use askama::Template;
use axum::extract::{Query, State};
use axum::http::StatusCode;
use axum::response::Response;
use serde::Deserialize;
use shard_orm::admin::{Key, describe_id, route};
use shard_orm::topology::Topology;
use shard_orm::{Address, Cluster, Result};

use super::{Frame, html};
use crate::App;
use crate::text;

/// The parameters: the kind of question, the group, and what is looked for.
#[derive(Debug, Deserialize)]
pub(crate) struct Parameters {
    what: Option<String>,
    group: Option<String>,
    value: Option<String>,
}

/// What is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum What {
    Key,
    Id,
    Shard,
}

/// A place where something is, or can be.
#[derive(Debug)]
struct Place {
    group: String,
    shard: u32,
    server: String,
    namespace: String,
}

#[derive(Debug, Template)]
#[template(path = "ask.html")]
struct AskPage {
    frame: Frame,
    groups: Vec<String>,
    what: What,
    group: String,
    value: String,
    /// Whether something was asked.
    is_asked: bool,
    problem: Option<String>,
    places: Vec<Place>,
    /// What else is known.
    facts: Vec<(&'static str, String)>,
}

/// What is known of the place of something.
#[derive(Debug, Default)]
struct Answer {
    places: Vec<Place>,
    facts: Vec<(&'static str, String)>,
}

pub(crate) async fn show(
    State(app): State<Arc<App>>,
    Query(parameters): Query<Parameters>,
) -> Response {
    let cluster = &app.readings.cluster;
    let topology = cluster.topology();
    let groups: Vec<String> = topology
        .groups()
        .iter()
        .map(|own| own.name().to_owned())
        .collect();
    let what = match parameters.what.as_deref() {
        Some("id") => What::Id,
        Some("shard") => What::Shard,
        _ => What::Key,
    };
    let group = parameters
        .group
        .or_else(|| groups.first().cloned())
        .unwrap_or_default();
    let value = parameters.value.unwrap_or_default();
    let is_asked = !value.trim().is_empty();
    let answer = match is_asked {
        false => Ok(Answer::default()),
        true => answer(cluster, &topology, what, &group, value.trim()),
    };
    let (answer, problem) = match answer {
        Ok(answer) => (answer, None),
        Err(problem) => (Answer::default(), Some(problem)),
    };
    let page = AskPage {
        frame: Frame::new(&app, "Ask", "/ask").still(),
        groups,
        what,
        group,
        value,
        is_asked,
        problem,
        places: answer.places,
        facts: answer.facts,
    };
    html(StatusCode::OK, &page)
}

fn answer(
    cluster: &Cluster,
    topology: &Topology,
    what: What,
    group: &str,
    value: &str,
) -> std::result::Result<Answer, String> {
    let answer = match what {
        What::Key => of_key(cluster, group, value),
        What::Shard => {
            let shard = value.parse().map_err(|_| {
                "a logical shard is a whole number from 0; its number is on the map".to_owned()
            })?;
            place(cluster, group, shard).map(|place| Answer {
                places: vec![place],
                facts: Vec::new(),
            })
        }
        What::Id => {
            let id = value.parse().map_err(|_| {
                "an id is a whole number; `shard-orm id` takes UUIDs apart too".to_owned()
            })?;
            of_id(cluster, topology, id)
        }
    };
    answer.map_err(|error| error.to_string())
}

fn of_key(cluster: &Cluster, group: &str, value: &str) -> Result<Answer> {
    let routed = route(cluster, group, &value.parse::<Key>()?)?;
    let how = match routed.pinned {
        true => "a pin of the configuration",
        false => "the strategy of the group",
    };
    Ok(Answer {
        facts: vec![
            ("Key", routed.key.to_string()),
            ("Decided by", how.to_owned()),
        ],
        places: vec![Place {
            group: routed.group,
            shard: routed.shard,
            server: routed.server,
            namespace: routed.namespace,
        }],
    })
}

fn of_id(cluster: &Cluster, topology: &Topology, id: i64) -> Result<Answer> {
    let described = describe_id(cluster, id)?;
    let mut places = Vec::new();
    for of_group in &described.shards {
        // Groups that the topology has lost since have no places.
        if topology.group(&of_group.group).is_some() {
            for shard in &of_group.shards {
                places.push(place(cluster, &of_group.group, *shard)?);
            }
        }
    }
    let parts = &described.snowflake;
    Ok(Answer {
        places,
        facts: vec![
            ("Generated at", text::time(parts.time)),
            ("Worker", parts.worker.to_string()),
            ("Sequence", parts.sequence.to_string()),
            (
                "If",
                "it was generated as a snowflake by this configuration".to_owned(),
            ),
        ],
    })
}

fn place(cluster: &Cluster, group: &str, shard: u32) -> Result<Place> {
    let found = cluster.locate(&Address::shard_in(group, shard))?;
    Ok(Place {
        group: found.group,
        shard,
        server: found.server,
        namespace: found.namespace,
    })
}
