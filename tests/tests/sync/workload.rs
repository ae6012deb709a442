//! Random changes at a source, and the progress of its copies: nothing is lost or goes backwards.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use chrono::{SubsecRound as _, Utc};
use futures_util::future::join_all;
use shard_orm::prelude::*;
use shard_orm::route::mix64;
use shard_orm_tests::sample;
use tokio::task::JoinHandle;

use crate::fixture::{Fixture, Item, LIMIT, Price, eventually, item, prices};

/// Transactions at a time. Each writer has ids and names of its own, so that none waits for another
/// unless the log makes it.
const WRITERS: i64 = 3;
/// The ids, and the names, of each writer.
const IDS: i64 = 60;

/// Numbers that look random, from a seed.
#[derive(Debug, Clone)]
pub(crate) struct Random(u64);

impl Random {
    pub(crate) fn new() -> Self {
        Self(sample::seed())
    }

    fn of(&self, writer: i64) -> Self {
        Self(mix64(self.0 ^ mix64(writer.cast_unsigned() + 1)))
    }

    pub(crate) fn below(&mut self, limit: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        mix64(self.0) % limit
    }

    fn one_of<T: Clone>(&mut self, all: &[T]) -> Option<T> {
        let count = u64::try_from(all.len()).unwrap();
        (count > 0).then(|| all[usize::try_from(self.below(count)).unwrap()].clone())
    }
}

/// Writers at the source, until they are stopped.
#[derive(Debug)]
pub(crate) struct Workload {
    stopped: Arc<AtomicBool>,
    committed: Arc<AtomicU64>,
    writers: Vec<JoinHandle<()>>,
}

impl Workload {
    /// Begins to insert, update and delete items, to let unique names and primary keys change hands,
    /// and to write prices.
    pub(crate) fn begin(fixture: &Fixture, random: &Random) -> Self {
        let stopped = Arc::new(AtomicBool::new(false));
        let committed = Arc::new(AtomicU64::new(0));
        let writers = (0..WRITERS)
            .map(|number| {
                let mut writer = Writer {
                    number,
                    random: random.of(number),
                    cluster: fixture.cluster.clone(),
                    rows: BTreeMap::new(),
                };
                let (stopped, committed) = (Arc::clone(&stopped), Arc::clone(&committed));
                tokio::spawn(async move {
                    while !stopped.load(Ordering::Relaxed) {
                        writer.transaction().await;
                        committed.fetch_add(1, Ordering::Relaxed);
                    }
                })
            })
            .collect();
        Self {
            stopped,
            committed,
            writers,
        }
    }

    /// Waits for so many further transactions.
    pub(crate) async fn further(&self, transactions: u64) {
        let until = self.committed.load(Ordering::Relaxed) + transactions;
        eventually("changes are written", async || {
            self.committed.load(Ordering::Relaxed) >= until
        })
        .await;
    }

    /// Ends, after the transactions that are under way.
    pub(crate) async fn stop(self) {
        self.stopped.store(true, Ordering::Relaxed);
        let ended = tokio::time::timeout(LIMIT, join_all(self.writers)).await;
        for writer in ended.unwrap() {
            writer.unwrap();
        }
    }
}

#[derive(Debug, Clone)]
enum Step {
    Insert(Item),
    Update(Item),
    Delete(i64),
    Rename(i64, String),
    Move(i64, i64),
    Save(Price),
    /// The transaction stays open, while others that began later commit.
    Wait(Duration),
}

struct Writer {
    number: i64,
    random: Random,
    cluster: Cluster,
    /// The items that there are, with their names.
    rows: BTreeMap<i64, String>,
}

impl Writer {
    async fn transaction(&mut self) {
        let mut rows = self.rows.clone();
        let mut steps = Vec::new();
        for _ in 0..=self.random.below(4) {
            self.plan(&mut rows, &mut steps);
        }
        if self.random.below(4) == 0 {
            steps.push(Step::Wait(Duration::from_millis(self.random.below(60))));
        }
        let outcome = self.cluster.transaction(Item::database(), |tx| {
            let steps = steps.clone();
            async move {
                for step in steps {
                    step.run(&tx).await?;
                }
                Ok::<_, shard_orm::Error>(())
            }
        });
        outcome.await.unwrap();
        self.rows = rows;
        // The machine has others to serve.
        tokio::time::sleep(Duration::from_millis(self.random.below(80))).await;
    }

    fn plan(&mut self, rows: &mut BTreeMap<i64, String>, steps: &mut Vec<Step>) {
        let number = self.number;
        let names: BTreeSet<String> = rows.values().cloned().collect();
        let name = |slot: i64| format!("name {slot} of {number}");
        let free_names: Vec<String> = (0..IDS)
            .map(name)
            .filter(|name| !names.contains(name))
            .collect();
        let ids = |used: bool| -> Vec<i64> {
            let all = (0..IDS).map(|slot| 1_000_000 + slot * WRITERS + number);
            all.filter(|id| rows.contains_key(id) == used).collect()
        };
        let used = self.random.one_of(&ids(true));
        let other = self.random.one_of(&ids(true));
        let free = self.random.one_of(&ids(false));
        let free_name = self.random.one_of(&free_names);
        let amount = i32::try_from(self.random.below(1_000_000)).unwrap();
        match (self.random.below(10), used, free, free_name) {
            (0..=2, _, Some(id), Some(name)) => {
                rows.insert(id, name.clone());
                steps.push(Step::Insert(Item { name, ..item(id) }));
            }
            (3..=4, Some(id), ..) => steps.push(Step::Update(Item {
                name: rows[&id].clone(),
                amount: Some(amount),
                ..item(id)
            })),
            (5, Some(id), ..) => {
                rows.remove(&id);
                steps.push(Step::Delete(id));
            }
            (6, Some(id), _, Some(name)) => {
                rows.insert(id, name.clone());
                steps.push(Step::Rename(id, name));
            }
            (7, Some(id), Some(free), _) => {
                let name = rows.remove(&id).unwrap();
                rows.insert(free, name);
                steps.push(Step::Move(id, free));
            }
            (8, Some(one), ..) if other != Some(one) => {
                // Two names change progress.
                let two = other.unwrap();
                let (first, second) = (rows[&one].clone(), rows[&two].clone());
                steps.push(Step::Rename(one, format!("aside of {number}")));
                steps.push(Step::Rename(two, first.clone()));
                steps.push(Step::Rename(one, second.clone()));
                rows.insert(one, second);
                rows.insert(two, first);
            }
            _ => steps.push(Step::Save(Price {
                currency: format!("c{number}"),
                product: amount % 50,
                amount: i64::from(amount),
                updated_at: Utc::now().trunc_subsecs(6),
            })),
        }
    }
}

impl Step {
    async fn run(self, tx: &Tx) -> shard_orm::Result<()> {
        let of = |id: i64| Item::query().filter(Item::ID.eq(id));
        let changed = match self {
            Self::Insert(item) => return item.insert(tx).await.map(drop),
            Self::Update(item) => return item.update(tx).await.map(drop),
            Self::Save(price) => return price.save(tx).await.map(drop),
            Self::Wait(time) => {
                tokio::time::sleep(time).await;
                return Ok(());
            }
            Self::Delete(id) => of(id).delete(tx).await?,
            Self::Rename(id, name) => of(id).set(Item::NAME, name).update(tx).await?,
            Self::Move(id, to) => of(id).set(Item::ID, to).update(tx).await?,
        };
        assert_eq!(changed, 1);
        Ok(())
    }
}

/// Waits until the copies have what their source has, which nobody writes to meanwhile.
pub(crate) async fn are_level(fixture: &Fixture) {
    let until = Instant::now() + LIMIT;
    while !(fixture.is_equal().await && fixture.are_prices_equal().await) {
        if Instant::now() > until {
            panic!(
                "the copies are not as their source:\n{}",
                differences(fixture).await
            );
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// What the copies lack and have too much, and what they say of themselves.
async fn differences(fixture: &Fixture) -> String {
    let rows = async |at: &Cluster| -> BTreeSet<String> {
        let items = Item::query().all(at).await.unwrap();
        let items = items.iter().map(|item| format!("{item:?}"));
        let prices = prices(at).await;
        let prices = prices.iter().map(|price| format!("{price:?}"));
        items.chain(prices).collect()
    };
    let expected = rows(&fixture.cluster).await;
    let mut words = String::new();
    for (number, copy) in fixture.copies.iter().enumerate() {
        let found = rows(copy).await;
        for row in expected.difference(&found) {
            words.push_str(&format!("copy {number} lacks {row}\n"));
        }
        for row in found.difference(&expected) {
            words.push_str(&format!("copy {number} still has {row}\n"));
        }
        let statuses = Item::query()
            .sql("SELECT table_name, generation, position, problem FROM shard_orm_sync")
            .all::<(String, i64, Option<String>, Option<String>)>(copy)
            .await
            .unwrap();
        words.push_str(&format!("copy {number}: {statuses:?}\n"));
    }
    words
}

/// How far one copy has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub(crate) struct Place {
    /// Whether all rows have been copied; transaction and entry.
    position: (bool, u64, i64),
    pub(crate) generation: i64,
}

/// How far the copies have come, as they say themselves.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Progress(pub(crate) HashMap<(usize, String), Place>);

impl Progress {
    /// Reads the positions again, and asserts that none has moved backwards.
    pub(crate) async fn advances(&mut self, fixture: &Fixture) {
        for (number, copy) in fixture.copies.iter().enumerate() {
            let rows = Item::query()
                .sql("SELECT table_name, generation, position FROM shard_orm_sync")
                .all::<(String, i64, Option<String>)>(copy)
                .await
                .unwrap();
            for (table, generation, position) in rows {
                let now = Place {
                    position: parse(position.as_deref()),
                    generation,
                };
                let before = self.0.entry((number, table.clone())).or_default();
                assert!(
                    now.position >= before.position && now.generation >= before.generation,
                    "{table} on copy {number} went back from {before:?} to {now:?}"
                );
                *before = now;
            }
        }
    }

    pub(crate) fn fencing_tokens(&self) -> Vec<i64> {
        self.0.values().map(|place| place.generation).collect()
    }
}

fn parse(position: Option<&str>) -> (bool, u64, i64) {
    let mut words = position.unwrap_or("copying 0.0").split(' ');
    let (phase, mark) = (words.next().unwrap(), words.next().unwrap());
    let (transaction, entry) = mark.split_once('.').unwrap_or((mark, "0"));
    assert!(
        ["copying", "followed", "ordered"].contains(&phase),
        "{phase}"
    );
    (
        phase != "copying",
        transaction.parse().unwrap(),
        entry.parse().unwrap(),
    )
}
