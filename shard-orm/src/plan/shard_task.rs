//! The part of a call that one logical shard carries out.

use std::sync::Arc;

use sea_query::Expr;

use crate::connect::NamespaceHandle;
use crate::exec::Target;

/// One logical shard of a call, and the call's keys that it owns.
#[derive(Debug, Clone)]
pub(crate) struct ShardTask {
    pub(crate) handle: Arc<NamespaceHandle>,
    /// The condition on the shard key; `None` for all rows of the logical shard.
    pub(crate) keys: Option<Expr>,
}

impl ShardTask {
    /// The same task at the shard's new place, if the shard has moved since the call was planned.
    pub(crate) fn moved(&self, target: Target<'_>) -> Option<Self> {
        Some(Self {
            handle: target.moved(&self.handle)?,
            keys: self.keys.clone(),
        })
    }
}
