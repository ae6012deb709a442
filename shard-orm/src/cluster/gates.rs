//! What lets one caller at a time do something, of those in this process: by its name.
//!
//! Used by `sync`, where many wait for the same copy and one brings it up for all.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

/// The gates that were asked for.
#[derive(Debug, Default)]
pub(super) struct Gates(Mutex<HashMap<String, Arc<tokio::sync::Mutex<()>>>>);

impl super::Cluster {
    /// The gate of this name, of which there are few.
    pub(crate) fn gate(&self, name: String) -> Arc<tokio::sync::Mutex<()>> {
        // No code that can panic runs under the lock.
        let all = &self.inner.gates.0;
        let mut all = all.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(all.entry(name).or_default())
    }
}
