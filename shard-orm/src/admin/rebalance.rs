//! Balances the servers of a cluster: reads their sizes, plans, and has the plan carried out.

mod load;
mod regions;

use std::collections::{BTreeSet, HashMap};

use self::load::{Loads, loads};
use self::regions::Regions;
use super::status::{NamespaceState, NamespaceStatus, Status, StatusOptions, status};
use crate::catalog::{Document, ServerEntry};
use crate::cluster::Cluster;
use crate::config::ServerState;
use crate::dialect::Dialect;
use crate::error::{Error, ErrorKind, Result};
use crate::reshard::planner::{Action, Cost, Fleet, Plan, Planner, Server, Shard};
use crate::reshard::{CarryOut, PlanEvent, Reshard, machines};
use crate::route::OwnedKeys;
use crate::topology::Topology;

/// Plans of moves and splits that bring each server of a cluster to its share.
///
/// ```no_run
/// use shard_orm::admin::Rebalance;
/// use shard_orm::reshard::CarryOut;
/// use shard_orm::reshard::planner::{Cost, Planner};
///
/// # async fn run(cluster: shard_orm::Cluster) -> shard_orm::Result<()> {
/// let rebalance = Rebalance::new(&cluster)?.planner(Planner::new().cost(Cost::Rows));
/// let plan = rebalance.plan().await?;
/// println!("{} moves of {} rows", plan.moves(), plan.rows);
/// rebalance.how(CarryOut::new().concurrency(2)).run(|event| println!("{event:?}")).await?;
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone)]
#[must_use = "nothing is done before `plan` or `run` is awaited"]
pub struct Rebalance {
    cluster: Cluster,
    reshard: Reshard,
    planner: Planner,
    cost: Cost,
    group: Option<String>,
    how: CarryOut,
    assumed: Vec<(String, String, ServerState)>,
    /// Group, server, region.
    regions: Vec<(String, String, String)>,
}

impl Rebalance {
    /// All groups of a cluster, by bytes. Sends nothing.
    ///
    /// # Errors
    /// [`Configuration`](ErrorKind::Configuration) if the cluster has no catalog, which knows the states,
    /// weights and capacities of servers, and keeps the jobs.
    pub fn new(cluster: &Cluster) -> Result<Self> {
        Ok(Self {
            reshard: cluster.reshard()?,
            cluster: cluster.clone(),
            planner: Planner::new(),
            cost: Cost::Bytes,
            group: None,
            how: CarryOut::new(),
            assumed: Vec::new(),
            regions: Vec::new(),
        })
    }

    /// Sets the planner.
    pub fn planner(mut self, planner: Planner) -> Self {
        self.cost = planner.balances();
        self.planner = planner;
        self
    }

    /// Moves the logical shards of one group only. What other groups hold on the same machines counts.
    pub fn group(mut self, group: impl Into<String>) -> Self {
        self.group = Some(group.into());
        self
    }

    /// Sets how the plan is carried out, and by which columns splits divide rows.
    pub fn how(mut self, how: CarryOut) -> Self {
        self.how = how;
        self
    }

    /// Lets a server hold the logical shards of a region.
    ///
    /// In a group that is routed by regions, a plan moves a logical shard only to servers that hold another one of its
    /// region, or that are named so: the rows of a region may not be allowed to leave it. If the
    /// planner has a function ([`Planner::allow`]), only that decides; its class is the region.
    ///
    /// ```no_run
    /// # use shard_orm::admin::Rebalance;
    /// # fn plan(cluster: shard_orm::Cluster) -> shard_orm::Result<Rebalance> {
    /// Ok(Rebalance::new(&cluster)?.region("shop", "eu", "eu-3"))
    /// # }
    /// ```
    pub fn region(mut self, group: &str, region: &str, server: &str) -> Self {
        self.regions
            .push((group.to_owned(), server.to_owned(), region.to_owned()));
        self
    }

    /// Plans as if a server had this state.
    pub fn assume(mut self, group: &str, server: &str, state: ServerState) -> Self {
        self.assumed
            .push((group.to_owned(), server.to_owned(), state));
        self
    }

    /// Sets the jobs' lease and operator by this handle.
    pub fn reshard(mut self, reshard: Reshard) -> Self {
        self.reshard = reshard;
        self
    }

    /// The fleet of the newest topology: states, weights and capacities as the catalog has them, and sizes as
    /// [`status`](super::status()) reads them.
    ///
    /// Servers of different groups at the same host and port are one machine.
    ///
    /// Sizes are the estimates of the databases. If one lacks the numbers that are needed, such as rows on SQLite,
    /// or bytes on PostgreSQL before the first `ANALYZE`, the tables of all namespaces are counted.
    ///
    /// For [`Cost::Measured`], loads are the microseconds in calls a second within the last 15 minutes, of all processes
    /// that publish their statistics; see `Cluster::fleet_statistics`, of the feature `metrics`.
    ///
    /// # Errors
    /// [`Unavailable`](ErrorKind::Unavailable) if a server does not answer;
    /// [`Configuration`](ErrorKind::Configuration) if a server of [`assume`](Self::assume) or [`region`](Self::region) is
    /// unknown, or the region is;
    /// [`NotFound`](ErrorKind::NotFound) if loads are needed, and no process has published any.
    pub async fn fleet(&self) -> Result<Fleet> {
        // The states are those of the topology that is measured.
        let epoch = self.cluster.topology().epoch();
        self.cluster.reload_topology(epoch).await?;
        let (revision, topology) = self.cluster.newest_topology().await?;
        let document: Document = revision.document.parse()?;
        let mut status = status(&self.cluster, StatusOptions::new()).await?;
        if shards(&status).any(|(_, shard)| self.lacks(shard)) {
            status = super::status(&self.cluster, StatusOptions::new().exact(true)).await?;
        }
        let measured = match self.cost {
            Cost::Measured => loads(&self.cluster).await?,
            _ => Loads::new(),
        };
        let mut fleet = Fleet::new();
        let numbering = self.reshard.numbering().await?;
        for (group, next, _) in &numbering {
            fleet.next_number(group, *next);
        }
        let entries = document.servers();
        let databases = databases_of(&topology);
        for (entry, machine) in entries.iter().zip(machines(&entries)) {
            let mut server = self.server(entry, machine);
            server.database = databases.get(&(&*entry.group, &*entry.name)).copied();
            fleet.server(server);
        }
        let regions = regions_of(&topology);
        let assumed = self
            .assumed
            .iter()
            .map(|(group, server, _)| (group, server));
        let named = self
            .regions
            .iter()
            .map(|(group, server, _)| (group, server));
        for (group, server) in assumed.chain(named) {
            let is_it = |entry: &ServerEntry| entry.group == *group && entry.name == *server;
            if !entries.iter().any(is_it) {
                return Err(Error::configuration(format!(
                    "group `{group}` has no server `{server}`"
                )));
            }
        }
        for (group, _, region) in &self.regions {
            let mut known = regions.iter().filter(|((own, _), _)| own == group);
            if !known.any(|(_, own)| own == region) {
                return Err(Error::configuration(format!(
                    "group `{group}` has no region `{region}`"
                )));
            }
        }
        for (group, size) in shards(&status) {
            let Some(number) = size.shard else { continue };
            if size.state == NamespaceState::Unknown {
                let problem = size.problem.as_deref().unwrap_or("it does not answer");
                return Err(Error::new(
                    ErrorKind::Unavailable,
                    format!(
                        "the size of logical shard {number} of group `{group}` is unknown: server `{}`: {problem}",
                        size.server
                    ),
                ));
            }
            let shard = Shard::new(group, number, &size.server)
                .rows(size.rows.unwrap_or_default())
                .bytes(size.bytes.unwrap_or_default());
            let load = measured.get(&(group.to_owned(), number));
            let mut shard = shard.load(load.copied().unwrap_or_default());
            shard.class = regions.get(&(group.to_owned(), number)).cloned();
            let is_fixed = numbering
                .iter()
                .any(|(own, _, fixed)| own == group && *fixed);
            fleet.shard(if is_fixed {
                shard.whole("the strategy of its group has no ranges")
            } else {
                shard
            });
        }
        Ok(fleet)
    }

    /// Plans the moves and splits. Changes nothing.
    ///
    /// A logical shard that cannot be split, since the rows of one key are too many or the column of its key is not
    /// known, is left as it is, and the plan says why. To find that out, the rows of each of its keys are counted.
    ///
    /// # Errors
    /// Those of [`fleet`](Self::fleet) and [`Planner::plan`].
    pub async fn plan(&self) -> Result<Plan> {
        let mut fleet = self.fleet().await?;
        let mut planner = self.planner.clone();
        if let Some(group) = &self.group {
            let others = fleet.shards().iter().filter(|shard| shard.group != *group);
            for shard in others {
                planner = planner.keep(&shard.group, shard.number);
            }
        }
        let mut without = Vec::new();
        if !planner.has_allow() {
            let regions = Regions::of(&fleet, self.regions.iter());
            without = regions.without(&fleet);
            planner = planner.allow(move |region, server| regions.allows(region, server));
        }
        let mut known: BTreeSet<(String, u32)> = BTreeSet::new();
        let mut plan = planner.plan(&fleet)?;
        // What cannot be split is planned for as it is.
        while self.keep_whole(&mut fleet, &plan, &mut known).await? {
            plan = planner.plan(&fleet)?;
        }
        plan.leftovers.extend(without);
        if let Some(group) = &self.group {
            // The others were not to be moved.
            plan.leftovers.retain(|left| left.group == *group);
        }
        Ok(plan)
    }

    /// Notes which of the logical shards that a plan splits cannot be. True if there are some.
    async fn keep_whole(
        &self,
        fleet: &mut Fleet,
        plan: &Plan,
        known: &mut BTreeSet<(String, u32)>,
    ) -> Result<bool> {
        let mut found = false;
        for step in &plan.steps {
            let Action::Split {
                group,
                shard,
                parts,
                ..
            } = &step.action
            else {
                continue;
            };
            if !known.insert((group.clone(), *shard)) {
                continue;
            }
            let at = (group.as_str(), *shard);
            if let Some(why) = self.reshard.indivisible(at, parts.len(), &self.how).await? {
                fleet.keep_whole(group, *shard, &why);
                found = true;
            }
        }
        Ok(found)
    }

    /// Plans, stores the plan, and runs it as [`Reshard::run_plan`] does. An earlier plan whose process has died is
    /// ended before, with the jobs that it has begun. A plan without steps is not stored.
    ///
    /// If the future is dropped, no further step is started; those that run go on in this process, or where a
    /// supervisor takes them over. Run again, this continues with a new plan, and [`Reshard::run_plan`] with the same one.
    ///
    /// # Errors
    /// Those of [`plan`](Self::plan) and of [`Reshard::carry_out`]: [`Conflict`](ErrorKind::Conflict) if a process runs
    /// another plan, or one is paused.
    pub async fn run(&self, mut tell: impl FnMut(PlanEvent) + Send) -> Result<Plan> {
        self.reshard.supersede(&mut tell).await?;
        let plan = self.plan().await?;
        if !plan.is_empty() {
            let carried_out = self.reshard.carry_out_stored(&plan, &self.how, &mut tell);
            carried_out.await?;
        }
        Ok(plan)
    }

    fn lacks(&self, size: &NamespaceStatus) -> bool {
        let is_known = match self.cost {
            Cost::Rows => size.rows.is_some(),
            Cost::Shards => true,
            _ => size.bytes.is_some(),
        };
        size.state == NamespaceState::Present && !is_known
    }

    fn server(&self, entry: &ServerEntry, machine: String) -> Server {
        let states = ServerState::NAMES.iter();
        let named = states.filter(|(name, _)| *name == entry.state);
        let named = named.map(|(_, state)| *state);
        let assumed = self.assumed.iter();
        let assumed =
            assumed.filter(|(group, name, _)| *group == entry.group && *name == entry.name);
        let state = named.chain(assumed.map(|(.., state)| *state)).last();
        let mut server = Server::new(&entry.group, &entry.name)
            .machine(machine)
            .state(state.unwrap_or_default())
            .weight(entry.weight.unwrap_or(1));
        server.capacity = entry.capacity;
        server
    }
}

/// The kind of database of each server, by group and name.
fn databases_of(topology: &Topology) -> HashMap<(&str, &str), Dialect> {
    let groups = topology.groups().iter();
    let servers = groups.flat_map(|group| {
        let servers = group.servers().iter();
        servers.map(|server| ((group.name(), &**server.name()), server.primary().dialect()))
    });
    servers.collect()
}

/// The region of each logical shard that has one, by group and number.
fn regions_of(topology: &Topology) -> HashMap<(String, u32), String> {
    let groups = topology.groups().iter();
    let owned = groups.flat_map(|group| {
        let keys = group.router().owned_keys().into_iter();
        keys.map(|(shard, keys)| ((group.name().to_owned(), shard), keys))
    });
    let regions = owned.filter_map(|(at, keys)| match keys {
        OwnedKeys::Hashes {
            region: Some(region),
            ..
        } => Some((at, region.into())),
        _ => None,
    });
    regions.collect()
}

/// The logical shards with their groups.
fn shards(status: &Status) -> impl Iterator<Item = (&str, &NamespaceStatus)> {
    let groups = status.groups.iter();
    groups.flat_map(|group| group.shards.iter().map(|shard| (&*group.name, shard)))
}
