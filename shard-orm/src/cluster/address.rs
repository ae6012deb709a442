//! What names one logical shard or one named database before it is looked up.

use crate::model::Key;

/// One logical shard, or one named database: where a transaction runs.
///
/// Made by `Order::shard(key)` on a sharded model, `Audit::shard(number)` on an isolated one and
/// `Setting::database()` on one of a named database.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Address {
    home: &'static str,
    at: At,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum At {
    /// The logical shard that owns this key.
    Key { region: Option<String>, key: i64 },
    /// The logical shard of this number.
    Shard(u32),
    /// The database itself.
    Database,
    /// No shard at all, for this reason.
    Nowhere(String),
}

impl Address {
    pub(crate) fn of_key(group: &'static str, key: &impl Key) -> Self {
        let at = match key.routing_key() {
            Ok(key) => At::Key {
                region: key.region.map(str::to_owned),
                key: key.key,
            },
            Err(error) => At::Nowhere(error.message().to_owned()),
        };
        Self { home: group, at }
    }

    pub(crate) fn of_shard(group: &'static str, shard: u32) -> Self {
        Self {
            home: group,
            at: At::Shard(shard),
        }
    }

    pub(crate) fn of_database(name: &'static str) -> Self {
        Self {
            home: name,
            at: At::Database,
        }
    }

    pub(crate) fn home(&self) -> &'static str {
        self.home
    }

    pub(crate) fn at(&self) -> &At {
        &self.at
    }
}
