//! Many rows that are inserted at once: in each logical shard all of them or none.

use std::collections::{BTreeMap, HashMap, HashSet};

use shard_orm::prelude::*;
use shard_orm::{Error, error::ShardId};

use crate::client::Client;
use crate::cut::Cut;
use crate::model::Parcel;
use crate::outcome::Outcome;
use crate::run::{Counts, Run};

/// More than the largest batch of which MariaDB is sent one statement here.
const MOST_ROWS: usize = 25;
const POLLS: u32 = 25;

/// What one task has sent.
#[derive(Debug, Default)]
pub(crate) struct Parcels {
    groups: Vec<Group>,
}

/// The rows of one call in one logical shard.
#[derive(Debug)]
struct Group {
    outcome: Outcome,
    rows: Vec<Parcel>,
}

impl Parcels {
    pub(crate) async fn step(&mut self, client: &mut Client, keys: &[i64]) {
        let cluster = client.run.cluster.clone();
        let several = client.random.percent(70);
        let key = *client.random.pick(keys);
        let rows: Vec<Parcel> = (0..=client.random.below(MOST_ROWS))
            .map(|_| {
                let id = client.run.id();
                Parcel {
                    id,
                    user_id: if several {
                        *client.random.pick(keys)
                    } else {
                        key
                    },
                    weight: i32::try_from(id % 1_000).unwrap(),
                }
            })
            .collect();
        let mut shards: BTreeMap<u32, Vec<Parcel>> = BTreeMap::new();
        for row in &rows {
            let shard = client.run.shard_of(row.user_id);
            shards.entry(shard).or_default().push(row.clone());
        }

        let cut = Cut::random(&mut client.random, POLLS);
        let insert = Parcel::insert_many(&cluster, rows);
        let done = client.cut("insert many parcels", cut, insert).await;
        let single = shards.len() == 1;
        for (shard, rows) in shards {
            let outcome = match &done {
                None if cut.before_all() => Outcome::Refused,
                None => Outcome::Unknown,
                Some(Ok(_)) => Outcome::Done,
                Some(Err(error)) => match Outcome::of_error(error) {
                    Some(outcome) => of_shard(shard, single, outcome, error),
                    None => {
                        client.run.fail(format_args!("insert_many: {error:?}"));
                        Outcome::Unknown
                    }
                },
            };
            let counts = &client.run.counts;
            Counts::add(match outcome {
                Outcome::Done => &counts.done,
                Outcome::Refused => &counts.refused,
                Outcome::Unknown => &counts.unknown,
            });
            self.groups.push(Group { outcome, rows });
        }
    }
}

/// What the error of a call says of one shard.
fn of_shard(shard: u32, single: bool, outcome: Outcome, error: &Error) -> Outcome {
    let holds = |shards: &[ShardId]| shards.iter().any(|id| id.shard == shard);
    if single {
        outcome
    } else if holds(error.done_shards()) {
        Outcome::Done
    } else if error.failed_shards().len() == 1 {
        outcome
    } else {
        // The error is that of one of those that failed.
        Outcome::Unknown
    }
}

/// Compares the parcels of all tasks with what is there.
pub(crate) async fn check(run: &Run, all: &[Parcels]) {
    let mut found: HashMap<i64, Vec<Vec<i64>>> = HashMap::new();
    for row in run.rows("parcels", &["id", "user_id", "weight"]).await {
        found.entry(row[0]).or_default().push(row);
    }
    for group in all.iter().flat_map(|parcels| &parcels.groups) {
        let mut copies = HashSet::new();
        for parcel in &group.rows {
            let rows = found.remove(&parcel.id).unwrap_or_default();
            copies.insert(rows.len());
            let sent = [parcel.id, parcel.user_id, i64::from(parcel.weight)];
            if rows.iter().any(|row| *row != sent) {
                run.fail(format_args!("{parcel:?}: found {rows:?}"));
            }
        }
        if copies.len() != 1 || !copies.iter().all(|times| group.outcome.allows(*times)) {
            run.fail(format_args!("found {copies:?} times: {group:?}"));
        }
    }
    for (id, rows) in found {
        run.fail(format_args!("nobody wrote parcel {id}: {rows:?}"));
    }
}
