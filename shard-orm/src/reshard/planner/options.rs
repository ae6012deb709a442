//! What a planner is told: what counts, what may go where, and how much is left as it is.

use std::sync::Arc;

use super::{Cost, Planner, Scope, Server, Shard, Splits};

impl Planner {
    /// A planner by bytes, with a threshold of 10 percent.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets what is brought into balance. A logical shard counts at least 1.
    #[must_use]
    pub fn cost(mut self, cost: Cost) -> Self {
        self.cost = cost;
        self
    }

    /// Sets what a logical shard counts by a function of its numbers.
    #[must_use]
    pub fn cost_with(mut self, cost: impl Fn(&Shard) -> u64 + Send + Sync + 'static) -> Self {
        self.cost = Cost::Custom;
        self.cost_of = Some(Arc::new(cost));
        self
    }

    /// Sets the capacity of servers in bytes by a function, in place of [`Server::capacity`]; `None` for no
    /// limit. For example, a part of the disk has to stay free.
    #[must_use]
    pub fn capacity_with(
        mut self,
        capacity: impl Fn(&Server) -> Option<u64> + Send + Sync + 'static,
    ) -> Self {
        self.capacity_of = Some(Arc::new(capacity));
        self
    }

    /// Sets which servers of its group may hold a logical shard, by the shard's class.
    ///
    /// The function is called once for each class and server. Logical shards without a class are asked for
    /// with `None`.
    ///
    /// ```
    /// use shard_orm::reshard::planner::Planner;
    ///
    /// // The rows of a region stay on its servers, whose names begin with it.
    /// let planner = Planner::new().allow(|region, server| {
    ///     region.is_none_or(|region| server.name.starts_with(region))
    /// });
    /// ```
    #[must_use]
    pub fn allow(
        mut self,
        allowed: impl Fn(Option<&str>, &Server) -> bool + Send + Sync + 'static,
    ) -> Self {
        self.allowed = Some(Arc::new(allowed));
        self
    }

    /// Whether it has such a function.
    pub(crate) fn has_allow(&self) -> bool {
        self.allowed.is_some()
    }

    /// Lets logical shards go to servers with another kind of database, such as from PostgreSQL to MariaDB.
    ///
    /// Without it, servers with different [databases](Server::database) are brought into balance apart from each other: a
    /// move between kinds is slower, may be refused for what the other kind cannot hold, and ends what clients do by the
    /// SQL of one kind.
    ///
    /// ```
    /// use shard_orm::Dialect;
    /// use shard_orm::reshard::planner::{Fleet, Planner, Server, Shard};
    ///
    /// let mut fleet = Fleet::new();
    /// fleet.server(Server::new("shop", "old").database(Dialect::MySql));
    /// fleet.server(Server::new("shop", "new").database(Dialect::Postgres));
    /// for number in 0..4 {
    ///     fleet.shard(Shard::new("shop", number, "old").bytes(1 << 30));
    /// }
    /// assert!(Planner::new().plan(&fleet)?.is_empty());
    /// assert_eq!(Planner::new().between_databases().plan(&fleet)?.moves(), 2);
    /// # Ok::<(), shard_orm::Error>(())
    /// ```
    #[must_use]
    pub fn between_databases(mut self) -> Self {
        self.is_between_databases = true;
        self
    }

    /// Keeps a logical shard on this server, or brings it there.
    #[must_use]
    pub fn pin(mut self, group: &str, shard: u32, server: &str) -> Self {
        let pins = self.pins.entry(group.to_owned()).or_default();
        pins.insert(shard, Some(server.to_owned()));
        self
    }

    /// Keeps a logical shard on the server where it is.
    #[must_use]
    pub fn keep(mut self, group: &str, shard: u32) -> Self {
        let pins = self.pins.entry(group.to_owned()).or_default();
        pins.insert(shard, None);
        self
    }

    /// Sets by how many percent a server may be above or below its share; 10 by default.
    #[must_use]
    pub fn threshold(mut self, percent: u32) -> Self {
        self.threshold_percent = percent;
        self
    }

    /// Sets by how many percent of its own load a move has to bring servers closer to their shares; 20 by
    /// default. A higher number moves less, and leaves more servers slightly outside of their share.
    #[must_use]
    pub fn least_gain(mut self, percent: u32) -> Self {
        self.least_gain_percent = percent;
        self
    }

    /// Sets how many percent of their capacities the servers in use may hold before an inactive one is
    /// brought in; 80 by default. Without capacities, none is brought in.
    #[must_use]
    pub fn fill(mut self, percent: u32) -> Self {
        self.fill_percent = percent;
        self
    }

    /// Splits logical shards too, by equal shares of rows, with the parts on the servers that have the least. Each
    /// split has at most 64 parts, so that a second plan may split further.
    ///
    /// The cost of a logical shard is taken to be divided like its rows.
    ///
    /// ```
    /// use shard_orm::reshard::planner::{Fleet, Planner, Server, Shard, Splits};
    ///
    /// let mut fleet = Fleet::new();
    /// for name in ["a", "b", "c"] {
    ///     fleet.server(Server::new("shop", name));
    /// }
    /// fleet.shard(Shard::new("shop", 0, "a").bytes(3 << 30));
    /// let plan = Planner::new().split(Splits::AboveShare).plan(&fleet)?;
    /// assert_eq!(
    ///     plan.steps[0].action.to_string(),
    ///     "split logical shard 0 of group `shop` on server `a` into 0 on `a`, 1 on `b`, 2 on `c`"
    /// );
    /// # Ok::<(), shard_orm::Error>(())
    /// ```
    #[must_use]
    pub fn split(mut self, splits: Splits) -> Self {
        self.splits = Some(splits);
        self
    }

    /// Only splits logical shards.
    #[must_use]
    pub fn split_only(mut self) -> Self {
        self.scope = Scope::Split;
        self
    }

    /// Sets how many logical shards a plan moves or splits at most; there is no limit by default.
    #[must_use]
    pub fn most_moves(mut self, moves: usize) -> Self {
        self.most_moves = Some(moves);
        self
    }

    /// Only empties the servers that leave, and obeys pins and [`allow`](Self::allow).
    #[must_use]
    pub fn drain_only(mut self) -> Self {
        self.scope = Scope::Drain;
        self
    }
}
