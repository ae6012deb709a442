//! The state of one soak of one database, shared by its tasks.

use std::collections::HashMap;
use std::fmt;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use shard_orm::prelude::*;
use tokio::sync::Notify;

use crate::fixture::{Fixture, SHARDS, key_of_each_shard, shard_of};

/// Failures beyond these say nothing new.
const MOST_FAILURES: usize = 20;

/// One soak of one database: what its tasks share.
#[derive(Debug)]
pub(crate) struct Run {
    pub(crate) fixture: Fixture,
    pub(crate) cluster: Cluster,
    pub(crate) counts: Counts,
    /// The accounts of each shard, as ids and keys; made before the tasks begin.
    pub(crate) accounts: Vec<Vec<(i64, i64)>>,
    /// The ids under which shared rows were first seen, by key and name.
    pub(crate) badges: Mutex<HashMap<(i64, i32), i64>>,
    /// What each task is doing, and since when.
    doing: Vec<Mutex<(&'static str, Instant)>>,
    failures: Mutex<Vec<String>>,
    next_id: AtomicI64,
    stopped: AtomicBool,
    stop: Notify,
}

/// What happened, for the summary.
#[derive(Debug, Default)]
pub(crate) struct Counts {
    pub(crate) done: AtomicU64,
    pub(crate) refused: AtomicU64,
    pub(crate) unknown: AtomicU64,
    /// Of all, those that were dropped before they were done.
    pub(crate) cut: AtomicU64,
    /// Reads that gave what they should.
    pub(crate) read: AtomicU64,
    pub(crate) killed: AtomicU64,
    /// The most connections that were open at a time, on the library's side and on the server's.
    pub(crate) most_open: AtomicU64,
    pub(crate) most_sessions: AtomicU64,
}

impl Counts {
    pub(crate) fn add(counter: &AtomicU64) {
        counter.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn of(counter: &AtomicU64) -> u64 {
        counter.load(Ordering::Relaxed)
    }
}

impl Run {
    pub(crate) async fn new(fixture: Fixture, tasks: usize) -> Self {
        let cluster = fixture.cluster().await;
        Self {
            accounts: crate::transfers::open_accounts(&cluster).await,
            fixture,
            cluster,
            counts: Counts::default(),
            badges: Mutex::default(),
            doing: (0..tasks)
                .map(|_| Mutex::new(("nothing yet", Instant::now())))
                .collect(),
            failures: Mutex::default(),
            next_id: AtomicI64::new(1),
            stopped: AtomicBool::new(false),
            stop: Notify::new(),
        }
    }

    /// An id that nobody else has.
    pub(crate) fn id(&self) -> i64 {
        self.next_id.fetch_add(1, Ordering::Relaxed)
    }

    /// A key of each logical shard, which nobody else has.
    pub(crate) fn keys_of(&self, task: usize) -> Vec<i64> {
        let first = 1_000 * (i64::try_from(task).unwrap() + 1);
        key_of_each_shard(&self.cluster, first)
    }

    pub(crate) fn shard_of(&self, key: i64) -> u32 {
        shard_of(&self.cluster, key)
    }

    /// Says what a task does from now on.
    pub(crate) fn doing(&self, task: usize, what: &'static str) {
        *self.doing[task].lock().unwrap() = (what, Instant::now());
    }

    /// What the tasks have been doing for longer than this.
    pub(crate) fn stuck(&self, limit: Duration) -> Vec<String> {
        let mut stuck = Vec::new();
        for (task, doing) in self.doing.iter().enumerate() {
            let (what, since) = *doing.lock().unwrap();
            if since.elapsed() > limit && what != DONE {
                stuck.push(format!("task {task}: `{what}` for {:?}", since.elapsed()));
            }
        }
        stuck
    }

    /// Notes that the soak has failed, and ends it.
    pub(crate) fn fail(&self, what: impl fmt::Display) {
        let mut failures = self.failures.lock().unwrap();
        if failures.len() < MOST_FAILURES {
            let at = self.fixture.name();
            failures.push(format!("{at}: {what}"));
        }
        drop(failures);
        self.stop();
    }

    pub(crate) fn failures(&self) -> Vec<String> {
        self.failures.lock().unwrap().clone()
    }

    pub(crate) fn stop(&self) {
        self.stopped.store(true, Ordering::Release);
        self.stop.notify_waiters();
    }

    pub(crate) fn is_stopped(&self) -> bool {
        self.stopped.load(Ordering::Acquire)
    }

    /// Waits so long, less when the soak ends; says whether it goes on.
    pub(crate) async fn pause(&self, time: Duration) -> bool {
        let stop = self.stop.notified();
        if !self.is_stopped() {
            let _ended = tokio::time::timeout(time, stop).await;
        }
        !self.is_stopped()
    }

    /// All rows of a table whose columns are these integers, shard by shard; each must be where its key, in the
    /// second column, belongs.
    pub(crate) async fn rows(&self, table: &str, columns: &[&str]) -> Vec<Vec<i64>> {
        let columns: Vec<String> = columns
            .iter()
            .map(|column| self.fixture.integer(column))
            .collect();
        let columns = columns.join(", ");
        let mut all = Vec::new();
        for shard in 0..SHARDS {
            let mut direct = self.fixture.side_of(shard).await;
            let table = Fixture::table(shard, table);
            let rows = direct.rows(&format!("SELECT {columns} FROM {table}")).await;
            for row in &rows {
                if self.shard_of(row[1]) != shard {
                    self.fail(format_args!(
                        "{table} holds a row of another shard: {row:?}"
                    ));
                }
            }
            all.extend(rows);
        }
        all
    }
}

/// What a task does that has ended.
pub(crate) const DONE: &str = "nothing more";

impl fmt::Display for Run {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let of = Counts::of;
        let counts = &self.counts;
        let writes = of(&counts.done) + of(&counts.refused) + of(&counts.unknown);
        write!(
            f,
            "{}: {writes} writes and transactions: {} acknowledged, {} refused, {} unknown; {} reads; {} futures \
             dropped, {} sessions killed, {} connections lost; at most {} connections open, {} sessions on the server",
            self.fixture.name(),
            of(&counts.done),
            of(&counts.refused),
            of(&counts.unknown),
            of(&counts.read),
            of(&counts.cut),
            of(&counts.killed),
            self.fixture.link.lost(),
            of(&counts.most_open),
            of(&counts.most_sessions),
        )
    }
}
