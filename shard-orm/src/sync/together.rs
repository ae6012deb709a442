//! The copies on one server, brought up together: those that others point to come first.
//!
//! Called by `StaticSync::run` for each server. A run that finds that a row points to nothing, or that a
//! row is pointed to which is to go, is gone on with when another table of the server has come
//! further that may have changed it; so rows come in the order of the foreign keys, and go in the
//! other one, and a circle of tables comes as far as it can.

use std::collections::BTreeSet;

use futures_util::future::join_all;
use tokio::sync::{Semaphore, SemaphorePermit};

use super::plan::{Held, Plan};
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
pub(super) async fn bring_up(plan: &Plan, tasks: Vec<Task>) -> Vec<(Task, Result<Option<Rows>>)> {
    // Of this server alone: one that does not answer keeps no other waiting.
    let slots = &Semaphore::new(plan.concurrency);
    let begun = tasks.into_iter().map(|task| One::begin(plan, slots, task));
    let mut all: Vec<One> = join_all(begun).await;
    let points_to: Vec<Vec<usize>> = (0..all.len())
        .map(|one| {
            let others = (0..all.len()).filter(|other| *other != one);
            others
                .filter(|other| all[one].points_to(all[*other].task.def.table))
                .collect()
        })
        .collect();
    let ranks = ranks(&points_to);
    let last = ranks.iter().max().copied().unwrap_or(0);
    let mut count = 0;
    let mut again: Vec<bool> = all.iter().map(|_| true).collect();
    // What is written meanwhile keeps no circle of tables going for ever.
    for _ in 0..TURNS {
        for rank in 0..=last {
            let turns = all.iter_mut().zip(&again).zip(&ranks);
            let turns = turns
                .filter(|((_, again), own)| **again && **own == rank)
                .map(|((one, _), _)| one);
            count += 1;
            join_all(turns.map(|one| one.turn(slots, count))).await;
        }
        again = (0..all.len()).map(|one| may_go_on(&all, one)).collect();
        if !again.contains(&true) {
            break;
        }
    }
    let ended = all.into_iter().map(One::end);
    join_all(ended).await
}

/// For each table how many turns of others come before its own: of those that it points to. One of
/// a circle comes before the others of it, which do not wait for each other's transactions then.
fn ranks(points_to: &[Vec<usize>]) -> Vec<usize> {
    let count = points_to.len();
    let mut below: Vec<BTreeSet<usize>> = Vec::with_capacity(count);
    for one in points_to {
        let mut all = BTreeSet::new();
        let mut next = one.clone();
        while let Some(other) = next.pop() {
            if all.insert(other) {
                next.extend(&points_to[other]);
            }
        }
        below.push(all);
    }
    let mut ranks: Vec<Option<usize>> = vec![None; count];
    while let Some(first) = ranks.iter().position(Option::is_none) {
        let mut ready: Vec<usize> = (0..count)
            .filter(|one| ranks[*one].is_none())
            .filter(|one| points_to[*one].iter().all(|other| ranks[*other].is_some()))
            .collect();
        let mut least = 0;
        if ready.is_empty() {
            // Of a circle that nothing else keeps back: whatever it leads to leads to it.
            let open = |one: &usize| ranks[*one].is_none();
            let cut = (0..count).filter(open).find(|one| {
                let mut lower = below[*one].iter().filter(|other| open(other));
                lower.all(|other| below[*other].contains(one))
            });
            ready.push(cut.unwrap_or(first));
            least = ranks.iter().flatten().max().map_or(0, |rank| rank + 1);
        }
        for one in ready {
            let before = points_to[one].iter().filter_map(|other| ranks[*other]);
            let rank = before.map(|rank| rank + 1).max().unwrap_or(0);
            ranks[one] = Some(rank.max(least));
        }
    }
    ranks.into_iter().flatten().collect()
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

async fn slot(slots: &Semaphore) -> Option<SemaphorePermit<'_>> {
    // It is never closed.
    slots.acquire().await.ok()
}

impl One {
    async fn begin(plan: &Plan, slots: &Semaphore, task: Task) -> Self {
        let _slot = slot(slots).await;
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
    async fn turn(&mut self, slots: &Semaphore, count: u64) {
        let State::Begun(run, outcome) = &mut self.state else {
            return;
        };
        let _slot = slot(slots).await;
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_come_after_those_that_they_point_to() {
        let points_to = [vec![1], vec![2, 3], vec![3], vec![], vec![]];
        assert_eq!(ranks(&points_to), [3, 2, 1, 0, 0]);
    }

    #[test]
    fn tables_of_a_circle_come_one_after_the_other() {
        let points_to = [vec![1], vec![2], vec![3], vec![2]];
        assert_eq!(ranks(&points_to), [2, 1, 0, 1]);
        let points_to = [vec![1], vec![0]];
        assert_eq!(ranks(&points_to), [0, 1]);
    }
}
