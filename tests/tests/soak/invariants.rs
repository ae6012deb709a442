//! The invariants that hold after all tasks have finished.

use std::time::Duration;

use futures_util::future::{join_all, try_join_all};
use tokio::time::timeout;

use shard_orm::prelude::*;

use crate::fixture::{CONNECTIONS, LIMIT, POOLS, SHARDS};
use crate::model::{Account, Note};
use crate::monitor::connections_to;
use crate::run::Run;
use crate::task::Ledger;
use crate::{badges, counters, notes, parcels, transfers};

/// Compares what the tasks know with what is there, and looks for what they left behind.
pub(crate) async fn check(run: &Run, ledgers: Vec<Ledger>) {
    for pool in 0..POOLS {
        pool_serves(run, pool * (SHARDS / POOLS)).await;
    }
    let mut direct = run.fixture.direct().await;
    // Those of sessions that lost their client end when the server comes to notice it.
    if let Err(open) = direct.becomes_zero(&run.fixture.open_transactions()).await {
        let activity = direct.texts(run.fixture.activity()).await;
        run.fail(format_args!(
            "{open} transactions are left open; the server: {activity:#?}"
        ));
    }
    if timeout(LIMIT, run.cluster.close()).await.is_err() {
        run.fail("the cluster does not close: a connection has not come back");
    }
    let left = connections_to(run.fixture.ports());
    if left > 0 {
        run.fail(format_args!(
            "{left} connections are open after the cluster was closed"
        ));
    }
    let sessions = format!("SELECT COUNT(*) FROM ({}) AS s", run.fixture.sessions());
    if let Err(left) = direct.becomes_zero(&sessions).await {
        let activity = direct.texts(run.fixture.activity()).await;
        run.fail(format_args!(
            "{left} sessions are left; the server: {activity:#?}"
        ));
    }

    let (mut all_notes, mut all_counters) = (Vec::new(), Vec::new());
    let (mut all_parcels, mut all_transfers) = (Vec::new(), Vec::new());
    for ledger in ledgers {
        all_notes.push(ledger.notes);
        all_counters.push(ledger.counters);
        all_parcels.push(ledger.parcels);
        all_transfers.push(ledger.transfers);
    }
    notes::check(run, &mut all_notes).await;
    counters::check(run, &all_counters).await;
    parcels::check(run, &all_parcels).await;
    transfers::check(run, &all_transfers).await;
    badges::check(run).await;
}

/// A pool has all its connections, and no more.
async fn pool_serves(run: &Run, shard: u32) {
    let key = run.accounts[shard as usize][0].1;
    let begin = || run.cluster.begin(Account::shard(key));
    // The last kill may have met an idle connection, which only its first use notices.
    if let Err(error) = Note::on(key).count(&run.cluster).await {
        run.fail(format_args!("a read at the end: {error:?}"));
    }
    let begun = timeout(LIMIT, try_join_all((0..CONNECTIONS).map(|_| begin()))).await;
    let transactions = match begun {
        Ok(Ok(transactions)) => transactions,
        other => {
            let other = other.map(|begun| begun.map(|all| all.len()));
            return run.fail(format_args!(
                "{CONNECTIONS} transactions do not begin at once on shard {shard}: {other:?}"
            ));
        }
    };
    if timeout(Duration::from_millis(300), begin()).await.is_ok() {
        run.fail("the pool has more connections than its limit");
    }
    let counts = transactions.iter().map(|tx| Note::on(key).count(tx));
    for count in join_all(counts).await {
        if let Err(error) = count {
            run.fail(format_args!("a statement at the end: {error:?}"));
        }
    }
    for tx in transactions {
        if let Err(error) = tx.rollback().await {
            run.fail(format_args!("a rollback at the end: {error:?}"));
        }
    }
}
