//! Transactions that move amounts between accounts which all tasks share.
//!
//! A transfer changes two accounts and writes an entry for each of them, under its own number: all of that is there
//! once, or nothing of it. Accounts are locked in any order, so that transactions meet each other in circles.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};

use shard_orm::prelude::*;
use shard_orm::{Error, Result};

use crate::client::Client;
use crate::cut::Cut;
use crate::fixture::{SHARDS, key_of_each_shard};
use crate::model::{Account, Entry};
use crate::outcome::Outcome;
use crate::run::Run;

const ACCOUNTS_OF_A_SHARD: usize = 5;
const OPENING_BALANCE: i64 = 1_000_000;
/// What the entries of a savepoint that is rolled back have as their transfer.
const UNDONE: i64 = -1;
const POLLS_OF_A_STATEMENT: u32 = 4;

/// The transfers of one task.
#[derive(Debug, Default)]
pub(crate) struct Transfers {
    all: Vec<(Transfer, Outcome)>,
}

/// One transfer between two accounts of one logical shard, given as ids and keys.
#[derive(Debug, Clone, Copy)]
struct Transfer {
    number: i64,
    from: (i64, i64),
    to: (i64, i64),
    amount: i64,
}

/// Makes the accounts, and gives their ids and keys by shard.
pub(crate) async fn open_accounts(cluster: &Cluster) -> Vec<Vec<(i64, i64)>> {
    let mut accounts = vec![Vec::new(); SHARDS as usize];
    let mut id = 0;
    for round in 0..ACCOUNTS_OF_A_SHARD {
        let keys = key_of_each_shard(cluster, -1_000_000 + 1_000 * i64::try_from(round).unwrap());
        for (shard, key) in keys.into_iter().enumerate() {
            id += 1;
            let account = Account {
                id,
                user_id: key,
                balance: OPENING_BALANCE,
                entries: 0,
            };
            account.insert(cluster).await.unwrap();
            accounts[shard].push((id, key));
        }
    }
    accounts
}

impl Transfers {
    pub(crate) async fn step(&mut self, client: &mut Client) {
        let cluster = client.run.cluster.clone();
        let accounts = client.random.pick(&client.run.accounts);
        let transfer = Transfer {
            number: client.run.id(),
            from: *client.random.pick(accounts),
            to: *client.random.pick(accounts),
            amount: i64::from(client.random.up_to(100)),
        };
        if transfer.from == transfer.to {
            return audit(client, transfer.from.1).await;
        }
        let committing = AtomicBool::new(false);
        let outcome = match client.random.up_to(100) {
            0..35 => {
                let call = transfer.by_hand(&cluster, &committing);
                client
                    .transact("transfer by client", &committing, call)
                    .await
            }
            35..75 => {
                let (transfer, committing) = (&transfer, &committing);
                let call = cluster.transaction(transfer.shard(), move |tx| async move {
                    committing.store(false, Ordering::Relaxed);
                    transfer.statements(&tx).await?;
                    committing.store(true, Ordering::Relaxed);
                    Ok::<_, Error>(())
                });
                client
                    .transact("transfer by a closure", committing, call)
                    .await
            }
            75..85 => {
                let call = transfer.with_a_savepoint(&cluster, &committing);
                client
                    .transact("transfer with a savepoint", &committing, call)
                    .await
            }
            85..95 => {
                let how = client.random.up_to(3);
                let call = transfer.given_up(&cluster, how);
                let what = "transfer that is given up";
                nothing_done(client.transact(what, &committing, call).await)
            }
            _ => cut_inside(client, &cluster, transfer).await,
        };
        self.all.push((transfer, outcome));
    }
}

impl Transfer {
    fn shard(&self) -> shard_orm::Address {
        Account::shard(self.from.1)
    }

    async fn by_hand(&self, cluster: &Cluster, committing: &AtomicBool) -> Result<()> {
        let tx = cluster.begin(self.shard()).await?;
        self.statements(&tx).await?;
        committing.store(true, Ordering::Relaxed);
        tx.commit().await
    }

    async fn with_a_savepoint(&self, cluster: &Cluster, committing: &AtomicBool) -> Result<()> {
        let tx = cluster.begin(self.shard()).await?;
        let point = tx.savepoint().await?;
        let mut undone = self.entries();
        undone[0].transfer = UNDONE;
        undone[0].clone().insert(&tx).await?;
        point.rollback().await?;
        let point = tx.savepoint().await?;
        self.statements(&tx).await?;
        point.release().await?;
        committing.store(true, Ordering::Relaxed);
        tx.commit().await
    }

    /// Dropped at once, dropped with its statements done, or rolled back.
    async fn given_up(&self, cluster: &Cluster, how: u32) -> Result<()> {
        let tx = cluster.begin(self.shard()).await?;
        if how == 0 {
            return Ok(());
        }
        self.statements(&tx).await?;
        if how == 1 {
            return Ok(());
        }
        tx.rollback().await
    }

    async fn statements(&self, tx: &Tx) -> Result<()> {
        self.change(tx, self.from, -self.amount).await?;
        self.change(tx, self.to, self.amount).await?;
        let [first, second] = self.entries();
        first.insert(tx).await?;
        second.insert(tx).await?;
        let own = Entry::on(self.from.1).filter(Entry::TRANSFER.eq(self.number));
        let written = own.all(tx).await?;
        if written == self.entries()[..1] {
            return Ok(());
        }
        Err(Error::new(
            ErrorKind::Database,
            format!("the transaction has written {self:?}, and reads {written:?}"),
        ))
    }

    async fn change(&self, tx: &Tx, account: (i64, i64), by: i64) -> Result<()> {
        let changed = Account::on(account.1)
            .filter(Account::ID.eq(account.0))
            .increment(Account::BALANCE, by)
            .increment(Account::ENTRIES, 1)
            .update(tx)
            .await?;
        if changed == 1 {
            return Ok(());
        }
        Err(Error::new(
            ErrorKind::Database,
            format!("{changed} accounts changed instead of one"),
        ))
    }

    fn entries(&self) -> [Entry; 2] {
        let entry = |half: i64, account: (i64, i64), amount: i64| Entry {
            id: 2 * self.number + half,
            user_id: account.1,
            transfer: self.number,
            account: account.0,
            amount,
        };
        [
            entry(0, self.from, -self.amount),
            entry(1, self.to, self.amount),
        ]
    }
}

/// What is known of a transfer when it was acknowledged that it has not happened.
fn nothing_done(outcome: Outcome) -> Outcome {
    match outcome {
        Outcome::Done => Outcome::Refused,
        other => other,
    }
}

/// Drops one statement of a transaction and goes on with it: nothing of the transaction may be carried out.
async fn cut_inside(client: &mut Client, cluster: &Cluster, transfer: Transfer) -> Outcome {
    let what = "transfer whose statement is dropped";
    let committing = AtomicBool::new(false);
    let Some(begun) = client
        .cut(what, Cut::Never, cluster.begin(transfer.shard()))
        .await
    else {
        return Outcome::Refused;
    };
    let tx = match begun {
        Ok(tx) => tx,
        Err(error) => {
            let call = async { Err::<(), Error>(error) };
            return client.transact(what, &committing, call).await;
        }
    };
    let first = transfer.change(&tx, transfer.from, -transfer.amount);
    let polls = 1 + client.random.up_to(POLLS_OF_A_STATEMENT);
    if let Some(result) = client.cut(what, Cut::Waiting(polls), first).await {
        // It was faster, or its session was killed.
        let dropped = client.transact(what, &committing, async move {
            drop(tx);
            result
        });
        return nothing_done(dropped.await);
    }
    let [entry, _] = transfer.entries();
    for result in [entry.insert(&tx).await.map(drop), tx.commit().await] {
        match result {
            Err(error) if error.kind() == ErrorKind::TransactionEnded => {}
            other => client
                .run
                .fail(format_args!("after a dropped statement: {other:?}")),
        }
    }
    Outcome::Refused
}

/// The accounts of a shard have the same sum at all times, and a transaction sees one state of them.
async fn audit(client: &mut Client, key: i64) {
    let cluster = client.run.cluster.clone();
    let (balance, entries) = (
        client.run.fixture.integer("SUM(balance)"),
        client.run.fixture.integer("SUM(entries)"),
    );
    let sql = format!("SELECT {balance}, {entries} FROM {{accounts}}");
    let sql = &sql;
    let options = TxOptions::new()
        .isolation(Isolation::RepeatableRead)
        .read_only();
    let call = cluster.transaction_with(Account::shard(key), &options, move |tx| async move {
        let sums = || Account::on_shard_of(key).sql(shard_orm::sqlx::AssertSqlSafe(sql.clone()));
        let first: (i64, i64) = sums().one(&tx).await?;
        let second: (i64, i64) = sums().one(&tx).await?;
        Ok::<_, Error>((first, second))
    });
    let reading = async {
        match call.await {
            Ok(sums) => Ok(Some(sums)),
            // The answer to its COMMIT was lost, which is said alike of all transactions.
            Err(error) if error.kind() == ErrorKind::OutcomeUnknown => Ok(None),
            Err(error) => Err(error),
        }
    };
    let Some((first, second)) = client.read("sum of the accounts", reading).await.flatten() else {
        return;
    };
    let sum = OPENING_BALANCE * i64::try_from(ACCOUNTS_OF_A_SHARD).unwrap();
    if first != second || first.0 != sum || first.1 % 2 != 0 {
        client.run.fail(format_args!(
            "the accounts' sums are {first:?}, then {second:?}, instead of {sum} and an even number"
        ));
    }
}

/// Compares the transfers of all tasks with what is there.
pub(crate) async fn check(run: &Run, all: &[Transfers]) {
    let columns = ["id", "user_id", "transfer", "account", "amount"];
    let mut found: HashMap<i64, Vec<Vec<i64>>> = HashMap::new();
    let mut sums: HashMap<i64, (i64, i64)> = HashMap::new();
    for row in run.rows("entries", &columns).await {
        let sum = sums.entry(row[3]).or_default();
        *sum = (sum.0 + row[4], sum.1 + 1);
        found.entry(row[2]).or_default().push(row);
    }
    for (transfer, outcome) in all.iter().flat_map(|transfers| &transfers.all) {
        let mut rows = found.remove(&transfer.number).unwrap_or_default();
        rows.sort();
        let whole = transfer.entries().map(|entry| {
            let ids = [entry.id, entry.user_id, entry.transfer, entry.account];
            [&ids[..], &[entry.amount]].concat()
        });
        let nothing = rows.is_empty() && outcome.allows(0);
        let once = rows == whole && outcome.allows(1);
        if !nothing && !once {
            run.fail(format_args!("{transfer:?} is {outcome:?}: found {rows:?}"));
        }
    }
    for (number, rows) in found {
        run.fail(format_args!("nobody committed transfer {number}: {rows:?}"));
    }
    let columns = ["id", "user_id", "balance", "entries"];
    for row in run.rows("accounts", &columns).await {
        let (amount, entries) = sums.remove(&row[0]).unwrap_or_default();
        if (row[2], row[3]) != (OPENING_BALANCE + amount, entries) {
            run.fail(format_args!(
                "account {row:?} does not agree with its {entries} entries of {amount} in sum"
            ));
        }
    }
}
