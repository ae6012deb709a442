//! One logical shard of a call over several.

use std::sync::Arc;

use sea_query::Expr;

use crate::connect::Place;

/// One logical shard of a call, and which of the call's keys it is asked for.
#[derive(Debug, Clone)]
pub(crate) struct Leg {
    pub(crate) place: Arc<Place>,
    pub(crate) keys: Option<Expr>,
}
