//! Stored plans: what operators see of them.
//!
//! Read from the catalog's rows and from the jobs that name their steps. The text of the document is in `document`.

mod document;

use std::collections::BTreeMap;
use std::fmt;
use std::time::{Duration, SystemTime};

use super::carry_out::CarryOut;
use super::planner::{Action, Cost, Plan, Why};
use super::{Job, JobState};
use crate::catalog::{Document, PlanRow, PlanState, StepOf};
use crate::config::ServerState;
use crate::error::Result;

/// A plan in the catalog, which one process at a time carries out.
#[derive(Debug, Clone, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct StoredPlan {
    /// The number of the plan in its cluster, from 1.
    pub id: u64,
    /// How far it is.
    pub state: PlanState,
    /// The process that runs it, if one does.
    pub owner: Option<String>,
    /// How long the owner keeps the plan unless it renews its lease; zero once another process may take over.
    #[cfg_attr(feature = "serde", serde(serialize_with = "crate::units::seconds_of"))]
    pub lease: Duration,
    /// Who stored it.
    pub created_by: String,
    /// When it was stored.
    #[cfg_attr(feature = "serde", serde(serialize_with = "crate::units::rfc_3339_of"))]
    pub created_at: SystemTime,
    /// When its state changed last.
    #[cfg_attr(feature = "serde", serde(serialize_with = "crate::units::rfc_3339_of"))]
    pub changed_at: SystemTime,
    /// Why it does not go on, or did not; empty if there is nothing to say.
    pub message: String,
    /// What is brought into balance.
    pub by: Cost,
    /// How it is carried out, in words.
    pub limits: Vec<String>,
    /// The steps, in their order.
    pub steps: Vec<StoredStep>,
    #[cfg_attr(feature = "serde", serde(skip))]
    pub(super) how: CarryOut,
}

/// A step of a stored plan.
#[derive(Debug, Clone, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct StoredStep {
    /// The number of the step, from 1.
    pub number: u64,
    /// How far it is.
    pub state: StepState,
    /// What is done.
    #[cfg_attr(feature = "serde", serde(flatten))]
    pub action: Action,
    /// Why.
    pub why: Why,
    /// Its newest job, if it has begun.
    pub job: Option<u64>,
    /// How far the job is.
    pub job_state: Option<JobState>,
    /// Why the job does not go on; empty if there is nothing to say.
    pub message: String,
}

/// How far a step of a stored plan is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "lowercase"))]
#[non_exhaustive]
pub enum StepState {
    /// It has not begun.
    Waiting,
    /// Its job is open.
    Begun,
    /// Its job was aborted or reversed. A runner of the plan begins it again.
    Undone,
    /// It is done.
    Done,
}

impl fmt::Display for StepState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Waiting => "waiting",
            Self::Begun => "begun",
            Self::Undone => "undone",
            Self::Done => "done",
        })
    }
}

impl StoredStep {
    fn new(number: u64, action: Action, why: Why) -> Self {
        Self {
            number,
            state: StepState::Waiting,
            action,
            why,
            job: None,
            job_state: None,
            message: String::new(),
        }
    }

    pub(super) fn is_split(&self) -> bool {
        matches!(self.action, Action::Split { .. })
    }

    fn note(&mut self, job: &Job) {
        self.job = Some(job.id);
        self.job_state = Some(job.state);
        self.message.clone_from(&job.message);
        self.state = match job.state {
            JobState::Finished => StepState::Done,
            JobState::Aborted | JobState::Reversed => StepState::Undone,
            _ => StepState::Begun,
        };
    }
}

impl StoredPlan {
    /// A plan of a row, without what was done.
    pub(super) fn of(row: &PlanRow) -> Result<Self> {
        let (by, how, steps) = document::parse(&row.document)?;
        Ok(Self {
            id: row.id,
            state: row.state,
            owner: row.owner.clone(),
            lease: row.lease,
            created_by: row.created_by.clone(),
            created_at: row.created_at,
            changed_at: row.changed_at,
            message: row.message.clone(),
            by,
            limits: how.in_words(),
            steps,
            how,
        })
    }

    /// Notes what was done, by the jobs, the newest first, and by the topology.
    pub(super) fn note(&mut self, jobs: &[Job], topology: &Document) {
        let mut newest: BTreeMap<u64, &Job> = BTreeMap::new();
        for job in jobs {
            if let Some(StepOf { plan, step }) = job.step
                && plan == self.id
            {
                newest.entry(step).or_insert(job);
            }
        }
        let entries = topology.servers();
        for step in &mut self.steps {
            if let Some(job) = newest.get(&step.number) {
                step.note(job);
            }
            if let Action::Activate { group, server } = &step.action {
                let mut servers = entries.iter();
                let own = servers.find(|own| own.group == *group && own.name == *server);
                if own.is_none_or(|own| own.state != ServerState::Inactive.to_string()) {
                    step.state = StepState::Done;
                }
            }
        }
    }

    /// How many of its steps are done.
    #[must_use]
    pub fn done(&self) -> usize {
        let steps = self.steps.iter();
        steps.filter(|step| step.state == StepState::Done).count()
    }

    /// Whether a process runs it.
    #[must_use]
    pub fn is_run(&self) -> bool {
        self.owner.is_some() && !self.lease.is_zero()
    }
}

impl fmt::Display for StoredPlan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let steps = self.steps.len();
        let plural = if steps == 1 { "" } else { "s" };
        write!(f, "plan {} of {steps} step{plural}", self.id)
    }
}

/// The document of a plan.
pub(super) fn text_of(plan: &Plan, how: &CarryOut) -> String {
    document::text_of(plan, how)
}
