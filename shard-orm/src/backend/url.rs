//! The form of the URLs of each server: schemes, parameters and default port.
//!
//! Asked by `config`, which checks URLs before a driver reads them.

use crate::dialect::Dialect;

/// The form of the URLs of one kind of server.
#[derive(Debug)]
pub(crate) struct UrlForm {
    pub(crate) dialect: Dialect,
    /// The schemes, that of messages first.
    pub(crate) schemes: &'static [&'static str],
    /// The parameters that its driver knows.
    pub(crate) parameters: &'static [&'static str],
    /// The start of the names of further parameters, as in `options[name]`.
    prefix: Option<&'static str>,
    pub(crate) port: &'static str,
    /// A database is a namespace beside others of the server. Otherwise it contains namespaces.
    pub(crate) database_is_namespace: bool,
}

const FORMS: [UrlForm; 2] = [
    UrlForm {
        dialect: Dialect::Postgres,
        schemes: &["postgres", "postgresql"],
        parameters: POSTGRES_PARAMETERS,
        prefix: Some("options["),
        port: "5432",
        database_is_namespace: false,
    },
    UrlForm {
        dialect: Dialect::MySql,
        schemes: &["mysql", "mariadb"],
        parameters: MYSQL_PARAMETERS,
        prefix: None,
        port: "3306",
        database_is_namespace: true,
    },
];

const POSTGRES_PARAMETERS: &[&str] = &[
    "sslmode",
    "ssl-mode",
    "sslrootcert",
    "ssl-root-cert",
    "ssl-ca",
    "sslcert",
    "ssl-cert",
    "sslkey",
    "ssl-key",
    "host",
    "hostaddr",
    "port",
    "dbname",
    "user",
    "password",
    "application_name",
    "options",
];
const MYSQL_PARAMETERS: &[&str] = &[
    "sslmode",
    "ssl-mode",
    "sslca",
    "ssl-ca",
    "sslcert",
    "ssl-cert",
    "sslkey",
    "ssl-key",
    "charset",
    "collation",
    "socket",
    "timezone",
    "time-zone",
];

impl UrlForm {
    /// The form of the URLs with this scheme; `None` where no server has it.
    pub(crate) fn of_scheme(scheme: &str) -> Option<&'static Self> {
        const { &FORMS }
            .iter()
            .find(|form| form.schemes.contains(&scheme))
    }

    /// Returns whether the driver knows a parameter of this name.
    pub(crate) fn knows(&self, parameter: &str) -> bool {
        self.parameters.contains(&parameter)
            || self
                .prefix
                .is_some_and(|prefix| parameter.starts_with(prefix))
    }
}
