//! A failed operation on a connection: the error, and whether the connection can still be used.
//!
//! Made from a driver's error by the [`Codes`] of its database.

use std::io;

use sqlx::error::DatabaseError;

use crate::error::{Error, ErrorKind};

/// Advice for a failed encrypted connection.
const TRUST: &str = "check its certificate, and the authority that the URL names \
                     (`sslrootcert`, `ssl-ca`)";

/// Advice for a missing table or column in a namespace that was found.
#[allow(dead_code)] // Each database's file uses it.
pub(super) const UNDEFINED: &str = "the namespace was found, but it lacks this table or column: for the \
                                    table of a new model, run `cluster.setup()` with it; for a new \
                                    column, alter the tables";

/// A failed operation on one connection.
#[derive(Debug)]
pub(crate) struct Failure {
    pub(crate) error: Error,
    /// The connection can no longer be used. What was sent may have been carried out.
    pub(crate) lost: bool,
    /// The database has rolled back the whole transaction, or may have: the next statement would
    /// run outside of it.
    pub(crate) rolled_back: bool,
    /// Whether the prepared statement was out of date.
    pub(crate) stale: Stale,
}

/// Whether a statement failed because its prepared form is out of date: a table was altered, or the
/// session has lost the statement.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Stale {
    /// It failed for another reason.
    #[default]
    No,
    /// It failed, and its own changes were rolled back.
    Failed,
    /// It was rejected before it did anything.
    Refused,
}

/// The meaning of the errors of one database.
#[derive(Debug)]
pub(super) struct Codes {
    pub(super) classify: fn(&dyn DatabaseError) -> Class,
    /// The name of the violated constraint, where the error has one.
    pub(super) constraint: fn(&dyn DatabaseError) -> Option<String>,
}

/// The meaning of one error code.
#[derive(Debug, Clone, Copy)]
pub(super) struct Class {
    pub(super) kind: ErrorKind,
    pub(super) lost: bool,
    pub(super) rolled_back: bool,
    pub(super) stale: Stale,
    /// Advice, where it is not obvious.
    pub(super) hint: Option<&'static str>,
}

impl Class {
    pub(super) const fn of(kind: ErrorKind) -> Self {
        Self {
            kind,
            lost: false,
            rolled_back: false,
            stale: Stale::No,
            hint: None,
        }
    }

    /// The prepared statement is out of date. It is sent again if possible; a transaction has to be
    /// retried.
    pub(super) const fn stale(stale: Stale) -> Self {
        let mut class = Self::of(ErrorKind::Serialization).hint(
            "the prepared statement is out of date, as after ALTER TABLE or DISCARD; run it again",
        );
        class.stale = stale;
        class
    }

    pub(super) const fn lost(kind: ErrorKind) -> Self {
        Self {
            kind,
            lost: true,
            rolled_back: false,
            stale: Stale::No,
            hint: None,
        }
    }

    /// The session can no longer be used.
    pub(super) const fn replaced(mut self) -> Self {
        self.lost = true;
        self
    }

    /// The whole transaction was rolled back.
    pub(super) const fn rolled_back(mut self) -> Self {
        self.rolled_back = true;
        self
    }

    pub(super) const fn hint(mut self, hint: &'static str) -> Self {
        self.hint = Some(hint);
        self
    }
}

impl Failure {
    /// An error of the library itself. The connection stays usable.
    pub(crate) fn own(error: Error) -> Self {
        Self {
            error,
            lost: false,
            rolled_back: false,
            stale: Stale::No,
        }
    }

    /// A response that ended early. What was sent may have been carried out, and the state of the
    /// connection is unknown.
    #[cold]
    pub(super) fn broken_off() -> Self {
        Self {
            error: Error::new(
                ErrorKind::Unavailable,
                "the response ended early: the driver's thread for the connection has stopped",
            ),
            lost: true,
            rolled_back: false,
            stale: Stale::No,
        }
    }

    /// Returns whether the statement may be sent again at once. `whole` says that it has no effect
    /// if it fails.
    pub(crate) fn may_be_sent_again(&self, whole: bool) -> bool {
        match self.stale {
            Stale::No => false,
            Stale::Failed => whole,
            Stale::Refused => true,
        }
    }

    pub(super) fn not_opened(kind: ErrorKind, message: String, source: sqlx::Error) -> Self {
        Self {
            error: Error::new(kind, message).with_source(source),
            lost: true,
            rolled_back: false,
            stale: Stale::No,
        }
    }

    /// The failure of a connection that could not be opened. The message of the operating system gives
    /// the reason.
    pub(super) fn at_opening(codes: &Codes, source: sqlx::Error) -> Self {
        match &source {
            sqlx::Error::Io(reason) if reason.kind() != io::ErrorKind::InvalidData => {
                let message = reason.to_string();
                Self::not_opened(ErrorKind::Unavailable, message, source)
            }
            _ => Self::of(codes, source),
        }
    }

    /// The failure for an error of the driver.
    pub(super) fn of(codes: &Codes, source: sqlx::Error) -> Self {
        let (class, message, constraint) = match &source {
            sqlx::Error::Database(reported) => (
                (codes.classify)(&**reported),
                reported.message().to_owned(),
                (codes.constraint)(&**reported),
            ),
            // rustls reports a rejected certificate as invalid data.
            sqlx::Error::Io(source) if source.kind() == io::ErrorKind::InvalidData => (
                Class::lost(ErrorKind::Unavailable).hint(TRUST),
                "the encrypted connection to the server failed".to_owned(),
                None,
            ),
            sqlx::Error::Io(_) => (
                Class::lost(ErrorKind::Unavailable),
                "the connection to the server was lost".to_owned(),
                None,
            ),
            sqlx::Error::Tls(_) => (
                Class::lost(ErrorKind::Unavailable).hint(TRUST),
                "the encrypted connection to the server failed".to_owned(),
                None,
            ),
            // MySQL's driver counts the arguments before it sends them.
            sqlx::Error::Protocol(text) if text.contains("parameters were provided") => (
                Class::lost(ErrorKind::Unsupported),
                "the number of arguments differs from the number of placeholders".to_owned(),
                None,
            ),
            sqlx::Error::Protocol(_) | sqlx::Error::WorkerCrashed => (
                Class::lost(ErrorKind::Unavailable),
                "the server broke the protocol or closed the connection".to_owned(),
                None,
            ),
            sqlx::Error::Configuration(_) => (
                Class::lost(ErrorKind::Configuration),
                "the server's URL or one of its certificate files is not valid".to_owned(),
                None,
            ),
            sqlx::Error::Encode(_) => (
                Class::of(ErrorKind::Unsupported),
                "a value cannot be sent to this database".to_owned(),
                None,
            ),
            sqlx::Error::ColumnDecode { .. }
            | sqlx::Error::Decode(_)
            | sqlx::Error::ColumnIndexOutOfBounds { .. }
            | sqlx::Error::ColumnNotFound(_)
            | sqlx::Error::TypeNotFound { .. } => (
                Class::of(ErrorKind::Decode),
                "a value of the result cannot be decoded".to_owned(),
                None,
            ),
            _ => (
                Class::lost(ErrorKind::Database),
                "the driver reported an error".to_owned(),
                None,
            ),
        };
        let message = match class.hint {
            Some(hint) => format!("{message}; {hint}"),
            None => message,
        };
        Self {
            error: Error::new(class.kind, message)
                .with_constraint(constraint)
                .with_source(source),
            lost: class.lost,
            rolled_back: class.rolled_back,
            stale: class.stale,
        }
    }
}

/// The error for a URL that a driver rejects, without the driver's message: it quotes parts of the
/// URL, and any part of a malformed one may belong to the password.
#[allow(dead_code)] // SQLite has no URL of that kind.
pub(super) fn unreadable_url() -> Error {
    Error::configuration(
        "the driver cannot read the URL of the server; check its port and its parameters, such as \
         `sslmode`, and write special characters of the password as `%` and two digits",
    )
}

/// The address of an IPv6 host, which has brackets in a URL alone.
#[allow(dead_code)] // SQLite has no hosts.
pub(super) fn unbracketed(host: &str) -> Option<&str> {
    host.strip_prefix('[')?.strip_suffix(']')
}

/// The error for a value that a driver does not take.
#[allow(dead_code)] // A build without a server's driver has no use for it.
pub(super) fn not_encoded(source: sqlx::error::BoxDynError) -> Error {
    Error::unsupported("a value cannot be sent to this database").with_source(source)
}
