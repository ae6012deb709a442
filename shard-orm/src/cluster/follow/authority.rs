//! Tells `connect` whether the topology in use is the latest.

use futures_util::future::BoxFuture;
use tokio::time::{Instant, sleep, timeout_at};

use super::FLOOR;
use crate::cluster::{Cluster, WeakCluster};
use crate::connect::{Authority, NamespaceHandle};
use crate::error::{Error, ErrorKind, Result};

/// The catalog of a cluster, which it does not keep open.
pub(super) struct OfCatalog(pub(super) WeakCluster);

impl Authority for OfCatalog {
    fn look(&self) -> BoxFuture<'_, Result<()>> {
        Box::pin(async {
            let cluster = self.0.upgrade().ok_or_else(closed)?;
            cluster.confirm_topology().await
        })
    }

    fn is_current(&self, handle: &NamespaceHandle) -> bool {
        let cluster = self.0.upgrade();
        let now = cluster.and_then(|cluster| cluster.current_handle(handle));
        now.is_some_and(|now| std::ptr::eq(&*now, handle))
    }

    fn epoch(&self) -> u64 {
        let cluster = self.0.upgrade();
        cluster.map_or(u64::MAX, |cluster| cluster.topology().epoch())
    }
}

impl Cluster {
    /// Looks at the catalog until that succeeds, for as long as a statement waits for a switch.
    async fn confirm_topology(&self) -> Result<()> {
        let Some(follower) = self.follower() else {
            return Ok(());
        };
        let until = Instant::now() + follower.options.switch_wait;
        loop {
            let looked = timeout_at(until, self.begin_look(None)).await;
            let error = match looked {
                Ok(Ok(Ok(_))) => return Ok(()),
                Ok(Ok(Err(error))) => error,
                Ok(Err(_)) => return Err(closed()),
                Err(_) => Error::new(
                    ErrorKind::Timeout,
                    format!(
                        "the catalog did not answer within {:?} (`switch_wait`)",
                        follower.options.switch_wait
                    ),
                ),
            };
            // Another look finds the same.
            let is_final = error.kind() == ErrorKind::Conflict;
            if is_final || Instant::now() + FLOOR > until {
                return Err(error);
            }
            sleep(FLOOR).await;
        }
    }
}

fn closed() -> Error {
    Error::new(ErrorKind::Unavailable, "the cluster was closed")
}
