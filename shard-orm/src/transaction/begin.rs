//! The beginning of a transaction.

use std::sync::Arc;

use super::{Isolation, Tx, TxOptions};
use crate::cluster::{Address, Cluster, Session};
use crate::connect::{NamespaceHandle, WriteMarks};
use crate::error::Result;

impl Cluster {
    /// Begins a transaction on one logical shard, or on one named database.
    ///
    /// Sends one statement: `BEGIN`, `START TRANSACTION`, or `BEGIN IMMEDIATE` on SQLite.
    ///
    /// # Errors
    /// When the shard is unknown, no connection becomes free, or the server is unavailable.
    pub async fn begin(&self, at: Address) -> Result<Tx> {
        self.begin_with(at, &TxOptions::default()).await
    }

    /// Begins a transaction with an isolation level, or a read-only one.
    ///
    /// # Errors
    /// As [`begin`](Self::begin).
    pub async fn begin_with(&self, at: Address, options: &TxOptions) -> Result<Tx> {
        self.begin_at(&at, options, None).await
    }

    pub(super) async fn begin_at(
        &self,
        at: &Address,
        options: &TxOptions,
        marks: Option<&Arc<WriteMarks>>,
    ) -> Result<Tx> {
        loop {
            let handle = self.handle(at)?;
            let error = match begin(self, &handle, options, marks).await {
                Ok(tx) => return Ok(tx),
                Err(error) => error,
            };
            if !error.kind().may_have_moved() {
                return Err(handle.name_error(error));
            }
            let settled = Box::pin(self.settled(&handle, &error)).await;
            if settled.map_err(|error| handle.name_error(error))?.is_none() {
                return Err(handle.name_error(error));
            }
        }
    }
}

impl Session {
    /// As [`Cluster::begin`]; the session's later reads of that logical shard see what was
    /// committed.
    ///
    /// # Errors
    /// As [`Cluster::begin`].
    pub async fn begin(&self, at: Address) -> Result<Tx> {
        self.begin_with(at, &TxOptions::default()).await
    }

    /// As [`Cluster::begin_with`]; the session's later reads of that logical shard see what was
    /// committed.
    ///
    /// # Errors
    /// As [`Cluster::begin`].
    pub async fn begin_with(&self, at: Address, options: &TxOptions) -> Result<Tx> {
        let marks = Some(self.shared_marks());
        self.cluster().begin_at(&at, options, marks).await
    }
}

impl Cluster {
    /// Begins a transaction in a namespace that has been looked up.
    pub(crate) async fn begin_in(&self, handle: &Arc<NamespaceHandle>) -> Result<Tx> {
        begin(self, handle, &TxOptions::default(), None)
            .await
            .map_err(|error| handle.name_error(error))
    }

    /// Begins a read-only transaction with a consistent snapshot.
    pub(crate) async fn begin_reading_in(&self, handle: &Arc<NamespaceHandle>) -> Result<Tx> {
        let options = TxOptions::default()
            .isolation(Isolation::RepeatableRead)
            .read_only();
        begin(self, handle, &options, None)
            .await
            .map_err(|error| handle.name_error(error))
    }
}

async fn begin(
    cluster: &Cluster,
    handle: &Arc<NamespaceHandle>,
    options: &TxOptions,
    marks: Option<&Arc<WriteMarks>>,
) -> Result<Tx> {
    let text = options.begin(handle.dialect());
    let mut last = None;
    // Nothing has been done yet: a connection that turns out to be lost is replaced once.
    for _ in 0..2 {
        let checkout = if options.read_only {
            handle.for_primary_read().await?
        } else {
            handle.for_write().await?
        };
        let index = checkout.endpoint.index();
        let mut lease = checkout.lease;
        // The lease counts as in use from here on: when this future is dropped, a transaction
        // that the server has begun ends with its connection.
        let begun = lease.conn()?.batch(&text);
        match handle.health.or_abort(index, begun).await {
            Ok(()) => {
                let marks = marks.filter(|_| !options.read_only).map(Arc::clone);
                let handle = Arc::clone(handle);
                return Ok(Tx::new(
                    cluster.clone(),
                    handle,
                    (lease, index),
                    options.read_only,
                    marks,
                ));
            }
            Err(failure) if failure.lost => {
                lease.lost();
                // Its server may have handed the role of the primary over.
                handle.health.probe_now().await;
                last = Some(failure.error);
            }
            Err(failure) => return Err(failure.error),
        }
    }
    Err(last.unwrap_or_else(|| crate::Error::unsupported("a transaction was not begun")))
}
