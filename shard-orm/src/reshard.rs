//! Moves of logical shards between servers, while the application writes.
//!
//! A move copies the rows of a logical shard to another server, of the same kind of database or of another one, applies
//! what changes meanwhile, compares both, and then switches: writes wait for some milliseconds, and go to the
//! new place. The old rows are kept level with the new ones until the operator finishes the move, or
//! reverses it.
//!
//! ```no_run
//! # async fn run(cluster: shard_orm::Cluster) -> shard_orm::Result<()> {
//! let reshard = cluster.reshard()?;
//! let job = reshard.move_shard("shop", 3, "b").start().await?;
//! let job = reshard.run(job.id).await?;
//! println!("{job} is {}", job.state);
//! reshard.finish(job.id).await?;
//! reshard.run(job.id).await?;
//! # Ok(())
//! # }
//! ```
//!
//! # Guarantees
//! - No acknowledged write is lost, and none is applied twice, whatever dies when: what a job has done
//!   is recorded in the catalog and at both ends, and another process goes on from there.
//! - At most one place takes writes. A former runner that wakes up can change nothing: each job has a
//!   token that is raised with each runner, and checked in each transaction.
//! - Before the switch a job can be aborted; after it, reversed, until it is finished. One by which a key leaves tables
//!   that stay ([`isolate`](Reshard::isolate)) cannot be reversed; a merge undoes it.
//!
//! # Layers
//! ```text
//! planner              which logical shards move where: pure functions of a fleet
//! plans, stored        plans in the catalog: what operators decide about them
//! carry_out            the runner of a plan: its steps as jobs, some at a time
//! Reshard, MoveShard   what an operator asks for
//! driver               looks, decides, acts, until nothing is left to do
//!   mover              which action is next: a pure function
//!   steps              what each action does
//!     copy, replay, verify, blueprint
//!     place, rows      one connection in one namespace; the rows of one table
//! ```
//! Statements that differ between the databases are in `backend`: `structure`, `move_log`, `fence`.

mod attached;
mod blueprint;
mod canonical;
mod carry_out;
mod check;
mod columns;
mod copy;
mod crowd;
mod divider;
mod division;
mod driver;
#[cfg(feature = "json")]
mod exact_json;
mod failure;
mod held;
mod hours;
mod how;
mod journal;
mod key_change;
mod keyless;
mod kinds;
mod misfit;
#[cfg(test)]
mod model;
mod mover;
mod pass;
mod place;
mod places;
mod planned;
pub mod planner;
mod plans;
mod pulse;
mod regroup;
mod renewal;
mod replay;
mod replicas;
mod request;
mod rows;
mod space;
mod stay;
mod steps;
mod stored;
mod stuck;
mod supervise;
mod throttle;
mod verify;

use std::time::Duration;

pub use self::carry_out::{CarryOut, PlanEvent};
use self::driver::{Driver, Until};
pub use self::hours::Hours;
pub use self::key_change::ChangeKeys;
pub use self::planned::{Obstacle, Planned};
pub use self::plans::Cancel;
pub use self::request::MoveShard;
pub(crate) use self::space::machines;
pub use self::stored::{StepState, StoredPlan, StoredStep};
pub use self::supervise::Supervisor;
pub use crate::catalog::{
    Copied, DifferingRow, Gradual, Job, JobKind, JobState, Leaving, Mirror, Mirrored, Pace, Part,
    PlanState, Shifted, StepOf, ThrottleReason, Throttling, Wish,
};
use crate::catalog::{Plan, Store};
use crate::cluster::Cluster;
use crate::error::{Error, ErrorKind, Result};

/// How long a runner keeps a job without renewing its lease.
const LEASE: Duration = Duration::from_secs(15);

/// The moves of a cluster.
#[derive(Debug, Clone)]
pub struct Reshard {
    cluster: Cluster,
    operator: String,
    lease: Duration,
}

impl Cluster {
    /// The moves of this cluster's logical shards. Sends nothing.
    ///
    /// # Errors
    /// [`Configuration`](ErrorKind::Configuration) if the cluster has no catalog, in which jobs are kept.
    pub fn reshard(&self) -> Result<Reshard> {
        self.catalog().map_err(|error| {
            Error::configuration(format!(
                "logical shards are moved through the catalog: {}",
                error.message()
            ))
        })?;
        Ok(Reshard {
            cluster: self.clone(),
            operator: crate::cluster::operator(),
            lease: LEASE,
        })
    }
}

impl Reshard {
    /// Sets the name under which jobs are created and run; the default is the user of this process.
    #[must_use]
    pub fn operator(mut self, name: impl Into<String>) -> Self {
        self.operator = name.into();
        self
    }

    /// Adds to the operator's name the program through which they act, so that events and runners name both, as in
    /// `ann via dashboard`.
    #[must_use]
    pub fn via(mut self, program: &str) -> Self {
        self.operator = format!("{} via {program}", self.operator);
        self
    }

    /// How long a runner keeps a job after it has died: another process can take the job over then. It is
    /// renewed three times within; the default is 15 seconds, and the least is one.
    #[must_use]
    pub fn lease(mut self, lease: Duration) -> Self {
        self.lease = lease.max(Duration::from_secs(1));
        self
    }

    /// Moves a logical shard to another server of its group.
    pub fn move_shard(&self, group: &str, shard: u32, server: &str) -> MoveShard {
        MoveShard::new(self, JobKind::Move, group, shard, server)
    }

    /// Splits a logical shard into as many as there are servers, which may be the same. The first keeps its number.
    ///
    /// Under the strategy `range` on PostgreSQL, MySQL and MariaDB, a part on the server of the logical shard stays in its
    /// tables, as of a key that is [isolated](Self::isolate), if few rows leave: only these are copied.
    pub fn split_shard<S: Into<String>>(
        &self,
        group: &str,
        shard: u32,
        servers: impl IntoIterator<Item = S>,
    ) -> ChangeKeys {
        let servers = servers.into_iter().map(Into::into).collect();
        ChangeKeys::split(self, group, shard, servers)
    }

    /// Splits the logical shard of a key into two, of which one has this key alone, on a server of its group; the
    /// other one stays where it is.
    ///
    /// On PostgreSQL, MySQL and MariaDB only the rows of the key are copied, if they are few and the logical shard has
    /// nothing but tables: [`Planned::leaving`] and [`Planned::copied_because`] say so. At the switch they are deleted from
    /// the old tables, which become those of the other part by a rename. From then on the job only goes on, and a merge
    /// undoes it. With [`copy_all`](ChangeKeys::copy_all), and in all other cases, all rows are copied, and the job
    /// can be reversed.
    ///
    /// ```no_run
    /// # async fn run(cluster: shard_orm::Cluster) -> shard_orm::Result<()> {
    /// let reshard = cluster.reshard()?;
    /// let isolated = reshard.isolate("shop", 42, "b")?;
    /// println!("{}", isolated.plan().await?);
    /// let job = isolated.start().await?;
    /// let job = reshard.run(job.id).await?;
    /// println!("{} rows were copied", job.copied.rows);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// [`Configuration`](ErrorKind::Configuration) if the group is unknown, or the key is pinned;
    /// [`NoShardForKey`](ErrorKind::NoShardForKey) if no logical shard owns it, as in a group with regions.
    pub fn isolate(&self, group: &str, key: i64, server: &str) -> Result<ChangeKeys> {
        ChangeKeys::isolate(self, group, key, server)
    }

    /// Merges logical shards whose keys are next to each other into one, with the lowest of their numbers, on a server
    /// of the group.
    pub fn merge_shards(
        &self,
        group: &str,
        shards: impl IntoIterator<Item = u32>,
        server: &str,
    ) -> ChangeKeys {
        ChangeKeys::merge(self, group, shards.into_iter().collect(), server)
    }

    /// Copies a logical shard to another server of its group, into a namespace that never serves it: for
    /// tests and analysis. Its record says `dead`, so that no client takes it for the shard.
    pub fn clone_shard(&self, group: &str, shard: u32, server: &str) -> MoveShard {
        MoveShard::new(self, JobKind::Duplicate, group, shard, server)
    }

    /// Runs a job until it waits for an operator, or is over: up to the switch, and then until the old rows
    /// are level with the new ones. A job that another process has begun, or that was interrupted, goes on
    /// where it stopped.
    ///
    /// The job runs as a task of its own. If this future is dropped, the task goes on.
    ///
    /// # Errors
    /// [`Conflict`](ErrorKind::Conflict) if another process runs it; otherwise why it cannot go on, which
    /// its row says too. It can be run again.
    pub async fn run(&self, job: u64) -> Result<Job> {
        self.run_until(job, Until::Settled).await
    }

    /// As [`run`](Self::run), and keeps the old rows level with the new ones until an operator finishes or
    /// reverses the job.
    ///
    /// # Errors
    /// As [`run`](Self::run).
    pub async fn run_to_the_end(&self, job: u64) -> Result<Job> {
        self.run_until(job, Until::Over).await
    }

    async fn run_until(&self, job: u64, until: Until) -> Result<Job> {
        let driver = Box::pin(Driver::take(self, job, until)).await?;
        let running = self.cluster.runtime().spawn(driver.run());
        running.await.unwrap_or_else(|_| {
            Err(Error::new(
                ErrorKind::Database,
                "the runner of the job has ended by a bug of this library; run the job again",
            ))
        })
    }

    /// The jobs, the newest first.
    ///
    /// # Errors
    /// The database's error.
    pub async fn jobs(&self) -> Result<Vec<Job>> {
        let handle = self.cluster.catalog_handle()?;
        Store::new(&handle).jobs().await
    }

    /// A job.
    ///
    /// # Errors
    /// [`NotFound`](ErrorKind::NotFound) if there is none with this number.
    pub async fn job(&self, job: u64) -> Result<Job> {
        let handle = self.cluster.catalog_handle()?;
        Store::new(&handle).job(job).await
    }

    /// Lets a job stand still after the step at hand. Its changes go on being captured.
    ///
    /// # Errors
    /// [`Conflict`](ErrorKind::Conflict) once the switch has begun.
    pub async fn pause(&self, job: u64) -> Result<Job> {
        self.wish(job, Wish::Pause, BEFORE_SWITCH).await
    }

    /// Lets a job go on that stands still.
    ///
    /// # Errors
    /// [`Conflict`](ErrorKind::Conflict) if it is over, or was given up.
    pub async fn resume(&self, job: u64) -> Result<Job> {
        self.wish(job, Wish::Run, BEFORE_SWITCH).await
    }

    /// Gives a job up before its switch: the logical shard stays where it is, and what the job has created
    /// is removed by its runner.
    ///
    /// # Errors
    /// [`Conflict`](ErrorKind::Conflict) once the switch is decided, or a part that stays is parted from the rows that leave;
    /// [`reverse`](Self::reverse) it after the switch.
    pub async fn abort(&self, job: u64) -> Result<Job> {
        self.wish(job, Wish::Abort, &BEFORE_DECISION).await
    }

    /// Takes a logical shard back to its old server, with everything that was written since.
    ///
    /// # Errors
    /// [`Conflict`](ErrorKind::Conflict) before the switch, or once the job is being finished;
    /// [`Unsupported`](ErrorKind::Unsupported) if a part has stayed where it was ([`Job::leaving`]): a merge undoes it.
    pub async fn reverse(&self, job: u64) -> Result<Job> {
        let found = self.job(job).await?;
        if found.leaving.is_some() {
            let shards: Vec<String> = found
                .targets
                .iter()
                .map(|part| part.shard.to_string())
                .collect();
            return Err(Error::unsupported(format!(
                "{found} has left a part in its tables, and holds no old rows to go back to; undo it with \
                 `shard-orm reshard merge --shards {}`",
                shards.join(",")
            )));
        }
        self.wish(job, Wish::Reverse, &AFTER_SWITCH).await
    }

    /// Removes the old rows. The job cannot be reversed any more.
    ///
    /// # Errors
    /// [`Conflict`](ErrorKind::Conflict) before the switch, or if the job is being reversed.
    pub async fn finish(&self, job: u64) -> Result<Job> {
        self.wish(job, Wish::Finish, &AFTER_SWITCH).await
    }

    /// Lets the switch of a job go on though a replica of its source may lack the fence, as
    /// [`MoveShard::accept_replica_risk`] does. The job may run meanwhile.
    ///
    /// # Errors
    /// [`NotFound`](ErrorKind::NotFound) if there is no such job.
    pub async fn accept_replica_risk(&self, job: u64) -> Result<Job> {
        let handle = self.cluster.catalog_handle()?;
        let store = Store::new(&handle);
        let changed = store
            .replan_job(job, |plan| plan.accepts_replica_risk = true)
            .await?;
        self.note_job(&changed, "the risk of its replicas is accepted")
            .await;
        Ok(changed)
    }

    /// Changes which share of the reads is mirrored, and for how long, as [`MoveShard::mirror`] does. It may run
    /// meanwhile. With a share of 0 %, the job goes on to its switch, unless rows were found to differ.
    ///
    /// # Errors
    /// [`NotFound`](ErrorKind::NotFound) if there is no such job; [`Unsupported`](ErrorKind::Unsupported) if it is a
    /// clone.
    pub async fn mirror(&self, job: u64, mirror: Mirror) -> Result<Job> {
        let handle = self.cluster.catalog_handle()?;
        let store = Store::new(&handle);
        let found = store.job(job).await?;
        if !found.kind.switches() {
            return Err(Error::unsupported(format!(
                "the mirror {}",
                request::WITHOUT_SWITCH
            )));
        }
        if found.leaving.is_some() {
            return Err(Error::unsupported(format!(
                "{found} leaves a part in its tables, which no target has before the switch: its reads cannot be mirrored; \
                 abort it, and begin again with a mirror"
            )));
        }
        store.create_tables().await?;
        let changed = store
            .replan_job(job, |plan| plan.mirror = Some(mirror))
            .await?;
        let epoch = self.cluster.topology().epoch();
        let message = format!("{changed}: the mirror is {mirror}");
        store
            .note_event("job", &self.operator, epoch, &message)
            .await;
        Ok(changed)
    }

    /// Changes how fast a job copies rows. It may run meanwhile.
    ///
    /// # Errors
    /// [`NotFound`](ErrorKind::NotFound) if there is no such job; [`Conflict`](ErrorKind::Conflict) if it is over.
    pub async fn throttle(&self, job: u64, pace: Pace) -> Result<Job> {
        let handle = self.cluster.catalog_handle()?;
        let store = Store::new(&handle);
        let found = store.job(job).await?;
        if found.state.is_over() {
            return Err(Error::new(
                ErrorKind::Conflict,
                format!(
                    "{found} is `{}`: it copies nothing any more; see `shard-orm job list` for those that do",
                    found.state
                ),
            ));
        }
        let replan = |plan: &mut Plan| plan.pace = pace;
        let changed = store.replan_job(job, replan).await?;
        self.note_job(&changed, &format!("its pace is {pace}"))
            .await;
        Ok(changed)
    }

    async fn wish(&self, job: u64, wish: Wish, states: &[JobState]) -> Result<Job> {
        let handle = self.cluster.catalog_handle()?;
        let store = Store::new(&handle);
        let changed = store.wish_job(job, wish, states).await?;
        self.note_job(&changed, &format!("{wish} is asked for"))
            .await;
        Ok(changed)
    }

    /// Writes an event about a job.
    async fn note_job(&self, job: &Job, what: &str) {
        self.note_event("job", &format!("{job}: {what}")).await;
    }

    async fn note_event(&self, kind: &str, message: &str) {
        let Ok(handle) = self.cluster.catalog_handle() else {
            return;
        };
        let epoch = self.cluster.topology().epoch();
        let store = Store::new(&handle);
        store.note_event(kind, &self.operator, epoch, message).await;
    }
}

const BEFORE_DECISION: [JobState; 8] = [
    JobState::Preparing,
    JobState::Copying,
    JobState::Levelling,
    JobState::Verifying,
    JobState::Ready,
    JobState::Mirroring,
    JobState::Shifting,
    JobState::Switching,
];
/// All but the last of these.
const BEFORE_SWITCH: &[JobState] = {
    let [before @ .., _] = &BEFORE_DECISION;
    before
};
const AFTER_SWITCH: [JobState; 2] = [JobState::Switched, JobState::Holding];
