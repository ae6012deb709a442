//! A session of the application that a migration waits for.

use std::fmt;

/// A session that holds locks in the namespace of a migration.
///
/// PostgreSQL names those that hold a lock on one of its tables. MySQL and MariaDB name all open
/// transactions of the server, if the user has the privilege `PROCESS`. Texts of statements are left
/// out: they may contain values.
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct Blocker {
    /// The number of the session on its server.
    pub session: String,
    /// Its user.
    pub user: String,
    /// The application's name (PostgreSQL) or its host (MySQL and MariaDB).
    pub client: String,
    /// The state, such as `idle in transaction`.
    pub state: String,
    /// The age of its transaction in seconds.
    pub seconds: i64,
}

impl fmt::Display for Blocker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            session,
            user,
            client,
            state,
            seconds,
        } = self;
        write!(
            f,
            "session {session} of `{user}` ({client}, {state}, {seconds} s)"
        )
    }
}
