//! The runner of a stored plan: starts its steps as jobs, and finishes each.
//!
//! What was done is in the jobs, which name their steps, so that another runner goes on from there. The runner has the
//! plan's lease, and looks at what operators have decided all the time.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::pin::pin;
use std::time::{Duration, Instant, SystemTime};

use futures_util::StreamExt as _;
use futures_util::future::{BoxFuture, Either, pending, select};
use futures_util::stream::FuturesUnordered;

use super::PlanEvent;
use super::step::{Begun, begin, complete, crowded, numbers, servers};
use crate::catalog::{PlanState, StepOf};
use crate::error::{Error, ErrorKind, Result};
use crate::reshard::failure::may_pass;
use crate::reshard::held::Held;
use crate::reshard::request::Turn;
use crate::reshard::stored::StoredPlan;
use crate::reshard::{Job, JobState, Reshard, Wish};

/// The longest time between two looks at what could be started.
const PERIOD: Duration = Duration::from_secs(1);

/// How long failures to begin a step that may pass are met with another attempt.
const PATIENCE: Duration = Duration::from_mins(5);

type Ended = (usize, Result<Job>);

/// The runner of one plan.
pub(in crate::reshard) struct PlanRunner<'t> {
    reshard: Reshard,
    plan: StoredPlan,
    held: Held,
    tell: &'t mut (dyn FnMut(PlanEvent) + Send),
    /// The steps that were not begun, by their positions.
    left: VecDeque<usize>,
    /// The jobs that run, by the positions of their steps.
    jobs: BTreeMap<usize, u64>,
    running: FuturesUnordered<BoxFuture<'static, Ended>>,
    outcome: Result<()>,
    /// A job stands still because the plan does.
    rests: bool,
    /// Since when no step could begin.
    failing: Option<Instant>,
    /// What was said last of why nothing is started.
    said: Option<PlanEvent>,
}

impl<'t> PlanRunner<'t> {
    /// The runner of a plan whose lease is held.
    pub(in crate::reshard) async fn new(
        reshard: &Reshard,
        plan: StoredPlan,
        held: Held,
        tell: &'t mut (dyn FnMut(PlanEvent) + Send),
    ) -> Result<Self> {
        let mut runner = Self {
            reshard: reshard.clone(),
            left: VecDeque::new(),
            plan,
            held,
            tell,
            jobs: BTreeMap::new(),
            running: FuturesUnordered::new(),
            outcome: Ok(()),
            rests: false,
            failing: None,
            said: None,
        };
        runner.adopt().await?;
        Ok(runner)
    }

    /// Follows the jobs of steps that have begun, and lists the steps that have not.
    async fn adopt(&mut self) -> Result<()> {
        let jobs = self.reshard.jobs().await?;
        self.left.clear();
        for at in 0..self.plan.steps.len() {
            if self.jobs.contains_key(&at) {
                continue;
            }
            let of = self.of(at);
            // The newest one comes first.
            match jobs.iter().find(|job| job.step == Some(of)) {
                Some(job) if job.state == JobState::Finished => {}
                Some(job) if !job.state.is_over() => self.follow(at, job.clone()),
                _ => self.left.push_back(at),
            }
        }
        Ok(())
    }

    fn of(&self, at: usize) -> StepOf {
        StepOf {
            plan: self.plan.id,
            step: at as u64 + 1,
        }
    }

    /// Runs the job of a step in the background.
    fn follow(&mut self, at: usize, job: Job) {
        let completed = complete(self.reshard.clone(), job.id);
        let task = self.reshard.cluster.runtime().spawn(completed);
        self.running.push(Box::pin(async move {
            (at, task.await.unwrap_or_else(|_| Err(ended_by_bug())))
        }));
        self.jobs.insert(at, job.id);
        (self.tell)(PlanEvent::Started(job));
    }

    /// Runs the plan until it is done, or an operator has decided otherwise.
    pub(in crate::reshard) async fn run(mut self) -> Result<()> {
        (self.tell)(PlanEvent::Runs(self.plan.id));
        let mut asked = None;
        let mut state = self.held.look().await?;
        loop {
            if self.rests && state != PlanState::Paused {
                self.rests = false;
                self.adopt().await?;
            }
            if asked.replace(state) != Some(state) {
                self.ask_jobs(state).await;
            }
            let is_going = state == PlanState::Open && self.outcome.is_ok();
            let pause = if is_going {
                self.start_steps().await
            } else {
                PERIOD
            };
            let is_left = state == PlanState::Open && self.outcome.is_ok() && !self.left.is_empty();
            if self.running.is_empty() && !is_left {
                // What was seen last may be out of date.
                let now = self.held.look().await?;
                if now == state && !(self.rests && now != PlanState::Paused) {
                    return self.end(state).await;
                }
                state = now;
                continue;
            }
            if let Some(ended) = self.wait(pause).await {
                self.ended(ended).await?;
            }
            state = match self.rests {
                true => self.held.look().await?,
                false => self.held.state()?,
            };
        }
    }

    /// Waits for a job to end, for another decision of an operator, or for some time.
    async fn wait(&mut self, most: Duration) -> Option<Ended> {
        let Self { running, held, .. } = self;
        let ended = async {
            match running.next().await {
                Some(ended) => ended,
                None => pending().await,
            }
        };
        let woken = tokio::time::timeout(most, held.changed());
        match select(pin!(ended), pin!(woken)).await {
            Either::Left((ended, _)) => Some(ended),
            Either::Right(_) => None,
        }
    }

    /// Records how the run ends.
    async fn end(self, state: PlanState) -> Result<()> {
        match (self.outcome, state) {
            (Err(error), _) => {
                self.held.release(&error.to_string()).await?;
                Err(error)
            }
            (Ok(()), PlanState::Open) => self.held.end(PlanState::Done).await,
            (Ok(()), PlanState::Cancelling | PlanState::Aborting) => {
                self.held.end(PlanState::Cancelled).await
            }
            (Ok(()), _) => self.held.release("").await,
        }
    }

    /// Asks of the jobs what the state of the plan asks. One that has switched goes on to its end.
    async fn ask_jobs(&mut self, state: PlanState) {
        let Self { jobs, reshard, .. } = self;
        for id in jobs.values() {
            let asked = match state {
                PlanState::Paused => reshard.pause(*id).await,
                PlanState::Aborting => reshard.abort(*id).await,
                _ => return,
            };
            if let Err(error) = asked {
                tracing::debug!(target: "shard_orm", job = id, %error, "a job goes on to its end");
            }
        }
    }

    /// Notes how a job has ended.
    async fn ended(&mut self, (at, outcome): Ended) -> Result<()> {
        let id = self.jobs.remove(&at);
        match outcome {
            Ok(job) => (self.tell)(PlanEvent::Completed(job)),
            Err(error) => {
                // Operators decide about the plan before they do about its jobs.
                let state = self.held.look().await?;
                let job = match id {
                    Some(id) => self.reshard.job(id).await?,
                    None => return Ok(()),
                };
                let is_free = !job.state.is_over() && job.owner.is_none();
                if state == PlanState::Open && is_free && error.kind() == ErrorKind::Conflict {
                    // It was paused, and has been told to go on meanwhile.
                    if job.wish == Wish::Run {
                        self.follow(at, job);
                        return Ok(());
                    }
                }
                let is_meant = match state {
                    PlanState::Paused => job.wish == Wish::Pause,
                    PlanState::Cancelling | PlanState::Aborting => job.state.is_over(),
                    _ => false,
                };
                if !is_meant {
                    self.outcome = Err(error);
                }
                self.rests |= is_meant && state == PlanState::Paused;
            }
        }
        Ok(())
    }

    /// Starts the steps whose turn it is, and returns when to look again.
    async fn start_steps(&mut self) -> Duration {
        let now = SystemTime::now();
        let how = self.plan.how.clone();
        let pause = how.hours.map_or(Duration::ZERO, |hours| hours.until(now));
        if !pause.is_zero() {
            if !self.left.is_empty() {
                self.say(PlanEvent::Waits(now + pause));
            }
            return pause;
        }
        let running = self
            .jobs
            .keys()
            .map(|at| servers(&self.plan.steps[*at].action));
        let mut touched: BTreeSet<(String, String)> = running.flatten().collect();
        // New logical shards get their numbers in the order of the plan.
        let mut splits: BTreeSet<String> = BTreeSet::new();
        let mut waiting = VecDeque::new();
        while let Some(at) = self.left.pop_front() {
            let action = self.plan.steps[at].action.clone();
            let own = servers(&action);
            let group = own.first().map(|(group, _)| group.clone());
            let group = group
                .filter(|_| self.plan.steps[at].is_split())
                .unwrap_or_default();
            let is_free = !own.iter().any(|server| touched.contains(server))
                && !splits.contains(&group)
                && self.outcome.is_ok()
                && self.jobs.len() < how.concurrency
                && !self.is_crowded(at).await;
            if !is_free {
                touched.extend(own);
                if !group.is_empty() {
                    splits.insert(group);
                }
                waiting.push_back(at);
                continue;
            }
            let turn = Turn {
                of: self.of(at),
                token: self.held.token(),
                numbers: numbers(&self.plan.steps, at),
            };
            match begin(&self.reshard, &action, &how.jobs, turn).await {
                Ok(Begun::Job(job)) => {
                    self.failing = None;
                    touched.extend(own);
                    self.follow(at, *job);
                }
                Ok(Begun::Activated(group, server)) => {
                    (self.tell)(PlanEvent::Activated(group, server));
                }
                Ok(Begun::Nothing) => {}
                Err(error) => {
                    waiting.push_back(at);
                    touched.extend(own);
                    if self.may_pass(&error) {
                        tracing::warn!(target: "shard_orm", %error, "a step cannot begin yet");
                        continue;
                    }
                    // An operator has decided otherwise meanwhile.
                    if matches!(self.held.look().await, Ok(PlanState::Open)) {
                        self.outcome = Err(error);
                    }
                }
            }
        }
        self.left = waiting;
        PERIOD
    }

    /// Whether a step that could not begin may begin soon: a process that was killed keeps a lock for a while.
    fn may_pass(&mut self, error: &Error) -> bool {
        let since = *self.failing.get_or_insert_with(Instant::now);
        may_pass(error) && since.elapsed() < PATIENCE
    }

    /// Whether too many statements run on a server of a step. A server that cannot be asked is left to the step.
    async fn is_crowded(&mut self, at: usize) -> bool {
        let Some(most) = self.plan.how.most_statements else {
            return false;
        };
        match crowded(&self.reshard, &self.plan.steps[at].action, most).await {
            Ok(Some((group, server, statements))) => {
                self.say(PlanEvent::Crowded(group, server, statements));
                true
            }
            Ok(None) => false,
            Err(error) => {
                tracing::debug!(target: "shard_orm", %error, "the statements of a server were not counted");
                false
            }
        }
    }

    /// Says why nothing is started, once.
    fn say(&mut self, event: PlanEvent) {
        let is_known = match (&self.said, &event) {
            (Some(PlanEvent::Crowded(group, server, _)), PlanEvent::Crowded(own, other, _)) => {
                group == own && server == other
            }
            (Some(PlanEvent::Waits(_)), PlanEvent::Waits(_)) => true,
            _ => false,
        };
        if !is_known {
            self.said = Some(event.clone());
            (self.tell)(event);
        }
    }
}

fn ended_by_bug() -> Error {
    Error::new(
        ErrorKind::Database,
        "the runner of a job has ended by a bug of this library; run the plan again",
    )
}
