//! The background tasks of a cluster with a catalog.
//!
//! One polls the catalog, one listens for notifications, and one reports the process. None of them
//! keeps the cluster open.

#[cfg(feature = "reshard")]
mod reads;
#[cfg(feature = "metrics")]
mod sizes;

use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use futures_util::future::{Either, select};
use tokio::runtime::Handle;
use tokio::sync::{Notify, watch};
use tokio::time::timeout;

use super::{Cluster, Follower};
use crate::catalog::{CHANNEL, Store};
use crate::cluster::WeakCluster;
use crate::config;
use crate::connect::NamespaceHandle;
use crate::error::{Error, ErrorKind, Result};
use crate::random::fraction;
use crate::task::restarting;

/// What the tasks tell each other.
#[derive(Debug, Clone, Default)]
pub(super) struct Signals {
    /// The catalog may have changed.
    told: Arc<Notify>,
    /// The process uses another topology: for the heartbeat, and for the listener.
    changed: Arc<Notify>,
    moved: Arc<Notify>,
    /// The same, for all statements that wait for it.
    pub(super) waiting: Arc<Notify>,
}

impl Signals {
    /// The process uses another topology.
    pub(super) fn changed(&self) {
        self.changed.notify_one();
        self.moved.notify_one();
        self.waiting.notify_waiters();
    }

    /// The process has something to report.
    pub(super) fn report(&self) {
        self.changed.notify_one();
    }
}

/// What each of the tasks needs.
#[derive(Clone)]
pub(super) struct Task {
    cluster: WeakCluster,
    options: config::Catalog,
    signals: Signals,
    closed: watch::Receiver<()>,
}

impl Task {
    pub(super) fn new(cluster: &Cluster, follower: &Follower) -> Self {
        Self {
            cluster: cluster.downgrade(),
            options: follower.options.clone(),
            signals: follower.signals.clone(),
            closed: follower.closed.subscribe(),
        }
    }

    pub(super) fn spawn_all(&self, runtime: &Handle) {
        let own = self.clone();
        let poll = move || own.clone().poll();
        runtime.spawn(restarting("the watch on the catalog", poll));
        let own = self.clone();
        let listen = move || own.clone().listen();
        runtime.spawn(restarting("the listener of the catalog", listen));
        if let Some(interval) = self.options.heartbeat {
            let own = self.clone();
            let report = move || own.clone().report(interval);
            runtime.spawn(restarting("the heartbeat of the process", report));
        }
        #[cfg(feature = "metrics")]
        if let (Some(_), Some(period)) = (self.options.heartbeat, self.options.sizes) {
            let own = self.clone();
            let measure = move || own.clone().measure(period);
            runtime.spawn(restarting("the sizes of servers", measure));
        }
    }

    /// Looks at the catalog periodically, and when it may have changed.
    async fn poll(mut self) {
        loop {
            // Processes that were started together do not ask together.
            let pause = self.pause().mul_f64(0.75 + 0.5 * fraction());
            let told = Arc::clone(&self.signals.told);
            if !self.wait(pause, told.notified()).await {
                return;
            }
            let Some(cluster) = self.cluster.upgrade() else {
                return;
            };
            let Some(follower) = cluster.follower() else {
                return;
            };
            // Logged there.
            let _ = follower.look.lock().await.at(follower, &cluster).await;
            #[cfg(feature = "reshard")]
            cluster.look_for_readers().await;
        }
    }

    /// The time until the next look at the catalog.
    fn pause(&self) -> Duration {
        #[cfg(feature = "reshard")]
        if let Some(cluster) = self.cluster.upgrade()
            && cluster.has_readers()
        {
            return self.options.poll.min(reads::PERIOD);
        }
        self.options.poll
    }

    /// Wakes [`poll`](Self::poll) at each notification, on databases that have them. Listens anew when
    /// the topology has another address or account for the database.
    async fn listen(mut self) {
        loop {
            let Some(cluster) = self.cluster.upgrade() else {
                return;
            };
            let own = cluster.handle_of_database(&self.options.database).ok();
            let mut heard = pin!(self.hear(&cluster));
            drop(cluster);
            let heard = loop {
                let mut closed = self.closed.clone();
                let (ended, moved) = (pin!(closed.changed()), pin!(self.signals.moved.notified()));
                match select(heard.as_mut(), select(ended, moved)).await {
                    Either::Left((heard, _)) => break Some(heard),
                    Either::Right((Either::Left(_), _)) => return,
                    Either::Right((Either::Right(_), _)) if self.is_listening_to(own.as_ref()) => {}
                    Either::Right(_) => break None,
                }
            };
            match heard {
                None => continue,
                Some(Ok(())) => return,
                Some(Err(error)) => tracing::debug!(
                    target: "shard_orm",
                    error = %error.kind(),
                    "the catalog does not notify this process; it is polled"
                ),
            }
            if !self.wait(self.options.poll, std::future::pending()).await {
                return;
            }
        }
    }

    /// Whether the topology still has this handle for the catalog's database.
    fn is_listening_to(&self, own: Option<&Arc<NamespaceHandle>>) -> bool {
        let cluster = self.cluster.upgrade();
        let now = cluster.and_then(|one| one.handle_of_database(&self.options.database).ok());
        match (own, now) {
            (Some(own), Some(now)) => Arc::ptr_eq(own, &now),
            _ => false,
        }
    }

    /// Returns when the database has no notifications, or with the error of the session.
    fn hear(&self, cluster: &Cluster) -> impl Future<Output = Result<()>> + use<> {
        let handle = cluster.handle_of_database(&self.options.database);
        let told = Arc::clone(&self.signals.told);
        async move {
            let handle = handle?;
            let Some(mut listener) = handle.writer()?.listen(CHANNEL).await? else {
                return Ok(());
            };
            // What was announced before the session listened.
            told.notify_one();
            loop {
                listener.receive().await?;
                told.notify_one();
            }
        }
    }

    /// Reports the process periodically, and when it uses another topology.
    async fn report(mut self, interval: Duration) {
        loop {
            let Some(cluster) = self.cluster.upgrade() else {
                return;
            };
            if let Err(error) = self.report_once(&cluster).await
                && error.kind() != ErrorKind::UndefinedTable
            {
                tracing::debug!(
                    target: "shard_orm",
                    error = %error.kind(),
                    "the process was not reported to the catalog"
                );
            }
            drop(cluster);
            let changed = Arc::clone(&self.signals.changed);
            if !self.wait(interval, changed.notified()).await {
                return;
            }
        }
    }

    async fn report_once(&self, cluster: &Cluster) -> Result<(), Error> {
        let Some(follower) = cluster.follower() else {
            return Ok(());
        };
        let _reporting = follower.reporting.lock().await;
        if follower.is_closed.load(Ordering::Acquire) {
            return Ok(());
        }
        let handle = cluster.handle_of_database(&self.options.database)?;
        let epoch = cluster.topology().epoch();
        let report = Store::new(&handle).report(&follower.heartbeat, epoch);
        Store::within(self.options.timeout, report).await?;
        let (tables, keys, reported) = {
            let tables = follower.tables();
            (tables.all.clone(), tables.keys.clone(), tables.reported)
        };
        if tables.len() > reported {
            let report = Store::new(&handle).report_tables(&follower.heartbeat, &tables);
            Store::within(self.options.timeout, report).await?;
            let report = Store::new(&handle).report_keys(&keys);
            Store::within(self.options.timeout, report).await?;
            follower.tables().reported = tables.len();
        }
        #[cfg(feature = "metrics")]
        if let Some(interval) = self.options.heartbeat {
            let (store, process) = (Store::new(&handle), &follower.heartbeat);
            let publish = follower
                .publication
                .publish(cluster, store, process, interval);
            Store::within(self.options.timeout, publish).await?;
        }
        Ok(())
    }

    /// Waits, until an event at most; false once the cluster is closed or dropped.
    async fn wait(&mut self, pause: Duration, event: impl Future<Output = ()>) -> bool {
        let (event, closed) = (pin!(event), pin!(self.closed.changed()));
        let ended = timeout(pause, select(event, closed)).await;
        !matches!(ended, Ok(Either::Right(_)))
    }
}
