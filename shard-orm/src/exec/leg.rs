//! One logical shard of a call over several.

use std::sync::Arc;

use sea_query::Expr;

use super::target::Target;
use crate::connect::NamespaceHandle;

/// One logical shard of a call, and which of the call's keys it is asked for.
#[derive(Debug, Clone)]
pub(crate) struct Leg {
    pub(crate) handle: Arc<NamespaceHandle>,
    pub(crate) keys: Option<Expr>,
}

impl Leg {
    /// The same at its new place, when it has moved since it was planned.
    pub(super) fn moved(&self, target: Target<'_>) -> Option<Self> {
        Some(Self {
            handle: moved(target, &self.handle)?,
            keys: self.keys.clone(),
        })
    }
}

/// Where a place is by now, when that is elsewhere. A transaction stays where it was begun.
pub(super) fn moved(
    target: Target<'_>,
    handle: &Arc<NamespaceHandle>,
) -> Option<Arc<NamespaceHandle>> {
    let Target::Cluster { cluster, .. } = target else {
        return None;
    };
    let now = cluster.current_handle(handle)?;
    (!Arc::ptr_eq(&now, handle)).then_some(now)
}
