//! Carries a plan out: starts its moves as jobs, a few at a time, and finishes each.
//!
//! Called by `admin::Rebalance`, which plans again after an interruption.

use std::collections::{BTreeSet, VecDeque};
use std::time::{Duration, SystemTime};

use futures_util::StreamExt as _;
use futures_util::stream::FuturesUnordered;

use super::hours::Hours;
use super::planner::{Action, Plan, Step};
use super::{Job, JobKind, JobState, Pace, Reshard};
use crate::catalog::Document;
use crate::config::ServerState;
use crate::error::{Error, ErrorKind, Result};

/// The time between two looks at a job that another process runs, and at the clock.
const PERIOD: Duration = Duration::from_secs(1);

/// How a plan is carried out.
#[derive(Debug, Clone)]
#[must_use]
pub struct CarryOut {
    pub(super) concurrency: usize,
    pub(super) pace: Pace,
    pub(super) hours: Option<Hours>,
    pub(super) accepts_relaxed_durability: bool,
    pub(super) accepts_replica_risk: bool,
}

impl Default for CarryOut {
    fn default() -> Self {
        Self {
            concurrency: 1,
            pace: Pace::default(),
            hours: None,
            accepts_relaxed_durability: false,
            accepts_replica_risk: false,
        }
    }
}

impl CarryOut {
    /// One move at a time, at the pace [`Pace::Gentle`], at any hour.
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets how many moves run at the same time; 1 by default. A server takes part in one of them at most.
    pub fn concurrency(mut self, jobs: usize) -> Self {
        self.concurrency = jobs.max(1);
        self
    }

    /// Sets how fast rows are copied.
    pub fn pace(mut self, pace: Pace) -> Self {
        self.pace = pace;
        self
    }

    /// Sets the hours in which moves are started. A move that runs at their end goes on.
    pub fn between(mut self, hours: Hours) -> Self {
        self.hours = Some(hours);
        self
    }

    /// As [`MoveShard::accept_relaxed_durability`](super::MoveShard::accept_relaxed_durability), for all moves.
    pub fn accept_relaxed_durability(mut self) -> Self {
        self.accepts_relaxed_durability = true;
        self
    }

    /// As [`MoveShard::accept_replica_risk`](super::MoveShard::accept_replica_risk), for all moves.
    pub fn accept_replica_risk(mut self) -> Self {
        self.accepts_replica_risk = true;
        self
    }
}

/// What happens while a plan is carried out.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum PlanEvent {
    /// No move is started before this time.
    Waits(SystemTime),
    /// A server of a group was made active.
    Activated(String, String),
    /// A move has begun, or one of an earlier plan goes on.
    Started(Job),
    /// A move is done, and its old rows are removed.
    Moved(Job),
}

impl Reshard {
    /// Brings the moves of an earlier plan to their end, so that a new one can be made.
    ///
    /// # Errors
    /// The error of a job, or [`Conflict`](ErrorKind::Conflict) if one is paused.
    pub(crate) async fn complete_planned(
        &self,
        tell: &mut (dyn FnMut(PlanEvent) + Send),
    ) -> Result<()> {
        let jobs = self.jobs().await?;
        let open = jobs
            .into_iter()
            .filter(|job| job.planned && !job.state.is_over());
        let runtime = self.cluster.runtime();
        let mut running = FuturesUnordered::new();
        for job in open {
            running.push(runtime.spawn(complete(self.clone(), job.id)));
            tell(PlanEvent::Started(job));
        }
        let mut outcome = Ok(());
        while let Some(ended) = running.next().await {
            match ended.unwrap_or_else(|_| Err(ended_by_bug())) {
                Ok(job) => tell(PlanEvent::Moved(job)),
                Err(error) => outcome = Err(error),
            }
        }
        outcome
    }

    /// Takes the steps of a plan. Each move is a job, which is finished as soon as its old rows are level with
    /// the new ones: it cannot be reversed.
    ///
    /// The steps of a server are taken in their order, so that capacities hold and the fleet gets better with
    /// each of them. If a job fails, those that run are brought to their end, and no other one is started. If
    /// this future is dropped, no other one is started either; the jobs go on.
    ///
    /// # Errors
    /// The error of a job; [`Conflict`](ErrorKind::Conflict) if a logical shard is not where the plan has it, or
    /// a job was paused, aborted or reversed.
    pub async fn carry_out(
        &self,
        plan: &Plan,
        how: &CarryOut,
        mut tell: impl FnMut(PlanEvent) + Send,
    ) -> Result<()> {
        self.carry_out_steps(plan, how, &mut tell).await
    }

    pub(crate) async fn carry_out_steps(
        &self,
        plan: &Plan,
        how: &CarryOut,
        tell: &mut (dyn FnMut(PlanEvent) + Send),
    ) -> Result<()> {
        let mut left: VecDeque<&Step> = plan.steps.iter().collect();
        let mut running = FuturesUnordered::new();
        let mut busy: BTreeSet<(&str, &str)> = BTreeSet::new();
        let mut outcome = Ok(());
        loop {
            let now = SystemTime::now();
            let pause = how.hours.map_or(Duration::ZERO, |hours| hours.until(now));
            if outcome.is_ok() && pause.is_zero() {
                let mut waiting = VecDeque::new();
                let mut touched = busy.clone();
                while let Some(step) = left.pop_front() {
                    let servers = servers(&step.action);
                    let is_free = !servers.iter().any(|server| touched.contains(server));
                    if outcome.is_err() || !is_free || running.len() >= how.concurrency {
                        touched.extend(servers);
                        waiting.push_back(step);
                        continue;
                    }
                    match self.begin(&step.action, how).await {
                        Ok(Begun::Job(job)) => {
                            busy.extend(&servers);
                            touched.extend(&servers);
                            let completed = complete(self.clone(), job.id);
                            let task = self.cluster.runtime().spawn(completed);
                            running.push(async move { (servers, task.await) });
                            tell(PlanEvent::Started(*job));
                        }
                        Ok(Begun::Activated(group, server)) => {
                            tell(PlanEvent::Activated(group, server));
                        }
                        Err(error) => outcome = Err(error),
                    }
                }
                left = waiting;
            }
            if let Some((servers, ended)) = running.next().await {
                for server in servers {
                    busy.remove(&server);
                }
                match ended.unwrap_or_else(|_| Err(ended_by_bug())) {
                    Ok(job) => tell(PlanEvent::Moved(job)),
                    Err(error) => outcome = Err(error),
                }
            } else if outcome.is_err() || left.is_empty() {
                return outcome;
            } else if !pause.is_zero() {
                tell(PlanEvent::Waits(now + pause));
                tokio::time::sleep(pause).await;
            }
        }
    }

    async fn begin(&self, action: &Action, how: &CarryOut) -> Result<Begun> {
        match action {
            Action::Activate { group, server } => {
                let catalog = self.cluster.catalog()?.operator(&self.operator);
                let comment = format!("server {server} of group {group}: active, by a plan");
                let activate = |document: &mut Document| {
                    document.set_state(group, server, ServerState::Active)
                };
                catalog.edit(comment, activate).await?;
                Ok(Begun::Activated(group.clone(), server.clone()))
            }
            Action::Move {
                group,
                shard,
                from,
                to,
                ..
            } => {
                self.check_place(group, *shard, from).await?;
                let mut request = self.move_shard(group, *shard, to).pace(how.pace).planned();
                if how.accepts_relaxed_durability {
                    request = request.accept_relaxed_durability();
                }
                if how.accepts_replica_risk {
                    request = request.accept_replica_risk();
                }
                Ok(Begun::Job(Box::new(request.start().await?)))
            }
        }
    }

    /// Whether a logical shard is where a plan has it.
    async fn check_place(&self, group: &str, shard: u32, server: &str) -> Result<()> {
        let (revision, topology) = self.cluster.newest_topology().await?;
        let described = topology.group(group);
        let place = described.and_then(|own| own.servers().get(own.placement(shard)?.server()));
        match place {
            Some(place) if &**place.name() == server => Ok(()),
            _ => Err(Error::new(
                ErrorKind::Conflict,
                format!(
                    "logical shard {shard} of group `{group}` is not on server `{server}` in epoch {}; plan again",
                    revision.epoch
                ),
            )),
        }
    }
}

enum Begun {
    Job(Box<Job>),
    Activated(String, String),
}

/// The servers that a step needs for itself.
fn servers(action: &Action) -> Vec<(&str, &str)> {
    match action {
        Action::Activate { group, server } => vec![(group, server)],
        Action::Move {
            group, from, to, ..
        } => vec![(group, from), (group, to)],
    }
}

/// Runs a job until its old rows are removed.
async fn complete(reshard: Reshard, id: u64) -> Result<Job> {
    loop {
        let job = match reshard.run(id).await {
            Err(error) if error.kind() == ErrorKind::Conflict => {
                let job = reshard.job(id).await?;
                let is_run = job.owner.is_some() && !job.lease.is_zero();
                if !is_run && !job.state.is_over() {
                    return Err(error);
                }
                job
            }
            ran => ran?,
        };
        match job.state {
            JobState::Finished => return Ok(job),
            JobState::Holding if job.owner.is_none() && job.kind == JobKind::Move => {
                reshard.finish(id).await?;
            }
            // Another process runs it.
            state if job.owner.is_some() && !state.is_over() => tokio::time::sleep(PERIOD).await,
            state => {
                return Err(Error::new(
                    ErrorKind::Conflict,
                    format!(
                        "{job} is `{state}`, and `{}` was asked of it; the rest of the plan is left. See \
                         `shard-orm job show {id}`",
                        job.wish
                    ),
                ));
            }
        }
    }
}

fn ended_by_bug() -> Error {
    Error::new(
        ErrorKind::Database,
        "the runner of a job has ended by a bug of this library; run the job again",
    )
}
