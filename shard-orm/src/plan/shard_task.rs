//! The part of a call that one logical shard carries out.

use std::sync::Arc;

use sea_query::Expr;

use crate::connect::NamespaceHandle;
use crate::dialect::Dialect;
use crate::exec::Target;

/// One logical shard of a call, and the call's keys that it owns.
#[derive(Debug, Clone)]
pub(crate) struct ShardTask {
    pub(crate) handle: Arc<NamespaceHandle>,
    /// The condition on the shard key; `None` for all rows of the logical shard.
    pub(crate) keys: Option<Expr>,
}

impl ShardTask {
    /// All rows of a logical shard.
    pub(crate) fn whole(handle: Arc<NamespaceHandle>) -> Self {
        Self { handle, keys: None }
    }

    /// The same task at the shard's new place, if the shard has moved since the call was planned.
    pub(crate) fn moved(&self, target: Target<'_>) -> Option<Self> {
        Some(Self {
            handle: target.moved(&self.handle)?,
            keys: self.keys.clone(),
        })
    }
}

/// The logical shards of a call. The kind of a call never depends on the number of its keys, so that
/// what is refused over several logical shards is always refused.
#[derive(Debug)]
pub(crate) enum Shards {
    /// One logical shard, whose database returns the result as it is.
    Single(ShardTask),
    /// Any number of logical shards, whose results are merged.
    Scatter(Vec<ShardTask>),
}

impl Shards {
    /// The tasks, in the order of their logical shards.
    pub(crate) fn tasks(&self) -> &[ShardTask] {
        match self {
            Self::Single(task) => std::slice::from_ref(task),
            Self::Scatter(tasks) => tasks,
        }
    }

    /// The database of the results, where there are results to merge.
    pub(crate) fn merged_of(&self) -> Option<Dialect> {
        match self {
            Self::Single(_) => None,
            Self::Scatter(tasks) => Some(tasks.first()?.handle.dialect()),
        }
    }

    pub(crate) fn into_tasks(self) -> Vec<ShardTask> {
        match self {
            Self::Single(task) => vec![task],
            Self::Scatter(tasks) => tasks,
        }
    }
}
