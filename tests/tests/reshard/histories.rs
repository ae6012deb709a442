//! Transactions over several rows, while their logical shard moves back and forth, is split and merged, and runners die:
//! they can all have run one after the other.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::{Duration, Instant};

use shard_orm::prelude::*;
use shard_orm::reshard::{JobState, Reshard};
use shard_orm::route::mix64;
use shard_orm_tests::behaviours;
use shard_orm_tests::history::{Lists, Operation, Outcome, Transaction, check};
use shard_orm_tests::sample;
use tokio::task::JoinHandle;

use crate::killed::{self, LEASE};
use crate::{MOVING, Setting, cluster, process, splits};

/// A list of elements, as a text.
#[derive(Debug, Clone, PartialEq, ShardModel)]
#[shard(group = "shop", table = "lists")]
struct List {
    #[shard(primary_key)]
    id: i64,
    #[shard(key)]
    owner: i64,
    elements: String,
}

impl List {
    fn elements(&self) -> Vec<u32> {
        let elements = self.elements.split(' ').filter(|text| !text.is_empty());
        elements.map(|text| text.parse().unwrap()).collect()
    }
}

const LISTS: u64 = 40;
const CLIENTS: u64 = 4;

/// What a client draws at random.
struct Choices(u64);

impl Choices {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 = mix64(self.0.wrapping_add(1));
        self.0 % limit
    }
}

/// What a transaction does, but for its end.
async fn operate(
    cluster: &Cluster,
    owner: i64,
    (next, choices): (&AtomicU32, &mut Choices),
    operations: &mut Vec<Operation>,
) -> Result<Tx, shard_orm::Error> {
    let serializable = TxOptions::new().isolation(Isolation::Serializable);
    let tx = cluster
        .begin_with(List::shard(owner), &serializable)
        .await?;
    for _ in 0..=choices.below(3) {
        let id = choices.below(LISTS).cast_signed();
        let mut list = List::get(&tx, owner, id).await?;
        operations.push(Operation::Read(id, list.elements()));
        if choices.below(2) == 0 {
            let element = next.fetch_add(1, Ordering::Relaxed);
            operations.push(Operation::Append(id, element));
            list.elements = format!("{} {element}", list.elements);
            list.update(&tx).await?;
        }
    }
    Ok(tx)
}

/// A client that runs transactions until it is stopped.
fn client(
    cluster: Cluster,
    (owner, mut choices): (i64, Choices),
    next: Arc<AtomicU32>,
    stop: Arc<AtomicBool>,
) -> JoinHandle<Vec<Transaction>> {
    tokio::spawn(async move {
        let mut history = Vec::new();
        while !stop.load(Ordering::Relaxed) {
            let begun = Instant::now();
            let mut operations = Vec::new();
            let outcome =
                match operate(&cluster, owner, (&next, &mut choices), &mut operations).await {
                    Ok(tx) => match tx.commit().await {
                        Ok(()) => Outcome::Committed,
                        Err(error) if error.kind() == ErrorKind::OutcomeUnknown => Outcome::Unknown,
                        Err(error) => failed(&error),
                    },
                    Err(error) => failed(&error),
                };
            history.push(Transaction {
                operations,
                begun,
                ended: Instant::now(),
                outcome,
            });
            tokio::time::sleep(Duration::from_millis(choices.below(6))).await;
        }
        history
    })
}

fn failed(error: &shard_orm::Error) -> Outcome {
    let may_be = error.is_retryable() || error.kind() == ErrorKind::ShardMoved;
    assert!(may_be, "{error:?}");
    Outcome::Failed
}

/// What becomes of the logical shard of the lists.
#[derive(Debug, Clone, Copy)]
enum Change {
    Moved,
    Split,
    Isolated,
    Parted,
    Merged,
}

async fn start(reshard: &Reshard, operator: &Cluster, owner: i64, change: Change) -> u64 {
    let place = operator.locate(&List::shard(owner)).unwrap();
    let (here, there) = match place.server.as_str() {
        "server-0" => ("server-0", "server-1"),
        _ => ("server-1", "server-0"),
    };
    let shard = place.shard.unwrap();
    let keys = match change {
        Change::Moved => {
            let request = reshard.move_shard("shop", shard, there);
            let started = request.accept_relaxed_durability().start().await;
            return started.unwrap().id;
        }
        Change::Split => reshard.split_shard("shop", shard, [there, here]),
        // One of which a part stays has no way back.
        Change::Isolated => reshard.isolate("shop", owner, there).unwrap().copy_all(),
        Change::Parted => reshard.isolate("shop", owner, there).unwrap(),
        Change::Merged => {
            let topology = operator.topology();
            let shards = topology.group("shop").unwrap().shards();
            let newest = shards.max().unwrap();
            let other = if shard == newest { MOVING } else { newest };
            reshard.merge_shards("shop", [shard, other], there)
        }
    };
    let request = keys.key("owner").accept_relaxed_durability();
    request.start().await.unwrap().id
}

/// Runs a job until it has come so far.
async fn run(reshard: &Reshard, job: u64, expected: JobState) {
    let job = killed::run(reshard, job).await;
    assert_eq!(job.state, expected, "{job:?}");
}

behaviours! { (List, Setting), 4 shards on 2 servers, |options| options;
    async fn transactions_see_one_history_while_their_shard_changes(fixture: &Fixture) {
        let operator = cluster(fixture).await;
        // What nobody changes can be divided.
        let owners = splits::keys(&operator, 12);
        let owner = owners[0];
        let ids = 0..LISTS.cast_signed();
        let others = (ids.end..).zip(&owners[1..]).map(|(id, other)| (id, *other));
        let lists = ids.map(|id| (id, owner)).chain(others);
        let lists = lists.map(|(id, owner)| List { id, owner, elements: String::new() });
        List::insert_many(&operator, lists.collect::<Vec<_>>()).await.unwrap();
        let (next, stop) = (Arc::new(AtomicU32::new(0)), Arc::new(AtomicBool::new(false)));
        let seed = sample::seed();
        let mut clients = Vec::new();
        for number in 0..CLIENTS {
            let process = process(fixture).await;
            let own = (owner, Choices(mix64(seed + number)));
            clients.push(client(process, own, Arc::clone(&next), Arc::clone(&stop)));
        }
        let reshard = operator.reshard().unwrap().lease(LEASE);
        let mut alive = Choices(seed);
        let ends = [JobState::Reversed, JobState::Finished];
        for (change, ends) in [
            (Change::Moved, &ends[..]),
            (Change::Split, &ends[..]),
            (Change::Isolated, &ends[..1]),
            (Change::Parted, &ends[1..]),
            (Change::Merged, &ends[..]),
        ] {
            for end in ends.iter().copied() {
                let job = start(&reshard, &operator, owner, change).await;
                // The first runner dies on the way.
                let alive = Duration::from_millis(alive.below(500));
                drop(tokio::time::timeout(alive, reshard.run(job)).await);
                run(&reshard, job, JobState::Holding).await;
                match end {
                    JobState::Reversed => reshard.reverse(job).await.unwrap(),
                    _ => reshard.finish(job).await.unwrap(),
                };
                run(&reshard, job, end).await;
            }
        }
        stop.store(true, Ordering::Relaxed);
        let mut history = Vec::new();
        for client in clients {
            history.extend(client.await.unwrap());
        }
        let last = List::on(owner).all(&operator).await.unwrap();
        let last: Lists = last.iter().map(|list| (list.id, list.elements())).collect();
        let committed = history.iter().filter(|one| one.outcome == Outcome::Committed).count();
        assert!(committed > 100, "{committed} of {}", history.len());
        check(&history, &last).unwrap();
    }
}
