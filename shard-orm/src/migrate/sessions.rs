//! Connections that the namespaces of a server share, one after the other.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use super::session::Session;
use crate::connect::NamespaceHandle;
use crate::error::Result;

/// Connections of one run.
pub(super) struct Sessions {
    lock_timeout: Duration,
    free: Mutex<Vec<Session>>,
}

impl Sessions {
    pub(super) fn new(lock_timeout: Duration) -> Self {
        Self {
            lock_timeout,
            free: Mutex::default(),
        }
    }

    /// A connection in a namespace: one that another namespace of the server no longer needs, or a
    /// new one.
    pub(super) async fn take(&self, handle: &Arc<NamespaceHandle>) -> Result<Session> {
        let free = {
            let mut sessions = self.free.lock().unwrap_or_else(PoisonError::into_inner);
            let free = sessions
                .iter()
                .position(|session| session.can_switch(handle));
            free.map(|free| sessions.swap_remove(free))
        };
        match free {
            Some(mut session) => {
                session.enter(handle).await?;
                Ok(session)
            }
            None => Session::open(handle, self.lock_timeout).await,
        }
    }

    /// Gives a connection back, which can still be used.
    pub(super) async fn put(&self, session: Session) {
        // The texts name their namespace, so each one adds to the prepared statements.
        if session.is_crowded() {
            return session.close().await;
        }
        let mut sessions = self.free.lock().unwrap_or_else(PoisonError::into_inner);
        sessions.push(session);
    }

    pub(super) async fn close(self) {
        let sessions = self
            .free
            .into_inner()
            .unwrap_or_else(PoisonError::into_inner);
        for session in sessions {
            session.close().await;
        }
    }
}
