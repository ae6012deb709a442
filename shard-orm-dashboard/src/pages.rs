//! The pages: the data of each template, and how it follows from the readings.
//!
//! Every text is escaped by the templates. A part of a page whose source fails says so; the rest is shown.

pub(crate) mod ask;
pub(crate) mod cluster;
pub(crate) mod moves;
pub(crate) mod processes;
pub(crate) mod shard;
pub(crate) mod statics;
pub(crate) mod topology;
pub(crate) mod traffic;

mod attention;
mod charts;
mod group;
mod level;
mod map;
mod plans;

use std::sync::Arc;
use std::time::SystemTime;

use askama::Template;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse as _, Response};

use crate::App;
use crate::reading::Seen;
use crate::text;

/// What surrounds each page.
#[derive(Debug)]
pub(crate) struct Frame {
    /// The heading of the page.
    pub(crate) title: String,
    /// The path below which the pages are.
    pub(crate) base: String,
    /// The name of the cluster.
    pub(crate) cluster: String,
    /// The epoch of the topology in use.
    pub(crate) epoch: u64,
    /// Why the topology may be out of date.
    pub(crate) warning: Option<String>,
    /// The other pages.
    pub(crate) links: Vec<Link>,
    /// When the page was made.
    pub(crate) now: String,
    /// Whether the script brings it up to date.
    pub(crate) is_live: bool,
    /// Whether viewers can act.
    pub(crate) has_actions: bool,
}

/// A link to a page.
#[derive(Debug)]
pub(crate) struct Link {
    /// Its address.
    pub(crate) to: String,
    /// What it is called.
    pub(crate) name: &'static str,
    /// Whether it is the page at hand.
    pub(crate) is_current: bool,
}

/// How a part of a page stands with its source.
#[derive(Debug)]
pub(crate) struct Source {
    /// Whether nothing was read yet, and no failure either.
    pub(crate) is_pending: bool,
    /// Why there is nothing, or nothing newer.
    pub(crate) problem: Option<String>,
    /// Why there cannot be anything.
    pub(crate) absence: Option<String>,
    /// When what is shown was read, if there is a problem since.
    pub(crate) read: Option<String>,
}

const PAGES: [(&str, &str); 7] = [
    ("", "Cluster"),
    ("/moves", "Moves"),
    ("/traffic", "Traffic"),
    ("/processes", "Processes"),
    ("/topology", "Topology"),
    ("/static", "Static tables"),
    ("/ask", "Ask"),
];

impl Frame {
    /// `path` is that of one of the pages in the navigation, or another one.
    fn new(app: &App, title: impl Into<String>, path: &str) -> Self {
        let options = &app.options;
        let topology = app.readings.cluster.topology();
        let catalog = app.readings.cluster.readiness().catalog;
        let link = |(own, name): (&str, &'static str)| Link {
            to: match own {
                "" => options.home().to_owned(),
                own => format!("{}{own}", options.base),
            },
            name,
            is_current: own == path,
        };
        Self {
            title: title.into(),
            base: options.base.clone(),
            cluster: topology.name().to_owned(),
            epoch: topology.epoch(),
            warning: catalog.and_then(|catalog| catalog.problem),
            links: PAGES.map(link).into(),
            now: text::time(SystemTime::now()),
            is_live: true,
            has_actions: options.allows_actions(),
        }
    }

    /// For a page that answers a question.
    fn still(mut self) -> Self {
        self.is_live = false;
        self
    }
}

impl<T> From<&Seen<T>> for Source {
    fn from(seen: &Seen<T>) -> Self {
        let failure = seen.failure.as_ref();
        let message = |is_absent: bool| {
            let failure = failure.filter(|failure| failure.is_absent == is_absent);
            failure.map(|failure| failure.message.clone())
        };
        Self {
            is_pending: seen.value.is_none() && failure.is_none(),
            problem: message(false),
            absence: message(true),
            read: failure.and(seen.taken).map(text::time),
        }
    }
}

/// What is said when an address leads nowhere.
#[derive(Debug, Template)]
#[template(path = "missing.html")]
struct MissingPage {
    frame: Frame,
    what: String,
}

/// The answer to an unknown address.
pub(crate) async fn not_found(State(app): State<Arc<App>>) -> Response {
    missing(
        &app,
        "there is no such page; see the links above".to_owned(),
    )
}

fn missing(app: &App, what: String) -> Response {
    let frame = Frame::new(app, "Not found", "-").still();
    html(StatusCode::NOT_FOUND, &MissingPage { frame, what })
}

/// What is said when an action was not done.
#[derive(Debug, Template)]
#[template(path = "refused.html")]
struct RefusedPage {
    frame: Frame,
    problem: String,
}

/// The answer to an action that was not done.
pub(crate) fn refused(app: &App, status: StatusCode, problem: String) -> Response {
    let frame = Frame::new(app, "Not done", "-").still();
    html(status, &RefusedPage { frame, problem })
}

/// A page as a response.
pub(crate) fn html(status: StatusCode, page: &impl Template) -> Response {
    let kind = [(header::CONTENT_TYPE, "text/html; charset=utf-8")];
    match page.render() {
        Ok(text) => (status, kind, text).into_response(),
        Err(error) => {
            tracing::error!(%error, "a page of the dashboard could not be rendered");
            let status = StatusCode::INTERNAL_SERVER_ERROR;
            (status, "the page could not be rendered; see the log\n").into_response()
        }
    }
}
