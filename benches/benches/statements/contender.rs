//! What is compared: three operations, carried out by one way of reaching a database.

use std::future::Future;

use futures_util::FutureExt;
use futures_util::future::LocalBoxFuture;

use crate::cost::Cost;
use crate::order::Order;
use crate::rows::{Located, Rows};

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
        Cost::of(rows.len(), self.runner.run(operation, rows)).await
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
