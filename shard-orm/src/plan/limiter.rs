//! Runs statements of a call concurrently, with a limit in total and a limit per server.
//!
//! Called by `broadcast` and `reduce`, whose statements can hold their connections for a long time.
//! A statement that would have to wait for a connection of the same call is not started before that
//! connection is returned, so no statement runs into an acquire timeout that its own call causes.

use std::collections::VecDeque;
use std::sync::{Arc, LazyLock};
use std::thread::available_parallelism;
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::future::BoxFuture;
use futures_util::stream::FuturesUnordered;
use tokio::time::timeout;

use crate::connect::{Health, NamespaceHandle};
use crate::exec::Target;

/// Limits of concurrent statements.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Concurrency {
    /// In total.
    pub(crate) most: usize,
    /// On one server; never more than its pool has connections.
    pub(crate) per_server: usize,
}

impl Concurrency {
    /// The configured limits; in a transaction, which has one connection, one statement at a time.
    pub(crate) fn of(target: Target<'_>) -> Self {
        let limits = target.cluster().fan_out();
        Self {
            most: match target {
                Target::Cluster { .. } => limits.statements,
                Target::Tx(_) => 1,
            },
            per_server: limits.statements_per_server,
        }
    }
}

/// How long short reads of SQLite files may keep others waiting.
const PATIENCE: Duration = Duration::from_millis(100);

/// The number of SQLite files that are read at a time, as long as their reads are short. They are read by threads of this
/// process: if there are more of them than processors, they fill their channels while another one is read, and wake up for
/// each row.
static PROCESSORS: LazyLock<usize> =
    LazyLock::new(|| available_parallelism().map_or(1, usize::from));

/// Tasks with limited concurrency. None is started before [`next`](Self::next) is awaited.
pub(crate) struct ConcurrencyLimiter<'f, T> {
    concurrency: Concurrency,
    are_short: bool,
    servers: Vec<Server<'f, T>>,
    running: FuturesUnordered<BoxFuture<'f, Done<T>>>,
}

struct Server<'f, T> {
    health: Arc<Health>,
    /// The limit of concurrent tasks.
    most: usize,
    /// The limit at present: one more each time that none has ended for [`PATIENCE`].
    allowed: usize,
    running: usize,
    waiting: VecDeque<(usize, BoxFuture<'f, T>)>,
}

struct Done<T> {
    number: usize,
    server: usize,
    outcome: T,
}

impl<'f, T: Send + 'f> ConcurrencyLimiter<'f, T> {
    pub(crate) fn new(concurrency: Concurrency) -> Self {
        Self {
            concurrency,
            are_short: false,
            servers: Vec::new(),
            running: FuturesUnordered::new(),
        }
    }

    /// For reads that are expected to end soon.
    pub(crate) fn of_short_reads(concurrency: Concurrency) -> Self {
        Self {
            are_short: true,
            ..Self::new(concurrency)
        }
    }

    /// Adds a task after the existing ones. Its number must be larger than theirs.
    pub(crate) fn push(
        &mut self,
        number: usize,
        handle: &NamespaceHandle,
        task: impl Future<Output = T> + Send + 'f,
    ) {
        let known = self
            .servers
            .iter()
            .position(|server| Arc::ptr_eq(&server.health, &handle.health));
        let server = known.unwrap_or_else(|| {
            let most = self.concurrency.per_server;
            let most = most.min(handle.shared_connections()).max(1);
            let in_process = handle.dialect().capability().in_process;
            self.servers.push(Server {
                health: Arc::clone(&handle.health),
                most,
                allowed: match self.are_short && in_process {
                    true => most.min(*PROCESSORS),
                    false => most,
                },
                running: 0,
                waiting: VecDeque::new(),
            });
            self.servers.len() - 1
        });
        let waiting = &mut self.servers[server].waiting;
        waiting.push_back((number, Box::pin(task)));
    }

    /// Returns the next completed task and its result; `None` if no task is left.
    pub(crate) async fn next(&mut self) -> Option<(usize, T)> {
        let done = loop {
            self.begin();
            if !self.is_held_back() {
                break self.running.next().await?;
            }
            match timeout(PATIENCE, self.running.next()).await {
                Ok(next) => break next?,
                // A file that does not respond does not block the others.
                Err(_) => self.allow_more(),
            }
        };
        self.servers[done.server].running -= 1;
        Some((done.number, done.outcome))
    }

    /// Starts no further tasks. Running ones still have to be awaited.
    pub(crate) fn begin_no_more(&mut self) {
        for server in &mut self.servers {
            server.waiting.clear();
        }
    }

    /// Whether a task waits that would run if those before it did not have to end first.
    fn is_held_back(&self) -> bool {
        let mut servers = self.servers.iter();
        servers.any(|server| server.allowed < server.most && !server.waiting.is_empty())
    }

    fn allow_more(&mut self) {
        for server in &mut self.servers {
            server.allowed = (server.allowed + 1).min(server.most);
        }
    }

    /// Starts waiting tasks within the limits, in the order of their numbers.
    fn begin(&mut self) {
        while self.running.len() < self.concurrency.most.max(1) {
            let free = self.servers.iter_mut().enumerate();
            let first = free
                .filter(|(_, server)| server.running < server.allowed)
                .filter_map(|(at, server)| Some((server.waiting.front()?.0, at, server)))
                .min_by_key(|(number, ..)| *number);
            let Some((_, at, server)) = first else { return };
            let Some((number, task)) = server.waiting.pop_front() else {
                return;
            };
            server.running += 1;
            self.running.push(Box::pin(async move {
                Done {
                    number,
                    server: at,
                    outcome: task.await,
                }
            }));
        }
    }
}
