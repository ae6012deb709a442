//! A session: a sequence of calls with read-your-writes consistency.

use std::fmt;
use std::sync::Arc;

use super::Cluster;
use crate::connect::WriteMarks;
use crate::error::{Error, ErrorKind, Result};

/// A sequence of calls with read-your-writes consistency, even on replicas.
///
/// Every call that takes `&cluster` also takes `&session`. As long as the session has not written
/// to a logical shard, any replica serves its reads there. After a write, reads go to a replica
/// known to hold it, and to the primary until there is one. A write needs no additional round trip:
/// soon after it, the server's monitor reads the primary's position, once for all sessions that
/// wrote meanwhile, and then those of the replicas.
///
/// A position is meaningful only within its history, so it includes the system identifier and
/// timeline of the PostgreSQL cluster, or on MariaDB and MySQL the server that wrote it and its
/// start. After a failover, a replica of the old primary is never mistaken for one of the new
/// primary.
///
/// Cheap to clone; all clones are the same session. Create one per user request, and pass it to the
/// next request as a [`token`](Self::token).
///
/// On SQLite, whose replicas have no position, the primary serves all reads after a write.
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
    /// Creates a session that has written nothing.
    #[must_use]
    pub fn session(&self) -> Session {
        Session {
            cluster: self.clone(),
            marks: Arc::default(),
        }
    }

    /// Resumes a session from its [`token`](Session::token).
    ///
    /// A token comes back from a client. It contains no secret and grants no access; a forged one
    /// can at most make its own session read older rows.
    ///
    /// # Errors
    /// [`InvalidToken`](ErrorKind::InvalidToken) if the token is malformed; then create a new
    /// session, and read from the primary if that matters.
    pub fn resume_session(&self, token: &str) -> Result<Session> {
        let marks = WriteMarks::from_text(token).ok_or_else(|| {
            Error::new(
                ErrorKind::InvalidToken,
                "the session token is malformed; create a new session with `cluster.session()`",
            )
        })?;
        Ok(Session {
            cluster: self.clone(),
            marks: Arc::new(marks),
        })
    }
}

impl Session {
    /// The session as a string that the client keeps between two requests: in a cookie, a header or
    /// a hidden field. Sends nothing.
    ///
    /// About 40 characters for each logical shard written to: letters, digits and `~:.-_`, which
    /// are valid in a cookie. Any process with the same servers can resume it. Take it after the
    /// last write of a request: later writes are not in it.
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

    /// The cluster on which it runs.
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
