//! The settings of each session of PostgreSQL, whatever the settings of the server, the database or
//! the role are.
//!
//! Sent by `postgres::connect` as one text, so that it takes one round trip and no prepared
//! statement. The guide lists each setting with its reason.

use sqlx::{AssertSqlSafe, Executor as _, PgConnection, Row as _};

use crate::backend::session::Session;
use crate::backend::settings::POSTGRES;

/// The value of `extra_float_digits` that the start of a session requests. No server has it by
/// default, and the session changes it at once: a session that begins with another value was not
/// started for this client.
pub(super) const MARK: i8 = -11;

/// The interval at which a server checks during a statement whether its client is still connected.
/// By default it does not. Known from version 14 on.
const CLIENT_CHECK: (&str, &str) = ("client_connection_check_interval", "1s");

/// `IF NOT EXISTS` sends a notice for each object that exists, and drivers log it.
const QUIET: (&str, &str) = ("client_min_messages", "warning");

/// The state of a session before it is initialized.
#[derive(Debug, Clone, Copy)]
pub(super) struct Begun {
    /// Whether it has the mark that this client has requested.
    pub(super) marked: bool,
    /// The age of its server process in seconds, by the server's clock.
    pub(super) age: f64,
}

/// The text that initializes a session. Settings that have their value already are not set: only
/// administrators may set some of them.
pub(super) fn text(session: &Session) -> String {
    let mut settings: Vec<(&str, String)> = Vec::new();
    for (name, value) in &session.settings {
        settings.push((name, value.clone()));
    }
    let is_chosen = |name: &str| {
        let mut chosen = session.settings.iter();
        chosen.any(|(own, _)| own.eq_ignore_ascii_case(name))
    };
    if let Some(zone) = &session.time_zone {
        settings.push(("TimeZone", zone.clone()));
    }
    if let Some(limit) = session.statement_timeout {
        settings.push(("statement_timeout", format!("{}ms", limit.as_millis())));
    }
    let defaults = [CLIENT_CHECK, QUIET];
    let own = POSTGRES
        .iter()
        .map(|own| (own.name, own.value))
        .chain(defaults.into_iter().filter(|(name, _)| !is_chosen(name)));
    let chosen: Vec<String> = settings
        .iter()
        .map(|(name, value)| row(name, value, false))
        .collect();
    let rows: Vec<String> = own
        .map(|(name, value)| row(name, value, true))
        .chain(chosen)
        .collect();
    format!(
        "SELECT current_setting('extra_float_digits') = '{MARK}', \
         extract(epoch FROM clock_timestamp() - backend_start)::text \
         FROM pg_stat_get_activity(pg_backend_pid()); \
         SELECT set_config(name, value, false) FROM (VALUES {}) AS setting (name, value, own) \
         WHERE NOT own OR current_setting(name, true) <> value",
        rows.join(", ")
    )
}

fn row(name: &str, value: &str, own: bool) -> String {
    format!("({}, {}, {own})", literal(name), literal(value))
}

/// A string literal that has the same meaning for each value of `standard_conforming_strings`.
fn literal(text: &str) -> String {
    format!("E'{}'", text.replace('\\', r"\\").replace('\'', "''"))
}

/// Initializes a session.
pub(super) async fn set_up(
    connection: &mut PgConnection,
    text: &str,
) -> std::result::Result<Begun, sqlx::Error> {
    let rows = connection
        .fetch_all(sqlx::raw_sql(AssertSqlSafe(text.to_owned())))
        .await?;
    let first = rows.first().ok_or(sqlx::Error::RowNotFound)?;
    let age: Option<String> = first.try_get(1)?;
    Ok(Begun {
        marked: first.try_get::<Option<bool>, _>(0)? == Some(true),
        age: age.and_then(|age| age.parse().ok()).unwrap_or(0.0),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_literal_does_not_depend_on_how_the_server_reads_backslashes() {
        assert_eq!(literal(r"a'b\c"), r"E'a''b\\c'");
    }
}
