//! What lets one caller at a time do something, of those in this process: by its name.
//!
//! Used by `sync`, where many wait for the same copy and one brings it up for all.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

/// The gates that were asked for.
#[derive(Debug, Default)]
pub(super) struct SingleFlight(Mutex<HashMap<String, Arc<tokio::sync::Mutex<()>>>>);

impl super::Cluster {
    /// The gate of this name, of which there are few.
    pub(crate) fn single_flight(&self, name: String) -> Arc<tokio::sync::Mutex<()>> {
        // No code that can panic runs under the lock.
        let all = &self.inner.single_flight.0;
        let mut all = all.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(all.entry(name).or_default())
    }
}
