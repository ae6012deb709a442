//! A web page that shows the state of a cluster of shard-orm. It is read-only, unless [`Options::allow_actions`] lets
//! viewers steer jobs, or [`Options::measure_sizes`] lets it keep the sizes of servers.
//!
//! The command `shard-orm dashboard` serves it. An application can mount [`router`] next to its own routes, and
//! the page then shows the calls of that application too:
//!
//! ```
//! use shard_orm::Cluster;
//! use shard_orm_dashboard::{Options, router};
//!
//! fn routes(cluster: &Cluster) -> axum::Router {
//!     let options = Options::new().mounted_at("/ops");
//!     axum::Router::new().nest("/ops", router(cluster, options))
//! }
//! ```
//!
//! The pages are HTML that is rendered here; a small script brings them up to date every two seconds, and they
//! work without it. Nothing is fetched from elsewhere. All viewers share one reading of each source, whose
//! errors are a part of the page: see [`Options`] for who may read it.
//!
//! ```text
//! pages      one file for each page: its data, and how they follow from the readings
//! readings   what is asked of the cluster, shared by all viewers
//! access     which requests are answered
//! actions    what forms do to jobs and plans
//! serve      the HTTP server of the command
//! ```

mod access;
mod actions;
mod assets;
mod bind;
mod calls;
mod chart;
mod course;
mod login;
mod options;
mod pages;
mod per_shard;
mod reading;
mod readings;
mod serve;
mod sizes;
mod text;
mod token;
mod tokens;
mod watch;

use std::sync::Arc;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::middleware::from_fn_with_state;
use axum::routing::{get, post};
use shard_orm::Cluster;

pub use self::actions::settle;
pub use self::bind::check_bind;
pub use self::options::Options;
pub use self::serve::serve;
pub use self::token::{Token, TokenError};

use self::readings::Readings;

/// The longest body of a request in bytes: only forms have one.
const LONGEST_BODY: usize = 4 * 1_024;

/// What the handlers of requests share.
#[derive(Debug)]
struct App {
    readings: Readings,
    options: Options,
}

/// The pages of a cluster. Nothing is asked of its servers until a page is.
///
/// Every request is checked as [`Options`] says. To mount it below a path, say so with
/// [`mounted_at`](Options::mounted_at). See the crate's documentation for an example.
pub fn router(cluster: &Cluster, options: Options) -> Router {
    let app = Arc::new(App {
        readings: Readings::new(cluster, &options),
        options,
    });
    let authorized = Router::new()
        .route("/", get(pages::cluster::show))
        .route("/shard/{group}/{shard}", get(pages::shard::show))
        .route("/moves", get(pages::moves::show))
        .route("/traffic", get(pages::traffic::show))
        .route("/processes", get(pages::processes::show))
        .route("/topology", get(pages::topology::show))
        .route("/static", get(pages::statics::show))
        .route("/ask", get(pages::ask::show))
        .route("/job/{job}/{action}", post(actions::steer_job))
        .route("/plan/{plan}/{action}", post(actions::steer_plan))
        .fallback(pages::not_found)
        .layer(from_fn_with_state(Arc::clone(&app), access::authorize));
    Router::new()
        .route("/login", post(login::log_in))
        .route("/assets/style.css", get(assets::style))
        .route("/assets/live.js", get(assets::script))
        .merge(authorized)
        .layer(DefaultBodyLimit::max(LONGEST_BODY))
        .layer(from_fn_with_state(Arc::clone(&app), access::check))
        .with_state(app)
}
