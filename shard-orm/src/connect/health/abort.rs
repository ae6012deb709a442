//! Gives up what a server was asked that has stopped to answer.

use std::pin::pin;

use futures_util::future::{Either, select};

use super::Health;
use crate::backend::{Failure, Stale};
use crate::error::{Error, ErrorKind};

impl Health {
    /// What this endpoint answers; a lost connection when it has stopped to answer meanwhile.
    ///
    /// Whether it carries out what it was asked is not known then.
    pub(crate) async fn or_abort<T>(
        &self,
        index: usize,
        asked: impl Future<Output = Result<T, Failure>>,
    ) -> Result<T, Failure> {
        // Pinned before all else: each arm that took it over would have room of its own for it.
        let asked = pin!(asked);
        let Some(aborted) = self.aborted(index) else {
            return asked.await;
        };
        match select(asked, pin!(aborted)).await {
            Either::Left((answer, _)) => answer,
            Either::Right(_) => Err(Failure {
                error: Error::new(
                    ErrorKind::Unavailable,
                    format!("{} has stopped to answer", self.slots[index].label),
                ),
                lost: true,
                rolled_back: true,
                stale: Stale::No,
            }),
        }
    }
}
