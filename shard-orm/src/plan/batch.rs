//! Logical shards of one server that are asked in one statement.
//!
//! The number of round trips then depends on servers, not on logical shards. On SQLite, each file
//! is asked separately.

use std::sync::Arc;

use crate::cluster::Moved;
use crate::connect::NamespaceHandle;
use crate::error::{Error, Result, ShardId};
use crate::exec::{Destination, Target};
use crate::plan::options::is_of_one_namespace;
use crate::plan::shard_task::ShardTask;

/// The maximum number of logical shards in a statement. With more, planning it takes longer than a
/// second round trip.
const MOST: usize = 64;

/// The logical shards of one statement.
#[derive(Debug, Clone)]
pub(crate) struct Batch {
    /// At least one; all of one server.
    pub(crate) tasks: Arc<[ShardTask]>,
}

impl Batch {
    pub(crate) fn of(task: ShardTask) -> Self {
        Self {
            tasks: [task].into(),
        }
    }

    /// The namespace handle whose connection the statement uses.
    pub(crate) fn handle(&self) -> &Arc<NamespaceHandle> {
        &self.tasks[0].handle
    }

    /// The destination of the statement.
    pub(crate) fn destination(&self) -> Destination {
        let beside = self.tasks[1..].iter().map(|task| Arc::clone(&task.handle));
        Destination::of_several(Arc::clone(self.handle()), beside.collect())
    }

    /// The batches that replace this one if a logical shard has moved since it was planned: the
    /// moved ones at their new servers, and the others as they were.
    ///
    /// `None` if the error does not indicate a move, or nothing has moved.
    pub(crate) fn replanned(&self, target: Target<'_>, failed: &Error) -> Option<Vec<Self>> {
        if !failed.kind().may_have_moved() {
            return None;
        }
        let (mut stayed, mut moved) = (Vec::new(), Vec::new());
        for task in &*self.tasks {
            match task.moved(target) {
                Some(tasks) => moved.extend(tasks),
                None => stayed.push(task.clone()),
            }
        }
        if moved.is_empty() {
            return None;
        }
        moved.extend(stayed);
        Some(batches(target, moved, Cut::Bounded))
    }

    /// As [`replanned`](Self::replanned), after waiting for the switch of a logical shard that is
    /// moving.
    ///
    /// # Errors
    /// The error, if nothing has moved.
    pub(crate) async fn settled(&self, target: Target<'_>, failed: Error) -> Result<Vec<Self>> {
        if let Some(parts) = self.replanned(target, &failed) {
            return Ok(parts);
        }
        if is_of_one_namespace(failed.kind()) {
            for task in &*self.tasks {
                let Some(moved) = target.settled(&task.handle, &failed).await? else {
                    continue;
                };
                return match (self.replanned(target, &failed), moved) {
                    (Some(parts), _) => Ok(parts),
                    // It serves again where it was.
                    (None, Moved::Whole(_)) => Ok(vec![self.clone()]),
                    (None, Moved::Split(_) | Moved::Merged(_)) => {
                        Err(Moved::regrouped(&task.handle))
                    }
                };
            }
        }
        Err(failed)
    }

    /// The tasks at their current servers.
    pub(crate) fn tasks_now<'t>(
        &self,
        target: Target<'t>,
    ) -> impl Iterator<Item = ShardTask> + use<'_, 't> {
        let now = move |task: &ShardTask| task.moved(target).unwrap_or_else(|| vec![task.clone()]);
        self.tasks.iter().flat_map(now)
    }

    /// The two halves of a batch of several tasks.
    pub(crate) fn halves(&self) -> Option<Vec<Self>> {
        let (first, second) = self.tasks.split_at(self.tasks.len().div_ceil(2));
        let half = |tasks: &[ShardTask]| Self {
            tasks: tasks.into(),
        };
        (!second.is_empty()).then(|| vec![half(first), half(second)])
    }

    /// The logical shards of the batch.
    pub(crate) fn shards(&self) -> Vec<ShardId> {
        let id = |task: &ShardTask| task.handle.shard_id();
        self.tasks.iter().map(id).collect()
    }

    /// Adds the shard, or the shards, to an error.
    pub(crate) fn name_error(&self, error: Error) -> Error {
        match &*self.tasks {
            [only] => only.handle.name_error(error),
            _ => error.with_progress(Vec::new(), self.shards()),
        }
    }
}

/// How the tasks of one server are divided into statements.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Cut {
    /// Into statements of limited size. The sizes are powers of two, so that there are few texts.
    Bounded,
    /// Into a single statement: a stream uses one connection to each server.
    Whole,
    /// Into a statement for each logical shard.
    Each,
}

/// Groups tasks by server, in the order of the first task of each.
pub(crate) fn batches(target: Target<'_>, tasks: Vec<ShardTask>, cut: Cut) -> Vec<Batch> {
    if cut == Cut::Each || matches!(target, Target::Tx(_)) {
        return tasks.into_iter().map(Batch::of).collect();
    }
    let batch = |tasks: Vec<ShardTask>| Batch {
        tasks: tasks.into(),
    };
    let mut servers: Vec<Vec<ShardTask>> = Vec::new();
    for task in tasks {
        let shared = servers.iter_mut().find(|tasks| {
            !task.handle.dialect().capability().file_per_namespace
                && tasks
                    .first()
                    .is_some_and(|first| Arc::ptr_eq(&first.handle.health, &task.handle.health))
        });
        match shared {
            Some(tasks) => tasks.push(task),
            None => servers.push(vec![task]),
        }
    }
    if cut == Cut::Whole {
        return servers.into_iter().map(batch).collect();
    }
    let mut batches = Vec::new();
    for mut tasks in servers {
        while !tasks.is_empty() {
            let size = largest_power(tasks.len().min(MOST));
            let rest = tasks.split_off(size);
            batches.push(batch(std::mem::replace(&mut tasks, rest)));
        }
    }
    batches
}

/// The largest power of two that is not above a positive number.
fn largest_power(number: usize) -> usize {
    1 << number.max(1).ilog2()
}

#[cfg(test)]
mod tests {
    use super::largest_power;

    #[test]
    fn sizes_are_powers_of_two() {
        let sizes = [1, 2, 3, 4, 7, 8, 63, 64].map(largest_power);
        assert_eq!(sizes, [1, 2, 2, 4, 4, 8, 32, 64]);
    }
}
