//! Which requests are answered: by host, method, size, time and token.
//!
//! [`check`] runs for every request, [`authorize`] for all but the login and the assets.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};

use crate::App;
use crate::login;

/// The longest path with its parameters, in bytes.
const LONGEST_TARGET: usize = 2 * 1_024;
/// The longest time until a response begins. Every source has a shorter limit of its own.
const LIMIT: Duration = Duration::from_secs(30);
/// The cookie of a viewer who has logged in.
pub(crate) const COOKIE: &str = "shard_orm_dashboard";

/// The headers of every response. No script or style of a page itself is run, and nothing is loaded from
/// elsewhere.
const HEADERS: [(HeaderName, &str); 7] = [
    (
        header::CONTENT_SECURITY_POLICY,
        "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; \
         form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
    ),
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::X_FRAME_OPTIONS, "DENY"),
    (header::REFERRER_POLICY, "no-referrer"),
    (header::CACHE_CONTROL, "no-store"),
    (
        HeaderName::from_static("cross-origin-opener-policy"),
        "same-origin",
    ),
    (
        HeaderName::from_static("cross-origin-resource-policy"),
        "same-origin",
    ),
];

/// Refuses requests for foreign hosts, long ones, and methods that change something; limits the time; adds the
/// headers.
pub(crate) async fn check(State(app): State<Arc<App>>, request: Request, next: Next) -> Response {
    let mut response = match refusal(&app, &request) {
        Some(refused) => refused.into_response(),
        None => match tokio::time::timeout(LIMIT, next.run(request)).await {
            Ok(response) => response,
            Err(_) => (
                StatusCode::SERVICE_UNAVAILABLE,
                "no answer in time; try again\n",
            )
                .into_response(),
        },
    };
    for (name, value) in HEADERS {
        response
            .headers_mut()
            .insert(name, HeaderValue::from_static(value));
    }
    response
}

fn refusal(app: &App, request: &Request) -> Option<(StatusCode, &'static str)> {
    let target = request.uri().path_and_query();
    if target.is_some_and(|target| target.as_str().len() > LONGEST_TARGET) {
        return Some((StatusCode::URI_TOO_LONG, "the address is too long\n"));
    }
    if !is_for_own_host(app, request) {
        return Some((
            StatusCode::FORBIDDEN,
            "this host name is not one of the dashboard; name it with `--host` if it should be\n",
        ));
    }
    // Each route has its methods too; this one holds for all.
    if ![Method::GET, Method::HEAD, Method::POST].contains(request.method()) {
        return Some((
            StatusCode::METHOD_NOT_ALLOWED,
            "the dashboard is read-only\n",
        ));
    }
    None
}

/// Whether the one header `Host`, and the host of the address if it has one, are own.
fn is_for_own_host(app: &App, request: &Request) -> bool {
    let mut hosts = request.headers().get_all(header::HOST).iter();
    let named = match (hosts.next(), hosts.next()) {
        (Some(host), None) => host.to_str().ok(),
        _ => None,
    };
    let of_target = request.uri().authority();
    named.is_some_and(|host| app.options.is_own_host(host))
        && of_target.is_none_or(|host| app.options.is_own_host(host.as_str()))
}

/// Requires the token, if there is one.
pub(crate) async fn authorize(
    State(app): State<Arc<App>>,
    request: Request,
    next: Next,
) -> Response {
    if is_authorized(&app, request.headers()) {
        return next.run(request).await;
    }
    let mut response = login::form(&app, false);
    if request.headers().contains_key(header::AUTHORIZATION) {
        let how = HeaderValue::from_static("Bearer");
        response.headers_mut().insert(header::WWW_AUTHENTICATE, how);
    }
    response
}

fn is_authorized(app: &App, headers: &HeaderMap) -> bool {
    let Some(token) = &app.options.token else {
        return true;
    };
    let texts = |name| {
        let values = headers.get_all(name).iter();
        values.filter_map(|value| value.to_str().ok())
    };
    if let Some(given) = texts(header::AUTHORIZATION).next() {
        let given = given.split_once(' ');
        return given.is_some_and(|(scheme, given)| {
            scheme.eq_ignore_ascii_case("bearer") && token.is(given.trim())
        });
    }
    let mut cookies = texts(header::COOKIE)
        .flat_map(|cookies| cookies.split(';'))
        .filter_map(|cookie| cookie.trim().split_once('='));
    cookies.any(|(name, value)| name == COOKIE && token.is_session(value))
}
