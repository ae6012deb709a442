//! The schedule of the copies on one server: those that others refer to come first.
//!
//! Called for each server by a sync that runs once. A run that a foreign key stops, on an insert or on a
//! deletion, is repeated when another table of the server has made progress that may have resolved it. So
//! rows are inserted in the order of the foreign keys and deleted in the opposite order, and tables that
//! refer to each other get as far as possible.

use std::collections::{BTreeMap, BTreeSet};
use std::pin::pin;

use futures_util::future::{Either, join_all, select};
use tokio::sync::{Semaphore, SemaphorePermit};

use super::options::{Held, Options};
use super::report::Rows;
use super::task::Task;
use crate::error::{Error, ErrorKind, Result};
use crate::lock::Guard;
use crate::replicate::Run;
use crate::task::StopSignal;

/// The maximum number of turns of a copy: as often may rows of two tables refer to each other in turns.
const TURNS: usize = 100;

/// One copy, and its progress.
struct Scheduled {
    task: Task,
    state: State,
    guard: Option<Guard>,
    /// The last try and the last progress, by the count of all tries.
    tried: u64,
    advanced: u64,
}

enum State {
    /// Another run holds its lock.
    Held,
    /// It was stopped.
    Stopped,
    /// It could not start.
    Refused(Error),
    Started(Box<Run>, Result<()>),
}

/// How the run of a copy has ended.
#[derive(Debug, Clone, Copy)]
pub(super) enum Ended {
    /// The copy has the state in which its source was read.
    Level(Rows),
    /// Another run holds its lock.
    Held,
    /// It was stopped before.
    Stopped,
}

/// Brings copies up to date with their sources, those of each server side by side.
pub(super) async fn bring_all_up(
    options: &Options,
    tasks: Vec<Task>,
) -> Vec<(Task, Result<Ended>)> {
    let mut servers: BTreeMap<_, Vec<Task>> = BTreeMap::new();
    for task in tasks {
        servers.entry(task.on()).or_default().push(task);
    }
    let each = servers.into_values().map(|tasks| bring_up(options, tasks));
    join_all(each).await.into_iter().flatten().collect()
}

/// Brings the copies on one server up to date with their sources.
pub(super) async fn bring_up(options: &Options, tasks: Vec<Task>) -> Vec<(Task, Result<Ended>)> {
    // For this server alone: a server that does not respond blocks no other.
    let permits = &Semaphore::new(options.concurrency);
    let started = tasks
        .into_iter()
        .map(|task| Scheduled::start(options, permits, task));
    let mut all: Vec<Scheduled> = join_all(started).await;
    let refers_to: Vec<Vec<usize>> = (0..all.len())
        .map(|one| {
            let others = (0..all.len()).filter(|other| *other != one);
            others
                .filter(|other| all[one].refers_to(&all[*other].task.table.name))
                .collect()
        })
        .collect();
    let ranks = ranks(&refers_to);
    let last = ranks.iter().max().copied().unwrap_or(0);
    let mut count = 0;
    let mut again: Vec<bool> = all.iter().map(|_| true).collect();
    // Concurrent writes must not repeat tables that refer to each other forever.
    for _ in 0..TURNS {
        for rank in 0..=last {
            let turns = all.iter_mut().zip(&again).zip(&ranks);
            let turns = turns
                .filter(|((_, again), own)| **again && **own == rank)
                .map(|((one, _), _)| one);
            count += 1;
            join_all(turns.map(|one| one.turn((permits, &options.stop), count))).await;
        }
        again = (0..all.len()).map(|one| may_continue(&all, one)).collect();
        if !again.contains(&true) {
            break;
        }
    }
    let ended = all.into_iter().map(|one| one.end(options));
    join_all(ended).await
}

/// The number of turns of other tables that come before each table's own: of those that it refers to. In
/// a cycle one table comes first, so that they do not wait for each other's transactions.
fn ranks(refers_to: &[Vec<usize>]) -> Vec<usize> {
    let count = refers_to.len();
    let mut below: Vec<BTreeSet<usize>> = Vec::with_capacity(count);
    for one in refers_to {
        let mut all = BTreeSet::new();
        let mut next = one.clone();
        while let Some(other) = next.pop() {
            if all.insert(other) {
                next.extend(&refers_to[other]);
            }
        }
        below.push(all);
    }
    let mut ranks: Vec<Option<usize>> = vec![None; count];
    while let Some(first) = ranks.iter().position(Option::is_none) {
        let mut ready: Vec<usize> = (0..count)
            .filter(|one| ranks[*one].is_none())
            .filter(|one| refers_to[*one].iter().all(|other| ranks[*other].is_some()))
            .collect();
        let mut least = 0;
        if ready.is_empty() {
            // A table of a cycle that waits for no other table: all that it leads to leads back to it.
            let open = |one: &usize| ranks[*one].is_none();
            let cut = (0..count).filter(open).find(|one| {
                let mut lower = below[*one].iter().filter(|other| open(other));
                lower.all(|other| below[*other].contains(one))
            });
            ready.push(cut.unwrap_or(first));
            least = ranks.iter().flatten().max().map_or(0, |rank| rank + 1);
        }
        for one in ready {
            let before = refers_to[one].iter().filter_map(|other| ranks[*other]);
            let rank = before.map(|rank| rank + 1).max().unwrap_or(0);
            ranks[one] = Some(rank.max(least));
        }
    }
    ranks.into_iter().flatten().collect()
}

/// Whether another copy that this one may have waited for has made progress since it was tried.
fn may_continue(all: &[Scheduled], position: usize) -> bool {
    let one = &all[position];
    let State::Started(run, outcome) = &one.state else {
        return false;
    };
    let others = all.iter().enumerate();
    let mut others = others
        .filter(|(other, _)| *other != position)
        .map(|(_, other)| other)
        .filter(|other| other.advanced > 0 && other.advanced >= one.tried);
    match outcome {
        Err(error) if error.kind() == ErrorKind::ForeignKey => {
            others.any(|other| run.foreign_keys.refers_to(&other.task.table.name))
        }
        Ok(()) if run.work.applied.blocked > 0 => {
            others.any(|other| run.foreign_keys.is_referred_to_by(&other.task.table.name))
        }
        _ => false,
    }
}

/// Starts the run of a task.
pub(super) async fn start(options: &Options, task: &Task) -> Result<Run> {
    Run::start(task.replication(options.mode, options.overlap)?).await
}

async fn permit(permits: &Semaphore) -> Option<SemaphorePermit<'_>> {
    // It is never closed.
    permits.acquire().await.ok()
}

impl Scheduled {
    async fn start(options: &Options, permits: &Semaphore, task: Task) -> Self {
        let _permit = permit(permits).await;
        let starting = async {
            match options.lock(&task).await {
                Err(error) => (None, State::Refused(error)),
                Ok(Err(Held)) => (None, State::Held),
                Ok(Ok(guard)) => match start(options, &task).await {
                    Ok(run) => (guard, State::Started(Box::new(run), Ok(()))),
                    Err(error) => (guard, State::Refused(error)),
                },
            }
        };
        let started = unless_stopped(&options.stop, starting).await;
        // A lock that was taken meanwhile is released with its guard.
        let (guard, state) = started.unwrap_or((None, State::Stopped));
        Self {
            task,
            state,
            guard,
            tried: 0,
            advanced: 0,
        }
    }

    fn refers_to(&self, table: &str) -> bool {
        match &self.state {
            State::Started(run, _) => run.foreign_keys.refers_to(table),
            State::Held | State::Stopped | State::Refused(_) => false,
        }
    }

    /// One round of its run.
    async fn turn(&mut self, (permits, stop): (&Semaphore, &StopSignal), count: u64) {
        let State::Started(run, outcome) = &mut self.state else {
            return;
        };
        let _permit = permit(permits).await;
        let before = run.work.applied.written();
        let Some(ended) = unless_stopped(stop, run.round()).await else {
            self.state = State::Stopped;
            return;
        };
        *outcome = ended;
        self.tried = count;
        if run.work.applied.written() > before {
            self.advanced = count;
        }
    }

    /// Releases the lock, and returns the result.
    async fn end(self, options: &Options) -> (Task, Result<Ended>) {
        let result = match self.state {
            State::Held => Ok(Ended::Held),
            State::Stopped => Ok(Ended::Stopped),
            State::Refused(error) => Err(error),
            State::Started(run, Ok(())) => Ok(Ended::Level(run.work.into())),
            State::Started(run, Err(error)) => {
                let error = run.explain(error);
                run.note(&error).await;
                Err(error)
            }
        };
        if let Some(guard) = self.guard {
            // It expires when it is not released.
            if let Err(error) = guard.release().await {
                tracing::debug!(target: "shard_orm", error = %error.kind(), "a lock was not released");
            }
        }
        options.on_end.tell(&self.task, &result);
        (self.task, result)
    }
}

/// The result of a future; `None` if the signal is given first. The future is dropped then: its
/// transaction is rolled back, and the next run continues from the last commit.
async fn unless_stopped<T>(stop: &StopSignal, future: impl Future<Output = T>) -> Option<T> {
    match select(pin!(stop.stopped()), pin!(future)).await {
        Either::Left(_) => None,
        Either::Right((result, _)) => Some(result),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_come_after_those_that_they_refer_to() {
        let refers_to = [vec![1], vec![2, 3], vec![3], vec![], vec![]];
        assert_eq!(ranks(&refers_to), [3, 2, 1, 0, 0]);
    }

    #[test]
    fn tables_of_a_cycle_come_one_after_another() {
        let refers_to = [vec![1], vec![2], vec![3], vec![2]];
        assert_eq!(ranks(&refers_to), [2, 1, 0, 1]);
        let refers_to = [vec![1], vec![0]];
        assert_eq!(ranks(&refers_to), [0, 1]);
    }
}
