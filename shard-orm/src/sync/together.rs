//! The copies on one server, brought up together: those that others point to come first.
//!
//! Called by `Sync::run` for each server. A run that finds that a row points to nothing, or that a
//! row is pointed to which is to go, is gone on with when another table of the server has come
//! further that may have changed it; so rows come in the order of the foreign keys, and go in the
//! other one, and a circle of tables comes as far as it can.

use futures_util::future::join_all;
use tokio::sync::{Semaphore, SemaphorePermit};

use super::once::{Held, Plan};
use super::report::Rows;
use super::run::Run;
use super::task::Task;
use crate::error::{Error, ErrorKind, Result};
use crate::lock::Guard;

/// How many turns a copy has at most: so often rows of two tables point to each other's in turns.
const TURNS: usize = 100;

/// One copy, and how far it has come.
struct One {
    task: Task,
    state: State,
    guard: Option<Guard>,
    /// When it was tried last, and when it has come further last, by the count of all tries.
    tried: u64,
    further: u64,
}

enum State {
    /// Another run holds its lock.
    Held,
    /// It could not begin.
    Refused(Error),
    Begun(Box<Run>, Result<()>),
}

/// Brings the copies on one server up to what their sources have; `None` of one whose lock another
/// run holds.
pub(super) async fn bring_up(
    plan: &Plan,
    places: &Semaphore,
    tasks: Vec<Task>,
) -> Vec<(Task, Result<Option<Rows>>)> {
    let begun = tasks.into_iter().map(|task| One::begin(plan, places, task));
    let mut all: Vec<One> = join_all(begun).await;
    let ranks = ranks(&all);
    let mut count = 0;
    let mut again: Vec<bool> = all.iter().map(|_| true).collect();
    // What is written meanwhile keeps no circle of tables going for ever.
    for _ in 0..TURNS {
        for rank in 0..=all.len() {
            let turns = all.iter_mut().zip(&again).zip(&ranks);
            let turns = turns
                .filter(|((_, again), own)| **again && **own == rank)
                .map(|((one, _), _)| one);
            count += 1;
            join_all(turns.map(|one| one.turn(places, count))).await;
        }
        again = (0..all.len()).map(|one| may_go_on(&all, one)).collect();
        if !again.contains(&true) {
            break;
        }
    }
    let ended = all.into_iter().map(One::end);
    join_all(ended).await
}

/// For each copy the longest way down to one that points to none of the others. In a circle it is
/// as good as any.
fn ranks(all: &[One]) -> Vec<usize> {
    let mut ranks = vec![0; all.len()];
    for _ in all {
        for (position, one) in all.iter().enumerate() {
            let pointed = all.iter().enumerate().filter(|(other, pointed)| {
                *other != position && one.points_to(pointed.task.def.table)
            });
            let below = pointed.map(|(other, _)| ranks[other] + 1).max();
            ranks[position] = below.unwrap_or(0).min(all.len());
        }
    }
    ranks
}

/// Whether another copy has come further since this one was tried, on which it may have waited.
fn may_go_on(all: &[One], position: usize) -> bool {
    let one = &all[position];
    let State::Begun(run, outcome) = &one.state else {
        return false;
    };
    let others = all.iter().enumerate();
    let mut others = others
        .filter(|(other, _)| *other != position)
        .map(|(_, other)| other)
        .filter(|other| other.further > 0 && other.further >= one.tried);
    match outcome {
        Err(error) if error.kind() == ErrorKind::ForeignKey => {
            others.any(|other| run.neighbours.points_to(other.task.def.table))
        }
        Ok(()) if run.work.applied.blocked > 0 => {
            others.any(|other| run.neighbours.is_pointed_to_by(other.task.def.table))
        }
        _ => false,
    }
}

async fn place(places: &Semaphore) -> Option<SemaphorePermit<'_>> {
    // It is never closed.
    places.acquire().await.ok()
}

impl One {
    async fn begin(plan: &Plan, places: &Semaphore, task: Task) -> Self {
        let _place = place(places).await;
        let (guard, state) = match plan.lock(&task).await {
            Err(error) => (None, State::Refused(error)),
            Ok(Err(Held)) => (None, State::Held),
            Ok(Ok(guard)) => match Run::begin(task.clone(), plan.mode, plan.overlap).await {
                Ok(run) => (guard, State::Begun(Box::new(run), Ok(()))),
                Err(error) => (guard, State::Refused(error)),
            },
        };
        Self {
            task,
            state,
            guard,
            tried: 0,
            further: 0,
        }
    }

    fn points_to(&self, table: &str) -> bool {
        match &self.state {
            State::Begun(run, _) => run.neighbours.points_to(table),
            State::Held | State::Refused(_) => false,
        }
    }

    /// One round of its run.
    async fn turn(&mut self, places: &Semaphore, count: u64) {
        let State::Begun(run, outcome) = &mut self.state else {
            return;
        };
        let _place = place(places).await;
        let before = run.work.applied.written();
        *outcome = run.round().await;
        self.tried = count;
        if run.work.applied.written() > before {
            self.further = count;
        }
    }

    /// Gives the lock back, and says what was done.
    async fn end(self) -> (Task, Result<Option<Rows>>) {
        let result = match self.state {
            State::Held => Ok(None),
            State::Refused(error) => Err(error),
            State::Begun(run, Ok(())) => Ok(Some(run.work.into())),
            State::Begun(run, Err(error)) => {
                let error = run.explain(error);
                run.note(&error).await;
                Err(error)
            }
        };
        if let Some(guard) = self.guard {
            // It ends by itself when it is not given back.
            if let Err(error) = guard.release().await {
                tracing::debug!(target: "shard_orm", error = %error.kind(), "a lock was not released");
            }
        }
        (self.task, result)
    }
}
