//! A fleet as the planner sees it: servers, and the logical shards that they hold.
//!
//! Built by `admin::Rebalance` from a cluster, or by hand from other numbers.

use std::collections::BTreeMap;

use crate::config::ServerState;
use crate::dialect::Dialect;

/// The servers and logical shards that a plan is made for.
///
/// ```
/// use shard_orm::reshard::planner::{Fleet, Server, Shard};
///
/// let mut fleet = Fleet::new();
/// fleet.server(Server::new("shop", "a"));
/// fleet.server(Server::new("shop", "b"));
/// for number in 0..4 {
///     fleet.shard(Shard::new("shop", number, "a").bytes(1 << 30));
/// }
/// assert_eq!(fleet.shards().len(), 4);
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Fleet {
    pub(super) servers: Vec<Server>,
    pub(super) shards: Vec<Shard>,
    /// By group, where it is not one above the highest.
    pub(super) next: BTreeMap<String, u32>,
}

impl Fleet {
    /// A fleet without servers.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a server.
    pub fn server(&mut self, server: Server) {
        self.servers.push(server);
    }

    /// Adds a logical shard.
    pub fn shard(&mut self, shard: Shard) {
        self.shards.push(shard);
    }

    /// Sets the number that the next new logical shard of a group gets, if numbers above its highest one were used
    /// already.
    pub fn next_number(&mut self, group: impl Into<String>, number: u32) {
        self.next.insert(group.into(), number);
    }

    /// Notes why a logical shard cannot be split.
    pub(crate) fn keep_whole(&mut self, group: &str, number: u32, why: &str) {
        let mut shards = self.shards.iter_mut();
        if let Some(own) = shards.find(|own| own.group == group && own.number == number) {
            own.whole = Some(why.to_owned());
        }
    }

    /// The servers, in the order in which they were added.
    #[must_use]
    pub fn servers(&self) -> &[Server] {
        &self.servers
    }

    /// The logical shards, in the order in which they were added.
    #[must_use]
    pub fn shards(&self) -> &[Shard] {
        &self.shards
    }
}

/// A server of a group.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Server {
    /// Its group.
    pub group: String,
    /// Its name, unique in its group.
    pub name: String,
    /// The machine that it runs on. Servers of several groups on one machine share its capacity, and
    /// their loads are added.
    pub machine: String,
    /// Its state.
    pub state: ServerState,
    /// Its share of the load, in proportion to the other weights; a server of weight 0 holds nothing.
    pub weight: u32,
    /// How many bytes its machine is meant to hold at most; the smallest limit of the machine's servers
    /// counts.
    pub capacity: Option<u64>,
    /// Its database, if that counts: logical shards stay on servers of one kind, unless
    /// [`between_databases`](super::Planner::between_databases) is called.
    pub database: Option<Dialect>,
}

impl Server {
    /// An active server of weight 1 on a machine of its own, without a limit.
    #[must_use]
    pub fn new(group: impl Into<String>, name: impl Into<String>) -> Self {
        let (group, name) = (group.into(), name.into());
        Self {
            machine: format!("{group}/{name}"),
            group,
            name,
            state: ServerState::Active,
            weight: 1,
            capacity: None,
            database: None,
        }
    }

    /// Sets the kind of its database.
    #[must_use]
    pub fn database(mut self, database: Dialect) -> Self {
        self.database = Some(database);
        self
    }

    /// Sets the machine, by any name that its servers have in common.
    #[must_use]
    pub fn machine(mut self, machine: impl Into<String>) -> Self {
        self.machine = machine.into();
        self
    }

    /// Sets the state.
    #[must_use]
    pub fn state(mut self, state: ServerState) -> Self {
        self.state = state;
        self
    }

    /// Sets the weight.
    #[must_use]
    pub fn weight(mut self, weight: u32) -> Self {
        self.weight = weight;
        self
    }

    /// Sets the capacity in bytes.
    #[must_use]
    pub fn capacity(mut self, bytes: u64) -> Self {
        self.capacity = Some(bytes);
        self
    }
}

/// A logical shard on a server.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Shard {
    /// Its group.
    pub group: String,
    /// Its number in the group.
    pub number: u32,
    /// The name of its server.
    pub server: String,
    /// Its rows.
    pub rows: u64,
    /// Its bytes on disk.
    pub bytes: u64,
    /// Its measured load, in any unit that is the same for all shards, such as statements per hour.
    pub load: u64,
    /// A class that decides which servers may hold it, such as a region; see
    /// [`Planner::allow`](super::Planner::allow).
    pub class: Option<String>,
    /// Why it cannot be split, if it cannot.
    pub whole: Option<String>,
}

impl Shard {
    /// An empty logical shard on a server of its group.
    #[must_use]
    pub fn new(group: impl Into<String>, number: u32, server: impl Into<String>) -> Self {
        Self {
            group: group.into(),
            number,
            server: server.into(),
            rows: 0,
            bytes: 0,
            load: 0,
            class: None,
            whole: None,
        }
    }

    /// Sets the number of rows.
    #[must_use]
    pub fn rows(mut self, rows: u64) -> Self {
        self.rows = rows;
        self
    }

    /// Sets the size in bytes.
    #[must_use]
    pub fn bytes(mut self, bytes: u64) -> Self {
        self.bytes = bytes;
        self
    }

    /// Sets the measured load.
    #[must_use]
    pub fn load(mut self, load: u64) -> Self {
        self.load = load;
        self
    }

    /// Sets the class.
    #[must_use]
    pub fn class(mut self, class: impl Into<String>) -> Self {
        self.class = Some(class.into());
        self
    }

    /// Says why it cannot be split.
    #[must_use]
    pub fn whole(mut self, why: impl Into<String>) -> Self {
        self.whole = Some(why.into());
        self
    }
}
