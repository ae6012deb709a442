//! Command line options.

use std::convert::Infallible;
use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use clap::error::ErrorKind;
use clap::{CommandFactory as _, Parser};

/// Synchronizes the copies of static tables with their source.
///
/// SIGINT and SIGTERM stop it after the current transactions have finished and its locks are
/// released; a second signal stops it immediately. Exit status: 0 after a normal stop, 1 if it
/// could not start, 2 for invalid options, 130 after a second signal.
#[derive(Debug, Parser)]
#[command(name = "sync-worker", version)]
pub(crate) struct Options {
    /// The configuration of the cluster [default: the example's own `shard-orm.toml`]
    pub(crate) configuration: Option<PathBuf>,

    /// Interval between synchronizations of each copy: `500ms`, `5s` or `1m`
    #[arg(long, value_name = "TIME", default_value = "1s", value_parser = time)]
    pub(crate) every: Duration,

    /// Locks shared by several workers: `none`; `lease`, in a table of the database `default`;
    /// `database`, in its sessions (PostgreSQL, MySQL and MariaDB); or `redis=URL`
    #[arg(long, value_name = "KIND", default_value = "none")]
    pub(crate) locks: Locks,

    /// TTL of a lock: the time until another worker takes over from one that has died
    #[arg(long, value_name = "TIME", default_value = "30s", value_parser = time)]
    pub(crate) lock_ttl: Duration,

    /// Prints the status of the copies as JSON lines, one per `--every`
    #[arg(long)]
    pub(crate) json: bool,
}

/// The kind of locks.
#[derive(Clone, PartialEq)]
pub(crate) enum Locks {
    Nothing,
    Lease,
    Database,
    Redis(String),
    Unknown,
}

impl Options {
    /// Parses the arguments; exits if they are invalid.
    pub(crate) fn read() -> Self {
        Self::checked(Self::parse()).unwrap_or_else(|error| error.exit())
    }

    /// Not part of parsing, because clap's message would quote the value, which may contain a
    /// password.
    fn checked(self) -> Result<Self, clap::Error> {
        match self.locks {
            Locks::Unknown => Err(Self::command().error(
                ErrorKind::InvalidValue,
                "--locks: use `none`, `lease`, `database` or `redis=URL`",
            )),
            _ => Ok(self),
        }
    }
}

impl FromStr for Locks {
    type Err = Infallible;

    fn from_str(text: &str) -> Result<Self, Infallible> {
        Ok(match (text, text.split_once('=')) {
            ("none", _) => Self::Nothing,
            ("lease", _) => Self::Lease,
            ("database", _) => Self::Database,
            (_, Some(("redis", url))) => Self::Redis(url.to_owned()),
            _ => Self::Unknown,
        })
    }
}

/// Hides the URL, which may contain a password.
impl fmt::Debug for Locks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Nothing => "none",
            Self::Lease => "lease",
            Self::Database => "database",
            Self::Redis(_) => "redis",
            Self::Unknown => "unknown",
        })
    }
}

/// Parses an integer with a unit.
fn time(text: &str) -> Result<Duration, String> {
    let digits = text.find(|c: char| !c.is_ascii_digit());
    let (number, unit) = text.split_at(digits.unwrap_or(text.len()));
    let found = number.parse().ok().and_then(|number: u64| match unit {
        "ms" => Some(Duration::from_millis(number)),
        "s" => Some(Duration::from_secs(number)),
        "m" => Some(Duration::from_secs(number.checked_mul(60)?)),
        _ => None,
    });
    found.filter(|time| !time.is_zero()).ok_or_else(|| {
        "use a positive integer with a unit, such as `500ms`, `5s` or `1m`".to_owned()
    })
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::time::Duration;

    use clap::{CommandFactory as _, Parser as _};

    use super::{Locks, Options, time};

    #[test]
    fn the_options_are_consistent() {
        Options::command().debug_assert();
    }

    #[test]
    fn durations_have_a_unit() {
        assert_eq!(time("250ms"), Ok(Duration::from_millis(250)));
        assert_eq!(time("5s"), Ok(Duration::from_secs(5)));
        assert_eq!(time("2m"), Ok(Duration::from_secs(120)));
        for text in [
            "",
            "5",
            "0s",
            "s",
            "-1s",
            "1.5s",
            "1h",
            "5 s",
            "18446744073709551615m",
        ] {
            assert!(time(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_redis_password_is_not_printed() {
        let options = ["sync-worker", "--locks", "redis=redis://:secret@10.0.0.5/0"];
        let options = Options::try_parse_from(options).unwrap();
        assert!(matches!(&options.locks, Locks::Redis(url) if url.contains("secret")));
        assert!(!format!("{options:?}").contains("secret"));
        let options = ["sync-worker", "--locks", "redis://:secret@10.0.0.5/0"];
        let options = Options::try_parse_from(options).unwrap();
        let refused = options.checked().unwrap_err();
        assert_eq!(refused.exit_code(), 2);
        assert!(!format!("{refused} {refused:?}").contains("secret"));
    }
}
