//! What operators do with stored plans.

use super::carry_out::{CarryOut, PlanEvent, PlanRunner};
use super::held::Held;
use super::planner::Plan;
use super::request::Request;
use super::stored::{StoredPlan, text_of};
use super::{Job, Reshard, Wish};
use crate::catalog::{Document, PlanRow, PlanState, Store};
use crate::error::{Error, ErrorKind, Result};
use crate::route::OwnedKeys;

type Tell<'t> = dyn FnMut(PlanEvent) + Send + 't;

/// What becomes of the jobs of a plan that is cancelled.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Cancel {
    /// Those that have begun are brought to their end.
    Finish,
    /// Those that have not switched yet are given up: their logical shards stay where they are.
    Abort,
}

impl Reshard {
    /// The stored plans, the newest first.
    ///
    /// # Errors
    /// The database's error.
    pub async fn plans(&self) -> Result<Vec<StoredPlan>> {
        let handle = self.cluster.catalog_handle()?;
        let rows = Store::new(&handle).plans().await?;
        self.stored(&rows).await
    }

    /// A stored plan.
    ///
    /// # Errors
    /// [`NotFound`](ErrorKind::NotFound) if there is none with this number.
    pub async fn plan(&self, plan: u64) -> Result<StoredPlan> {
        let handle = self.cluster.catalog_handle()?;
        let row = Store::new(&handle).plan(plan).await?;
        let mut plans = self.stored(&[row]).await?;
        plans
            .pop()
            .ok_or_else(|| Error::decode("a plan that is not there"))
    }

    async fn stored(&self, rows: &[PlanRow]) -> Result<Vec<StoredPlan>> {
        let jobs = self.jobs().await?;
        let (revision, _) = self.cluster.newest_topology().await?;
        let topology: Document = revision.document.parse()?;
        let plans = rows.iter().map(|row| {
            let mut plan = StoredPlan::of(row)?;
            plan.note(&jobs, &topology);
            Ok(plan)
        });
        plans.collect()
    }

    /// Stores a plan, and returns its number. [`run_plan`](Self::run_plan) runs it.
    ///
    /// # Errors
    /// [`Conflict`](ErrorKind::Conflict) if another plan of the cluster is open.
    pub async fn store_plan(&self, plan: &Plan, how: &CarryOut) -> Result<u64> {
        let handle = self.cluster.catalog_handle()?;
        let store = Store::new(&handle);
        // A catalog of an earlier version has no plans.
        store.create_tables().await?;
        let document = text_of(plan, how);
        let row = store.create_plan(&document, &self.operator).await?;
        self.note(&format!(
            "plan {}: stored, {} steps",
            row.id,
            plan.steps.len()
        ))
        .await;
        Ok(row.id)
    }

    /// Stores a plan and runs it.
    ///
    /// # Errors
    /// Those of [`store_plan`](Self::store_plan) and [`run_plan`](Self::run_plan);
    /// [`Conflict`](ErrorKind::Conflict) if an operator has paused or cancelled the plan meanwhile.
    pub async fn carry_out(
        &self,
        plan: &Plan,
        how: &CarryOut,
        mut tell: impl FnMut(PlanEvent) + Send,
    ) -> Result<()> {
        self.carry_out_stored(plan, how, &mut tell).await
    }

    pub(crate) async fn carry_out_stored(
        &self,
        plan: &Plan,
        how: &CarryOut,
        tell: &mut Tell<'_>,
    ) -> Result<()> {
        let id = self.store_plan(plan, how).await?;
        let ended = Box::pin(self.run_stored(id, tell)).await?;
        if ended.state == PlanState::Done {
            return Ok(());
        }
        Err(Error::new(
            ErrorKind::Conflict,
            format!(
                "plan {id} was not carried out: it is `{}`; see `shard-orm plan show {id}`",
                ended.state
            ),
        ))
    }

    /// Runs a stored plan until it is done, or an operator has paused or cancelled it: starts its steps as jobs, and
    /// finishes each as soon as its old rows are level with the new ones, so that a step cannot be reversed. A plan that
    /// was interrupted goes on where it stopped.
    ///
    /// The steps of a server are taken in their order, so that capacities hold and the fleet gets better with each of
    /// them. If a job fails, those that run are brought to their end, and no other one is started; run the plan again
    /// once the cause is gone. If this future is dropped, no other one is started either; the jobs go on.
    ///
    /// # Errors
    /// [`Conflict`](ErrorKind::Conflict) if another process runs the plan, it is paused or over, a logical shard is not
    /// where the plan has it, or a job was paused, aborted or reversed; the error of a job;
    /// [`Fenced`](ErrorKind::Fenced) if another process has taken the plan over.
    pub async fn run_plan(
        &self,
        plan: u64,
        mut tell: impl FnMut(PlanEvent) + Send,
    ) -> Result<StoredPlan> {
        Box::pin(self.run_stored(plan, &mut tell)).await
    }

    async fn run_stored(&self, id: u64, tell: &mut Tell<'_>) -> Result<StoredPlan> {
        let held = Held::take(self, id).await?;
        let (state, message) = (held.row().state, held.row().message.clone());
        if state == PlanState::Paused || state.is_over() {
            held.release(&message).await?;
            let advice = match state {
                PlanState::Paused => format!("go on with `shard-orm plan resume {id}`"),
                _ => "plan again".to_owned(),
            };
            return Err(Error::new(
                ErrorKind::Conflict,
                format!("plan {id} is `{state}`; {advice}"),
            ));
        }
        let stored = StoredPlan::of(held.row())?;
        let runner = PlanRunner::new(self, stored, held, tell).await?;
        runner.run().await?;
        self.plan(id).await
    }

    /// Lets a plan start no further step, and pauses its jobs that have not switched yet.
    ///
    /// # Errors
    /// [`Conflict`](ErrorKind::Conflict) if it is over, or being cancelled.
    pub async fn pause_plan(&self, plan: u64) -> Result<StoredPlan> {
        let from = [PlanState::Open, PlanState::Paused];
        self.decide(plan, PlanState::Paused, &from).await?;
        for job in self.open_jobs(plan).await? {
            ignore_conflict(self.pause(job.id).await)?;
        }
        self.plan(plan).await
    }

    /// Lets a plan go on that was paused, and its jobs. [`run_plan`](Self::run_plan) runs it, unless a process still
    /// does.
    ///
    /// # Errors
    /// [`Conflict`](ErrorKind::Conflict) if it is over, or being cancelled.
    pub async fn resume_plan(&self, plan: u64) -> Result<StoredPlan> {
        let from = [PlanState::Open, PlanState::Paused];
        self.decide(plan, PlanState::Open, &from).await?;
        self.resume_jobs(plan).await?;
        self.plan(plan).await
    }

    /// Lets a plan start nothing more. [`run_plan`](Self::run_plan) brings its jobs to their end, unless a process
    /// still runs it.
    ///
    /// # Errors
    /// [`Conflict`](ErrorKind::Conflict) if it is over.
    pub async fn cancel_plan(&self, plan: u64, how: Cancel) -> Result<StoredPlan> {
        let open = [
            PlanState::Open,
            PlanState::Paused,
            PlanState::Cancelling,
            PlanState::Aborting,
        ];
        match how {
            Cancel::Finish => {
                self.decide(plan, PlanState::Cancelling, &open).await?;
                self.resume_jobs(plan).await?;
            }
            Cancel::Abort => {
                self.decide(plan, PlanState::Aborting, &open).await?;
                for job in self.open_jobs(plan).await? {
                    ignore_conflict(self.abort(job.id).await)?;
                }
            }
        }
        self.plan(plan).await
    }

    /// Ends a plan whose process has died, with the jobs that it has begun, so that another one can be made.
    ///
    /// # Errors
    /// [`Conflict`](ErrorKind::Conflict) if a process runs it, or it is paused; the error of a job.
    pub(crate) async fn supersede(&self, tell: &mut Tell<'_>) -> Result<()> {
        let handle = self.cluster.catalog_handle()?;
        let Some(open) = Store::new(&handle).open_plan().await? else {
            return Ok(());
        };
        if open.is_run() || open.state == PlanState::Paused {
            return Err(open.in_the_way());
        }
        // Whoever takes it meanwhile is told.
        let held = Held::take(self, open.id).await?;
        if held.row().state == PlanState::Open {
            self.decide(open.id, PlanState::Cancelling, &[PlanState::Open])
                .await?;
        }
        held.release("superseded by a new plan").await?;
        Box::pin(self.run_stored(open.id, tell)).await?;
        Ok(())
    }

    /// Why a logical shard cannot be divided into so many parts, if it cannot. Counts the rows of each of its keys.
    pub(crate) async fn indivisible(
        &self,
        (group, shard): (&str, u32),
        parts: usize,
        how: &CarryOut,
    ) -> Result<Option<String>> {
        let split = self.split_shard(group, shard, vec![""; parts]);
        split.how(&how.jobs).indivisible().await
    }

    /// For each group, the number that its next new logical shard gets, and whether its strategy has no ranges.
    pub(crate) async fn numbering(&self) -> Result<Vec<(String, u32, bool)>> {
        let (_, topology) = self.cluster.newest_topology().await?;
        let jobs = self.jobs().await?;
        let groups = topology.groups().iter().map(|group| {
            let mut placements = (0..group.logical_shards()).filter_map(|own| group.placement(own));
            let is_fixed = placements.all(|own| *own.namespace().keys() == OwnedKeys::Fixed);
            let next = Request::next_number(group, &jobs);
            (group.name().to_owned(), next, is_fixed)
        });
        Ok(groups.collect())
    }

    async fn decide(&self, plan: u64, to: PlanState, from: &[PlanState]) -> Result<PlanRow> {
        let handle = self.cluster.catalog_handle()?;
        let row = Store::new(&handle).decide_plan(plan, to, from).await?;
        self.note(&format!("plan {plan}: {to}")).await;
        Ok(row)
    }

    async fn resume_jobs(&self, plan: u64) -> Result<()> {
        for job in self.open_jobs(plan).await? {
            if job.wish == Wish::Pause {
                ignore_conflict(self.resume(job.id).await)?;
            }
        }
        Ok(())
    }

    async fn open_jobs(&self, plan: u64) -> Result<Vec<Job>> {
        let mut jobs = self.jobs().await?;
        jobs.retain(|job| job.step.is_some_and(|step| step.plan == plan) && !job.state.is_over());
        Ok(jobs)
    }

    /// Writes an event about a plan.
    pub(super) async fn note(&self, message: &str) {
        self.note_event("plan", message).await;
    }
}

/// A job that cannot be paused or aborted any more has switched.
fn ignore_conflict(asked: Result<Job>) -> Result<()> {
    match asked {
        Err(error) if error.kind() != ErrorKind::Conflict => Err(error),
        _ => Ok(()),
    }
}
