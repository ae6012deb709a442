//! The topologies of a cluster by epoch, and their change by compare-and-swap.

use std::time::Duration;

use sea_query::{Alias, Expr, ExprTrait as _, Func, Order, Query, SelectStatement};

use super::event::NewEvent;
use super::job::{Switch, taken};
use super::revision::{Proposal, Revision};
use super::session::{Store, run};
use super::tables::{CLUSTER, TOPOLOGY, TOPOLOGY_COLUMNS};
use crate::backend::{Field as _, Row, begin, now};
use crate::error::{Error, ErrorKind, Result};

/// How often a change is repeated whose answer was lost or that met a conflict of transactions.
const ROUNDS: u32 = 8;
/// The pause before the first repetition, which doubles.
const PAUSE: Duration = Duration::from_millis(20);

/// The topology that a process has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Known {
    pub(crate) epoch: u64,
    pub(crate) change_id: String,
}

/// The answer to the question for a newer topology.
#[derive(Debug)]
pub(crate) enum Latest {
    /// There is no catalog, or it holds no topology.
    Empty,
    /// The known one is the latest.
    Unchanged,
    Newer(Revision),
    /// The latest has this lower epoch: the catalog was restored from a backup.
    Older(u64),
    /// The known epoch is another topology there: the catalog was restored from a backup, and has
    /// changed since.
    OtherHistory(u64),
}

impl From<&Revision> for Known {
    fn from(revision: &Revision) -> Self {
        Self {
            epoch: revision.epoch,
            change_id: revision.change_id.clone(),
        }
    }
}

impl Store<'_> {
    /// The newest topology; `None` if there is none yet.
    pub(crate) async fn current(self) -> Result<Option<Revision>> {
        let mut select = self.select(TOPOLOGY, &TOPOLOGY_COLUMNS);
        select.order_by_expr(epoch(), Order::Desc).limit(1);
        self.revisions(&select).await.map(|mut found| found.pop())
    }

    /// The topology of an epoch.
    pub(crate) async fn at(self, number: u64) -> Result<Option<Revision>> {
        let mut select = self.select(TOPOLOGY, &TOPOLOGY_COLUMNS);
        select.and_where(epoch().eq(number.cast_signed()));
        self.revisions(&select).await.map(|mut found| found.pop())
    }

    /// The last topologies, the newest first.
    pub(crate) async fn history(self, limit: u64) -> Result<Vec<Revision>> {
        let mut select = self.select(TOPOLOGY, &TOPOLOGY_COLUMNS);
        select.order_by_expr(epoch(), Order::Desc).limit(limit);
        self.revisions(&select).await
    }

    /// Compares the newest topology with the one that a process has, and reads it only if it is
    /// newer.
    pub(crate) async fn latest(self, known: Option<&Known>) -> Result<Latest> {
        let Some(known) = known else {
            return Ok(match self.current().await? {
                Some(revision) => Latest::Newer(revision),
                None => Latest::Empty,
            });
        };
        let [_, number, change_id, ..] = TOPOLOGY_COLUMNS;
        let mut newest = Query::select();
        newest
            .expr(Func::max(epoch()))
            .from(self.handle().namespace.own_table(TOPOLOGY))
            .and_where(column(CLUSTER).eq(&*self.handle().cluster));
        let mut select = self.select(TOPOLOGY, &[number, change_id]);
        let is_newest = epoch().in_subquery(newest);
        select
            .and_where(epoch().eq(known.epoch.cast_signed()).or(is_newest))
            .order_by_expr(epoch(), Order::Desc);
        let read = |row: &Row<'_>| {
            Ok(Known {
                epoch: super::revision::number(row, 0)?,
                change_id: String::read(row, 1)?,
            })
        };
        let found = match self.rows(&select, read).await {
            Err(error) if error.kind() == ErrorKind::UndefinedTable => Vec::new(),
            rows => rows?,
        };
        let Some(newest) = found.first() else {
            return Ok(Latest::Empty);
        };
        if newest.epoch < known.epoch {
            return Ok(Latest::Older(newest.epoch));
        }
        match found.iter().find(|one| one.epoch == known.epoch) {
            Some(same) if same.change_id != known.change_id => {
                return Ok(Latest::OtherHistory(newest.epoch));
            }
            _ if newest.epoch == known.epoch => return Ok(Latest::Unchanged),
            // Old epochs may have been removed from the catalog.
            _ => {}
        }
        Ok(match self.at(newest.epoch).await? {
            Some(revision) => Latest::Newer(revision),
            None => Latest::Unchanged,
        })
    }

    /// Appends a topology after `base`, or as the first one, together with its event.
    ///
    /// Repeats until it is known whether the topology was appended, also if an answer is lost.
    ///
    /// # Errors
    /// `Conflict` if `base` is not the newest topology.
    pub(crate) async fn append(
        self,
        base: Option<&Known>,
        proposal: &Proposal,
        kind: &str,
    ) -> Result<Revision> {
        let number = base.map_or(1, |base| base.epoch + 1);
        self.append_as(base, number, proposal, kind).await
    }

    /// As [`append`](Self::append), together with the change of a job: both or none.
    ///
    /// # Errors
    /// And `Fenced` if another runner has taken the job.
    #[cfg(feature = "reshard")]
    pub(crate) async fn append_with(
        self,
        base: &Known,
        proposal: &Proposal,
        switch: Switch<'_>,
    ) -> Result<Revision> {
        self.append_all(Some(base), base.epoch + 1, proposal, "job", Some(switch))
            .await
    }

    /// As [`append`](Self::append), as this epoch.
    pub(crate) async fn append_as(
        self,
        base: Option<&Known>,
        number: u64,
        proposal: &Proposal,
        kind: &str,
    ) -> Result<Revision> {
        self.append_all(base, number, proposal, kind, None).await
    }

    async fn append_all(
        self,
        base: Option<&Known>,
        number: u64,
        proposal: &Proposal,
        kind: &str,
        switch: Option<Switch<'_>>,
    ) -> Result<Revision> {
        let mut pause = PAUSE;
        let mut round = 1;
        loop {
            let tried = self.try_append(base, number, proposal, kind, switch).await;
            // Whatever the answer was: the row tells whether the change was carried out.
            let found = self.at(number).await;
            match (tried, found) {
                (_, Ok(Some(found))) if found.change_id == proposal.change_id => return Ok(found),
                (_, Ok(Some(found))) => return Err(conflict(base, &found)),
                (Ok(0), Ok(None)) => return Err(self.base_is_gone(base).await),
                (Err(error), _) if is_definite(&error) => return Err(error),
                (Err(error), Ok(None)) if round == ROUNDS => return Err(error),
                (_, Err(error)) if round == ROUNDS => return Err(unknown(number, error)),
                (Ok(_), Ok(None)) if round == ROUNDS => {
                    let lost = "the row of the new epoch is gone";
                    return Err(unknown(number, Error::new(ErrorKind::Database, lost)));
                }
                _ => {}
            }
            tokio::time::sleep(pause).await;
            pause *= 2;
            round += 1;
        }
    }

    async fn try_append(
        self,
        base: Option<&Known>,
        number: u64,
        proposal: &Proposal,
        kind: &str,
        switch: Option<Switch<'_>>,
    ) -> Result<u64> {
        let handle = self.handle();
        let mut lease = self.writer().await?;
        let conn = lease.conn()?;
        // An early return leaves the lease in mid-operation: the connection is closed, and the
        // transaction with it.
        let began = conn.batch(&begin(handle.dialect(), None, false)).await;
        began.map_err(|failure| failure.error)?;
        let mut select = Query::select();
        select
            .expr(Expr::val(&*handle.cluster))
            .expr(Expr::val(number.cast_signed()))
            .expr(Expr::val(proposal.change_id.as_str()))
            .expr(now(handle.dialect()))
            .expr(Expr::val(proposal.changed_by.as_str()))
            .expr(Expr::val(proposal.comment.as_str()))
            .expr(Expr::val(proposal.job.as_deref().unwrap_or_default()))
            .expr(Expr::val(proposal.document.as_str()));
        if let Some(base) = base {
            let [_, _, change_id, ..] = TOPOLOGY_COLUMNS;
            select
                .from(handle.namespace.own_table(TOPOLOGY))
                .and_where(column(CLUSTER).eq(&*handle.cluster))
                .and_where(epoch().eq(base.epoch.cast_signed()))
                .and_where(column(change_id).eq(base.change_id.as_str()));
        }
        let mut insert = Query::insert();
        insert
            .into_table(handle.namespace.own_table(TOPOLOGY))
            .columns(TOPOLOGY_COLUMNS.map(Alias::new))
            .select_from(select)
            .map_err(|source| Error::configuration("a topology").with_source(source))?;
        let rows = run(conn, &insert).await?;
        if rows == 0 {
            return Ok(0);
        }
        if let Some(switch) = switch
            && !self.switch_job(conn, switch).await?
        {
            return Err(taken(switch.job));
        }
        let event = NewEvent {
            kind,
            actor: &proposal.changed_by,
            epoch: number,
            message: &proposal.comment,
        };
        run(conn, &event.insert(handle)?).await?;
        if let Some(notify) = crate::backend::notify(handle.dialect(), super::CHANNEL) {
            let told = conn.batch(&notify).await;
            told.map_err(|failure| failure.error)?;
        }
        let committed = conn.batch("COMMIT").await;
        lease.finish(committed)?;
        Ok(rows)
    }

    async fn base_is_gone(self, base: Option<&Known>) -> Error {
        match self.current().await {
            Ok(Some(newest)) => conflict(base, &newest),
            Ok(None) => Error::new(
                ErrorKind::Conflict,
                "the catalog holds no topology any more; initialize it again, or rebuild it",
            ),
            Err(error) => error,
        }
    }

    async fn revisions(self, select: &SelectStatement) -> Result<Vec<Revision>> {
        match self.rows(select, Revision::read).await {
            Err(error) if error.kind() == ErrorKind::UndefinedTable => Ok(Vec::new()),
            rows => rows,
        }
    }
}

fn column(name: &str) -> Expr {
    Expr::col((Alias::new(TOPOLOGY), Alias::new(name)))
}

fn epoch() -> Expr {
    column(TOPOLOGY_COLUMNS[1])
}

/// Whether the error says that nothing was written, and that a repetition would not help.
fn is_definite(error: &Error) -> bool {
    !error.is_retryable()
        && !matches!(
            error.kind(),
            // The number of the event or the epoch is taken: the row tells which.
            ErrorKind::Unique
                | ErrorKind::Unavailable
                | ErrorKind::Timeout
                | ErrorKind::OutcomeUnknown
                | ErrorKind::PoolExhausted
                | ErrorKind::ReadOnly
        )
}

fn unknown(number: u64, source: Error) -> Error {
    Error::new(
        ErrorKind::OutcomeUnknown,
        format!(
            "the connection to the catalog was lost while epoch {number} was being appended, and the \
             catalog cannot be read; look at its history before you try again"
        ),
    )
    .with_source(source)
}

fn conflict(base: Option<&Known>, found: &Revision) -> Error {
    let what = match base {
        None => "the catalog already holds a topology".to_owned(),
        Some(base) => format!("the topology has changed since epoch {}", base.epoch),
    };
    let Revision {
        epoch,
        changed_by,
        comment,
        ..
    } = found;
    Error::new(
        ErrorKind::Conflict,
        format!("{what}: epoch {epoch} is by {changed_by} ({comment}); nothing was changed"),
    )
}
