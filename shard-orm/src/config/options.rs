//! The session options of a connection.

use std::collections::BTreeMap;

use super::Report;
use crate::backend::settings::{
    refused_charset, refused_collation, refused_mode, refused_setting, refused_zone,
};
use crate::dialect::Dialect;

/// Session options, which every new connection sets.
///
/// An option that the database does not have is an error. Each session also has the settings on
/// which the library relies, listed in the guide under "What each session is set to"; options that
/// would change one of them are configuration errors.
///
/// ```
/// use shard_orm::config::DatabaseOptions;
///
/// let postgres = DatabaseOptions::new().time_zone("UTC").setting("work_mem", "64MB");
/// let mysql = DatabaseOptions::new().sql_mode("TRADITIONAL").charset("utf8mb4");
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct DatabaseOptions {
    pub(crate) sql_mode: Option<String>,
    pub(crate) charset: Option<String>,
    pub(crate) collation: Option<String>,
    pub(crate) time_zone: Option<String>,
    pub(crate) settings: BTreeMap<String, String>,
}

impl DatabaseOptions {
    /// No options: the server's defaults.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds modes to the `sql_mode` of MySQL and MariaDB, separated by commas. The strict modes are
    /// always set.
    #[must_use]
    pub fn sql_mode(mut self, sql_mode: impl Into<String>) -> Self {
        self.sql_mode = Some(sql_mode.into());
        self
    }

    /// Sets the character set of MySQL and MariaDB; only `utf8mb4`, which is the default, is
    /// allowed.
    #[must_use]
    pub fn charset(mut self, charset: impl Into<String>) -> Self {
        self.charset = Some(charset.into());
        self
    }

    /// Sets the collation of literals on MySQL and MariaDB, one of `utf8mb4`.
    #[must_use]
    pub fn collation(mut self, collation: impl Into<String>) -> Self {
        self.collation = Some(collation.into());
        self
    }

    /// Sets the session's time zone: a name like `Europe/Berlin` or an offset like `+02:00` on
    /// PostgreSQL; only UTC on MySQL and MariaDB.
    #[must_use]
    pub fn time_zone(mut self, time_zone: impl Into<String>) -> Self {
        self.time_zone = Some(time_zone.into());
        self
    }

    /// Sets a run-time parameter of PostgreSQL.
    #[must_use]
    pub fn setting(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.settings.insert(name.into(), value.into());
        self
    }

    /// Fills unset fields from `lower`.
    pub(crate) fn over(&self, lower: &Self) -> Self {
        let mut settings = lower.settings.clone();
        settings.extend(self.settings.clone());
        let first =
            |own: &Option<String>, other: &Option<String>| own.as_ref().or(other.as_ref()).cloned();
        Self {
            sql_mode: first(&self.sql_mode, &lower.sql_mode),
            charset: first(&self.charset, &lower.charset),
            collation: first(&self.collation, &lower.collation),
            time_zone: first(&self.time_zone, &lower.time_zone),
            settings,
        }
    }

    /// Reports malformed options and those that the database does not have. Values are not
    /// repeated: they may come from the environment.
    pub(crate) fn check(&self, dialect: Option<Dialect>, path: &str, report: &mut Report) {
        let capability = dialect.map(Dialect::capability);
        let has_modes = capability.is_none_or(|capability| capability.sql_modes);
        let has_zones = capability.is_none_or(|capability| capability.time_zones);
        let word: fn(char) -> bool = |c| c.is_ascii_alphanumeric() || c == '_';
        let modes: fn(char) -> bool = |c| c.is_ascii_alphanumeric() || "_,".contains(c);
        let zone: fn(char) -> bool = |c| c.is_ascii_alphanumeric() || "_+-/:".contains(c);
        let own = [
            (
                "sql_mode",
                &self.sql_mode,
                has_modes,
                modes,
                "letters, digits, `_` and commas",
                true,
            ),
            (
                "charset",
                &self.charset,
                has_modes,
                word,
                "letters, digits and `_`",
                false,
            ),
            (
                "collation",
                &self.collation,
                has_modes,
                word,
                "letters, digits and `_`",
                false,
            ),
            (
                "time_zone",
                &self.time_zone,
                has_zones,
                zone,
                "letters, digits, `_`, `+`, `-`, `/` and `:`",
                false,
            ),
        ];
        for (key, value, is_known, allowed, words, may_be_empty) in own {
            let Some(value) = value else { continue };
            let at = format!("{path}.{key}");
            if let Some(dialect) = dialect.filter(|_| !is_known) {
                report.add(&at, format!("{dialect} has no such option; remove `{key}`"));
            } else if !value.chars().all(allowed) || (value.is_empty() && !may_be_empty) {
                report.add(
                    &at,
                    format!("the value is not a valid {key}; it must consist of {words}"),
                );
            } else if let Some(reason) = match key {
                "sql_mode" => refused_mode(value),
                "charset" => refused_charset(value),
                "collation" => refused_collation(value),
                _ => dialect.and_then(|dialect| refused_zone(dialect, value)),
            } {
                report.add(&at, reason);
            }
        }
        for (name, value) in &self.settings {
            let at = format!("{path}.settings.{name}");
            if let Some(dialect) =
                dialect.filter(|dialect| !dialect.capability().run_time_parameters)
            {
                report.add(
                    &at,
                    format!(
                        "settings are run-time parameters of PostgreSQL, which {dialect} does \
                         not have; remove them"
                    ),
                );
            } else if !is_setting_name(name) {
                report.add(
                    &at,
                    "not a valid name of a setting; it begins with a letter or `_` and continues \
                     with letters, digits, `_` and `.`",
                );
            } else if value.contains('\0') {
                report.add(&at, "the value contains a NUL character; remove it");
            } else if let Some(reason) = refused_setting(name, value) {
                report.add(&at, reason);
            }
        }
    }
}

fn is_setting_name(name: &str) -> bool {
    name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && name
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || "_.".contains(c))
}
