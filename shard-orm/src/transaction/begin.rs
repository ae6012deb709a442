//! The beginning of a transaction.

use std::sync::Arc;

use super::{Tx, TxOptions};
use crate::cluster::{Address, Cluster};
use crate::connect::Place;
use crate::error::Result;

impl Cluster {
    /// Begins a transaction on one logical shard, or on one named database.
    ///
    /// Sends one statement: `BEGIN`, `START TRANSACTION`, or `BEGIN IMMEDIATE` on SQLite.
    ///
    /// # Errors
    /// When the shard is unknown, no connection comes free, or the server is unavailable.
    pub async fn begin(&self, at: Address) -> Result<Tx> {
        self.begin_with(at, &TxOptions::default()).await
    }

    /// Begins a transaction with an isolation level, or one that only reads.
    ///
    /// # Errors
    /// As [`begin`](Self::begin).
    pub async fn begin_with(&self, at: Address, options: &TxOptions) -> Result<Tx> {
        self.begin_at(&at, options).await
    }

    pub(super) async fn begin_at(&self, at: &Address, options: &TxOptions) -> Result<Tx> {
        let place = self.place(at)?;
        begin(self, &place, options)
            .await
            .map_err(|error| place.name_error(error))
    }
}

impl Cluster {
    /// Begins a transaction at a place that has been looked up.
    pub(crate) async fn begin_in(&self, place: &Arc<Place>) -> Result<Tx> {
        begin(self, place, &TxOptions::default())
            .await
            .map_err(|error| place.name_error(error))
    }
}

async fn begin(cluster: &Cluster, place: &Arc<Place>, options: &TxOptions) -> Result<Tx> {
    let endpoint = if options.read_only {
        place.primary_reader()
    } else {
        place.writer()
    };
    let text = options.begin(place.dialect());
    let mut last = None;
    // Nothing has been done yet: a connection that turns out to be lost is replaced once.
    for _ in 0..2 {
        let mut lease = place.ready(endpoint).await?;
        // The lease counts as in use from here on: when this future is dropped, a transaction
        // that the server has begun ends with its connection.
        match lease.conn()?.batch(&text).await {
            Ok(()) => {
                return Ok(Tx::new(
                    cluster.clone(),
                    Arc::clone(place),
                    lease,
                    options.read_only,
                ));
            }
            Err(failure) if failure.lost => {
                lease.lost();
                last = Some(failure.error);
            }
            Err(failure) => return Err(failure.error),
        }
    }
    Err(last.unwrap_or_else(|| crate::Error::unsupported("a transaction was not begun")))
}
