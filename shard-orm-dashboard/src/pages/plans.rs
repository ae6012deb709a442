//! The plans on the page of moves.

use shard_orm::reshard::{PlanState, StepState, StoredPlan};

use crate::text;

/// The most past plans on the page.
const PAST: usize = 10;

/// A plan.
#[derive(Debug)]
pub(super) struct PlanView {
    pub(super) id: u64,
    pub(super) state: String,
    /// `good` or `unknown`.
    pub(super) class: &'static str,
    /// How many of its steps are done.
    pub(super) steps: String,
    /// How it is carried out.
    pub(super) limits: String,
    pub(super) runner: String,
    pub(super) message: String,
    pub(super) since: String,
    pub(super) by: String,
    /// The jobs of steps that have begun.
    pub(super) jobs: Vec<u64>,
    pub(super) can: PlanActions,
}

/// What a viewer can do to a plan.
#[derive(Debug)]
pub(super) struct PlanActions {
    pub(super) pause: bool,
    pub(super) resume: bool,
    pub(super) cancel: bool,
}

/// Open plans, and the last ones that are over.
pub(super) fn views(plans: &[StoredPlan]) -> Vec<PlanView> {
    let (open, past): (Vec<_>, Vec<_>) = plans.iter().partition(|plan| !plan.state.is_over());
    let shown = open.into_iter().chain(past.into_iter().take(PAST));
    shown.map(PlanView::from).collect()
}

impl From<&StoredPlan> for PlanView {
    fn from(plan: &StoredPlan) -> Self {
        let begun = plan
            .steps
            .iter()
            .filter(|step| step.state == StepState::Begun);
        Self {
            id: plan.id,
            state: plan.state.to_string(),
            class: match plan.state {
                PlanState::Done => "good",
                _ => "unknown",
            },
            steps: format!(
                "{} of {} done",
                text::number(plan.done() as u64),
                text::number(plan.steps.len() as u64)
            ),
            limits: plan.limits.join(", "),
            runner: match &plan.owner {
                Some(owner) if plan.is_run() => owner.clone(),
                _ => "none".to_owned(),
            },
            message: plan.message.clone(),
            since: text::time(plan.changed_at),
            by: plan.created_by.clone(),
            jobs: begun.filter_map(|step| step.job).collect(),
            can: PlanActions {
                pause: plan.state == PlanState::Open,
                resume: plan.state == PlanState::Paused
                    || (plan.state == PlanState::Open && !plan.is_run()),
                cancel: matches!(plan.state, PlanState::Open | PlanState::Paused),
            },
        }
    }
}
