//! Actions on jobs: pause, resume, throttle, abort; and on plans: pause, resume, cancel.
//!
//! Called by forms on the page of moves. Each does what the commands `shard-orm job` and `shard-orm plan` do, and is an
//! event of the catalog. What does not come from such a form is refused.

use std::sync::Arc;
use std::time::Duration;

use axum::Extension;
use axum::Form;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use serde::Deserialize;
use shard_orm::reshard::{Cancel, Job, JobState, Pace, PlanState, Reshard, Wish};
use shard_orm::{Cluster, Error, ErrorKind};

use crate::App;
use crate::access::{Session, is_from_own_page};
use crate::pages;

/// What events and runners say beside the operator's name.
const PROGRAM: &str = "dashboard";
/// The attempts to run a job or plan that another process still holds. They last longer than its lease.
const ATTEMPTS: u32 = 20;
/// The pause between two attempts.
const PAUSE: Duration = Duration::from_secs(1);
/// The time between two looks of [`settle`].
const PERIOD: Duration = Duration::from_millis(200);
/// The longest time that [`settle`] waits.
const LONGEST: Duration = Duration::from_secs(60);

/// What a form sends.
#[derive(Deserialize, Default)]
#[serde(default)]
pub(crate) struct Fields {
    form: String,
    pace: String,
    confirmed: String,
    jobs: String,
}

impl std::fmt::Debug for Fields {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Fields(..)")
    }
}

/// What is done to a job.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Action {
    Pause,
    Resume,
    Throttle(Pace),
    Abort,
}

/// What is done to a plan.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum PlanAction {
    Pause,
    Resume,
    Cancel(Cancel),
}

/// Why nothing was done.
struct Refusal {
    status: StatusCode,
    problem: String,
}

/// Does what a form asks for, and leads back to the job.
pub(crate) async fn steer_job(
    State(app): State<Arc<App>>,
    Extension(session): Extension<Session>,
    Path((job, action)): Path<(String, String)>,
    headers: HeaderMap,
    Form(fields): Form<Fields>,
) -> Response {
    let done = async {
        check(&app, &session, &headers, &fields)?;
        let (job, action) = parse(&job, &action, &fields)?;
        act(reshard(&app, &session)?, job, action).await?;
        Ok::<_, Refusal>(job)
    };
    let done = done.await.map(|job| format!("job-{job}"));
    answer(&app, done).await
}

/// Does what a form asks for, and leads back to the plan.
pub(crate) async fn steer_plan(
    State(app): State<Arc<App>>,
    Extension(session): Extension<Session>,
    Path((plan, action)): Path<(String, String)>,
    headers: HeaderMap,
    Form(fields): Form<Fields>,
) -> Response {
    let done = async {
        check(&app, &session, &headers, &fields)?;
        let (plan, action) = parse_plan(&plan, &action, &fields)?;
        act_on_plan(reshard(&app, &session)?, plan, action).await?;
        Ok::<_, Refusal>(plan)
    };
    let done = done.await.map(|plan| format!("plan-{plan}"));
    answer(&app, done).await
}

/// Redirects to a part of the page of moves, or says why nothing was done. What the viewer has seen was old then: the page
/// is read again in both cases.
async fn answer(app: &App, done: Result<String, Refusal>) -> Response {
    tokio::join!(
        app.readings.jobs.expire(),
        app.readings.plans.expire(),
        app.readings.events.expire()
    );
    match done {
        Ok(part) => {
            let to = format!("{}/moves#{part}", app.options.base);
            (StatusCode::SEE_OTHER, [(header::LOCATION, to)]).into_response()
        }
        Err(Refusal { status, problem }) => pages::refused(app, status, problem),
    }
}

/// Whether the viewer may act, and has sent this form from a page of the dashboard.
fn check(
    app: &App,
    session: &Session,
    headers: &HeaderMap,
    fields: &Fields,
) -> Result<(), Refusal> {
    let forbidden = |problem: &str| Refusal {
        status: StatusCode::FORBIDDEN,
        problem: problem.to_owned(),
    };
    if !app.options.allows_actions() {
        return Err(forbidden(
            "this page is read-only; jobs can be steered if it is served with `--allow-actions` and \
             `--token-file`, and by `shard-orm job`",
        ));
    }
    if !is_from_own_page(&app.options, headers) {
        return Err(forbidden(
            "the request came from a page of another site; if the dashboard has this name too, name it with \
             `--host`",
        ));
    }
    if !session.is_form(&fields.form) {
        return Err(forbidden(
            "the form is not one of your session; go back to the moves, and try again",
        ));
    }
    Ok(())
}

fn missing() -> Refusal {
    Refusal {
        status: StatusCode::NOT_FOUND,
        problem: "there is no such action; a job can be paused, resumed, throttled and aborted, and a plan paused, \
                  resumed and cancelled"
            .to_owned(),
    }
}

fn unconfirmed(problem: &str) -> Refusal {
    Refusal {
        status: StatusCode::UNPROCESSABLE_ENTITY,
        problem: format!("{problem}; tick the box to confirm it"),
    }
}

fn parse(job: &str, action: &str, fields: &Fields) -> Result<(u64, Action), Refusal> {
    let job = job.parse().map_err(|_| missing())?;
    let action = match action {
        "pause" => Action::Pause,
        "resume" => Action::Resume,
        "throttle" => Action::Throttle(fields.pace.trim().parse()?),
        "abort" if fields.confirmed == "yes" => Action::Abort,
        "abort" => return Err(unconfirmed("an aborted job cannot be resumed")),
        _ => return Err(missing()),
    };
    Ok((job, action))
}

fn parse_plan(plan: &str, action: &str, fields: &Fields) -> Result<(u64, PlanAction), Refusal> {
    let plan = plan.parse().map_err(|_| missing())?;
    let action = match (action, &*fields.jobs) {
        ("pause", _) => PlanAction::Pause,
        ("resume", _) => PlanAction::Resume,
        ("cancel", _) if fields.confirmed != "yes" => {
            return Err(unconfirmed("a cancelled plan cannot be resumed"));
        }
        ("cancel", "abort") => PlanAction::Cancel(Cancel::Abort),
        ("cancel", "finish") => PlanAction::Cancel(Cancel::Finish),
        _ => return Err(missing()),
    };
    Ok((plan, action))
}

/// What acts under the name of the viewer.
fn reshard(app: &App, session: &Session) -> Result<Reshard, Error> {
    let reshard = app.readings.cluster.reshard()?;
    let holder = session.holder.as_ref();
    let reshard = match holder.and_then(|holder| holder.name.as_deref()) {
        Some(name) => reshard.operator(name),
        None => reshard,
    };
    Ok(reshard.via(PROGRAM))
}

async fn act(reshard: Reshard, job: u64, action: Action) -> Result<(), Error> {
    let job = match action {
        Action::Pause => return reshard.pause(job).await.map(drop),
        Action::Throttle(pace) => return reshard.throttle(job, pace).await.map(drop),
        Action::Resume => reshard.resume(job).await?,
        Action::Abort => reshard.abort(job).await?,
    };
    tokio::spawn(go_on(reshard, job.id));
    Ok(())
}

/// Runs a job unless another process does. Its runner may have been paused and be about to stop, or have died.
async fn go_on(reshard: Reshard, job: u64) {
    let mut is_free = false;
    for _ in 0..ATTEMPTS {
        match reshard.run(job).await {
            Err(error) if error.kind() == ErrorKind::Conflict && !is_free => {}
            Err(error) => {
                tracing::warn!(job, %error, "a job that was steered on the dashboard does not go on");
                return;
            }
            Ok(_) => return,
        }
        tokio::time::sleep(PAUSE).await;
        let Ok(seen) = reshard.job(job).await else {
            return;
        };
        let is_due = match seen.wish {
            Wish::Run => seen.state.is_before_switch(),
            Wish::Abort => seen.state.is_before_switch() || seen.state == JobState::Aborting,
            _ => false,
        };
        if !is_due {
            return;
        }
        is_free = seen.lease.is_zero();
    }
}

async fn act_on_plan(reshard: Reshard, plan: u64, action: PlanAction) -> Result<(), Error> {
    match action {
        PlanAction::Pause => return reshard.pause_plan(plan).await.map(drop),
        PlanAction::Resume => reshard.resume_plan(plan).await?,
        PlanAction::Cancel(how) => reshard.cancel_plan(plan, how).await?,
    };
    tokio::spawn(go_on_with_plan(reshard, plan));
    Ok(())
}

/// Runs a plan unless another process does; as [`go_on`].
async fn go_on_with_plan(reshard: Reshard, plan: u64) {
    let mut is_free = false;
    for _ in 0..ATTEMPTS {
        match reshard.run_plan(plan, |_| {}).await {
            Err(error) if error.kind() == ErrorKind::Conflict && !is_free => {}
            Err(error) => {
                tracing::warn!(plan, %error, "a plan that was steered on the dashboard does not go on");
                return;
            }
            Ok(_) => return,
        }
        tokio::time::sleep(PAUSE).await;
        let Ok(seen) = reshard.plan(plan).await else {
            return;
        };
        if seen.state == PlanState::Paused || seen.state.is_over() {
            return;
        }
        is_free = !seen.is_run();
    }
}

/// Waits until no job that was resumed or aborted on a dashboard holds up writes; for a minute at most. Await it before
/// the process ends that serves the page.
///
/// If the process ends in the middle of a switch, writes to that logical shard wait until another runner takes the job
/// over.
///
/// ```no_run
/// # async fn run(cluster: shard_orm::Cluster, listener: tokio::net::TcpListener) {
/// use shard_orm_dashboard::{Options, router, serve, settle};
///
/// # let end = std::future::pending::<()>();
/// serve(listener, router(&cluster, Options::new()), end).await;
/// settle(&cluster).await;
/// # }
/// ```
pub async fn settle(cluster: &Cluster) {
    let own = format!(" via {PROGRAM} ");
    let holds_up = |job: &Job| {
        matches!(
            job.state,
            JobState::Switching | JobState::Parting | JobState::Reversing | JobState::Aborting
        ) && !job.lease.is_zero()
            && job.owner.as_ref().is_some_and(|owner| owner.contains(&own))
    };
    let waiting = async {
        // Without a catalog there are no jobs; without an answer of it, nobody knows.
        while let Ok(reshard) = cluster.reshard()
            && let Ok(jobs) = reshard.jobs().await
            && jobs.iter().any(holds_up)
        {
            tokio::time::sleep(PERIOD).await;
        }
    };
    let _ = tokio::time::timeout(LONGEST, waiting).await;
}

impl From<Error> for Refusal {
    fn from(error: Error) -> Self {
        Self {
            status: match error.kind() {
                ErrorKind::NotFound => StatusCode::NOT_FOUND,
                ErrorKind::Conflict => StatusCode::CONFLICT,
                ErrorKind::Configuration => StatusCode::UNPROCESSABLE_ENTITY,
                _ => StatusCode::SERVICE_UNAVAILABLE,
            },
            problem: error.to_string(),
        }
    }
}
