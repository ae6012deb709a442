//! Leases a worker id that no other live process has: a row of a table, for a limited time.
//!
//! No clocks of two machines are compared. The database decides by its own clock whether a row is
//! free. The holder measures from before it sent the statement, by a clock that includes
//! suspension, with a margin for a slower clock.
//!
//! Uniqueness of ids does not depend on this. A row holds the last millisecond that its holder's
//! ids may have, and the next holder starts after it: ids that are generated after a lease has
//! expired for any reason differ in their millisecond.

mod table;

use futures_util::future::BoxFuture;

use self::table::Lease;
use super::generators::Generators;
use super::snowflake::Refusal;
use super::worker::State;
use crate::cluster::{Cluster, Extension, WeakCluster};
use crate::error::{Error, ErrorKind, Result};
use crate::task::{catch_panic, restarting};

impl Extension for Generators {
    fn create(cluster: &Cluster) -> Self {
        Self::new(cluster.ids_config(), cluster.runtime().clone())
    }

    fn close<'a>(&'a self, cluster: &'a Cluster) -> BoxFuture<'a, ()> {
        Box::pin(release(cluster))
    }
}

/// Ensures that there is a worker id, and waits for it.
///
/// Runs in a separate task: a cancelled caller would otherwise leave a row that nobody renews.
pub(super) async fn ensure_worker(cluster: &Cluster) -> Result<()> {
    let generators = cluster.generators();
    let own = cluster.clone();
    let taken = async move { take(&own).await };
    let task = generators
        .runtime
        .spawn(catch_panic("the lease of a worker id", taken));
    let taken = task.await.unwrap_or_else(|source| {
        Err(
            Error::new(ErrorKind::Unavailable, "the cluster's runtime has ended")
                .with_source(source),
        )
    });
    taken.flatten()
}

async fn take(cluster: &Cluster) -> Result<()> {
    let generators = cluster.generators();
    let mut state = generators.lease.lock().await;
    if state.closed {
        return Err(Error::new(
            ErrorKind::Unavailable,
            "the cluster was closed and generates no more ids",
        ));
    }
    if generators.snowflakes.has_worker() {
        return Ok(());
    }
    if let Some(worker) = generators.config().worker_number() {
        return generators.grant_number(worker).map_err(Refusal::into_error);
    }
    let Some(database) = generators.config().lease_database() else {
        return Err(Error::new(ErrorKind::Unavailable, "there is no worker id"));
    };
    renew_or_claim(cluster, &mut state, database).await?;
    if !state.renewed {
        state.renewed = true;
        let cluster = cluster.downgrade();
        let renewals = move || keep(cluster.clone());
        generators
            .runtime
            .spawn(restarting("the renewal of a worker id", renewals));
    }
    Ok(())
}

/// Renews the lease periodically, while the cluster is open.
async fn keep(cluster: WeakCluster) {
    let mut wait = None;
    loop {
        let period = match cluster.upgrade() {
            Some(cluster) => cluster.generators().config().lease_ttl / 3,
            None => return,
        };
        tokio::time::sleep(wait.unwrap_or(period)).await;
        let Some(cluster) = cluster.upgrade() else {
            return;
        };
        let generators = cluster.generators();
        let mut state = generators.lease.lock().await;
        let Some(database) = generators
            .config()
            .lease_database()
            .filter(|_| !state.closed)
        else {
            return;
        };
        wait = match renew_or_claim(&cluster, &mut state, database).await {
            Ok(()) => None,
            Err(error) => {
                tracing::warn!(
                    target: "shard_orm",
                    error = %error.kind(),
                    "the lease of the worker id was not renewed"
                );
                Some(period / 4)
            }
        };
    }
}

async fn renew_or_claim(cluster: &Cluster, state: &mut State, database: &str) -> Result<()> {
    let lease = Lease::new(cluster, database)?;
    if let Some(held) = &mut state.held {
        if lease.renew(held).await? {
            return Ok(());
        }
        tracing::warn!(
            target: "shard_orm",
            worker = held.worker,
            "the lease of the worker id expired, and another process has it now"
        );
        cluster.generators().snowflakes.withdraw();
        state.held = None;
    }
    state.held = Some(lease.claim().await?);
    Ok(())
}

/// Releases the worker id; unused reserved time is free at once.
async fn release(cluster: &Cluster) {
    let generators = cluster.generators();
    let mut state = generators.lease.lock().await;
    state.closed = true;
    let last = generators.snowflakes.withdraw();
    let (Some(held), Some(database)) = (state.held.take(), generators.config().lease_database())
    else {
        return;
    };
    let given_back = async { Lease::new(cluster, database)?.release(&held, last).await };
    if let Err(error) = given_back.await {
        // The lease expires by itself.
        tracing::debug!(
            target: "shard_orm",
            error = %error.kind(),
            "the worker id was not released"
        );
    }
}
