//! How far a namespace that a job fills is behind its source.
//!
//! The runner of the job notes at the target up to when its rows are those of the source, by the clock of the target's
//! server. Processes read that note together with the record, and serve reads there only as long as it holds.

use std::time::{Duration, Instant};

use sea_query::{Alias, Expr, ExprTrait as _, Query};

use super::NamespaceHandle;
use super::direct::ask;
use super::endpoint::{Checkout, Endpoint};
use super::record::{Record, State, read_record};
use crate::backend::{Field as _, now, render};
use crate::error::{Error, ErrorKind, Result};

/// The columns of the table in which a job notes its progress at a target: a row for each table, and one for the feed.
pub(crate) const PROGRESS: [&str; 4] = ["number", "last_key", "done", "copied"];
/// In the place of a table's number, in the row of the feed.
pub(crate) const FEED: &str = "feed";

/// The name of that table.
pub(crate) fn progress_table(job: u64) -> String {
    format!("so_{job}_progress")
}

/// What was seen of a feed.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Feed {
    /// When it was looked at.
    looked: Instant,
    /// How far it was behind then.
    lag: Duration,
    /// The lost connections, and the changes of the server's history, before that.
    losses: u64,
    changes: u64,
}

impl Feed {
    /// How far the target is behind at most.
    pub(crate) fn lag(&self) -> Duration {
        self.lag + self.looked.elapsed()
    }

    /// How long ago it was looked at.
    pub(crate) fn age(&self) -> Duration {
        self.looked.elapsed()
    }

    /// Whether the server is the one that was looked at.
    fn holds_at(&self, endpoint: &Endpoint) -> bool {
        endpoint.losses() == self.losses && endpoint.pool().history_changes() == self.changes
    }
}

impl NamespaceHandle {
    /// Looks how far this namespace, which the job fills, is behind its source.
    ///
    /// # Errors
    /// `ShardMoved` if its record says that it is not being filled by this job, or there is no note.
    pub(crate) async fn feed(&self, job: u64) -> Result<Feed> {
        let endpoint = self.primary_reader();
        let (looked, losses) = (Instant::now(), endpoint.losses());
        let mut lease = endpoint.acquire().await?;
        let changes = endpoint.pool().history_changes();
        let table = self.namespace.own_table(super::TABLE);
        let found = read_record(lease.conn()?, &table).await;
        let found = lease.finish(found)?.filter(|found| {
            found.is_of_same(&Record::expected(self))
                && found.state() == State::Incoming
                && found.job == Some(job)
        });
        if found.is_none() {
            return Err(self.without_feed(job));
        }
        let [name, level, ..] = PROGRESS;
        let mut select = Query::select();
        select
            .column(Alias::new(level))
            .expr(now(self.dialect()))
            .from(self.namespace.own_table(&progress_table(job)))
            .and_where(Expr::col(Alias::new(name)).eq(FEED));
        let (text, values) = render(self.dialect(), &select);
        let mut lag = None;
        ask(&mut lease, self, text, &values.0, &mut |row| {
            let level = String::read(row, 0)?.parse::<i64>().ok();
            let behind = level.map(|level| i64::read(row, 1).map(|now| now - level));
            // A clock that was set back is not trusted.
            lag = behind
                .transpose()?
                .and_then(|millis| u64::try_from(millis).ok());
            Ok(())
        })
        .await?;
        let lag = lag.map(Duration::from_millis);
        Ok(Feed {
            looked,
            lag: lag.ok_or_else(|| self.without_feed(job))?,
            losses,
            changes,
        })
    }

    /// A connection to the namespace, if its server is the one whose feed was looked at.
    pub(crate) async fn for_feed(&self, feed: &Feed) -> Result<Checkout<'_>> {
        let endpoint = self.primary_reader();
        if feed.holds_at(endpoint) {
            let lease = endpoint.acquire().await?;
            // A connection that was opened meanwhile may lead to another server.
            if feed.holds_at(endpoint) {
                return Ok(Checkout { lease, endpoint });
            }
        }
        Err(Error::new(
            ErrorKind::Unavailable,
            format!("server `{}` may be another one than before", self.server),
        ))
    }

    fn without_feed(&self, job: u64) -> Error {
        Error::new(
            ErrorKind::ShardMoved,
            format!(
                "namespace `{}` on server `{}` is not kept level by job {job}",
                self.namespace.name(),
                self.server
            ),
        )
    }
}
