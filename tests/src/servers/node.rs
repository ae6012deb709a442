//! A server of a replication, of either kind, and the pair that the tests of a process share.

use std::sync::Arc;

use shard_orm::Dialect;
use tokio::sync::{Mutex, OnceCell, OwnedMutexGuard};

use super::{MariaDbServer, PostgresServer, ServerError};

/// A user of the clusters under test. Neither is an administrator: servers that refuse writes refuse theirs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rights {
    /// May use the databases.
    Ordinary,
    /// May besides ask how the server and its replication stand.
    Monitor,
}

impl Rights {
    fn user(self) -> &'static str {
        match self {
            Self::Ordinary => "client",
            Self::Monitor => "watcher",
        }
    }
}

/// A server of a replication: PostgreSQL by streaming, MariaDB by GTID.
#[derive(Debug)]
pub enum Node {
    /// A PostgreSQL server.
    Postgres(PostgresServer),
    /// A MariaDB server.
    MariaDb(MariaDbServer),
}

/// Calls a method of either server.
macro_rules! either {
    ($node:expr, $server:ident => $call:expr) => {
        match $node {
            Node::Postgres($server) => $call,
            Node::MariaDb($server) => $call,
        }
    };
}

/// Calls a method of either server with another server of its kind.
macro_rules! both {
    ($node:expr, $other:expr, ($server:ident, $second:ident) => $call:expr) => {
        match ($node, $other) {
            (Node::Postgres($server), Node::Postgres($second)) => $call,
            (Node::MariaDb($server), Node::MariaDb($second)) => $call,
            _ => Err(ServerError::new("the servers are of different kinds")),
        }
    };
}

impl Node {
    /// Makes a server that others can replicate.
    ///
    /// # Errors
    /// When it is not installed or does not start, and for a database without servers.
    pub async fn start_primary(dialect: Dialect) -> Result<Self, ServerError> {
        match dialect {
            Dialect::Postgres => Ok(Self::Postgres(PostgresServer::start_primary().await?)),
            Dialect::MySql => Ok(Self::MariaDb(MariaDbServer::start_primary().await?)),
            other => Err(ServerError::new(format!("{other} has no servers"))),
        }
    }

    /// As [`start_primary`](Self::start_primary), with a history that no other server shares.
    ///
    /// # Errors
    /// As [`start_primary`](Self::start_primary).
    pub async fn start_stranger(dialect: Dialect) -> Result<Self, ServerError> {
        match dialect {
            Dialect::Postgres => Ok(Self::Postgres(PostgresServer::start_stranger().await?)),
            // Its history is told by its number.
            other => Self::start_primary(other).await,
        }
    }

    /// Makes a replica of a server, and waits until it answers.
    ///
    /// # Errors
    /// When it does not start, or the primary does not answer.
    pub async fn start_replica(primary: &Self) -> Result<Self, ServerError> {
        match primary {
            Self::Postgres(primary) => PostgresServer::start_replica(primary)
                .await
                .map(Self::Postgres),
            Self::MariaDb(primary) => MariaDbServer::start_replica(primary)
                .await
                .map(Self::MariaDb),
        }
    }

    /// The server's address for its administrator.
    pub fn url(&self) -> &str {
        either!(self, server => server.url())
    }

    /// The server's address for a user of clusters: on PostgreSQL in the database `shop`, on MariaDB in none.
    pub fn url_of(&self, rights: Rights) -> String {
        either!(self, server => server.url_of(rights.user()))
    }

    /// The id of the server's process, `None` while it is stopped.
    pub fn pid(&self) -> Option<u32> {
        either!(self, server => server.pid())
    }

    /// Kills the server with `SIGKILL`, and waits until it is gone.
    pub fn kill9(&mut self) {
        either!(self, server => server.kill9());
    }

    /// Ends the server in good order and waits for its end. Replicas of PostgreSQL have received all of it then.
    ///
    /// # Errors
    /// When it has not ended after two minutes; it is killed then.
    pub async fn stop(&mut self) -> Result<(), ServerError> {
        either!(self, server => server.stop().await)
    }

    /// Stops the server if it runs, starts it with the same data on the same port, and waits until it answers.
    ///
    /// # Errors
    /// When it does not start; with the end of its log.
    pub async fn restart(&mut self) -> Result<(), ServerError> {
        either!(self, server => server.restart().await)
    }

    /// Lets a replica receive changes without applying them.
    ///
    /// # Errors
    /// When the server does not answer, or is no replica.
    pub async fn pause_replay(&self) -> Result<(), ServerError> {
        either!(self, server => server.pause_replay().await)
    }

    /// Ends a pause of [`pause_replay`](Self::pause_replay); without one it does nothing.
    ///
    /// # Errors
    /// When the server does not answer, or is no replica.
    pub async fn resume_replay(&self) -> Result<(), ServerError> {
        either!(self, server => server.resume_replay().await)
    }

    /// Makes a replica a primary, and waits until it takes writes.
    ///
    /// # Errors
    /// When the server does not answer.
    pub async fn promote(&mut self) -> Result<(), ServerError> {
        either!(self, server => server.promote().await)
    }

    /// Refuses the writes of ordinary users, or takes them again, while the server goes on running.
    ///
    /// # Errors
    /// When the server does not answer.
    pub async fn set_read_only(&mut self, read_only: bool) -> Result<(), ServerError> {
        either!(self, server => server.set_read_only(read_only).await)
    }

    /// Makes a server that is stopped refuse writes from its next start on: a former primary that comes back. On
    /// PostgreSQL it does so as a standby, which [`follow`](Self::follow) makes of it.
    pub fn come_back_read_only(&mut self) {
        if let Self::MariaDb(server) = self {
            server.start_read_only(true);
        }
    }

    /// Makes a replica of another primary, or a former primary of which this one has all, follow this primary.
    ///
    /// # Errors
    /// When one of the two does not answer.
    pub async fn follow(&mut self, primary: &Self) -> Result<(), ServerError> {
        both!(self, primary, (server, primary) => server.follow(primary).await)
    }

    /// Waits until this replica has applied all that its primary has committed by now.
    ///
    /// # Errors
    /// When it has not after two minutes, or one of the two does not answer.
    pub async fn has_all_of(&self, primary: &Self) -> Result<(), ServerError> {
        both!(self, primary, (server, primary) => server.has_all_of(primary).await)
    }

    /// Runs SQL as the server's administrator.
    ///
    /// # Errors
    /// When the server does not answer, or refuses it.
    pub async fn run(&self, sql: &str) -> Result<(), ServerError> {
        either!(self, server => server.run(sql).await)
    }

    /// The number that SQL gives, asked as the server's administrator; on PostgreSQL in the database `shop`.
    ///
    /// # Errors
    /// When the server does not answer, or refuses it.
    pub async fn number(&self, sql: &str) -> Result<i64, ServerError> {
        either!(self, server => server.number(sql).await)
    }
}

/// A primary and its replica.
#[derive(Debug)]
pub struct Pair {
    /// Takes the writes.
    pub primary: Node,
    /// Follows it.
    pub replica: Node,
}

impl Pair {
    async fn start(dialect: Dialect) -> Result<Arc<Mutex<Self>>, ServerError> {
        let primary = Node::start_primary(dialect).await?;
        let replica = Node::start_replica(&primary).await?;
        Ok(Arc::new(Mutex::new(Self { primary, replica })))
    }
}

/// The pair that the tests of this process share, for one test at a time: it may pause the replica.
///
/// The first call starts it: unlike the servers that serve all tests of a run, few tests need it, and those are in
/// one process.
///
/// # Errors
/// When the servers are not installed or do not start, and for a database without servers.
pub async fn pair(dialect: Dialect) -> Result<OwnedMutexGuard<Pair>, ServerError> {
    static POSTGRES: OnceCell<Arc<Mutex<Pair>>> = OnceCell::const_new();
    static MARIADB: OnceCell<Arc<Mutex<Pair>>> = OnceCell::const_new();
    let cell = match dialect {
        Dialect::Postgres => &POSTGRES,
        _ => &MARIADB,
    };
    let shared = cell.get_or_try_init(|| Pair::start(dialect)).await?;
    let pair = Arc::clone(shared).lock_owned().await;
    // The test before may have failed in a pause.
    pair.replica.resume_replay().await?;
    Ok(pair)
}
