//! Stored plans: their rows, and the changes of these by compare-and-swap.
//!
//! A row holds the plan as a document, which `reshard` writes and reads, and who runs it. What was done for a step is
//! in the job that names it. At most one plan of a cluster is open.

use std::time::{Duration, SystemTime};

use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use sea_query::{Alias, Expr, ExprTrait as _, Order, Query, SelectStatement};

use super::job::named;
use super::lease::{CHANGED_AT, LEASE, Leased, MESSAGE, OWNER, Owner, STATE, has_token, plain};
use super::revision::{number, time};
use super::session::Store;
use super::tables::{PLAN, PLAN_COLUMNS};
use crate::backend::{Field as _, Row, now};
use crate::error::{Error, ErrorKind, Result};

const ID: &str = PLAN_COLUMNS[1];
const CREATION: &str = PLAN_COLUMNS[2];

/// How far a stored plan is. The decisions of operators are states.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "lowercase"))]
#[non_exhaustive]
pub enum PlanState {
    /// Steps are started by the process that runs it, if one does.
    Open,
    /// No step is started, and its jobs stand still.
    Paused,
    /// No step is started any more. Jobs that have begun are brought to their end.
    Cancelling,
    /// No step is started any more. Jobs are given up if they have not switched yet.
    Aborting,
    /// It was given up, and none of its jobs is open.
    Cancelled,
    /// All steps are done.
    Done,
}

named!(
    PlanState,
    "state",
    Open => "open",
    Paused => "paused",
    Cancelling => "cancelling",
    Aborting => "aborting",
    Cancelled => "cancelled",
    Done => "done",
);

impl PlanState {
    /// Whether nothing is left to be done.
    #[must_use]
    pub fn is_over(self) -> bool {
        matches!(self, Self::Cancelled | Self::Done)
    }
}

/// A stored plan.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct PlanRow {
    pub(crate) id: u64,
    pub(crate) state: PlanState,
    pub(crate) token: u64,
    pub(crate) owner: Option<String>,
    pub(crate) lease: Duration,
    pub(crate) created_by: String,
    pub(crate) created_at: SystemTime,
    pub(crate) changed_at: SystemTime,
    pub(crate) message: String,
    /// Empty if it was not asked for.
    pub(crate) document: String,
}

impl PlanRow {
    /// Whether a process runs it.
    pub(crate) fn is_run(&self) -> bool {
        self.owner.is_some() && !self.lease.is_zero()
    }

    /// The error of an operator who wants to begin while this plan is open.
    pub(crate) fn in_the_way(&self) -> Error {
        let Self { id, created_by, .. } = self;
        let message = match &self.owner {
            Some(owner) if self.is_run() => format!(
                "plan {id} of {created_by} is run by {owner}, and a cluster has one open plan at a time; see \
                 `shard-orm plan show {id}`"
            ),
            _ => format!(
                "plan {id} of {created_by} is `{}`, and a cluster has one open plan at a time: go on with \
                 `shard-orm plan resume {id}`, or give it up with `shard-orm plan cancel {id}`",
                self.state
            ),
        };
        Error::new(ErrorKind::Conflict, message)
    }
}

impl Store<'_> {
    /// Stores a plan for this runner, and returns it.
    ///
    /// # Errors
    /// `Conflict` if another plan is open.
    pub(crate) async fn create_plan(self, document: &str, created_by: &str) -> Result<PlanRow> {
        let creation = format!("{:016x}", crate::random::random());
        let creation = creation.as_str();
        self.repeat(|| {
            let attempt = async move {
                let plans = self.plan_rows(None, false).await?;
                if let Some(own) = self.plan_created(creation).await? {
                    return Ok(Some(own));
                }
                if let Some(open) = plans.iter().find(|plan| !plan.state.is_over()) {
                    return Err(open.in_the_way());
                }
                // Of several that are stored at once, the first one gets the number.
                let next = plans.iter().map(|plan| plan.id).max().unwrap_or(0) + 1;
                match self.insert_plan(next, creation, document, created_by).await {
                    Err(error) if error.kind() == ErrorKind::Unique => Ok(None),
                    Err(error) => Err(error),
                    Ok(()) => self.plan_created(creation).await,
                }
            };
            attempt.boxed()
        })
        .await
    }

    async fn insert_plan(
        self,
        id: u64,
        creation: &str,
        document: &str,
        created_by: &str,
    ) -> Result<()> {
        let dialect = self.handle().dialect();
        let mut insert = Query::insert();
        insert
            .into_table(self.handle().namespace.own_table(PLAN))
            .columns(PLAN_COLUMNS.map(Alias::new))
            .values([
                Expr::val(&*self.handle().cluster),
                Expr::val(id.cast_signed()),
                Expr::val(creation),
                Expr::val(PlanState::Open.name()),
                Expr::val(0_i64),
                Expr::val(""),
                Expr::val(0_i64),
                Expr::val(created_by),
                now(dialect),
                now(dialect),
                Expr::val(""),
                Expr::val(document),
            ])
            .map_err(|source| Error::configuration("a plan").with_source(source))?;
        self.write(&insert).await.map(drop)
    }

    async fn plan_created(self, creation: &str) -> Result<Option<PlanRow>> {
        let mut select = self.plans_select();
        select.and_where(column(CREATION).eq(creation));
        Ok(self.rows(&select, read).await?.pop())
    }

    /// A plan by its number.
    ///
    /// # Errors
    /// `NotFound`.
    pub(crate) async fn plan(self, id: u64) -> Result<PlanRow> {
        let found = self.plan_rows(Some(id), true).await?.pop();
        found.ok_or_else(|| not_found(id))
    }

    /// A plan by its number, without its document.
    ///
    /// # Errors
    /// `NotFound`.
    pub(crate) async fn plan_state(self, id: u64) -> Result<PlanRow> {
        let found = self.plan_rows(Some(id), false).await?.pop();
        found.ok_or_else(|| not_found(id))
    }

    /// The plans, the newest first.
    pub(crate) async fn plans(self) -> Result<Vec<PlanRow>> {
        self.plan_rows(None, true).await
    }

    /// The plan that is not over, without its document.
    pub(crate) async fn open_plan(self) -> Result<Option<PlanRow>> {
        let plans = self.plan_rows(None, false).await?;
        Ok(plans.into_iter().find(|plan| !plan.state.is_over()))
    }

    async fn plan_rows(self, id: Option<u64>, with_document: bool) -> Result<Vec<PlanRow>> {
        let mut select = self.plans_select();
        if !with_document {
            let dialect = self.handle().dialect();
            let columns = PLAN_COLUMNS.len() - 1;
            select.clear_selects();
            for name in &PLAN_COLUMNS[..columns] {
                select.expr(column(name));
            }
            select.expr(Expr::val(""));
            select.expr(column(LEASE).sub(now(dialect)));
        }
        if let Some(id) = id {
            select.and_where(column(ID).eq(id.cast_signed()));
        }
        select.order_by_expr(column(ID), Order::Desc);
        match self.rows(&select, read).await {
            // A catalog of an earlier version has no plans.
            Err(error) if error.kind() == ErrorKind::UndefinedTable => Ok(Vec::new()),
            rows => rows,
        }
    }

    /// Makes this runner the owner of a plan that has none, or whose owner's lease is over. `None` if another runner
    /// has it.
    pub(crate) async fn take_plan(self, id: u64, owner: &Owner) -> Result<Option<PlanRow>> {
        self.take(id, owner).await
    }

    /// Renews the lease of a runner. False if another one has taken the plan.
    pub(crate) async fn renew_plan(self, plan: (u64, u64), owner: &Owner) -> Result<bool> {
        self.renew::<PlanRow>(plan, owner).await
    }

    /// Gives a plan back, so that another process can take it at once.
    pub(crate) async fn release_plan(self, plan: (u64, u64), message: &str) -> Result<()> {
        self.release::<PlanRow>(plan, message).await
    }

    /// Records what an operator decides, while the plan is in one of these states.
    ///
    /// # Errors
    /// `Conflict` with the state if it is another one.
    pub(crate) async fn decide_plan(
        self,
        id: u64,
        to: PlanState,
        from: &[PlanState],
    ) -> Result<PlanRow> {
        let mut update = self.update_row::<PlanRow>(id);
        update
            .value(STATE, to.name())
            .value(CHANGED_AT, now(self.handle().dialect()))
            .and_where(plain(STATE).is_in(from.iter().map(|state| state.name())));
        let update = &update;
        self.repeat(|| {
            let attempt = async move {
                let tried = self.write(update).await;
                let found = self.plan_state(id).await?;
                if found.state == to {
                    return Ok(Some(found));
                }
                if !from.contains(&found.state) {
                    return Err(Error::new(
                        ErrorKind::Conflict,
                        format!(
                            "plan {id} is `{}`, and cannot become `{to}`; see `shard-orm plan show {id}`",
                            found.state
                        ),
                    ));
                }
                tried.map(|_| None)
            };
            attempt.boxed()
        })
        .await
    }

    /// Records that a plan is over, by its runner.
    ///
    /// # Errors
    /// `Fenced` if another runner has taken it, or an operator has decided something else meanwhile.
    pub(crate) async fn end_plan(self, plan: &PlanRow, to: PlanState, message: &str) -> Result<()> {
        let mut update = self.update_row::<PlanRow>(plan.id);
        update
            .value(STATE, to.name())
            .value(CHANGED_AT, now(self.handle().dialect()))
            .value(MESSAGE, message)
            .value(OWNER, "")
            .value(LEASE, 0_i64)
            .and_where(has_token(plan.token))
            .and_where(plain(STATE).eq(plan.state.name()));
        let update = &update;
        self.repeat(|| {
            let attempt = async move {
                let tried = self.write(update).await;
                let found = self.plan_state(plan.id).await?;
                if found.state == to {
                    return Ok(Some(()));
                }
                if found.token != plan.token || found.state != plan.state {
                    return Err(Error::new(
                        ErrorKind::Fenced,
                        format!("plan {} is `{}` by now", plan.id, found.state),
                    ));
                }
                tried.map(|_| None)
            };
            attempt.boxed()
        })
        .await
    }

    fn plans_select(self) -> SelectStatement {
        let mut select = self.select(PLAN, &PLAN_COLUMNS);
        select.expr(column(LEASE).sub(now(self.handle().dialect())));
        select
    }
}

impl Leased for PlanRow {
    const TABLE: &'static str = PLAN;
    const ID: &'static str = ID;

    fn token(&self) -> u64 {
        self.token
    }

    fn owner(&self) -> Option<&str> {
        self.owner.as_deref()
    }

    fn lease(&self) -> Duration {
        self.lease
    }

    fn find(store: Store<'_>, id: u64) -> BoxFuture<'_, Result<Self>> {
        store.plan(id).boxed()
    }
}

fn not_found(id: u64) -> Error {
    Error::new(
        ErrorKind::NotFound,
        format!("the catalog has no plan {id}; see `shard-orm plan list`"),
    )
}

fn read(row: &Row<'_>) -> Result<PlanRow> {
    let text = |ordinal| String::read(row, ordinal);
    let owner = text(5)?;
    let lease = u64::try_from(i64::read(row, 12)?).unwrap_or(0);
    Ok(PlanRow {
        id: number(row, 1)?,
        state: PlanState::parse(&text(3)?)?,
        token: number(row, 4)?,
        owner: (!owner.is_empty()).then_some(owner),
        lease: Duration::from_millis(lease),
        created_by: text(7)?,
        created_at: time(i64::read(row, 8)?),
        changed_at: time(i64::read(row, 9)?),
        message: text(10)?,
        document: text(11)?,
    })
}

fn column(name: &str) -> Expr {
    Expr::col((Alias::new(PLAN), Alias::new(name)))
}
