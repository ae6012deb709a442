//! The address of a logical shard or a named database.

use std::borrow::Cow;

use crate::error::Result;
use crate::route::RoutingKey;

/// One logical shard or one named database: where a transaction runs.
///
/// Created by `Order::shard(key)` on a sharded model, `Audit::shard(number)` on an isolated one,
/// `Setting::database()` on one in a named database, and `Limit::server(Order::shard(key))` on a
/// static model with `transmit = false`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Address {
    home: Cow<'static, str>,
    at: At,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum At {
    /// The logical shard that owns this key.
    Key { region: Option<String>, key: i64 },
    /// The logical shard with this number.
    Shard(u32),
    /// The named database.
    Database,
    /// The static tables on the server of that logical shard.
    Server(Box<At>),
    /// The static tables on the server with this name.
    ServerOfName(String),
    /// No shard, for this reason.
    Invalid(String),
}

impl Address {
    pub(crate) fn of_key(group: &'static str, key: Result<RoutingKey<'_>>) -> Self {
        let at = match key {
            Ok(key) => At::Key {
                region: key.region.map(str::to_owned),
                key: key.key,
            },
            Err(error) => At::Invalid(error.message().to_owned()),
        };
        Self {
            home: group.into(),
            at,
        }
    }

    pub(crate) fn of_shard(group: &'static str, shard: u32) -> Self {
        Self {
            home: group.into(),
            at: At::Shard(shard),
        }
    }

    pub(crate) fn of_database(name: &'static str) -> Self {
        Self {
            home: name.into(),
            at: At::Database,
        }
    }

    /// The logical shard that owns a key of a group whose name is known at run time alone.
    pub(crate) fn of_key_in(group: &str, key: RoutingKey<'_>) -> Self {
        Self {
            home: group.to_owned().into(),
            at: At::Key {
                region: key.region.map(str::to_owned),
                key: key.key,
            },
        }
    }

    /// A logical shard of a group whose name is known at run time alone.
    pub(crate) fn of_shard_in(group: &str, shard: u32) -> Self {
        Self {
            home: group.to_owned().into(),
            at: At::Shard(shard),
        }
    }

    /// A named database whose name is known at run time alone.
    pub(crate) fn of_database_named(name: &str) -> Self {
        Self {
            home: name.to_owned().into(),
            at: At::Database,
        }
    }

    /// The static tables of a server.
    pub(crate) fn of_server(group: String, server: String) -> Self {
        Self {
            home: group.into(),
            at: At::ServerOfName(server),
        }
    }

    /// The static tables on the server of this logical shard.
    pub(crate) fn on_server(self) -> Self {
        let at = match self.at {
            at @ (At::Key { .. } | At::Shard(_)) => At::Server(Box::new(at)),
            // A database has no static tables; the look-up reports that.
            at => at,
        };
        Self { at, ..self }
    }

    pub(crate) fn home(&self) -> &str {
        &self.home
    }

    pub(crate) fn at(&self) -> &At {
        &self.at
    }
}
