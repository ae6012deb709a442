//! The rows of jobs, and their changes by compare-and-swap.
//!
//! A change names the runner's token and the state that it leaves. After every error the row is read
//! back, so that the runner knows whether the change was made.

use std::time::Duration;

use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use sea_query::{
    Alias, Expr, ExprTrait as _, Func, Order, Query, SelectStatement, UpdateStatement,
};

use super::{Copied, Job, JobKind, JobState, Plan, Wish};
use crate::backend::{Conn, Field as _, Row, now};
use crate::catalog::lease::{CHANGED_AT, LEASE, Leased, MESSAGE, Owner, STATE, has_token, plain};
use crate::catalog::revision::{number, time};
use crate::catalog::session::{Store, run};
use crate::catalog::tables::{CLUSTER, JOB, JOB_COLUMNS};
use crate::error::{Error, ErrorKind, Result};

const ID: &str = JOB_COLUMNS[1];
const CREATION: &str = JOB_COLUMNS[2];
const WISH: &str = JOB_COLUMNS[6];
const PLAN: &str = JOB_COLUMNS[14];
const COPIED: &str = JOB_COLUMNS[15];

/// What a runner changes in a row beside its state.
#[derive(Debug, Clone, Default)]
pub(crate) struct Changes {
    pub(crate) message: Option<String>,
    pub(crate) copied: Option<Copied>,
}

/// The change of a job that is made together with a new topology.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Switch<'a> {
    pub(crate) job: &'a Job,
    pub(crate) to: JobState,
}

impl Store<'_> {
    /// Creates a job, and returns it.
    pub(crate) async fn create_job(
        self,
        kind: JobKind,
        group: &str,
        plan: &Plan,
        estimated_rows: u64,
        created_by: &str,
    ) -> Result<Job> {
        let copied = Copied {
            estimated_rows,
            ..Copied::default()
        };
        let creation = format!("{:016x}", crate::random::random());
        let insert = || {
            let dialect = self.handle().dialect();
            let next = Func::coalesce([Func::max(column(ID)).into(), Expr::val(0_i64)]);
            let mut select = Query::select();
            select
                .exprs([
                    Expr::val(&*self.handle().cluster),
                    Expr::expr(next).add(1_i64),
                    Expr::val(creation.as_str()),
                    Expr::val(kind.name()),
                    Expr::val(group),
                    Expr::val(JobState::Preparing.name()),
                    Expr::val(Wish::Run.name()),
                    Expr::val(0_i64),
                    Expr::val(""),
                    Expr::val(0_i64),
                    Expr::val(created_by),
                    now(dialect),
                    now(dialect),
                    Expr::val(""),
                    Expr::val(plan.to_text()),
                    Expr::val(copied.to_text()),
                ])
                .from(self.handle().namespace.own_table(JOB))
                .and_where(column(CLUSTER).eq(&*self.handle().cluster));
            let mut insert = Query::insert();
            insert
                .into_table(self.handle().namespace.own_table(JOB))
                .columns(JOB_COLUMNS.map(Alias::new))
                .select_from(select)
                .map_err(|source| Error::configuration("a job").with_source(source))?;
            Ok::<_, Error>(insert)
        };
        let mut created = self.jobs_select();
        created.and_where(column(CREATION).eq(creation.as_str()));
        let (insert, created) = (&insert()?, &created);
        self.repeat(|| {
            let attempt = async move {
                let tried = self.write(insert).await;
                let found = self.rows(created, read).await?.pop();
                match (found, tried) {
                    (Some(job), _) => Ok(Some(job)),
                    (None, Err(error)) if error.kind() != ErrorKind::Unique => Err(error),
                    (None, _) => Ok(None),
                }
            };
            attempt.boxed()
        })
        .await
    }

    /// A job by its number.
    ///
    /// # Errors
    /// `NotFound`.
    pub(crate) async fn job(self, id: u64) -> Result<Job> {
        let mut select = self.jobs_select();
        select.and_where(column(ID).eq(id.cast_signed()));
        let found = match self.rows(&select, read).await {
            Err(error) if error.kind() == ErrorKind::UndefinedTable => None,
            rows => rows?.pop(),
        };
        found.ok_or_else(|| {
            Error::new(
                ErrorKind::NotFound,
                format!("the catalog has no job {id}; see `shard-orm job list`"),
            )
        })
    }

    /// The jobs, the newest first.
    pub(crate) async fn jobs(self) -> Result<Vec<Job>> {
        let mut select = self.jobs_select();
        select.order_by_expr(column(ID), Order::Desc);
        match self.rows(&select, read).await {
            Err(error) if error.kind() == ErrorKind::UndefinedTable => Ok(Vec::new()),
            rows => rows,
        }
    }

    /// The jobs in some states.
    pub(crate) async fn jobs_in(self, states: &[JobState]) -> Result<Vec<Job>> {
        let mut select = self.jobs_select();
        select.and_where(column(STATE).is_in(states.iter().map(|state| state.name())));
        match self.rows(&select, read).await {
            Err(error) if error.kind() == ErrorKind::UndefinedTable => Ok(Vec::new()),
            rows => rows,
        }
    }

    /// Makes this runner the owner of a job that has none, that it has already, or whose owner's lease is
    /// over, under a higher token. `None` if another runner has it.
    pub(crate) async fn take_job(self, id: u64, owner: &Owner) -> Result<Option<Job>> {
        self.take(id, owner).await
    }

    /// Renews the lease of a runner. False if another one has taken the job.
    pub(crate) async fn renew_job(self, job: &Job, owner: &Owner) -> Result<bool> {
        self.renew::<Job>((job.id, job.token), owner).await
    }

    /// Gives a job back, so that another process can take it at once.
    pub(crate) async fn release_job(self, job: &Job, message: &str) -> Result<()> {
        self.release::<Job>((job.id, job.token), message).await
    }

    /// Records that the job goes from its state to another.
    ///
    /// # Errors
    /// `Fenced` if another runner has taken the job, or its state is another one by now.
    pub(crate) async fn advance_job(
        self,
        job: &Job,
        to: JobState,
        changes: &Changes,
    ) -> Result<Job> {
        let update = &self.advancing(job, to, changes);
        self.repeat(|| {
            let attempt = async move {
                let tried = self.write(update).await;
                let found = self.job(job.id).await?;
                if found.token != job.token {
                    return Err(taken(&found));
                }
                if found.state == to {
                    return Ok(Some(found));
                }
                if found.state != job.state {
                    return Err(Error::new(
                        ErrorKind::Fenced,
                        format!(
                            "{job} is `{}` by now, and not `{}` any more",
                            found.state, job.state
                        ),
                    ));
                }
                tried.map(|_| None)
            };
            attempt.boxed()
        })
        .await
    }

    /// Writes what was done so far, without a change of the state. A failure is not an error of the job.
    pub(crate) async fn note_job(self, job: &Job, changes: &Changes) -> Result<()> {
        let mut update = self.update_row::<Job>(job.id);
        change(&mut update, changes);
        update.and_where(has_token(job.token));
        if changes.message.is_none() && changes.copied.is_none() {
            return Ok(());
        }
        self.write(&update).await.map(drop)
    }

    /// Changes what an operator wants, while the job is in one of these states.
    ///
    /// # Errors
    /// `Conflict` with the state if it is another one.
    pub(crate) async fn wish_job(self, id: u64, wish: Wish, states: &[JobState]) -> Result<Job> {
        let mut update = self.update_row::<Job>(id);
        let names = states.iter().map(|state| state.name());
        update
            .value(WISH, wish.name())
            .and_where(plain(STATE).is_in(names));
        let update = &update;
        self.repeat(|| {
            let attempt = async move {
                let tried = self.write(update).await;
                let found = self.job(id).await?;
                if !states.contains(&found.state) {
                    return Err(Error::new(
                        ErrorKind::Conflict,
                        format!(
                            "{found} is `{}`, which does not allow `{wish}`; see `shard-orm job show {id}`",
                            found.state
                        ),
                    ));
                }
                if found.wish == wish {
                    return Ok(Some(found));
                }
                tried.map(|_| None)
            };
            attempt.boxed()
        })
        .await
    }

    /// Changes what a job is to do.
    pub(crate) async fn replan_job(self, id: u64, change: impl FnOnce(&mut Plan)) -> Result<Job> {
        let mut plan = self.job(id).await?.plan();
        change(&mut plan);
        let mut update = self.update_row::<Job>(id);
        update.value(PLAN, plan.to_text());
        self.write(&update).await?;
        self.job(id).await
    }

    /// The statement that takes a job from its state to another, under its token.
    fn advancing(self, job: &Job, to: JobState, changes: &Changes) -> UpdateStatement {
        let mut update = self.update_row::<Job>(job.id);
        update
            .value(STATE, to.name())
            .value(CHANGED_AT, now(self.handle().dialect()))
            .and_where(has_token(job.token))
            .and_where(plain(STATE).eq(job.state.name()));
        change(&mut update, changes);
        update
    }

    /// Takes a job from its state to another in a transaction at hand. False if another runner has it.
    pub(crate) async fn switch_job(self, conn: &mut Conn, switch: Switch<'_>) -> Result<bool> {
        let update = self.advancing(switch.job, switch.to, &Changes::default());
        run(conn, &update).await.map(|rows| rows > 0)
    }

    fn jobs_select(self) -> SelectStatement {
        let mut select = self.select(JOB, &JOB_COLUMNS);
        select.expr(column(LEASE).sub(now(self.handle().dialect())));
        select
    }
}

impl Leased for Job {
    const TABLE: &'static str = JOB;
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
        store.job(id).boxed()
    }
}

/// The error of a runner whose job another one has taken.
pub(crate) fn taken(job: &Job) -> Error {
    Error::new(
        ErrorKind::Fenced,
        format!(
            "{job} was taken over by {}",
            job.owner.as_deref().unwrap_or("another process")
        ),
    )
}

fn change(update: &mut UpdateStatement, changes: &Changes) {
    if let Some(message) = &changes.message {
        update.value(MESSAGE, message.as_str());
    }
    if let Some(copied) = &changes.copied {
        update.value(COPIED, copied.to_text());
    }
}

fn read(row: &Row<'_>) -> Result<Job> {
    let text = |ordinal| String::read(row, ordinal);
    let plan = Plan::parse(&text(14)?)?;
    let owner = text(8)?;
    let lease = u64::try_from(i64::read(row, 16)?).unwrap_or(0);
    Ok(Job {
        id: number(row, 1)?,
        kind: JobKind::parse(&text(3)?)?,
        group: text(4)?,
        state: JobState::parse(&text(5)?)?,
        wish: Wish::parse(&text(6)?)?,
        token: number(row, 7)?,
        owner: (!owner.is_empty()).then_some(owner),
        lease: Duration::from_millis(lease),
        created_by: text(10)?,
        created_at: time(i64::read(row, 11)?),
        changed_at: time(i64::read(row, 12)?),
        message: text(13)?,
        copied: Copied::parse(&text(15)?)?,
        sources: plan.sources,
        targets: plan.targets,
        tables: plan.tables,
        keys: plan.keys,
        types: plan.types,
        pace: plan.pace,
        step: plan.step,
        accepts_replica_risk: plan.accepts_replica_risk,
        mirror: plan.mirror,
        gradual: plan.gradual,
        leaving: plan.leaving,
    })
}

fn column(name: &str) -> Expr {
    Expr::col((Alias::new(JOB), Alias::new(name)))
}
