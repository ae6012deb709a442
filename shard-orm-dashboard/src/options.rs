//! Who may read the page and act on it, and where it is mounted.

use std::net::IpAddr;

use shard_orm::migrate::{CheckModels, Migrations};

use crate::token::{Token, TokenError};
use crate::tokens::{Tokens, is_name};

/// The options of the page.
///
/// By default, requests are answered whose `Host` is a loopback name or address, without a token: for a server
/// on the loopback interface. Checking the host keeps a web site from reading the page through the browser of
/// an operator (DNS rebinding).
///
/// ```
/// use shard_orm_dashboard::{Options, Token};
///
/// # fn run() -> Result<(), shard_orm_dashboard::TokenError> {
/// let options = Options::new()
///     .host("ops.example.com")
///     .token(Token::new("4f1d7a1c90be5523aa07")?)
///     .mounted_at("/shards");
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone, Default)]
#[must_use]
pub struct Options {
    hosts: Vec<String>,
    pub(crate) tokens: Tokens,
    pub(crate) base: String,
    pub(crate) is_command: bool,
    pub(crate) wants_actions: bool,
    pub(crate) measures_sizes: bool,
    pub(crate) migrations: Option<Migrations>,
    pub(crate) models: Option<CheckModels>,
}

impl Options {
    /// The defaults.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a host name or address under which the page is reached, without a port.
    pub fn host(mut self, name: impl Into<String>) -> Self {
        self.hosts.push(name.into().to_ascii_lowercase());
        self
    }

    /// Requires this token of every request, or a [`named_token`](Self::named_token). Without one, whoever reaches the
    /// server reads the page.
    pub fn token(mut self, token: Token) -> Self {
        self.tokens.add(None, token);
        self
    }

    /// Accepts this token as that of a person, whose name the events of their [actions](Self::allow_actions) have.
    /// Called several times, for several.
    ///
    /// ```
    /// use shard_orm_dashboard::{Options, Token};
    ///
    /// # fn run() -> Result<(), shard_orm_dashboard::TokenError> {
    /// let options = Options::new()
    ///     .named_token("ann", Token::new("4f1d7a1c90be5523aa07")?)?
    ///     .named_token("ben", Token::new("9a3e51c7d20b8846ff10")?)?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// [`Name`](TokenError::Name) if the name is not 1 to 64 ASCII letters, digits, `_`, `.`, `-` and `@`.
    pub fn named_token(
        mut self,
        name: impl Into<String>,
        token: Token,
    ) -> Result<Self, TokenError> {
        let name = name.into();
        if !is_name(&name) {
            return Err(TokenError::Name);
        }
        self.tokens.add(Some(name), token);
        Ok(self)
    }

    /// Lets viewers pause, resume, throttle and abort jobs. It needs a [`token`](Self::token), and has no effect
    /// without one: whoever knows the token can act.
    ///
    /// Each action is an event of the catalog, by the holder of the token, or for a token without a name by the user of
    /// this process, as in `ann via dashboard`. A job that is
    /// resumed and that no process runs is run by this one: await [`settle`](crate::settle) before it exits.
    pub fn allow_actions(mut self) -> Self {
        self.wants_actions = true;
        self
    }

    /// Lets the page measure the [sizes of servers](shard_orm::Cluster::measure_server_sizes) while somebody looks, for
    /// a cluster of which no process does. Once an hour it asks each server, and writes a row into the catalog, whose
    /// tables it upgrades if they are of an earlier version. Without it, the page shows what the processes have
    /// measured, and how servers have grown since it was started.
    ///
    /// ```
    /// let options = shard_orm_dashboard::Options::new().measure_sizes();
    /// ```
    pub fn measure_sizes(mut self) -> Self {
        self.measures_sizes = true;
        self
    }

    /// The path below which the router is nested, such as `/ops`; the links of the pages begin with it.
    pub fn mounted_at(mut self, path: &str) -> Self {
        path.trim_end_matches('/').clone_into(&mut self.base);
        self
    }

    /// Says which migrations the files have. The page of a logical shard shows those that it lacks, and without files
    /// those that others of its group have and it lacks.
    pub fn migrations(mut self, migrations: Migrations) -> Self {
        self.migrations = Some(migrations);
        self
    }

    /// Compares the tables of a logical shard with these models, on its page. They are compared with those of other
    /// logical shards of its group too.
    ///
    /// ```
    /// # use shard_orm::Cluster;
    /// # use shard_orm::prelude::*;
    /// use shard_orm::migrate::check_models;
    /// use shard_orm_dashboard::Options;
    ///
    /// # #[derive(ShardModel)]
    /// # #[shard(group = "shop", table = "orders")]
    /// # struct Order {
    /// #     #[shard(primary_key)]
    /// #     id: i64,
    /// #     #[shard(key)]
    /// #     user_id: i64,
    /// # }
    /// fn options(cluster: &Cluster) -> Options {
    ///     Options::new().models(check_models(cluster).model::<Order>())
    /// }
    /// ```
    pub fn models(mut self, models: CheckModels) -> Self {
        self.models = Some(models);
        self
    }

    /// Says on the page that the process that serves it is a command, which sends no calls of an application.
    pub fn of_command(mut self) -> Self {
        self.is_command = true;
        self
    }

    /// The address of the first page.
    pub(crate) fn home(&self) -> &str {
        if self.base.is_empty() {
            "/"
        } else {
            &self.base
        }
    }

    /// Whether viewers can act.
    pub(crate) fn allows_actions(&self) -> bool {
        self.wants_actions && !self.tokens.is_empty()
    }

    /// Whether a page of this origin, such as `https://ops.example.com`, is one of the dashboard, which was asked for
    /// this host. Other ports of the loopback interface belong to others.
    pub(crate) fn is_own_origin(&self, origin: &str, host: &str) -> bool {
        let authority = origin
            .strip_prefix("https://")
            .or_else(|| origin.strip_prefix("http://"));
        authority.is_some_and(|authority| {
            let name = without_port(authority).to_ascii_lowercase();
            self.is_own_host(authority)
                && (authority.eq_ignore_ascii_case(host) || self.hosts.contains(&name))
        })
    }

    /// Whether a request for this host, with or without a port, is answered.
    pub(crate) fn is_own_host(&self, authority: &str) -> bool {
        let host = without_port(authority).to_ascii_lowercase();
        is_loopback(&host) || self.hosts.contains(&host)
    }
}

/// `[::1]:7070` is `::1`, and `localhost:7070` is `localhost`.
fn without_port(authority: &str) -> &str {
    if let Some(rest) = authority.strip_prefix('[') {
        return match rest.split_once(']') {
            Some((address, port)) if port.is_empty() || is_port(port) => address,
            _ => "",
        };
    }
    match authority.find(':') {
        None => authority,
        Some(at) if is_port(&authority[at..]) => &authority[..at],
        Some(_) => "",
    }
}

fn is_port(text: &str) -> bool {
    let port = text.strip_prefix(':');
    port.is_some_and(|port| port.len() <= 5 && port.bytes().all(|byte| byte.is_ascii_digit()))
}

fn is_loopback(host: &str) -> bool {
    let address = host.parse::<IpAddr>();
    host == "localhost" || address.is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_origin_of_the_request_or_of_a_named_host_is_own() {
        let options = Options::new().host("ops.example.com");
        for (origin, host, is_own) in [
            ("http://127.0.0.1:7070", "127.0.0.1:7070", true),
            ("http://LOCALHOST:7070", "localhost:7070", true),
            // A proxy that ends TLS may name its backend.
            ("https://ops.example.com", "127.0.0.1:7070", true),
            ("http://127.0.0.1:8080", "127.0.0.1:7070", false),
            ("http://localhost:7070", "127.0.0.1:7070", false),
            ("https://evil.example.com", "evil.example.com", false),
            ("null", "127.0.0.1:7070", false),
            ("", "", false),
            ("file://127.0.0.1:7070", "127.0.0.1:7070", false),
            ("http://127.0.0.1:7070/", "127.0.0.1:7070", false),
            (
                "https://ops.example.com.evil.test",
                "ops.example.com",
                false,
            ),
        ] {
            assert_eq!(
                options.is_own_origin(origin, host),
                is_own,
                "{origin} {host}"
            );
        }
    }

    #[test]
    fn only_loopback_and_named_hosts_are_own() {
        let options = Options::new().host("Ops.example.com").host("10.0.0.5");
        for own in [
            "localhost",
            "LOCALHOST:7070",
            "127.0.0.1",
            "127.0.0.1:7070",
            "[::1]:7070",
            "[::1]",
            "ops.example.com:443",
            "10.0.0.5:80",
        ] {
            assert!(options.is_own_host(own), "{own}");
        }
        for foreign in [
            "",
            "example.com",
            "ops.example.com.evil.test",
            "localhost.evil.test",
            "127.0.0.1.evil.test",
            "localhost:70:70",
            "localhost:port",
            "[::1]evil.test",
            "[::1",
            "user@localhost",
            "10.0.0.6",
            "0.0.0.0",
        ] {
            assert!(!options.is_own_host(foreign), "{foreign}");
        }
    }
}
