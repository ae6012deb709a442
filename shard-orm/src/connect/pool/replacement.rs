//! Connections that cannot go back to their pool are closed, and others take their place.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Instant;

use tokio::time::timeout;

use super::Pool;
use crate::backend::{AbandonedSession, Conn};

impl Pool {
    /// Replaces a connection that keeps too many prepared statements.
    pub(super) async fn renew(self: Arc<Self>, crowded: Conn) {
        let mut lease = self.empty_lease();
        self.disconnect(crowded).await;
        if !self.is_closed() && lease.replace().await.is_ok() {
            lease.settle();
        }
    }

    /// Closes a connection, without waiting for a server that does not answer.
    pub(super) async fn disconnect(&self, conn: Conn) {
        let closed = timeout(self.limits.connect_timeout, conn.close()).await;
        if closed.is_err() {
            tracing::debug!(target: "shard_orm", "a server did not answer while a connection was \
                 being closed");
        }
    }

    /// Ends an abandoned session over a new connection, which replaces it.
    pub(super) async fn end(self: Arc<Self>, session: AbandonedSession) {
        let mut lease = self.empty_lease();
        lease.proven = self.losses.load(Ordering::Acquire);
        lease.planned = self.alterations.load(Ordering::Acquire);
        let Ok(mut conn) = self.open_pooled().await else {
            return;
        };
        lease.opened = Instant::now();
        // The session may have ended by itself: that error is expected and ignored.
        match timeout(self.limits.connect_timeout, conn.kill(session)).await {
            Ok(Err(failure)) if failure.lost => {}
            Ok(_) => {
                lease.conn = Some(conn);
                lease.dirty = false;
            }
            Err(_) => {}
        }
    }
}
