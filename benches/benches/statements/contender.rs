//! What is compared: three operations, carried out by one way of reaching a database.

use std::future::Future;
use std::time::{Duration, Instant};

use futures_util::FutureExt;
use futures_util::future::LocalBoxFuture;
use nix::sys::resource::{UsageWho, getrusage};
use nix::sys::time::TimeValLike;

use crate::order::{Located, Order, Rows};

/// What is measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Operation {
    /// One row by shard key and primary key.
    Select,
    /// One row of six columns.
    Insert,
    /// Four columns of one row.
    Update,
}

impl Operation {
    pub(crate) const ALL: [Self; 3] = [Self::Select, Self::Insert, Self::Update];

    /// Rows for so many operations.
    pub(crate) fn rows(self, rows: &mut Rows, count: usize, shard: Option<u32>) -> Vec<Located> {
        match self {
            Self::Select => rows.some(count, shard),
            Self::Insert => rows.more(count, shard),
            Self::Update => {
                let mut some = rows.some(count, shard);
                for (turn, row) in (1..).zip(&mut some) {
                    row.order.quantity = turn;
                }
                some
            }
        }
    }
}

/// One way of reaching the database.
pub(crate) trait Operations {
    /// Reads the row.
    fn select(&mut self, row: &Located) -> impl Future<Output = Order>;
    /// Inserts the row.
    fn insert(&mut self, row: Located) -> impl Future<Output = ()>;
    /// Writes the row's columns.
    fn update(&mut self, row: &Located) -> impl Future<Output = ()>;
}

/// What a round took, for each operation.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Cost {
    /// From the first call to the last answer.
    pub(crate) wall: Duration,
    /// What the client's threads worked.
    pub(crate) cpu: Duration,
}

/// A way of reaching the database under its name.
pub(crate) struct Contender {
    pub(crate) name: &'static str,
    /// The one logical shard whose rows it takes; all without one.
    pub(crate) shard: Option<u32>,
    runner: Box<dyn Run>,
}

impl Contender {
    pub(crate) fn new(name: &'static str, operations: impl Operations + 'static) -> Self {
        Self {
            name,
            shard: None,
            runner: Box::new(operations),
        }
    }

    /// The same with the rows of one logical shard alone.
    pub(crate) fn on_shard(mut self, shard: u32) -> Self {
        self.shard = Some(shard);
        self
    }

    /// Carries out one operation for each row, one after the other.
    pub(crate) async fn run(&mut self, operation: Operation, rows: Vec<Located>) -> Cost {
        let count = u32::try_from(rows.len()).unwrap();
        let cpu = cpu_time();
        let begun = Instant::now();
        self.runner.run(operation, rows).await;
        Cost {
            wall: begun.elapsed() / count,
            cpu: (cpu_time() - cpu) / count,
        }
    }
}

/// A whole round behind one virtual call, so that single operations are called directly.
trait Run {
    fn run(&mut self, operation: Operation, rows: Vec<Located>) -> LocalBoxFuture<'_, ()>;
}

impl<O: Operations> Run for O {
    fn run(&mut self, operation: Operation, rows: Vec<Located>) -> LocalBoxFuture<'_, ()> {
        async move {
            for row in rows {
                match operation {
                    Operation::Select => {
                        let found = self.select(&row).await;
                        assert_eq!(found.placed_at, row.order.placed_at);
                    }
                    Operation::Insert => self.insert(row).await,
                    Operation::Update => self.update(&row).await,
                }
            }
        }
        .boxed_local()
    }
}

/// The processor time of this process so far.
fn cpu_time() -> Duration {
    let usage = getrusage(UsageWho::RUSAGE_SELF).unwrap();
    let micros = usage.user_time().num_microseconds() + usage.system_time().num_microseconds();
    Duration::from_micros(micros.unsigned_abs())
}
