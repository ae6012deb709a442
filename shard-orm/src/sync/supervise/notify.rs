//! Wakes workers when a source announces that a table has changed.

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::select;
use tokio::sync::{Notify, watch};

use crate::error::Result;
use crate::replicate::CHANNEL;
use crate::sync::task::Task;
use crate::task::catch_panic;

/// The time in which further announcements of a source are collected before its copies are woken again.
const COLLECTED: Duration = Duration::from_millis(10);
/// The shortest pause before a lost session is opened again.
const LISTEN_AGAIN: Duration = Duration::from_secs(1);

/// Listens to one source, where its database has notifications.
pub(super) struct Listener {
    /// One of the tasks of this source.
    pub(super) task: Task,
    pub(super) every: Duration,
    /// The workers of each table.
    pub(super) wakes: Vec<(String, Arc<Notify>)>,
}

impl Listener {
    pub(super) async fn listen(self, mut stopped: watch::Receiver<bool>) {
        let stop = pin!(async move {
            // Without a sender there is nothing to wait for either.
            let _ = stopped.wait_for(|stop| *stop).await;
        });
        let _ended = select(stop, pin!(self.listen_again())).await;
    }

    async fn listen_again(&self) {
        loop {
            match catch_panic("the listener of a source", self.listen_once())
                .await
                .flatten()
            {
                Ok(()) => return,
                Err(error) => {
                    // The copies have their rounds, with or without notifications.
                    tracing::debug!(target: "shard_orm", error = %error.kind(), "the session of a listener was lost");
                    tokio::time::sleep(self.every.max(LISTEN_AGAIN)).await;
                }
            }
        }
    }

    /// Listens until the session is lost; returns at once on a database without notifications.
    async fn listen_once(&self) -> Result<()> {
        let source = self.task.source()?;
        let Some(mut listener) = source.at.handle.writer()?.listen(CHANNEL).await? else {
            return Ok(());
        };
        loop {
            let told = listener.receive().await?;
            for (table, wake) in &self.wakes {
                if told.is_empty() || told == *table {
                    wake.notify_one();
                }
            }
            // Announcements at the same time are followed by one round.
            tokio::time::sleep(COLLECTED).await;
        }
    }
}
