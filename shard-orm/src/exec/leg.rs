//! One logical shard of a call over several.

use std::sync::Arc;

use sea_query::Expr;

use super::target::Target;
use crate::connect::Place;

/// One logical shard of a call, and which of the call's keys it is asked for.
#[derive(Debug, Clone)]
pub(crate) struct Leg {
    pub(crate) place: Arc<Place>,
    pub(crate) keys: Option<Expr>,
}

impl Leg {
    /// The same at its new place, when it has moved since it was planned.
    pub(super) fn moved(&self, target: Target<'_>) -> Option<Self> {
        Some(Self {
            place: moved(target, &self.place)?,
            keys: self.keys.clone(),
        })
    }
}

/// Where a place is by now, when that is elsewhere. A transaction stays where it was begun.
pub(super) fn moved(target: Target<'_>, place: &Arc<Place>) -> Option<Arc<Place>> {
    let Target::Cluster { cluster, .. } = target else {
        return None;
    };
    let now = cluster.place_now(place)?;
    (!Arc::ptr_eq(&now, place)).then_some(now)
}
