//! The planner: which logical shards move where, so that each server gets its share.
//!
//! Pure: a [`Fleet`] goes in, a [`Plan`] comes out. [`admin::Rebalance`](crate::admin::Rebalance) reads the
//! fleet of a cluster, and has plans carried out.
//!
//! ```
//! use shard_orm::reshard::planner::{Action, Fleet, Planner, Server, Shard};
//!
//! let mut fleet = Fleet::new();
//! fleet.server(Server::new("shop", "a"));
//! fleet.server(Server::new("shop", "b"));
//! for number in 0..4 {
//!     fleet.shard(Shard::new("shop", number, "a").bytes(1_000));
//! }
//! let plan = Planner::new().plan(&fleet)?;
//! assert_eq!(plan.moves(), 2);
//! assert_eq!(plan.bytes, 2_000);
//! for step in &plan.steps {
//!     println!("{}: {}", step.action, step.why);
//! }
//! # Ok::<(), shard_orm::Error>(())
//! ```
//!
//! # The goal
//! The load of a logical shard is its rows, its bytes, or a measured number ([`Cost`]). The share of a server
//! is its part of the load, by weight, and a server within `threshold` percent of its share is left as it is.
//! A plan
//! 1. empties the servers that leave (draining, inactive, or of weight 0), and obeys pins and
//!    [`allow`](Planner::allow);
//! 2. brings servers with more bytes than their capacity below it;
//! 3. brings servers above the upper edge of their share down to it, and those below the lower edge up to
//!    it, with few bytes.
//!
//! With [`Planner::split`], logical shards that are too large are split, between 1 and 2. A split copies all rows of
//! its logical shard, each part to the server where it stays. It leaves no more load outside of the shares than there was.
//!
//! In this order: a step improves the first of these that it changes, and makes none of those before it
//! worse. So each prefix of a plan is no worse than the fleet before it. A step that is not needed for the
//! first two also has to bring its two servers closer to their shares by a part of what it moves
//! ([`least_gain`](Planner::least_gain)), and leaves its target less full than its source was.
//!
//! The steps of each server have to be taken in their order. Those of different servers may overtake each
//! other: what a step changes depends on its two servers alone.
//!
//! No step exceeds a capacity, with the copy at the source and that at the target both counted.
//!
//! # The algorithm
//! To bring m machines to the lowest possible peak with few relocations is the load rebalancing problem of
//! Aggarwal, Motwani and Zhu ("The load rebalancing problem", J. Algorithms 60, 2006). It is NP-hard; their
//! `PARTITION` strips each machine down to a target that is known beforehand, by the fewest relocations, and
//! then places what was stripped. Here the target is the upper edge of the share, and relocations cost their
//! bytes:
//! - from each machine, a set of shards that covers its excess with few bytes: a covering knapsack, solved
//!   greedily by size and by density, and improved by exchanges;
//! - all that leaves is placed in descending order, each on the machine with the lowest utilization: the rule
//!   LPT of Graham ("Bounds on multiprocessing timing anomalies", SIAM J. Appl. Math. 17, 1969);
//! - machines below the lower edge are filled from the fullest ones, with the shard that covers what they
//!   lack most closely.
//!
//! This is repeated until a pass from the beginning finds nothing, so that the plan after a plan is empty.
//! With n shards, a pass takes O(n log n).
//!
//! Others: the rebalancer of Citus has the same three functions (cost, capacity, allowed), a threshold and an
//! improvement threshold, and moves one shard at a time from the fullest node to the emptiest one, after what
//! is not allowed where it is. Elasticsearch computes a desired balance first, and then moves towards it, as
//! here. CockroachDB's allocator moves replicas of ranges while a store is outside of a band around the mean.
//!
//! # The bound
//! [`Plan::least_bytes`] is a true bound for whole plans: it knows pins, regions, groups on one machine, and what no plan
//! can reach. On random fleets with all of these, plans move at most 1.05 of it. Of capacities it knows less, above all where
//! load is not measured in bytes: there plans move up to 1.7 of it, although the best of all ways to place the shards of
//! tiny fleets moves about as much as they do.
//!
//! # Limits
//! The share assumes that load can go from any machine of a component to any other one, a component being the
//! machines that may hold the same logical shards, directly or through others. Where three machines hold two
//! groups, each on two of them, some machines may be out of reach of their share; the plan says so.

mod activate;
mod board;
mod fleet;
mod level;
mod options;
mod plan;
mod read;
mod relaxed;
mod report;
mod share;
mod split;
mod subset;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use self::board::Board;
pub use self::fleet::{Fleet, Server, Shard};
use self::level::Scope;
pub use self::plan::{Action, Leftover, Plan, ServerLoad, SplitPart, Step, Why};
use self::relaxed::Relaxed;
use crate::error::{Error, Result};

/// What a logical shard counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "snake_case"))]
#[non_exhaustive]
pub enum Cost {
    /// Its bytes on disk.
    #[default]
    Bytes,
    /// Its rows.
    Rows,
    /// Its measured load.
    Measured,
    /// Each logical shard counts 1.
    Shards,
    /// What the function of [`Planner::cost_with`] returns.
    Custom,
}

impl Cost {
    const ALL: [Self; 5] = [
        Self::Bytes,
        Self::Rows,
        Self::Measured,
        Self::Shards,
        Self::Custom,
    ];

    /// The cost of this name.
    pub(crate) fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|own| own.to_string() == name)
    }
}

impl fmt::Display for Cost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Bytes => "bytes",
            Self::Rows => "rows",
            Self::Measured => "load",
            Self::Shards => "shards",
            Self::Custom => "cost",
        })
    }
}

/// Which logical shards a plan splits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Splits {
    /// Those whose load is above the share of any server that may hold them, threshold included.
    AboveShare,
    /// Those of more than so many bytes.
    AboveBytes(u64),
    /// The largest ones, so that each group has so many logical shards.
    Into(u32),
}

type CostOf = dyn Fn(&Shard) -> u64 + Send + Sync;
type CapacityOf = dyn Fn(&Server) -> Option<u64> + Send + Sync;
type Allowed = dyn Fn(Option<&str>, &Server) -> bool + Send + Sync;

/// Plans the moves of logical shards.
#[derive(Clone)]
pub struct Planner {
    cost: Cost,
    cost_of: Option<Arc<CostOf>>,
    capacity_of: Option<Arc<CapacityOf>>,
    allowed: Option<Arc<Allowed>>,
    is_between_databases: bool,
    /// By group and logical shard; `None` for the server where it is.
    pins: BTreeMap<String, BTreeMap<u32, Option<String>>>,
    threshold_percent: u32,
    least_gain_percent: u32,
    fill_percent: u32,
    most_moves: Option<usize>,
    splits: Option<Splits>,
    scope: Scope,
}

impl Default for Planner {
    fn default() -> Self {
        Self {
            cost: Cost::Bytes,
            cost_of: None,
            capacity_of: None,
            allowed: None,
            is_between_databases: false,
            pins: BTreeMap::new(),
            threshold_percent: 10,
            least_gain_percent: 20,
            fill_percent: 80,
            most_moves: None,
            splits: None,
            scope: Scope::All,
        }
    }
}

impl fmt::Debug for Planner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Planner")
            .field("cost", &self.cost)
            .field("pins", &self.pins)
            .field("threshold_percent", &self.threshold_percent)
            .field("least_gain_percent", &self.least_gain_percent)
            .field("fill_percent", &self.fill_percent)
            .field("most_moves", &self.most_moves)
            .field("splits", &self.splits)
            .field("is_between_databases", &self.is_between_databases)
            .field("scope", &self.scope)
            .finish_non_exhaustive()
    }
}

impl Planner {
    /// What is brought into balance.
    pub(crate) fn balances(&self) -> Cost {
        self.cost
    }

    /// Plans the moves. The plan of a fleet is always the same.
    ///
    /// # Errors
    /// [`Configuration`](crate::ErrorKind::Configuration) if the threshold exceeds 100 percent, a server or a
    /// logical shard is described twice, a logical shard is on, or pinned to, a server that its group does not
    /// have, or logical shards are to be split while each counts 1.
    pub fn plan(&self, fleet: &Fleet) -> Result<Plan> {
        if self.threshold_percent > 100 {
            return Err(Error::configuration(format!(
                "a threshold of {} percent; it must be between 0 and 100",
                self.threshold_percent
            )));
        }
        let splits = self.splits.filter(|_| self.scope != Scope::Drain);
        if splits.is_some() && self.cost == Cost::Shards {
            return Err(Error::configuration(
                "splits by the number of logical shards, of which each counts 1; plan them by bytes, rows or load",
            ));
        }
        let (mut board, in_use) = self.board(fleet)?;
        self.share(&mut board, splits);
        let before = report::loads(&board, &vec![false; in_use.len()]);
        let relaxed = Relaxed::new(&board);
        level::level(&mut board, self.least_gain_percent, self.scope);
        let least_bytes = relaxed.least_bytes(&board);
        let left = self.cut(&mut board);
        let (steps, activated) = report::steps(&board);
        let mut plan = Plan {
            by: self.cost,
            steps,
            bytes: 0,
            rows: 0,
            least_bytes,
            before,
            after: report::loads(&board, &activated),
            leftovers: left,
        };
        for step in &plan.steps {
            if let Action::Move { rows, bytes, .. } | Action::Split { rows, bytes, .. } =
                step.action
            {
                plan.bytes = plan.bytes.saturating_add(bytes);
                plan.rows = plan.rows.saturating_add(rows);
            }
        }
        Ok(plan)
    }

    /// Sets the shares, and what is to be split.
    fn share(&self, board: &mut Board<'_>, splits: Option<Splits>) {
        if let Some(splits) = splits {
            splits.ask(board);
        }
        board.sort();
        let by_bytes = self.cost == Cost::Bytes;
        share::set_shares(board, self.threshold_percent, by_bytes);
        // What is split fills no server alone.
        if splits.is_some_and(|splits| splits.find(board)) {
            share::set_shares(board, self.threshold_percent, by_bytes);
        }
    }

    /// Takes the changes back that are too many, and returns what the plan does not mend.
    fn cut(&self, board: &mut Board<'_>) -> Vec<Leftover> {
        let left = report::leftovers(board, self.scope);
        let most = self.most_moves.unwrap_or(usize::MAX);
        while board.changes.len() > most {
            board.undo();
        }
        left
    }

    fn cost_of(&self, shard: &Shard) -> u64 {
        match (self.cost, &self.cost_of) {
            (Cost::Custom, Some(cost_of)) => cost_of(shard),
            (Cost::Rows, _) => shard.rows,
            (Cost::Measured, _) => shard.load,
            (Cost::Shards | Cost::Custom, _) => 1,
            (Cost::Bytes, _) => shard.bytes,
        }
    }
}
