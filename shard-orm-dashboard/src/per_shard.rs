//! The tables of the logical shards that somebody looks at.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use shard_orm::Cluster;
use shard_orm::admin::{TableSize, table_sizes};

use crate::reading::{Reading, Seen};

/// The most logical shards whose tables are kept.
const MOST: usize = 64;

/// A logical shard: its group and number.
type Shard = (String, u32);

/// The tables of each logical shard that was looked at, read for all viewers together.
#[derive(Debug)]
pub(crate) struct Tables {
    cluster: Cluster,
    readings: Mutex<BTreeMap<Shard, Arc<Reading<Vec<TableSize>>>>>,
}

impl Tables {
    pub(crate) fn new(cluster: &Cluster) -> Self {
        Self {
            cluster: cluster.clone(),
            readings: Mutex::default(),
        }
    }

    /// The tables of a logical shard that exists, the largest first.
    pub(crate) async fn get(&self, group: &str, shard: u32) -> Seen<Vec<TableSize>> {
        let reading = self.reading(group, shard);
        reading.get().await
    }

    fn reading(&self, group: &str, shard: u32) -> Arc<Reading<Vec<TableSize>>> {
        // No code that can panic runs under the lock.
        let mut readings = self.readings.lock().unwrap_or_else(PoisonError::into_inner);
        let key = (group.to_owned(), shard);
        if readings.len() >= MOST && !readings.contains_key(&key) {
            // Those that are looked at are read again.
            readings.clear();
        }
        let (cluster, named) = (self.cluster.clone(), key.clone());
        let read = move || {
            let (cluster, (group, shard)) = (cluster.clone(), named.clone());
            async move { table_sizes(&cluster, &group, shard).await }
        };
        let reading = readings.entry(key);
        Arc::clone(reading.or_insert_with(|| Arc::new(Reading::new(read))))
    }
}
