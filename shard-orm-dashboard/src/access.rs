//! Which requests are answered: by host, method, size, time and token, and by origin those that change something.
//!
//! [`check`] runs for every request, [`authorize`] for all but the login and the assets, [`is_from_own_page`] for
//! actions.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};

use crate::App;
use crate::login;
use crate::options::Options;
use crate::tokens::Holder;

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
    // With `no-referrer`, browsers would send forms with the origin `null`.
    (header::REFERRER_POLICY, "same-origin"),
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
            "the dashboard has no such method\n",
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

/// Whether a request comes from a page of the dashboard, as far as its headers say: by `Origin`, which browsers send with
/// each form, or without it by `Sec-Fetch-Site`. Programs send neither.
pub(crate) fn is_from_own_page(options: &Options, headers: &HeaderMap) -> bool {
    let text = |name: HeaderName| {
        let mut values = headers.get_all(name).iter();
        let first = values.next();
        (first, values.next().is_some())
    };
    let host = headers.get(header::HOST);
    let host = host.and_then(|host| host.to_str().ok()).unwrap_or_default();
    match text(header::ORIGIN) {
        (_, true) => false,
        (Some(origin), false) => origin
            .to_str()
            .is_ok_and(|origin| options.is_own_origin(origin, host)),
        (None, false) => match text(HeaderName::from_static("sec-fetch-site")) {
            (None, _) => true,
            (Some(site), is_repeated) => site == "same-origin" && !is_repeated,
        },
    }
}

/// The session of the viewer.
#[derive(Debug, Clone)]
pub(crate) struct Session {
    /// The value of the cookie, or empty.
    pub(crate) cookie: String,
    /// Whose token it is; `None` without one.
    pub(crate) holder: Option<Holder>,
}

impl Session {
    /// What the forms of the session carry; empty without a token.
    pub(crate) fn form(&self) -> String {
        let holder = self.holder.as_ref();
        holder.map_or_else(String::new, |holder| holder.token.form(&self.cookie))
    }

    /// Whether this is what the forms of the session carry.
    pub(crate) fn is_form(&self, text: &str) -> bool {
        let holder = self.holder.as_ref();
        holder.is_some_and(|holder| holder.token.is_form(&self.cookie, text))
    }
}

/// Requires the token, if there is one; adds the session.
pub(crate) async fn authorize(
    State(app): State<Arc<App>>,
    mut request: Request,
    next: Next,
) -> Response {
    if let Some(session) = session(&app, request.headers()) {
        request.extensions_mut().insert(session);
        return next.run(request).await;
    }
    let mut response = login::form(&app, false);
    if request.headers().contains_key(header::AUTHORIZATION) {
        let how = HeaderValue::from_static("Bearer");
        response.headers_mut().insert(header::WWW_AUTHENTICATE, how);
    }
    response
}

/// The session of a request, if it has the token, or needs none.
fn session(app: &App, headers: &HeaderMap) -> Option<Session> {
    let tokens = &app.options.tokens;
    if tokens.is_empty() {
        return Some(Session {
            cookie: String::new(),
            holder: None,
        });
    }
    let of = |cookie: &str, holder: &Holder| Session {
        cookie: cookie.to_owned(),
        holder: Some(holder.clone()),
    };
    let texts = |name| {
        let values = headers.get_all(name).iter();
        values.filter_map(|value| value.to_str().ok())
    };
    if let Some(given) = texts(header::AUTHORIZATION).next() {
        let (scheme, given) = given.split_once(' ')?;
        let is_bearer = scheme.eq_ignore_ascii_case("bearer");
        let holder = tokens.holder(given.trim()).filter(|_| is_bearer);
        return holder.map(|holder| of("", holder));
    }
    let cookies = texts(header::COOKIE)
        .flat_map(|cookies| cookies.split(';'))
        .filter_map(|cookie| cookie.trim().split_once('='));
    let mut own = cookies.filter(|(name, _)| *name == COOKIE);
    own.find_map(|(_, value)| {
        let holder = tokens.holder_of_session(value);
        holder.map(|holder| of(value, holder))
    })
}
