//! The lease of a plan, for as long as a process runs it. Called by `stored`, for the runner of a plan.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use tokio::sync::watch;
use tokio::task::JoinHandle;

use super::Reshard;
use crate::catalog::{Owner, PlanRow, PlanState, Store};
use crate::error::{Error, ErrorKind, Result};
use crate::task::catch_panic;

/// The time between two looks at the plan's row.
const PERIOD: Duration = Duration::from_millis(200);

/// A plan that is held. Dropped, it is given back in the background.
pub(super) struct Held {
    reshard: Reshard,
    row: PlanRow,
    latest: watch::Receiver<PlanState>,
    lost: Arc<AtomicBool>,
    renewing: JoinHandle<()>,
    is_given_back: bool,
}

impl Drop for Held {
    fn drop(&mut self) {
        self.renewing.abort();
        if self.is_given_back || self.lost.load(Ordering::Acquire) {
            return;
        }
        let (reshard, key) = (self.reshard.clone(), self.key());
        self.reshard.cluster.runtime().spawn(async move {
            let Ok(handle) = reshard.cluster.catalog_handle() else {
                return;
            };
            // Its lease ends soon anyway.
            let _ = Store::new(&handle).release_plan(key, "").await;
        });
    }
}

impl Held {
    /// Takes a plan that nobody runs.
    ///
    /// # Errors
    /// `Conflict` with the runner if it has one.
    pub(super) async fn take(reshard: &Reshard, id: u64) -> Result<Self> {
        let handle = reshard.cluster.catalog_handle()?;
        let store = Store::new(&handle);
        let owner = Owner {
            name: format!("{} {:08x}", reshard.operator, crate::random::random() >> 32),
            lease: reshard.lease,
        };
        let Some(row) = store.take_plan(id, &owner).await? else {
            let row = store.plan_state(id).await?;
            return Err(Error::new(
                ErrorKind::Conflict,
                format!(
                    "plan {id} is run by {}, whose lease ends in {:?} unless it renews it; follow it with \
                     `shard-orm plan show {id}`",
                    row.owner.as_deref().unwrap_or("nobody"),
                    row.lease
                ),
            ));
        };
        let (sender, latest) = watch::channel(row.state);
        let lost = Arc::new(AtomicBool::new(false));
        let key = (row.id, row.token);
        let renewing = renew(reshard.clone(), key, owner, sender, Arc::clone(&lost));
        let renewing = catch_panic("the renewal of a plan's lease", renewing);
        let renewing = reshard.cluster.runtime().spawn(async move {
            let _ = renewing.await;
        });
        Ok(Self {
            reshard: reshard.clone(),
            row,
            latest,
            lost,
            renewing,
            is_given_back: false,
        })
    }

    /// The row as it was taken, with the document.
    pub(super) fn row(&self) -> &PlanRow {
        &self.row
    }

    pub(super) fn token(&self) -> u64 {
        self.row.token
    }

    fn key(&self) -> (u64, u64) {
        (self.row.id, self.row.token)
    }

    /// What operators have decided, as it was seen last.
    ///
    /// # Errors
    /// `Fenced` if another process has taken the plan.
    pub(super) fn state(&self) -> Result<PlanState> {
        if self.lost.load(Ordering::Acquire) {
            return Err(self.taken());
        }
        Ok(*self.latest.borrow())
    }

    /// What operators have decided by now.
    ///
    /// # Errors
    /// As [`state`](Self::state), and the database's.
    pub(super) async fn look(&mut self) -> Result<PlanState> {
        let handle = self.reshard.cluster.catalog_handle()?;
        let row = Store::new(&handle).plan_state(self.row.id).await?;
        if row.token != self.row.token {
            self.lost.store(true, Ordering::Release);
            return Err(self.taken());
        }
        Ok(row.state)
    }

    /// Waits until operators decide something else, or the plan is lost.
    pub(super) async fn changed(&mut self) {
        if self.latest.changed().await.is_err() {
            // It is not renewed any more: whoever waits looks again.
            tokio::time::sleep(PERIOD).await;
        }
    }

    /// Records that the plan is over.
    ///
    /// # Errors
    /// `Fenced` if another process has taken it; the database's.
    pub(super) async fn end(mut self, to: PlanState) -> Result<()> {
        let handle = self.reshard.cluster.catalog_handle()?;
        let store = Store::new(&handle);
        let row = PlanRow {
            state: self.look().await?,
            ..self.row.clone()
        };
        // Of one that was given up, it is still said why it did not go on.
        let message = match to {
            PlanState::Cancelled => self.row.message.as_str(),
            _ => "",
        };
        store.end_plan(&row, to, message).await?;
        self.is_given_back = true;
        self.reshard.note(&format!("plan {}: {to}", row.id)).await;
        Ok(())
    }

    /// Gives the plan back, with why it does not go on.
    ///
    /// # Errors
    /// The database's.
    pub(super) async fn release(mut self, message: &str) -> Result<()> {
        let handle = self.reshard.cluster.catalog_handle()?;
        Store::new(&handle)
            .release_plan(self.key(), message)
            .await?;
        self.is_given_back = true;
        Ok(())
    }

    fn taken(&self) -> Error {
        Error::new(
            ErrorKind::Fenced,
            format!("plan {} was taken over by another process", self.row.id),
        )
    }
}

async fn renew(
    reshard: Reshard,
    key: (u64, u64),
    owner: Owner,
    latest: watch::Sender<PlanState>,
    lost: Arc<AtomicBool>,
) {
    let Ok(handle) = reshard.cluster.catalog_handle() else {
        return;
    };
    let store = Store::new(&handle);
    let mut next = Instant::now() + owner.lease / 3;
    loop {
        tokio::time::sleep(PERIOD).await;
        if Instant::now() >= next {
            match store.renew_plan(key, &owner).await {
                Ok(true) => next = Instant::now() + owner.lease / 3,
                Ok(false) => break,
                Err(error) => {
                    tracing::debug!(target: "shard_orm", %error, "a plan's lease was not renewed");
                }
            }
        }
        let Ok(found) = store.plan_state(key.0).await else {
            continue;
        };
        if found.token != key.1 {
            break;
        }
        latest.send_if_modified(|state| std::mem::replace(state, found.state) != found.state);
        if found.state.is_over() {
            return;
        }
    }
    lost.store(true, Ordering::Release);
    // Whoever waits for a change looks.
    latest.send_modify(|_| {});
}
