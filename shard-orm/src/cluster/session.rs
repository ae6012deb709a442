//! A row of calls that see their own writes, on replicas too.

use std::fmt;
use std::sync::Arc;

use super::Cluster;
use crate::connect::WriteMarks;
use crate::error::{Error, ErrorKind, Result};

/// A row of calls that see their own writes, on replicas too.
///
/// Every call that takes `&cluster` takes `&session` too. Its reads are served by a replica as
/// long as nothing was written through the session to that logical shard, and after a write by a
/// replica that is known to hold it; by the primary until there is one. A write costs no round
/// trip more: the monitor of the server asks the primary for its position soon after it, once for
/// all sessions that wrote meanwhile, and the replicas for theirs.
///
/// A position is worth nothing without its history, so it goes with the identity and timeline of
/// the PostgreSQL cluster, or with the server that wrote it and its start on MariaDB and MySQL.
/// After a failover a replica of the old primary never passes for one of the new.
///
/// Cheap to clone; all clones are the same session. Begin one for each user's request, and carry
/// it to the next request by its [`token`](Self::token).
///
/// On SQLite, whose replicas say nothing of where they are, the primary serves what comes after a
/// write.
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
/// # }
/// # async fn run(cluster: &Cluster) -> shard_orm::Result<()> {
/// let session = cluster.session();
/// let order = Order { id: 7, user_id: 42 }.insert(&session).await?;
/// let cookie = session.token();
///
/// // In the next request, in another process too:
/// let session = cluster.resume_session(&cookie)?;
/// let order = Order::get(&session, 42, 7).await?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct Session {
    cluster: Cluster,
    marks: Arc<WriteMarks>,
}

impl Cluster {
    /// Begins a session that has written nothing yet.
    #[must_use]
    pub fn session(&self) -> Session {
        Session {
            cluster: self.clone(),
            marks: Arc::default(),
        }
    }

    /// Goes on with a session, from its [`token`](Session::token).
    ///
    /// A token comes back from outside. It holds no secret and gives no access; one that was
    /// forged can at most make its own session read older rows.
    ///
    /// # Errors
    /// [`InvalidToken`](ErrorKind::InvalidToken) when the text is no token; begin a new session then, with
    /// its reads sent to the primary if it matters.
    pub fn resume_session(&self, token: &str) -> Result<Session> {
        let marks = WriteMarks::from_text(token).ok_or_else(|| {
            Error::new(
                ErrorKind::InvalidToken,
                "the text is no token of a session; begin a new one with `cluster.session()`",
            )
        })?;
        Ok(Session {
            cluster: self.clone(),
            marks: Arc::new(marks),
        })
    }
}

impl Session {
    /// The session as a text, to be kept by the user between two requests: in a cookie, a header,
    /// a hidden field. Asks no server.
    ///
    /// About 40 letters for each logical shard that was written to; letters, digits and `~:.-_`,
    /// which stand in a cookie as they are. It may be restored by any process that uses the same
    /// servers. Take it after the last write of a request: a later one is not in it.
    #[must_use]
    pub fn token(&self) -> String {
        let state = self.cluster.inner.state.load();
        self.marks.text(|home, shard| {
            let handle = match shard {
                Some(shard) => state.pool_set.shard(state.group(home).ok()?, shard),
                None => state.pool_set.database(home),
            };
            Some(Arc::clone(&handle?.health))
        })
    }

    /// The cluster that it runs on.
    #[must_use]
    pub fn cluster(&self) -> &Cluster {
        &self.cluster
    }

    pub(crate) fn marks(&self) -> &WriteMarks {
        &self.marks
    }

    pub(crate) fn shared_marks(&self) -> &Arc<WriteMarks> {
        &self.marks
    }
}

impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Session")
            .field("cluster", &self.cluster)
            .finish_non_exhaustive()
    }
}
