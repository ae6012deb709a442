//! The part of a call that one logical shard carries out.

use std::sync::Arc;

use sea_query::Expr;

use crate::cluster::{Address, Moved};
use crate::connect::NamespaceHandle;
use crate::dialect::Dialect;
use crate::error::{Error, ErrorKind};
use crate::exec::{FoundBy, Target};
use crate::route::RoutingKey;

/// One logical shard of a call, and the call's keys that it owns.
#[derive(Debug, Clone)]
pub(crate) struct ShardTask {
    pub(crate) handle: Arc<NamespaceHandle>,
    /// The condition on the shard key; `None` for all rows of the logical shard.
    pub(crate) keys: Option<Expr>,
    /// By what the call names the logical shard.
    pub(crate) found_by: FoundBy,
}

impl ShardTask {
    /// All rows of a logical shard, as one of several.
    pub(crate) fn whole(handle: Arc<NamespaceHandle>) -> Self {
        Self {
            handle,
            keys: None,
            found_by: FoundBy::Rows,
        }
    }

    /// All rows of the logical shard with this number.
    pub(crate) fn of_number(handle: Arc<NamespaceHandle>) -> Self {
        Self {
            found_by: FoundBy::Number,
            ..Self::whole(handle)
        }
    }

    /// All rows of the logical shard that owns a key.
    pub(crate) fn of_key(handle: Arc<NamespaceHandle>, key: &RoutingKey<'_>) -> Self {
        Self {
            found_by: FoundBy::of_key(key),
            ..Self::whole(handle)
        }
    }

    /// All rows of the logical shard at an address.
    pub(crate) fn at(handle: Arc<NamespaceHandle>, address: &Address) -> Self {
        Self {
            found_by: FoundBy::of_address(address.at()),
            ..Self::whole(handle)
        }
    }

    /// The tasks that replace this one, if its logical shard has moved or was split since the call was planned.
    /// None if another one was merged into it, unless the task is limited to its own keys: the rows of both would
    /// be read, and the other one's twice.
    pub(crate) fn moved(&self, target: Target<'_>) -> Option<Vec<Self>> {
        let handles = match (target.moved(&self.handle)?, &self.found_by) {
            (Moved::Whole(handle), _) => vec![handle],
            (_, FoundBy::Key { .. } | FoundBy::Number) => {
                let found = self.found_by.handle(target.cluster(), &self.handle);
                vec![found?.ok()?]
            }
            (Moved::Split(handles), FoundBy::Rows) => handles,
            (Moved::Merged(handles), FoundBy::Rows) if self.keys.is_some() => handles,
            (Moved::Merged(_), FoundBy::Rows) => return None,
        };
        let task = |handle| Self {
            handle,
            keys: self.keys.clone(),
            found_by: self.found_by.clone(),
        };
        Some(handles.into_iter().map(task).collect())
    }

    /// The tasks that replace this one after a statement was refused because its logical shard was split or merged.
    pub(crate) fn parts(&self, target: Target<'_>, failed: &Error) -> Option<Vec<Self>> {
        if failed.kind() != ErrorKind::ShardMoved {
            return None;
        }
        self.moved(target)
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

    /// The databases of the results, each once.
    pub(crate) fn dialects(&self) -> Vec<Dialect> {
        let mut dialects = Vec::new();
        for task in self.tasks() {
            if !dialects.contains(&task.handle.dialect()) {
                dialects.push(task.handle.dialect());
            }
        }
        dialects
    }

    pub(crate) fn into_tasks(self) -> Vec<ShardTask> {
        match self {
            Self::Single(task) => vec![task],
            Self::Scatter(tasks) => tasks,
        }
    }
}
