//! Locks on a Redis server: keys with a time to live.
//!
//! Follows "Distributed Locks with Redis" of its documentation, for a single server.

use std::fmt;
use std::time::Duration;

use redis::aio::MultiplexedConnection;
use redis::{AsyncConnectionConfig, Client, ErrorKind as Kind, RedisError, ServerErrorKind};
use tokio::sync::Mutex;
use tokio::time::timeout;

use super::{Acquired, LockFuture, LockManager, Token};
use crate::error::{Error, ErrorKind, Result};

/// Takes a free lock, or one of the same token, so that it may be sent twice.
const LOCK: &str = "\
if redis.call('SET', KEYS[1], ARGV[1], 'NX', 'PX', ARGV[2]) then return 1 end \
if redis.call('GET', KEYS[1]) == ARGV[1] then return redis.call('PEXPIRE', KEYS[1], ARGV[2]) end \
return 0";
const PING: &str = "\
if redis.call('GET', KEYS[1]) == ARGV[1] then return redis.call('PEXPIRE', KEYS[1], ARGV[2]) end \
return 0";
const RELEASE: &str = "\
if redis.call('GET', KEYS[1]) == ARGV[1] then return redis.call('DEL', KEYS[1]) end \
return 0";

/// Locks on a Redis server: keys with a time to live.
///
/// `SET key token NX PX ttl` takes a lock; scripts renew and release it for the holder of its token
/// alone. All commands use one connection, which is reopened when it was lost.
///
/// Redis answers before it has stored or replicated anything. A server that restarts without its
/// data, or a replica that is promoted without it, gives a lock to a second holder while the first
/// still relies on it; so does the expiry of a holder that is suspended. Use it where a second run
/// is wasteful but harmless, or where the target refuses it; see the
/// [module](crate::lock#limits-of-locks). Redis Cluster and URLs with `rediss://` (TLS) are
/// not supported.
///
/// ```no_run
/// # use std::sync::Arc;
/// # use std::time::Duration;
/// # async fn run() -> shard_orm::Result<()> {
/// use shard_orm::lock::{Guard, RedisLocks};
///
/// let locks = RedisLocks::connect("redis://:secret@10.0.0.5/0").await?.prefix("shop:lock:");
/// let guard = Guard::acquire(Arc::new(locks), "copy", Duration::from_secs(30)).await?;
/// # Ok(())
/// # }
/// ```
pub struct RedisLocks {
    client: Client,
    /// The server's name in messages, without user and password.
    label: String,
    prefix: String,
    connect_timeout: Duration,
    response_timeout: Duration,
    link: Mutex<Link>,
}

/// The connection, and a count of connections so far.
#[derive(Default)]
struct Link {
    connection: Option<MultiplexedConnection>,
    number: u64,
}

/// A failed command.
struct Failed {
    error: Error,
    /// Whether the connection is unusable.
    lost: bool,
    /// Whether another connection may answer: this one ended, it did not hang.
    ended: bool,
}

impl RedisLocks {
    /// Locks on the server at a URL, `redis://[user][:password]@host[:port][/database]`. Connects
    /// at first use.
    ///
    /// # Errors
    /// [`Configuration`](ErrorKind::Configuration) if the URL is malformed.
    pub fn new(url: &str) -> Result<Self> {
        // The driver's message may quote a part of the password.
        let client = Client::open(url).map_err(|_| unreadable_url())?;
        let address = client.get_connection_info().addr();
        if !address.is_supported() {
            return Err(Error::unsupported(
                "Redis locks do not support TLS; use `redis://`, with a tunnel if the network is \
                 not trusted",
            ));
        }
        Ok(Self {
            label: format!("redis://{address}"),
            client,
            prefix: "shard-orm:lock:".to_owned(),
            connect_timeout: Duration::from_secs(5),
            response_timeout: Duration::from_secs(2),
            link: Mutex::default(),
        })
    }

    /// As [`new`](Self::new), but connects at once, so that problems show at startup.
    ///
    /// # Errors
    /// Besides those of [`new`](Self::new): [`Unavailable`](ErrorKind::Unavailable) if the server
    /// is unreachable, [`Configuration`](ErrorKind::Configuration) if it refuses the login.
    pub async fn connect(url: &str) -> Result<Self> {
        let locks = Self::new(url)?;
        let command = redis::cmd("PING");
        let _pong: String = locks.ask(&command).await?;
        Ok(locks)
    }

    /// Sets the prefix of keys in Redis; by default `shard-orm:lock:`.
    #[must_use]
    pub fn prefix(mut self, prefix: impl Into<String>) -> Self {
        self.prefix = prefix.into();
        self
    }

    /// Sets the timeout for opening a connection, including the login; by default 5 seconds.
    #[must_use]
    pub fn connect_timeout(mut self, limit: Duration) -> Self {
        self.connect_timeout = limit;
        self
    }

    /// Sets the timeout for an answer; by default 2 seconds. Use less than a third of the TTL of
    /// the locks, so that a connection that hangs leaves time for another one.
    #[must_use]
    pub fn response_timeout(mut self, limit: Duration) -> Self {
        self.response_timeout = limit;
        self
    }

    /// Runs a script on the key of a lock; returns whether the result was 1.
    async fn script(&self, script: &str, key: &str, arguments: &[String]) -> Result<bool> {
        let mut command = redis::cmd("EVAL");
        command.arg(script).arg(1).arg(self.key(key)).arg(arguments);
        self.ask::<i64>(&command).await.map(|answer| answer == 1)
    }

    fn key(&self, key: &str) -> String {
        format!("{}{key}", self.prefix)
    }

    /// Sends an idempotent command, and sends it again if its connection had ended.
    async fn ask<T: redis::FromRedisValue>(&self, command: &redis::Cmd) -> Result<T> {
        match self.attempt(command).await {
            Err(failed) if failed.ended => {
                self.attempt(command).await.map_err(|failed| failed.error)
            }
            answer => answer.map_err(|failed| failed.error),
        }
    }

    async fn attempt<T: redis::FromRedisValue>(&self, command: &redis::Cmd) -> Result<T, Failed> {
        let (mut connection, number) = self.link().await.map_err(|error| Failed {
            error,
            lost: false,
            ended: false,
        })?;
        let answer = timeout(self.response_timeout, command.query_async(&mut connection)).await;
        let failed = match answer {
            Ok(Ok(answer)) => return Ok(answer),
            Ok(Err(source)) => self.failed(&source),
            Err(_) => Failed {
                error: Error::new(
                    ErrorKind::Unavailable,
                    format!(
                        "{} did not answer within {:?} (`response_timeout`)",
                        self.label, self.response_timeout
                    ),
                ),
                lost: true,
                ended: false,
            },
        };
        if failed.lost {
            let mut link = self.link.lock().await;
            // Another caller may already have opened the next one.
            if link.number == number {
                link.connection = None;
            }
        }
        Err(failed)
    }

    /// The connection, opened if necessary.
    async fn link(&self) -> Result<(MultiplexedConnection, u64)> {
        let mut link = self.link.lock().await;
        if let Some(connection) = &link.connection {
            return Ok((connection.clone(), link.number));
        }
        // Both timeouts are enforced here, where they can be told apart.
        let config = AsyncConnectionConfig::new()
            .set_connection_timeout(None)
            .set_response_timeout(None);
        let opened = self
            .client
            .get_multiplexed_async_connection_with_config(&config);
        let connection = match timeout(self.connect_timeout, opened).await {
            Ok(Ok(connection)) => connection,
            Ok(Err(source)) => return Err(self.refused(&source)),
            Err(_) => {
                return Err(Error::new(
                    ErrorKind::Unavailable,
                    format!(
                        "{} did not accept a connection within {:?} (`connect_timeout`)",
                        self.label, self.connect_timeout
                    ),
                ));
            }
        };
        link.number += 1;
        link.connection = Some(connection.clone());
        Ok((connection, link.number))
    }

    /// The error for a connection that could not be opened. The server's message is omitted, since
    /// it quotes a login that it does not understand.
    fn refused(&self, source: &RedisError) -> Error {
        Error::new(
            classify(source),
            format!(
                "cannot connect to {}: {}; check the address, the user, the password and the \
                 database number",
                self.label,
                source.code().unwrap_or_else(|| source.category())
            ),
        )
    }

    fn failed(&self, source: &RedisError) -> Failed {
        let said = match (source.code(), source.detail()) {
            (Some(code), Some(detail)) => format!("{code} {detail}"),
            (Some(code), None) => code.to_owned(),
            _ => source.category().to_owned(),
        };
        let ended = source.is_connection_dropped();
        Failed {
            error: Error::new(
                classify(source),
                format!("{} did not carry out a lock command: {said}", self.label),
            ),
            lost: ended || source.is_unrecoverable_error() || source.is_io_error(),
            ended,
        }
    }
}

fn classify(source: &RedisError) -> ErrorKind {
    match source.kind() {
        Kind::Io
        | Kind::Parse
        | Kind::Server(
            ServerErrorKind::BusyLoading
            | ServerErrorKind::MasterDown
            | ServerErrorKind::ClusterDown
            | ServerErrorKind::TryAgain,
        ) => ErrorKind::Unavailable,
        Kind::AuthenticationFailed
        | Kind::InvalidClientConfig
        | Kind::RESP3NotSupported
        | Kind::Server(ServerErrorKind::NoPerm) => ErrorKind::Configuration,
        Kind::Server(ServerErrorKind::ReadOnly) => ErrorKind::ReadOnly,
        Kind::Server(
            ServerErrorKind::Moved | ServerErrorKind::Ask | ServerErrorKind::CrossSlot,
        ) => ErrorKind::Unsupported,
        _ => match source.code() {
            Some("NOAUTH" | "WRONGPASS") => ErrorKind::Configuration,
            _ => ErrorKind::Database,
        },
    }
}

#[cold]
fn unreadable_url() -> Error {
    Error::configuration(
        "the URL of the Redis server is malformed; write redis://user:password@host:port/number, \
         with special characters of the password as `%` and two digits",
    )
}

fn milliseconds(ttl: Duration) -> String {
    ttl.as_millis().max(1).to_string()
}

impl LockManager for RedisLocks {
    fn lock<'a>(
        &'a self,
        key: &'a str,
        token: &'a Token,
        ttl: Duration,
    ) -> LockFuture<'a, Option<Acquired>> {
        Box::pin(async move {
            let arguments = [token.to_string(), milliseconds(ttl)];
            let taken = self.script(LOCK, key, &arguments).await?;
            Ok(taken.then(Acquired::new))
        })
    }

    fn ping<'a>(&'a self, key: &'a str, token: &'a Token, ttl: Duration) -> LockFuture<'a, bool> {
        Box::pin(async move {
            let arguments = [token.to_string(), milliseconds(ttl)];
            self.script(PING, key, &arguments).await
        })
    }

    fn release<'a>(&'a self, key: &'a str, token: &'a Token) -> LockFuture<'a, bool> {
        Box::pin(async move { self.script(RELEASE, key, &[token.to_string()]).await })
    }

    fn is_locked<'a>(&'a self, key: &'a str) -> LockFuture<'a, bool> {
        Box::pin(async move {
            let mut command = redis::cmd("EXISTS");
            command.arg(self.key(key));
            self.ask::<i64>(&command).await.map(|found| found > 0)
        })
    }
}

impl fmt::Debug for RedisLocks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RedisLocks")
            .field("server", &self.label)
            .field("prefix", &self.prefix)
            .finish_non_exhaustive()
    }
}
