//! The application: tasks that read and write for random customers, as fast as their pace allows.

use std::error::Error;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use shard_orm::prelude::*;
use shard_orm::route::mix64;
use tokio::task::{JoinError, JoinHandle};
use tokio::time::{MissedTickBehavior, interval};

use crate::bank::{ACCOUNTS, CUSTOMERS, FIRST_ID, OPENING_BALANCE};
use crate::ledger::Ledger;
use crate::model::{Account, Login, Transfer};

/// The number of tasks.
const TASKS: u16 = 16;
/// The time from one call of a task to the next, unless the call takes longer. Tasks that mostly wait
/// leave the moves their time, and a slow call is not the queue of the others.
const PACE: Duration = Duration::from_millis(16);

/// The sum of a customer's two balances, at any time.
const CUSTOMER_TOTAL: i64 = 2 * OPENING_BALANCE;

/// The outcome of a call.
type Outcome = Result<(), Box<dyn Error + Send + Sync>>;

/// The calls of some time.
#[derive(Debug, Clone, Default)]
pub(crate) struct Tally {
    pub(crate) calls: u64,
    pub(crate) errors: u64,
    /// The longest call, with all waiting.
    pub(crate) longest: Duration,
    pub(crate) first_error: Option<String>,
}

impl Tally {
    pub(crate) fn per_second(&self, time: Duration) -> u64 {
        let micros = u64::try_from(time.as_micros()).unwrap_or(u64::MAX);
        self.calls.saturating_mul(1_000_000) / micros.max(1)
    }

    fn add(&mut self, other: &Self) {
        self.calls += other.calls;
        self.errors += other.errors;
        self.longest = self.longest.max(other.longest);
        if self.first_error.is_none() {
            self.first_error.clone_from(&other.first_error);
        }
    }
}

/// The running tasks.
#[derive(Debug)]
pub(crate) struct Traffic {
    shared: Arc<Shared>,
    tasks: Vec<JoinHandle<Ledger>>,
    total: Tally,
}

/// What the tasks have in common.
#[derive(Debug)]
struct Shared {
    cluster: Cluster,
    is_stopped: AtomicBool,
    next_id: AtomicI64,
    /// The calls since the last sample.
    recent: Mutex<Tally>,
}

impl Traffic {
    /// Describes the load.
    pub(crate) fn load() -> String {
        let pace = PACE.as_millis();
        format!("{TASKS} tasks, each with a call every {pace} ms; half of the calls write")
    }

    pub(crate) fn start(cluster: Cluster) -> Self {
        let shared = Arc::new(Shared {
            cluster,
            is_stopped: AtomicBool::new(false),
            next_id: AtomicI64::new(FIRST_ID),
            recent: Mutex::default(),
        });
        let tasks = (0..TASKS).map(|task| tokio::spawn(Arc::clone(&shared).serve(task)));
        Self {
            tasks: tasks.collect(),
            shared,
            total: Tally::default(),
        }
    }

    /// Returns the calls since the last sample.
    pub(crate) fn sample(&mut self) -> Tally {
        let recent = std::mem::take(&mut *self.shared.recent());
        self.total.add(&recent);
        recent
    }

    /// Lets the running calls end, and returns all calls and what was acknowledged.
    ///
    /// # Errors
    /// If a task has panicked.
    pub(crate) async fn stop(mut self) -> Result<(Tally, Ledger), JoinError> {
        self.shared.is_stopped.store(true, Ordering::Relaxed);
        let mut ledger = Ledger::default();
        for task in std::mem::take(&mut self.tasks) {
            ledger.append(task.await?);
        }
        self.sample();
        Ok((self.total, ledger))
    }
}

impl Shared {
    fn recent(&self) -> std::sync::MutexGuard<'_, Tally> {
        // No code that can panic runs under the lock.
        self.recent.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Serves random customers until the traffic ends: half of the calls read, half of them write.
    async fn serve(self: Arc<Self>, task: u16) -> Ledger {
        let mut ledger = Ledger::default();
        let mut pace = interval(PACE);
        pace.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut random = u64::from(task) << 32;
        while !self.is_stopped.load(Ordering::Relaxed) {
            pace.tick().await;
            random += 1;
            let random = mix64(random);
            let customer = (random % CUSTOMERS.unsigned_abs()).cast_signed();
            let begun = Instant::now();
            let outcome = match random >> 62 {
                0 => self.log_in(customer, &mut ledger).await,
                1 => self.transfer(customer, random, &mut ledger).await,
                2 => self.read_transfers(customer).await,
                _ => self.read_balances(customer).await,
            };
            self.recent().add(&Tally {
                calls: 1,
                errors: u64::from(outcome.is_err()),
                longest: begun.elapsed(),
                first_error: outcome.err().map(|error| error.to_string()),
            });
        }
        ledger
    }

    /// A single statement that writes.
    async fn log_in(&self, customer: i64, ledger: &mut Ledger) -> Outcome {
        let id = self.next_id.fetch_add(1, Ordering::Relaxed);
        let login = Login { id, customer }.insert(&self.cluster).await?;
        ledger.logins.push(login);
        Ok(())
    }

    /// A transaction of three statements.
    async fn transfer(&self, customer: i64, random: u64, ledger: &mut Ledger) -> Outcome {
        let [first, second] = ACCOUNTS;
        let is_back = random >> 32 & 1 == 1;
        let (from_account, to_account) = if is_back {
            (second, first)
        } else {
            (first, second)
        };
        let transfer = Transfer {
            id: self.next_id.fetch_add(1, Ordering::Relaxed),
            customer,
            from_account,
            to_account,
            amount: (1 + (random >> 40) % 10_000).cast_signed(),
        };
        let pay = |tx: Tx| {
            let transfer = transfer.clone();
            async move {
                let account = |number| Account::on(customer).filter(Account::NUMBER.eq(number));
                account(transfer.from_account)
                    .increment(Account::BALANCE, -transfer.amount)
                    .update(&tx)
                    .await?;
                account(transfer.to_account)
                    .increment(Account::BALANCE, transfer.amount)
                    .update(&tx)
                    .await?;
                transfer.insert(&tx).await
            }
        };
        let made = self.cluster.transaction(Transfer::shard(customer), pay);
        ledger.transfers.push(made.await?);
        Ok(())
    }

    async fn read_transfers(&self, customer: i64) -> Outcome {
        let latest = Transfer::on(customer)
            .order_by(Transfer::ID.desc())
            .limit(10);
        latest.all(&self.cluster).await?;
        Ok(())
    }

    /// A read of all accounts, whose sum no transfer changes.
    async fn read_balances(&self, customer: i64) -> Outcome {
        let accounts = Account::on(customer).all(&self.cluster).await?;
        let sum: i64 = accounts.iter().map(|account| account.balance).sum();
        if accounts.len() != ACCOUNTS.len() || sum != CUSTOMER_TOTAL {
            return Err(format!("customer {customer} has {accounts:?}").into());
        }
        Ok(())
    }
}
