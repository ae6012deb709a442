//! Waits for the switch of a logical shard that changes servers.
//!
//! Called after a statement failed because its namespace, or a table in it, is not there. The record
//! of the namespace decides: only one that is not active means that the shard has moved.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use crate::cluster::Cluster;
use crate::connect::{NamespaceHandle, State, read};
use crate::error::{Error, ErrorKind, Result};

/// The first pause between two looks at the catalog, which doubles, and the longest.
const PAUSES: (Duration, Duration) = (Duration::from_millis(10), Duration::from_millis(250));

/// What the record of a namespace says.
enum Recorded {
    Active,
    NotActive,
    /// There is none, or it cannot be read.
    Unknown,
}

impl Cluster {
    /// Where a statement that failed in a namespace is to run again: where its logical shard is by
    /// now, or once it has changed servers. `None` if the namespace has not moved, so that the error
    /// stands. Nothing of the statement was done.
    ///
    /// # Errors
    /// `ShardMoved` if the switch does not end within the configured time.
    pub(crate) async fn settled(
        &self,
        handle: &Arc<NamespaceHandle>,
        failed: &Error,
    ) -> Result<Option<Arc<NamespaceHandle>>> {
        if let Some(now) = self.moved_to(handle) {
            return Ok(Some(now));
        }
        let is_sign = matches!(
            failed.kind(),
            ErrorKind::UndefinedTable | ErrorKind::ShardMoved
        );
        let Some(follower) = self.follower().filter(|_| is_sign) else {
            return Ok(None);
        };
        if matches!(recorded(handle).await, Recorded::Active) {
            return Ok(None);
        }
        let until = Instant::now() + follower.options.switch_wait;
        let (mut pause, longest) = PAUSES;
        let mut was_fenced = false;
        loop {
            // A catalog that is unavailable is asked again until the time is up.
            let _ = self.reload_topology(self.topology().epoch()).await;
            if let Some(now) = self.moved_to(handle) {
                return Ok(Some(now));
            }
            match recorded(handle).await {
                Recorded::Active => return Ok(Some(Arc::clone(handle))),
                Recorded::NotActive => was_fenced = true,
                // Without any sign of a move, a missing namespace is an error of its own.
                Recorded::Unknown if !was_fenced && failed.kind() != ErrorKind::ShardMoved => {
                    return Ok(None);
                }
                Recorded::Unknown => {}
            }
            if Instant::now() + pause > until {
                return Err(Error::new(
                    ErrorKind::ShardMoved,
                    format!(
                        "namespace `{}` on server `{}` has moved, and the catalog has no new place for \
                         it after {:?}; try again, and see `shard-orm catalog history`",
                        handle.namespace.name(),
                        handle.server,
                        follower.options.switch_wait
                    ),
                ));
            }
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(longest);
        }
    }

    /// Whether the record of a namespace says that it does not serve its logical shard. False without
    /// a catalog.
    pub(crate) async fn is_fenced(&self, handle: &NamespaceHandle) -> bool {
        self.follower().is_some() && matches!(recorded(handle).await, Recorded::NotActive)
    }

    /// The current handle of a namespace, if it is another one.
    pub(crate) fn moved_to(&self, handle: &Arc<NamespaceHandle>) -> Option<Arc<NamespaceHandle>> {
        let now = self.current_handle(handle)?;
        (!Arc::ptr_eq(&now, handle)).then_some(now)
    }
}

/// Reads the record on the primary, whether or not the namespace is verified.
async fn recorded(handle: &NamespaceHandle) -> Recorded {
    if handle.guard.is_none() {
        return Recorded::Active;
    }
    let read = async {
        let mut lease = handle.writer()?.acquire().await?;
        read(handle, &mut lease).await
    };
    match read.await {
        Ok(Some(record)) if record.state() == State::Active => Recorded::Active,
        Ok(Some(_)) => Recorded::NotActive,
        Ok(None) | Err(_) => Recorded::Unknown,
    }
}
