//! What is read of the logical shards that somebody looks at: their tables, and their migrations.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures_util::future::BoxFuture;
use shard_orm::Result;

use crate::reading::{Reading, Seen};

/// The most logical shards of which something is kept.
const MOST: usize = 64;

/// A logical shard: its group and number.
type Shard = (String, u32);
type Read<T> = dyn Fn(String, u32) -> BoxFuture<'static, Result<T>> + Send + Sync;

/// A source of each logical shard that was looked at, read for all viewers together.
pub(crate) struct PerShard<T> {
    read: Arc<Read<T>>,
    period: Duration,
    readings: Mutex<BTreeMap<Shard, Arc<Reading<T>>>>,
}

impl<T: Send + Sync + 'static> PerShard<T> {
    /// A source that is read by this function, with this least time between two readings.
    pub(crate) fn new<F>(
        period: Duration,
        read: impl Fn(String, u32) -> F + Send + Sync + 'static,
    ) -> Self
    where
        F: Future<Output = Result<T>> + Send + 'static,
    {
        Self {
            read: Arc::new(move |group, shard| Box::pin(read(group, shard))),
            period,
            readings: Mutex::default(),
        }
    }

    /// What was read of a logical shard that exists.
    pub(crate) async fn get(&self, group: &str, shard: u32) -> Seen<T> {
        let reading = self.reading(group, shard);
        reading.get().await
    }

    fn reading(&self, group: &str, shard: u32) -> Arc<Reading<T>> {
        // No code that can panic runs under the lock.
        let mut readings = self.readings.lock().unwrap_or_else(PoisonError::into_inner);
        let key = (group.to_owned(), shard);
        if readings.len() >= MOST && !readings.contains_key(&key) {
            // Those that are looked at are read again.
            readings.clear();
        }
        let (read, named) = (Arc::clone(&self.read), key.clone());
        let read = move || read(named.0.clone(), named.1);
        let reading = readings.entry(key);
        let new = || Arc::new(Reading::new(read).every(self.period));
        Arc::clone(reading.or_insert_with(new))
    }
}

impl<T> fmt::Debug for PerShard<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PerShard").finish_non_exhaustive()
    }
}
