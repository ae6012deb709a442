//! The URL of a primary or replica, and its label without the password.

use std::fmt;
use std::net::Ipv6Addr;
use std::path::{Component, Path, PathBuf};

use crate::backend::UrlForm;
use crate::backend::settings::refused_parameter;
use crate::dialect::Dialect;

/// A URL as configured. It may hold a password, so its `Debug` output is its [`label`].
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Address {
    url: String,
}

/// The database that a URL points to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Location {
    pub(crate) dialect: Dialect,
    /// Equal for two URLs of one database.
    pub(crate) identity: String,
    /// Equal for two URLs that share the names of namespaces: a database of PostgreSQL, a server of
    /// MySQL, a folder of SQLite.
    pub(crate) container: String,
    /// For a named database: the container in which the URL itself occupies a name, and that name:
    /// a database of MySQL, a file of SQLite.
    pub(crate) occupied: Option<(String, String)>,
    /// The path of a SQLite URL, decoded and joined with its base folder.
    pub(crate) path: Option<PathBuf>,
}

impl Address {
    pub(crate) fn new(url: impl Into<String>) -> Self {
        Self { url: url.into() }
    }

    /// The URL as configured, with its password.
    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    /// The scheme, user, host and path, which may be shown. For a malformed URL it shows too little
    /// rather than a part of the password: everything up to the last `@` counts as user and
    /// password, and everything after a `?` or `#` is omitted.
    pub(crate) fn label(&self) -> String {
        let Some((scheme, rest)) = self.url.split_once("://") else {
            return "(no URL)".to_owned();
        };
        let (login, place) = match rest.rsplit_once('@') {
            Some((login, place)) => (Some(login), place),
            None => (None, rest),
        };
        let place = place.split(['?', '#']).next().unwrap_or_default();
        match login.map(|login| login.split_once(':').unwrap_or((login, ""))) {
            None => format!("{scheme}://{place}"),
            Some((user, "")) => format!("{scheme}://{user}@{place}"),
            Some((user, _)) => format!("{scheme}://{user}:***@{place}"),
        }
    }

    /// Parses the URL. The error says what is wrong without repeating a secret. Relative SQLite
    /// paths are resolved against `folder`.
    pub(crate) fn locate(&self, folder: Option<&Path>) -> Result<Location, String> {
        if self.url.starts_with("sqlite:") && self.url.contains("memory") && is_in_memory(&self.url)
        {
            return Err(
                "an in-memory SQLite database would be separate for each connection; name a file \
                 or folder"
                    .to_owned(),
            );
        }
        let known = "begin with postgres://, mysql://, mariadb:// or sqlite://";
        let Some((scheme, rest)) = self.url.split_once("://") else {
            return Err(format!("no URL; {known}"));
        };
        if let Some(form) = UrlForm::of_scheme(scheme) {
            return network(rest, form);
        }
        match scheme {
            "sqlite" => sqlite(rest, folder),
            other if other.chars().all(|c| c.is_ascii_alphanumeric() || c == '+') => {
                Err(format!("unknown scheme `{other}://`; {known}"))
            }
            _ => Err(format!("no URL; {known}")),
        }
    }
}

impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.label())
    }
}

fn is_in_memory(url: &str) -> bool {
    let (path, query) = url.split_once('?').unwrap_or((url, ""));
    path.ends_with(":memory:") || query.split('&').any(|pair| pair == "mode=memory")
}

fn sqlite(rest: &str, folder: Option<&Path>) -> Result<Location, String> {
    if rest.contains(['?', '#']) {
        return Err(
            "a SQLite URL takes no parameters; remove what follows the path (a `?` or `#` in \
             the path is written %3F or %23)"
                .to_owned(),
        );
    }
    if rest.is_empty() {
        return Err("the path is missing; write sqlite://data/name".to_owned());
    }
    let given = PathBuf::from(decode(rest)?);
    let path = match folder {
        Some(folder) => folder.join(given),
        None => given,
    };
    // Not resolved in the file system: the folder may not exist yet.
    let path: PathBuf = path
        .components()
        .filter(|part| *part != Component::CurDir)
        .collect();
    let parent = path.parent().unwrap_or(Path::new("")).display();
    let is_namespace = path.extension().is_some_and(|extension| extension == "db");
    let stem = path.file_stem().filter(|_| is_namespace);
    let occupied = stem.map(|stem| (format!("sqlite {parent}"), stem.display().to_string()));
    let identity = format!("sqlite {}", path.display());
    Ok(Location {
        dialect: Dialect::Sqlite,
        container: identity.clone(),
        identity,
        occupied,
        path: Some(path),
    })
}

fn network(rest: &str, form: &UrlForm) -> Result<Location, String> {
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let (authority, rest) = rest.split_at(end);
    if rest.contains('@') {
        return Err(
            "there is an `@` after the host; in a user, password, database or parameter write `@` \
             as %40, `/` as %2F, `:` as %3A, `?` as %3F, `#` as %23"
                .to_owned(),
        );
    }
    if rest.contains('#') {
        return Err("it contains a `#`; write it as %23".to_owned());
    }
    let place = authority
        .rsplit_once('@')
        .map_or(authority, |(_, place)| place);
    let (mut host, mut port) = match place.rsplit_once(':') {
        // The colons of an IPv6 address precede its `]`.
        Some((host, port)) if !port.contains(']') => (host, port),
        _ => (place, ""),
    };
    let (path, query) = rest.split_once('?').unwrap_or((rest, ""));
    let mut database = path.trim_start_matches('/');
    let dialect = form.dialect;
    for pair in query.split('&').filter(|pair| !pair.is_empty()) {
        let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
        if !form.knows(key) {
            return Err(format!(
                "unknown parameter after the `?`; known are {}",
                form.parameters.join(", ")
            ));
        }
        let decoded = decode(&value.replace('+', "%20"))?;
        if let Some(reason) = refused_parameter(dialect, key, &decoded) {
            return Err(format!("parameter `{key}`: {reason}"));
        }
        match key {
            "host" | "hostaddr" | "socket" => host = value,
            "port" => port = value,
            "dbname" => database = value,
            _ => {}
        }
    }
    if host.is_empty() {
        return Err(format!(
            "the host is missing; write {}://user@host/database",
            form.schemes[0]
        ));
    }
    if !port.is_empty() && port.parse::<u16>().map_or(true, |port| port == 0) {
        return Err("the port must be a number from 1 to 65535".to_owned());
    }
    let port = if port.is_empty() { form.port } else { port };
    let server = format!("{dialect} {}:{port}", canonical(&decode(host)?));
    let database = decode(database)?;
    let identity = format!("{server}/{database}");
    let (container, occupied) = if form.database_is_namespace {
        let occupied = Some((server.clone(), database)).filter(|(_, name)| !name.is_empty());
        (server, occupied)
    } else {
        (identity.clone(), None)
    };
    Ok(Location {
        dialect,
        identity,
        container,
        occupied,
        path: None,
    })
}

/// The canonical form of a host: an IPv6 address has several spellings.
fn canonical(host: &str) -> String {
    let bare = host
        .strip_prefix('[')
        .and_then(|rest| rest.strip_suffix(']'))
        .unwrap_or(host);
    match bare.parse::<Ipv6Addr>() {
        Ok(address) => format!("[{address}]"),
        Err(_) => host.to_lowercase(),
    }
}

/// Decodes each `%` with two hexadecimal digits to its byte.
fn decode(text: &str) -> Result<String, String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        if byte != b'%' {
            bytes.push(byte);
            continue;
        }
        let digit = |byte: Option<u8>| byte.and_then(|byte| char::from(byte).to_digit(16));
        match (digit(rest.next()), digit(rest.next())) {
            (Some(high), Some(low)) => bytes.push(u8::try_from(high * 16 + low).unwrap_or(0)),
            _ => {
                return Err(
                    "it contains a `%` without two hexadecimal digits; write it as %25".to_owned(),
                );
            }
        }
    }
    String::from_utf8(bytes).map_err(|_| "it does not decode to valid UTF-8".to_owned())
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn a_label_never_holds_a_password() {
        for (url, label) in [
            (
                "postgres://app:secret@h:5432/db",
                "postgres://app:***@h:5432/db",
            ),
            (
                "postgres://app:secret@h/db?password=secret",
                "postgres://app:***@h/db",
            ),
            ("postgres://app@h/db", "postgres://app@h/db"),
            ("postgres://h/db", "postgres://h/db"),
            ("mysql://app:se@secret@h/db", "mysql://app:***@h/db"),
            ("mysql://app:se/secret@h/db", "mysql://app:***@h/db"),
            ("mysql://app:se?secret@h/db", "mysql://app:***@h/db"),
            ("mysql://app:s:secret#@h/db", "mysql://app:***@h/db"),
            ("mysql://app:x@h/db?a=secret@b", "mysql://app:***@b"),
            ("secret", "(no URL)"),
            ("app:secret@h/db", "(no URL)"),
        ] {
            let address = Address::new(url);
            assert_eq!(address.label(), label);
            assert_eq!(format!("{address:?}"), label);
        }
    }

    #[test]
    fn one_database_has_one_identity() {
        let identity = |url: &str| Address::new(url).locate(None).unwrap().identity;
        let plain = identity("postgres://h/db");
        for url in [
            "postgresql://app:x@H:5432/db?sslmode=require",
            "postgres://other/?host=h&dbname=db",
            "postgres://h/d%62",
        ] {
            assert_eq!(identity(url), plain, "{url}");
        }
        for url in ["postgres://h:5433/db", "postgres://h/db2", "mysql://h/db"] {
            assert_ne!(identity(url), plain, "{url}");
        }
        assert_eq!(identity("mariadb://h/x"), identity("mysql://h:3306/x"));
        assert_eq!(identity("sqlite://./a/b"), identity("sqlite://a/b"));
        assert_eq!(
            identity("postgres://[0:0::1]/db"),
            identity("postgres://x/db?host=::1")
        );
        assert_ne!(
            identity("postgres://[::1]/db"),
            identity("postgres://[::1]:5433/db")
        );
    }

    #[test]
    fn relative_files_are_resolved_against_the_folder() {
        let path = |url: &str| {
            let location = Address::new(url)
                .locate(Some(Path::new("/etc/app")))
                .unwrap();
            location.path.unwrap()
        };
        assert_eq!(path("sqlite://data/x.db"), Path::new("/etc/app/data/x.db"));
        assert_eq!(path("sqlite:///var/x%3F.db"), Path::new("/var/x?.db"));
    }

    #[test]
    fn malformed_urls_are_explained_without_secrets() {
        for (url, reason) in [
            ("", "no URL"),
            ("secret", "no URL"),
            ("oracle://app:secret@h/db", "`oracle://`"),
            ("se cret://h/db", "no URL"),
            ("postgres://", "host is missing"),
            ("postgres://app:secret@/db", "host is missing"),
            ("postgres://app:a/secret@h/db", "%2F"),
            ("postgres://app:secret@h:70000/db", "the port"),
            ("postgres://app:secret@h/db?secret=1", "unknown parameter"),
            ("postgres://app:x@h/%secret", "%25"),
            ("mysql://h/db?charset=latin1", "`utf8mb4`"),
            ("mysql://h/db?collation=latin1_bin", "`utf8mb4`"),
            ("mysql://h/db?timezone=Asia/Tokyo", "UTC"),
            (
                "postgres://h/db?options=-c%20bytea_output=escape",
                "bytea_output",
            ),
            ("postgres://h/db?options[DateStyle]=German", "ISO, MDY"),
            ("sqlite://", "path is missing"),
            ("sqlite:a.db", "no URL"),
            ("sqlite://a.db?mode=rwc", "takes no parameters"),
            ("sqlite::memory:", "in-memory"),
            ("sqlite://:memory:", "in-memory"),
            ("sqlite://a.db?mode=memory", "in-memory"),
        ] {
            let problem = Address::new(url).locate(None).unwrap_err();
            assert!(problem.contains(reason), "{url}: {problem}");
            assert!(!problem.contains("secret"), "{problem}");
        }
    }
}
