//! Rows that one runner at a time has: jobs and plans.
//!
//! A row has an owner with a lease, and a token that each owner raises. Called by the stores of both, and shared by
//! their compare-and-swaps: after every error a row is read back, so that the caller knows whether it was changed.

use std::time::Duration;

use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use sea_query::{Alias, Expr, ExprTrait as _, Query, UpdateStatement};

use super::session::Store;
use super::tables::CLUSTER;
use crate::backend::now;
use crate::error::{Error, ErrorKind, Result};

pub(super) const STATE: &str = "state";
pub(super) const TOKEN: &str = "token";
pub(super) const OWNER: &str = "owner";
pub(super) const LEASE: &str = "lease_until";
pub(super) const MESSAGE: &str = "message";
pub(super) const CHANGED_AT: &str = "changed_at";

/// How often a change is repeated whose answer was lost.
const ROUNDS: u32 = 8;
/// The pause before the first repetition, which doubles.
const PAUSE: Duration = Duration::from_millis(20);

/// A runner of jobs or plans.
#[derive(Debug, Clone)]
pub(crate) struct Owner {
    /// A name that no other runner has.
    pub(crate) name: String,
    /// How long it keeps a row without renewing its lease.
    pub(crate) lease: Duration,
}

/// A row that has an owner.
pub(super) trait Leased: Send + Sized {
    const TABLE: &'static str;
    /// The column of its number.
    const ID: &'static str;

    fn token(&self) -> u64;
    fn owner(&self) -> Option<&str>;
    /// How long the owner keeps it.
    fn lease(&self) -> Duration;
    /// The row of a number.
    fn find(store: Store<'_>, id: u64) -> BoxFuture<'_, Result<Self>>;
}

impl Store<'_> {
    /// Makes this runner the owner of a row that has none, that it has already, or whose owner's lease is over, under
    /// a higher token. `None` if another runner has it.
    pub(super) async fn take<T: Leased>(self, id: u64, owner: &Owner) -> Result<Option<T>> {
        let at_first = T::find(self, id).await?.token();
        let take = || {
            let mut update = self.update_row::<T>(id);
            let dialect = self.handle().dialect();
            let is_free = plain(OWNER)
                .is_in(["", owner.name.as_str()])
                .or(plain(LEASE).lt(now(dialect)));
            update
                .value(TOKEN, plain(TOKEN).add(1_i64))
                .value(OWNER, owner.name.as_str())
                .value(LEASE, now(dialect).add(millis(owner.lease)))
                .and_where(is_free)
                .and_where(plain(TOKEN).eq(at_first.cast_signed()));
            update
        };
        let update = &take();
        self.repeat(|| {
            let attempt = async move {
                let tried = self.write(update).await;
                let found = T::find(self, id).await?;
                let is_own = found.owner() == Some(&*owner.name);
                if is_own && found.token() > at_first {
                    return Ok(Some(Some(found)));
                }
                let has_other = !is_own && found.owner().is_some();
                if found.token() > at_first || (has_other && !found.lease().is_zero()) {
                    return Ok(Some(None));
                }
                tried.map(|_| None)
            };
            attempt.boxed()
        })
        .await
    }

    /// Renews the lease of a runner. False if another one has taken the row.
    pub(super) async fn renew<T: Leased>(
        self,
        (id, token): (u64, u64),
        owner: &Owner,
    ) -> Result<bool> {
        let mut update = self.update_row::<T>(id);
        update
            .value(LEASE, now(self.handle().dialect()).add(millis(owner.lease)))
            .and_where(has_token(token));
        self.write(&update).await.map(|rows| rows > 0)
    }

    /// Gives a row back, so that another process can take it at once.
    pub(super) async fn release<T: Leased>(
        self,
        (id, token): (u64, u64),
        message: &str,
    ) -> Result<()> {
        let mut update = self.update_row::<T>(id);
        update
            .value(OWNER, "")
            .value(LEASE, 0_i64)
            .value(MESSAGE, message)
            .and_where(has_token(token));
        self.write(&update).await.map(drop)
    }

    /// Changes the row of a number.
    pub(super) fn update_row<T: Leased>(self, id: u64) -> UpdateStatement {
        let mut update = Query::update();
        update
            .table(self.handle().namespace.own_table(T::TABLE))
            .and_where(plain(CLUSTER).eq(&*self.handle().cluster))
            .and_where(plain(T::ID).eq(id.cast_signed()));
        update
    }

    /// Repeats until there is an outcome.
    pub(super) async fn repeat<'a, T>(
        self,
        mut attempt: impl FnMut() -> BoxFuture<'a, Result<Option<T>>> + Send,
    ) -> Result<T> {
        let mut pause = PAUSE;
        let mut round = 1;
        loop {
            match attempt().await {
                Ok(Some(done)) => return Ok(done),
                Ok(None) if round == ROUNDS => {
                    return Err(Error::new(
                        ErrorKind::Conflict,
                        "the row of a job or plan is changed by others all the time; try again",
                    ));
                }
                Err(error) if round == ROUNDS || !may_pass(&error) => return Err(error),
                _ => {}
            }
            tokio::time::sleep(pause).await;
            pause *= 2;
            round += 1;
        }
    }
}

/// Whether an error may be gone at the next attempt.
fn may_pass(error: &Error) -> bool {
    error.is_retryable()
        || matches!(
            error.kind(),
            ErrorKind::Unavailable
                | ErrorKind::Timeout
                | ErrorKind::OutcomeUnknown
                | ErrorKind::PoolExhausted
        )
}

/// The condition of a statement under a token.
pub(super) fn has_token(token: u64) -> Expr {
    plain(TOKEN).eq(token.cast_signed())
}

/// A column in a statement that changes a table.
pub(super) fn plain(name: &str) -> Expr {
    Expr::col(Alias::new(name))
}

fn millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}
