//! One task: random operations until the time is over.

use std::sync::Arc;
use std::time::Instant;

use shard_orm::prelude::*;

use crate::badges;
use crate::client::Client;
use crate::counters::Counters;
use crate::model::Note;
use crate::notes::Notes;
use crate::parcels::Parcels;
use crate::random::Random;
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
    let mut client = Client {
        random: Random::new(seed, task as u64),
        task,
        run,
    };
    let shared: Vec<i64> = client.run.accounts.iter().map(|some| some[0].1).collect();
    while Instant::now() < end && !client.run.is_stopped() {
        match client.random.up_to(100) {
            0..40 => ledger.notes.step(&mut client, &keys).await,
            40..58 => ledger.counters.step(&mut client, &keys).await,
            58..85 => ledger.transfers.step(&mut client).await,
            85..91 => ledger.parcels.step(&mut client, &keys).await,
            91..98 => badges::step(&mut client, &shared).await,
            _ => wait_on_the_server(&mut client, keys[0]).await,
        }
    }
    client.run.doing(task, DONE);
    ledger
}

/// A statement that takes its time, so that it is often cut or killed while it runs.
async fn wait_on_the_server(client: &mut Client, key: i64) {
    let cluster = client.run.cluster.clone();
    let text = match client.run.fixture.dialect() {
        Dialect::Postgres => "SELECT 1 FROM pg_sleep(0.02)",
        _ => "SELECT SLEEP(0.02)",
    };
    let call = Note::on_shard_of(key).sql(text).all::<i32>(&cluster);
    client.write("wait on the server", call).await;
}
