//! What an operator asks for: the move, clone or split of a logical shard.

use super::Reshard;
use super::check::examine;
use super::division::Division;
use super::how::{How, sets_how};
use super::kinds::{add_model, add_type};
use super::planned::Planned;
use crate::catalog::{Job, JobKind, JobState, Part, Plan, PlanState, StepOf, Store};
use crate::error::{Error, ErrorKind, Result};
use crate::migrate::GroupLock;
use crate::model::Model;
use crate::schema::DataType;

/// Why a clone has no mirror.
pub(super) const WITHOUT_SWITCH: &str = "compares reads before a switch, and a clone is never switched to; leave it out, \
     or move the logical shard";

/// What is asked for.
#[derive(Debug, Clone)]
pub(super) struct Request {
    pub(super) reshard: Reshard,
    pub(super) kind: JobKind,
    pub(super) group: String,
    /// The logical shard, and the number that the first target has.
    pub(super) shard: u32,
    /// The logical shards that are merged with it.
    pub(super) merged: Vec<u32>,
    /// The server of each target.
    pub(super) servers: Vec<String>,
    /// How the keys are divided among the targets of a split.
    pub(super) division: Division,
    /// Whether all parts are copied, although one could stay where it is.
    pub(super) copies_all: bool,
    pub(super) how: How,
    /// The step of a plan that it is.
    pub(super) turn: Option<Turn>,
}

/// The turn of a step, for the runner of its plan.
#[derive(Debug, Clone)]
pub(super) struct Turn {
    pub(super) of: StepOf,
    /// The token of the plan's runner.
    pub(super) token: u64,
    /// The numbers that the targets have to have: later steps name them.
    pub(super) numbers: Option<Vec<u32>>,
}

impl Turn {
    /// Whether it still is this runner's turn, and the targets are those of the plan. Looked at under the lock by which
    /// jobs are created one after the other: a former runner of the plan that wakes up begins nothing.
    async fn check(&self, store: Store<'_>, planned: &Planned) -> Result<()> {
        let StepOf { plan, step } = self.of;
        let row = store.plan_state(plan).await?;
        if row.token != self.token || row.state != PlanState::Open {
            return Err(Error::new(
                ErrorKind::Fenced,
                format!(
                    "plan {plan} is `{}`, or was taken over by another process",
                    row.state
                ),
            ));
        }
        let has_begun = |job: &Job| {
            let is_undone = matches!(job.state, JobState::Aborted | JobState::Reversed);
            job.step == Some(self.of) && !is_undone
        };
        if let Some(job) = store.jobs().await?.iter().find(|job| has_begun(job)) {
            return Err(Error::new(
                ErrorKind::Fenced,
                format!("step {step} of plan {plan} is {job} already"),
            ));
        }
        let numbers = planned.targets.iter().map(|part| part.shard);
        let named = self.numbers.as_ref();
        if named.is_none_or(|named| numbers.eq(named.iter().copied())) {
            return Ok(());
        }
        Err(Error::new(
            ErrorKind::Conflict,
            format!(
                "the new logical shards of step {step} would have other numbers than in plan {plan}, since others were \
                 made meanwhile; cancel it, and plan again"
            ),
        ))
    }
}

impl Request {
    pub(super) fn new(reshard: &Reshard, kind: JobKind, group: &str, shard: u32) -> Self {
        Self {
            reshard: reshard.clone(),
            kind,
            group: group.to_owned(),
            shard,
            merged: Vec::new(),
            servers: Vec::new(),
            division: Division::Shares,
            copies_all: false,
            how: How::default(),
            turn: None,
        }
    }

    /// Takes the types of the columns of a model's table.
    pub(super) fn add_model<M: Model>(&mut self) {
        add_model::<M>(&mut self.how.types);
    }

    /// Takes the type of a column.
    pub(super) fn add_type(&mut self, table: String, column: String, of: &DataType) {
        add_type(&mut self.how.types, table, column, of);
    }

    pub(super) async fn plan(&self) -> Result<Planned> {
        let mut planned = Box::pin(examine(self)).await?;
        if self.how.mirror.is_some() && !self.kind.switches() {
            planned.against("the mirror", WITHOUT_SWITCH);
        }
        if self.how.gradual.is_some() && self.kind != JobKind::Move {
            planned.against(
                "the gradual switch",
                "is of a logical shard that moves as a whole, and not of one that is cloned, split or merged; leave it out",
            );
        }
        Ok(planned)
    }

    pub(super) async fn start(&self) -> Result<Job> {
        let cluster = &self.reshard.cluster;
        let lock = GroupLock::of_move(cluster, &self.group).await?;
        // Boxed: the depth of futures counts in the crate that awaits them.
        let created = Box::pin(self.create()).await;
        lock.release().await?;
        created
    }

    async fn create(&self) -> Result<Job> {
        let planned = self.plan().await?;
        planned.check()?;
        let plan = Plan {
            sources: planned.sources.clone(),
            targets: planned.targets.clone(),
            tables: planned.tables.clone(),
            keys: planned.keys.clone(),
            types: planned.types.clone(),
            pace: self.how.pace,
            step: self.turn.as_ref().map(|turn| turn.of),
            accepts_replica_risk: self.how.accepts_replica_risk,
            mirror: self.how.mirror,
            gradual: self.how.gradual.clone(),
            leaving: planned.leaving.clone(),
        };
        let cluster = &self.reshard.cluster;
        let handle = cluster.catalog_handle()?;
        let store = Store::new(&handle);
        // A catalog of an earlier version has no jobs.
        store.create_tables().await?;
        if let Some(turn) = &self.turn {
            turn.check(store, &planned).await?;
        }
        let operator = &self.reshard.operator;
        let job = store
            .create_job(self.kind, &self.group, &plan, planned.rows, operator)
            .await?;
        let epoch = cluster.topology().epoch();
        store
            .note_event("job", operator, epoch, &format!("{job}: created"))
            .await;
        Ok(job)
    }
}

/// The move or clone of a logical shard, before it begins.
#[derive(Debug, Clone)]
#[must_use = "nothing is done before `start` is awaited"]
pub struct MoveShard(Request);

sets_how!(MoveShard, 0.how);

impl MoveShard {
    pub(super) fn new(
        reshard: &Reshard,
        kind: JobKind,
        group: &str,
        shard: u32,
        server: &str,
    ) -> Self {
        let mut request = Request::new(reshard, kind, group, shard);
        request.servers.push(server.to_owned());
        Self(request)
    }

    /// Names a model of the group, whose fields say the types of its table's columns. It counts where the servers are
    /// different kinds of databases: not all of them tell types apart, as SQLite, which has no dates, and MySQL and
    /// MariaDB, whose `datetime` may be one in UTC. Without it, the types are those that the database tells.
    ///
    /// ```no_run
    /// # use shard_orm::prelude::*;
    /// # #[derive(ShardModel)]
    /// # #[shard(group = "shop", table = "orders")]
    /// # struct Order {
    /// #     #[shard(primary_key)]
    /// #     id: i64,
    /// #     #[shard(key)]
    /// #     user_id: i64,
    /// # }
    /// # async fn run(cluster: Cluster) -> shard_orm::Result<()> {
    /// let reshard = cluster.reshard()?;
    /// let job = reshard.move_shard("shop", 3, "b").model::<Order>().start().await?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn model<M: Model>(mut self) -> Self {
        self.0.add_model::<M>();
        self
    }

    /// Says the type of a column, as [`model`](Self::model) does of all columns of a table.
    ///
    /// ```no_run
    /// # async fn run(cluster: shard_orm::Cluster) -> shard_orm::Result<()> {
    /// let reshard = cluster.reshard()?;
    /// let request = reshard.move_shard("shop", 3, "b");
    /// let request = request.column_type("orders", "placed_at", &"timestamp_utc".parse()?);
    /// println!("{}", request.plan().await?);
    /// # Ok(())
    /// # }
    /// ```
    pub fn column_type(
        mut self,
        table: impl Into<String>,
        column: impl Into<String>,
        of: &DataType,
    ) -> Self {
        self.0.add_type(table.into(), column.into(), of);
        self
    }

    /// Makes it a step of a plan.
    pub(super) fn turn(mut self, how: &How, turn: Turn) -> Self {
        self.0.how = how.clone();
        self.0.turn = Some(turn);
        self
    }

    /// Looks at both ends, and says what would be done and what stands against it. Changes nothing.
    ///
    /// # Errors
    /// [`Configuration`](crate::ErrorKind::Configuration) if group, shard or server are unknown, or the
    /// shard is there already; [`Unavailable`](crate::ErrorKind::Unavailable) if an end does not answer.
    pub async fn plan(&self) -> Result<Planned> {
        self.0.plan().await
    }

    /// Creates the job, unless something stands against it. [`Reshard::run`] runs it.
    ///
    /// # Errors
    /// As [`plan`](Self::plan); [`Unsupported`](crate::ErrorKind::Unsupported) with all obstacles;
    /// [`Conflict`](crate::ErrorKind::Conflict) if another job of the group is open, and
    /// [`Unavailable`](crate::ErrorKind::Unavailable) while its migrations run.
    pub async fn start(&self) -> Result<Job> {
        self.0.start().await
    }
}

impl Part {
    /// The namespace that a logical shard gets next: no generation is used twice.
    pub(super) fn next(shard: u32, server: &str, own: u32, jobs: &[Job], group: &str) -> Self {
        let jobs = jobs.iter().filter(|job| job.group == group);
        let parts = jobs.flat_map(|job| job.sources.iter().chain(&job.targets));
        let used = parts
            .filter(|part| part.shard == shard)
            .map(|part| part.generation);
        let last = used.chain([own]).max().unwrap_or(1);
        Self::new(shard, server, last + 1)
    }
}
