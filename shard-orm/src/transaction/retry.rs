//! Retries of transactions after serialization failures and deadlocks.

use std::sync::Arc;
use std::time::Duration;

use super::{Tx, TxOptions};
use crate::cluster::{Address, Cluster, Session};
use crate::connect::WriteMarks;
use crate::error::Error;
use crate::observe::Event;
use crate::random::fraction;

/// The longest wait between two attempts.
const CEILING: Duration = Duration::from_secs(1);

impl Cluster {
    /// Runs a closure in a transaction and commits it. Retries it in a new transaction after a
    /// serialization failure or a deadlock, and when its server has become read-only and another
    /// one is the primary.
    ///
    /// The closure takes the transaction by value and runs once per attempt, so its effects outside
    /// of the transaction must be safe to repeat. If it returns an error, the transaction is rolled
    /// back. A commit with an unknown outcome is never retried.
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
    /// #     quantity: i32,
    /// # }
    /// # async fn run(cluster: &Cluster) -> shard_orm::Result<()> {
    /// let quantity = cluster
    ///     .transaction(Order::shard(42), |tx| async move {
    ///         let mut order = Order::get(&tx, 42, 7).await?;
    ///         order.quantity += 1;
    ///         order.update(&tx).await?;
    ///         Ok::<_, shard_orm::Error>(order.quantity)
    ///     })
    ///     .await?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// The errors of the closure, of the beginning and of the commit.
    pub async fn transaction<T, E, F, Fut>(&self, at: Address, run: F) -> Result<T, E>
    where
        F: Fn(Tx) -> Fut,
        Fut: Future<Output = Result<T, E>> + Send,
        E: From<Error>,
    {
        self.transaction_with(at, &TxOptions::default(), run).await
    }

    /// Like [`transaction`](Self::transaction), with an isolation level, read-only, or another
    /// number of attempts.
    ///
    /// # Errors
    /// As [`transaction`](Self::transaction).
    pub async fn transaction_with<T, E, F, Fut>(
        &self,
        at: Address,
        options: &TxOptions,
        run: F,
    ) -> Result<T, E>
    where
        F: Fn(Tx) -> Fut,
        Fut: Future<Output = Result<T, E>> + Send,
        E: From<Error>,
    {
        retrying(self, None, &at, options, run).await
    }
}

impl Session {
    /// As [`Cluster::transaction`]; the session's later reads of that logical shard see what was
    /// committed.
    ///
    /// # Errors
    /// As [`Cluster::transaction`].
    pub async fn transaction<T, E, F, Fut>(&self, at: Address, run: F) -> Result<T, E>
    where
        F: Fn(Tx) -> Fut,
        Fut: Future<Output = Result<T, E>> + Send,
        E: From<Error>,
    {
        self.transaction_with(at, &TxOptions::default(), run).await
    }

    /// As [`Cluster::transaction_with`]; the session's later reads of that logical shard see what
    /// was committed.
    ///
    /// # Errors
    /// As [`Cluster::transaction`].
    pub async fn transaction_with<T, E, F, Fut>(
        &self,
        at: Address,
        options: &TxOptions,
        run: F,
    ) -> Result<T, E>
    where
        F: Fn(Tx) -> Fut,
        Fut: Future<Output = Result<T, E>> + Send,
        E: From<Error>,
    {
        let marks = Some(self.shared_marks());
        retrying(self.cluster(), marks, &at, options, run).await
    }
}

async fn retrying<T, E, F, Fut>(
    cluster: &Cluster,
    marks: Option<&Arc<WriteMarks>>,
    at: &Address,
    options: &TxOptions,
    run: F,
) -> Result<T, E>
where
    F: Fn(Tx) -> Fut,
    Fut: Future<Output = Result<T, E>> + Send,
    E: From<Error>,
{
    let mut attempt = 1;
    loop {
        let tx = cluster.begin_at(at, options, marks).await?;
        let handle = tx.clone();
        let (error, retry) = match run(tx).await {
            Ok(value) => match handle.clone().commit().await {
                Ok(()) => return Ok(value),
                Err(error) => (E::from(error), handle.wants_retry().await),
            },
            Err(error) => {
                let retry = handle.wants_retry().await;
                // It may have ended already; its own error matters more than that.
                let _ended = handle.clone().rollback().await;
                (error, retry)
            }
        };
        if !retry || attempt >= options.attempts {
            return Err(error);
        }
        handle.handle().observed.count(Event::RetriedTransaction);
        tracing::debug!(target: "shard_orm", attempt, "a transaction is tried again");
        tokio::time::sleep(wait(options.backoff, attempt)).await;
        attempt += 1;
    }
}

/// A random part of a time that doubles with each attempt ("full jitter"), so that the same
/// transactions do not collide again.
fn wait(base: Duration, attempt: u32) -> Duration {
    let longest = base
        .saturating_mul(2_u32.saturating_pow(attempt - 1))
        .min(CEILING);
    longest.mul_f64(fraction())
}
