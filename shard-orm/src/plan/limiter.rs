//! Runs statements of a call concurrently, with a limit in total and a limit per server.
//!
//! Called by `broadcast` and `reduce`, whose statements can hold their connections for a long time.
//! A statement that would have to wait for a connection of the same call is not started before that
//! connection is returned, so no statement runs into an acquire timeout that its own call causes.

use std::collections::VecDeque;
use std::sync::{Arc, LazyLock};
use std::thread::available_parallelism;

use futures_util::StreamExt;
use futures_util::future::BoxFuture;
use futures_util::stream::FuturesUnordered;

use crate::connect::{Health, NamespaceHandle};
use crate::dialect::Dialect;
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

impl Concurrency {
    /// The limits of short reads. SQLite files are read by threads of this process: if there are
    /// more of them than processors, they fill their channels while another one is read, and wake
    /// up for each row.
    pub(crate) fn within_process(mut self, dialect: Dialect) -> Self {
        static PROCESSORS: LazyLock<usize> =
            LazyLock::new(|| available_parallelism().map_or(1, usize::from));
        if dialect.capability().in_process {
            // At least two, so that a file that does not respond does not block all others.
            self.per_server = self.per_server.min((*PROCESSORS).max(2));
        }
        self
    }
}

/// Tasks with limited concurrency. None is started before [`next`](Self::next) is awaited.
pub(crate) struct ConcurrencyLimiter<'f, T> {
    concurrency: Concurrency,
    servers: Vec<Server<'f, T>>,
    running: FuturesUnordered<BoxFuture<'f, Done<T>>>,
}

struct Server<'f, T> {
    health: Arc<Health>,
    /// The limit of concurrent tasks.
    most: usize,
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
            servers: Vec::new(),
            running: FuturesUnordered::new(),
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
            self.servers.push(Server {
                health: Arc::clone(&handle.health),
                most: self
                    .concurrency
                    .per_server
                    .min(handle.shared_connections())
                    .max(1),
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
        self.begin();
        let done = self.running.next().await?;
        self.servers[done.server].running -= 1;
        Some((done.number, done.outcome))
    }

    /// Starts no further tasks. Running ones still have to be awaited.
    pub(crate) fn begin_no_more(&mut self) {
        for server in &mut self.servers {
            server.waiting.clear();
        }
    }

    /// Starts waiting tasks within the limits, in the order of their numbers.
    fn begin(&mut self) {
        while self.running.len() < self.concurrency.most.max(1) {
            let free = self.servers.iter_mut().enumerate();
            let first = free
                .filter(|(_, server)| server.running < server.most)
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
