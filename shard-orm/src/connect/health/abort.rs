//! Aborts requests to an endpoint that has stopped answering.

use std::pin::pin;

use futures_util::future::{Either, select};

use super::Health;
use crate::backend::{Failure, Stale};
use crate::error::{Error, ErrorKind};

impl Health {
    /// Runs a request to this endpoint. If the endpoint stops answering, returns a lost connection.
    ///
    /// Whether the request is carried out is then unknown.
    ///
    pub(crate) async fn or_abort<T>(
        &self,
        index: usize,
        asked: impl Future<Output = Result<T, Failure>>,
    ) -> Result<T, Failure> {
        // Pinned first: each arm that moved it would reserve its own space for it.
        let asked = pin!(asked);
        let Some(aborted) = self.aborted(index) else {
            return asked.await;
        };
        match select(asked, pin!(aborted)).await {
            Either::Left((answer, _)) => answer,
            Either::Right(_) => Err(Failure {
                error: Error::new(
                    ErrorKind::Unavailable,
                    format!("{} stopped answering", self.slots[index].label),
                ),
                lost: true,
                rolled_back: true,
                stale: Stale::No,
            }),
        }
    }
}
