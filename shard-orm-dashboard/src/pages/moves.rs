//! The page of moves, splits and merges, and of the events of the cluster.

use std::sync::Arc;
use std::time::Duration;

use askama::Template;
use axum::Extension;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use shard_orm::catalog::Event;
use shard_orm::reshard::{Job, JobState, Pace, Part, Wish};

use super::plans::{PlanView, views};
use super::{Frame, Source, html};
use crate::App;
use crate::access::Session;
use crate::course::{Line, rates};
use crate::readings::{Course, Jobs};
use crate::text;

/// The most jobs on the page that are over.
const PAST: usize = 50;
/// The time over which each rate of a line is measured: jobs record their progress every few seconds.
const RATE: Duration = Duration::from_secs(10);

/// A job.
#[derive(Debug)]
pub(super) struct JobView {
    pub(super) id: u64,
    /// `move`, `split`, ..
    pub(super) what: String,
    /// `a → b`.
    pub(super) way: String,
    /// The pages of its logical shards, by number.
    pub(super) group: String,
    pub(super) shards: Vec<u32>,
    pub(super) state: String,
    /// `good`, `bad` or `unknown`.
    pub(super) class: &'static str,
    /// Rows that were copied of those that were estimated.
    pub(super) rows: String,
    /// In percent, while rows are copied.
    pub(super) progress: Option<u64>,
    pub(super) rate: String,
    pub(super) left: String,
    pub(super) changes: String,
    pub(super) pause: String,
    pub(super) pace: String,
    /// The pace as it is entered.
    pub(super) pace_value: String,
    pub(super) runner: String,
    pub(super) message: String,
    /// Why rows are copied slower than they could be.
    pub(super) slower: String,
    pub(super) since: String,
    pub(super) by: String,
    /// How long each state lasted.
    pub(super) times: String,
    pub(super) can: Actions,
    /// Rate and backlog over time.
    pub(super) lines: Vec<Line>,
}

/// What a viewer can do to a job.
#[derive(Debug)]
pub(super) struct Actions {
    pub(super) pause: bool,
    pub(super) resume: bool,
    pub(super) throttle: bool,
    pub(super) abort: bool,
}

/// An event.
#[derive(Debug)]
pub(super) struct EventView {
    pub(super) number: u64,
    pub(super) at: String,
    pub(super) kind: String,
    pub(super) actor: String,
    pub(super) epoch: u64,
    pub(super) message: String,
}

#[derive(Debug, Template)]
#[template(path = "moves.html")]
struct MovesPage {
    frame: Frame,
    jobs: Source,
    running: Vec<JobView>,
    past: Vec<JobView>,
    /// The number of past jobs that are left out.
    left_out: usize,
    is_read: bool,
    plans: Source,
    stored: Vec<PlanView>,
    events: Source,
    latest: Vec<EventView>,
    /// Under which name the viewer acts; empty for a token without a name.
    actor: String,
    /// What forms carry; empty if there are none.
    form: String,
}

pub(crate) async fn show(
    State(app): State<Arc<App>>,
    Extension(session): Extension<Session>,
) -> Response {
    let (jobs, plans, events) = tokio::join!(
        app.readings.jobs.get(),
        app.readings.plans.get(),
        app.readings.events.get()
    );
    let job_views = jobs.value.as_deref().map(all).unwrap_or_default();
    let (past, running): (Vec<_>, Vec<_>) =
        job_views.into_iter().partition(|(is_over, _)| *is_over);
    let of_jobs = |of: Vec<(bool, JobView)>| of.into_iter().map(|(_, view)| view);
    let latest = events.value.iter().flat_map(|events| events.iter());
    let options = &app.options;
    let holder = session.holder.as_ref();
    let actor = holder.and_then(|holder| holder.name.clone());
    let page = MovesPage {
        frame: Frame::new(&app, "Moves", "/moves"),
        jobs: Source::from(&jobs),
        running: of_jobs(running).collect(),
        left_out: past.len().saturating_sub(PAST),
        past: of_jobs(past).take(PAST).collect(),
        is_read: jobs.value.is_some(),
        plans: Source::from(&plans),
        stored: plans
            .value
            .as_deref()
            .map_or_else(Vec::new, |plans| views(plans)),
        events: Source::from(&events),
        latest: latest.map(EventView::from).collect(),
        actor: actor
            .filter(|_| options.allows_actions())
            .unwrap_or_default(),
        form: match options.allows_actions() {
            true => session.form(),
            false => String::new(),
        },
    };
    html(StatusCode::OK, &page)
}

/// Each job, and whether it is over.
fn all(jobs: &Jobs) -> Vec<(bool, JobView)> {
    let view = |job: &Job| {
        let rate = jobs.rates.get(&job.id).copied();
        let mut view = JobView::new(job, rate);
        let course = jobs.courses.get(&job.id);
        view.lines = course.map(lines).unwrap_or_default();
        (job.state.is_over(), view)
    };
    jobs.jobs.iter().map(view).collect()
}

/// The lines of what was seen.
fn lines(course: &Course) -> Vec<Line> {
    let title = |what: &str, over: Duration, most: u64| {
        let (over, most) = (text::duration(over), text::number(most));
        format!("{what} in the last {over}, up to {most}")
    };
    let rate = Line::new(&rates(&course.rows, RATE), |over, most| {
        title("Rows in a second", over, most)
    });
    let backlog = Line::new(&course.backlog, |over, most| {
        title("Waiting changes", over, most)
    });
    rate.into_iter().chain(backlog).collect()
}

impl JobView {
    pub(super) fn new(job: &Job, rate: Option<u64>) -> Self {
        let copied = &job.copied;
        let is_copying = job.state == JobState::Copying;
        let rate = rate.filter(|_| is_copying);
        let rest = copied.estimated_rows.saturating_sub(copied.rows);
        let left = rate.filter(|rate| *rate > 0).map(|rate| rest / rate);
        let times = copied.milliseconds.iter().map(|(state, millis)| {
            format!("{state} {}", text::duration(Duration::from_millis(*millis)))
        });
        let mut shards: Vec<u32> = parts(job).map(|part| part.shard).collect();
        shards.sort_unstable();
        shards.dedup();
        Self {
            id: job.id,
            what: job.kind.to_string(),
            way: format!("{} → {}", servers(&job.sources), servers(&job.targets)),
            group: job.group.clone(),
            shards,
            state: match job.wish.name() {
                wish @ ("pause" | "abort") if !job.state.is_over() => {
                    format!("{}, asked to {wish}", job.state)
                }
                _ => job.state.to_string(),
            },
            class: match job.state {
                JobState::Aborted => "unknown",
                state if state.is_over() => "good",
                _ if job.lease.is_zero() && job.state != JobState::Holding => "bad",
                _ => "unknown",
            },
            rows: format!(
                "{} of about {}",
                text::number(copied.rows),
                text::number(copied.estimated_rows.max(copied.rows))
            ),
            progress: text::percent(copied.rows, copied.estimated_rows)
                .filter(|_| is_copying)
                .map(|percent| percent.min(100)),
            rate: rate.map_or_else(String::new, |rate| format!("{} rows/s", text::number(rate))),
            left: left.map_or_else(String::new, |left| {
                text::duration(Duration::from_secs(left))
            }),
            changes: format!(
                "{} applied, {} waiting",
                text::number(copied.changes),
                text::number(copied.backlog)
            ),
            pause: copied.pause.map_or_else(String::new, text::duration),
            pace: match job.pace {
                Pace::Gentle => "gentle: gives way to calls and to replicas that lag".to_owned(),
                Pace::RowsPerSecond(rows) => format!("at most {} rows/s", text::number(rows)),
                Pace::Full => "full".to_owned(),
                other => other.to_string(),
            },
            pace_value: job.pace.to_string(),
            runner: match &job.owner {
                Some(owner) if !job.lease.is_zero() => owner.clone(),
                _ => "none".to_owned(),
            },
            message: job.message.clone(),
            slower: job
                .throttling()
                .map_or_else(String::new, ToString::to_string),
            since: text::time(job.changed_at),
            by: job.created_by.clone(),
            times: times.collect::<Vec<_>>().join(", "),
            can: Actions::on(job),
            lines: Vec::new(),
        }
    }
}

impl Actions {
    fn on(job: &Job) -> Self {
        let can_rest = job.state < JobState::Switching;
        let is_idle = job.wish == Wish::Pause || job.lease.is_zero();
        let is_aborted = job.wish == Wish::Abort;
        Self {
            pause: can_rest && job.wish == Wish::Run,
            resume: can_rest && is_idle && !is_aborted,
            throttle: can_rest,
            abort: job.state.is_before_switch() && !is_aborted,
        }
    }

    pub(super) fn any(&self) -> bool {
        self.pause || self.resume || self.throttle || self.abort
    }
}

/// The ends of a job.
pub(super) fn parts(job: &Job) -> impl Iterator<Item = &Part> {
    job.sources.iter().chain(&job.targets)
}

fn servers(parts: &[Part]) -> String {
    let mut servers: Vec<&str> = parts.iter().map(|part| part.server.as_str()).collect();
    servers.dedup();
    servers.join(", ")
}

impl From<&Event> for EventView {
    fn from(event: &Event) -> Self {
        Self {
            number: event.number,
            at: text::time(event.at),
            kind: event.kind.clone(),
            actor: event.actor.clone(),
            epoch: event.epoch,
            message: event.message.clone(),
        }
    }
}
