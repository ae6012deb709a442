//! The form that takes the token, and answers with a cookie.

use std::fmt;
use std::sync::Arc;

use askama::Template;
use axum::Form;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use serde::Deserialize;

use crate::App;
use crate::access::COOKIE;
use crate::pages::html;

/// The page with the form.
#[derive(Debug, Template)]
#[template(path = "login.html")]
struct LoginPage<'a> {
    /// The path below which the pages are.
    base: &'a str,
    /// Whether a wrong token was sent.
    was_wrong: bool,
}

/// What the form sends.
#[derive(Deserialize)]
pub(crate) struct Login {
    token: String,
}

impl fmt::Debug for Login {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Login(..)")
    }
}

/// The form, for a request without the token.
pub(crate) fn form(app: &App, was_wrong: bool) -> Response {
    let base = &app.options.base;
    html(StatusCode::UNAUTHORIZED, &LoginPage { base, was_wrong })
}

/// Sets the cookie if the token is right. Scripts do not see it, and other sites cannot have it sent.
pub(crate) async fn log_in(State(app): State<Arc<App>>, Form(login): Form<Login>) -> Response {
    let to = app.options.home().to_owned();
    let tokens = &app.options.tokens;
    if tokens.is_empty() {
        return (StatusCode::SEE_OTHER, [(header::LOCATION, to)]).into_response();
    }
    let Some(holder) = tokens.holder(login.token.trim()) else {
        return form(&app, true);
    };
    let cookie = format!(
        "{COOKIE}={}; Path={to}; HttpOnly; SameSite=Strict",
        holder.token.begin_session()
    );
    let headers = [(header::LOCATION, to), (header::SET_COOKIE, cookie)];
    (StatusCode::SEE_OTHER, headers).into_response()
}
