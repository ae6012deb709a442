//! The SQL dialect of a server.
//!
//! Named in every module and matched on in `backend` alone; the others ask for a [`Capability`](capability::Capability).

mod capability;

use std::fmt;

pub(crate) use capability::Support;

/// The SQL dialect of a server.
///
/// All three exist whatever features are enabled: a program with the SQLite driver alone can print
/// the `CREATE TABLE` for PostgreSQL.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize),
    serde(rename_all = "lowercase")
)]
pub enum Dialect {
    /// SQLite 3.
    Sqlite,
    /// PostgreSQL.
    Postgres,
    /// MySQL and MariaDB.
    MySql,
}

impl Dialect {
    /// Returns whether its driver is part of this build.
    ///
    /// ```
    /// use shard_orm::Dialect;
    ///
    /// let all = [Dialect::Sqlite, Dialect::Postgres, Dialect::MySql];
    /// assert!(all.into_iter().any(Dialect::is_enabled));
    /// ```
    #[must_use]
    pub const fn is_enabled(self) -> bool {
        match self {
            Self::Sqlite => cfg!(feature = "sqlite"),
            Self::Postgres => cfg!(feature = "postgres"),
            Self::MySql => cfg!(feature = "mysql"),
        }
    }

    /// All of them.
    #[cfg(test)]
    pub(crate) const ALL: [Self; 3] = [Self::Sqlite, Self::Postgres, Self::MySql];

    /// The feature of this crate that enables its driver.
    pub(crate) const fn feature(self) -> &'static str {
        match self {
            Self::Sqlite => "sqlite",
            Self::Postgres => "postgres",
            Self::MySql => "mysql",
        }
    }
}

/// The dialect of this name in the name of a file: that of its feature, or `mariadb`.
#[cfg(feature = "migrate")]
pub(crate) fn named(name: &str) -> Option<Dialect> {
    match name {
        "postgres" => Some(Dialect::Postgres),
        "mysql" | "mariadb" => Some(Dialect::MySql),
        "sqlite" => Some(Dialect::Sqlite),
        _ => None,
    }
}

impl fmt::Display for Dialect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Sqlite => "SQLite",
            Self::Postgres => "PostgreSQL",
            Self::MySql => "MySQL/MariaDB",
        })
    }
}
