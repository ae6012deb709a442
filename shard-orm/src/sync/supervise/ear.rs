//! What hears when a source says that a table has changed.

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::select;
use tokio::sync::{Notify, watch};

use crate::error::Result;
use crate::sync::capture::CHANNEL;
use crate::sync::task::Task;
use crate::task::caught;

/// How long is waited for further words of a source before its copies are woken again.
const TOGETHER: Duration = Duration::from_millis(10);
/// How soon a source is listened to again that was lost.
const LISTEN_AGAIN: Duration = Duration::from_secs(1);

/// What hears when a source says that a table has changed, where it does.
pub(super) struct Ear {
    /// One of those that have this source.
    pub(super) task: Task,
    pub(super) every: Duration,
    /// By table.
    pub(super) wakes: Vec<(&'static str, Arc<Notify>)>,
}

impl Ear {
    pub(super) async fn listen(self, mut stopped: watch::Receiver<bool>) {
        let stop = pin!(async move {
            // Without a sender there is nothing to wait for either.
            let _ = stopped.wait_for(|stop| *stop).await;
        });
        let _ended = select(stop, pin!(self.hear())).await;
    }

    async fn hear(&self) {
        loop {
            match caught("the ear of a source", self.hear_one_session())
                .await
                .flatten()
            {
                Ok(()) => return,
                Err(error) => {
                    // The copies are looked at in their time, whether anything is heard or not.
                    tracing::debug!(target: "shard_orm", error = %error.kind(), "a source is not heard");
                    tokio::time::sleep(self.every.max(LISTEN_AGAIN)).await;
                }
            }
        }
    }

    /// Listens until the session is lost; comes back at once from a database that tells nothing.
    async fn hear_one_session(&self) -> Result<()> {
        let source = self.task.source()?;
        let Some(mut listener) = source.handle.writer()?.listen(CHANNEL).await? else {
            return Ok(());
        };
        loop {
            let told = listener.heard().await?;
            for (table, wake) in &self.wakes {
                if told.is_empty() || told == **table {
                    wake.notify_one();
                }
            }
            // What is told at the same time is followed together.
            tokio::time::sleep(TOGETHER).await;
        }
    }
}
