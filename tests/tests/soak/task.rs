//! One of the tasks: does one thing after another until the time is over.

use std::sync::Arc;
use std::time::Instant;

use shard_orm::prelude::*;

use crate::badges;
use crate::counters::Counters;
use crate::dice::Dice;
use crate::hand::Hand;
use crate::model::Note;
use crate::notes::Notes;
use crate::parcels::Parcels;
use crate::run::{DONE, Run};
use crate::transfers::Transfers;

/// What one task has sent, and what it was told of it.
#[derive(Debug, Default)]
pub(crate) struct Ledger {
    pub(crate) notes: Notes,
    pub(crate) counters: Counters,
    pub(crate) parcels: Parcels,
    pub(crate) transfers: Transfers,
}

/// Does one thing after another until the time is over, or the soak has failed.
pub(crate) async fn work(run: Arc<Run>, task: usize, seed: u64, end: Instant) -> Ledger {
    let keys = run.keys_of(task);
    let mut ledger = Ledger::default();
    let mut hand = Hand {
        dice: Dice::new(seed, task as u64),
        task,
        run,
    };
    let shared: Vec<i64> = hand.run.accounts.iter().map(|some| some[0].1).collect();
    while Instant::now() < end && !hand.run.is_stopped() {
        match hand.dice.up_to(100) {
            0..40 => ledger.notes.step(&mut hand, &keys).await,
            40..58 => ledger.counters.step(&mut hand, &keys).await,
            58..85 => ledger.transfers.step(&mut hand).await,
            85..91 => ledger.parcels.step(&mut hand, &keys).await,
            91..98 => badges::step(&mut hand, &shared).await,
            _ => wait_on_the_server(&mut hand, keys[0]).await,
        }
    }
    hand.run.doing(task, DONE);
    ledger
}

/// A statement that takes its time, so that it is often cut or killed while it runs.
async fn wait_on_the_server(hand: &mut Hand, key: i64) {
    let cluster = hand.run.cluster.clone();
    let text = match hand.run.fixture.dialect() {
        Dialect::Postgres => "SELECT 1 FROM pg_sleep(0.02)",
        _ => "SELECT SLEEP(0.02)",
    };
    let call = Note::on_shard_of(key).sql(text).all::<i32>(&cluster);
    hand.write("wait on the server", call).await;
}
