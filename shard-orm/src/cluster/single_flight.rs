//! Single flight: one caller at a time per name, within this process.
//!
//! Used by `sync`, where one caller updates a copy for all that wait for it.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

/// A lock per name.
#[derive(Debug, Default)]
pub(super) struct SingleFlight(Mutex<HashMap<String, Arc<tokio::sync::Mutex<()>>>>);

impl super::Cluster {
    /// The lock of this name. There are few names.
    pub(crate) fn single_flight(&self, name: String) -> Arc<tokio::sync::Mutex<()>> {
        // No code that can panic runs under the lock.
        let all = &self.inner.single_flight.0;
        let mut all = all.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(all.entry(name).or_default())
    }
}
