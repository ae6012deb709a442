//! Increments outside of transactions, each of which can be told from all others.
//!
//! The increment of number n adds the n-th power of four, so that the digit n of the sum, in base four, says how
//! often that one was carried out.

use std::collections::HashMap;

use shard_orm::prelude::*;

use crate::client::Client;
use crate::model::Counter;
use crate::outcome::Outcome;
use crate::run::Run;

/// What an `i64` has room for.
const MOST_DIGITS: usize = 30;

/// The counters of one task; increments go to the last one.
#[derive(Debug, Default)]
pub(crate) struct Counters {
    all: Vec<Ledger>,
}

/// What was sent to one counter.
#[derive(Debug)]
struct Ledger {
    id: i64,
    key: i64,
    inserted: Outcome,
    increments: Vec<Outcome>,
}

impl Ledger {
    fn is_open(&self) -> bool {
        self.inserted == Outcome::Done && self.increments.len() < MOST_DIGITS
    }
}

impl Counters {
    pub(crate) async fn step(&mut self, client: &mut Client, keys: &[i64]) {
        let cluster = client.run.cluster.clone();
        if !self.all.last().is_some_and(Ledger::is_open) {
            let counter = Counter {
                id: client.run.id(),
                user_id: *client.random.pick(keys),
                value: 0,
            };
            let (id, key) = (counter.id, counter.user_id);
            let insert = counter.insert(&cluster);
            self.all.push(Ledger {
                id,
                key,
                inserted: client.write("insert a counter", insert).await.outcome,
                increments: Vec::new(),
            });
            return;
        }
        let Some(counter) = self.all.last_mut() else {
            return;
        };
        let digit = u32::try_from(counter.increments.len()).unwrap();
        let by = 4_i64.pow(digit);
        let outcome = if client.random.percent(70) {
            let increment = Counter::on(counter.key)
                .filter(Counter::ID.eq(counter.id))
                .increment(Counter::VALUE, by)
                .update(&cluster);
            client.write("increment a counter", increment).await
        } else {
            let text = match client.run.fixture.dialect() {
                Dialect::Postgres => {
                    "UPDATE {counters} SET value = value + $1 WHERE user_id = $2 AND id = $3"
                }
                _ => "UPDATE {counters} SET value = value + ? WHERE user_id = ? AND id = ?",
            };
            let increment = Counter::on_shard_of(counter.key)
                .sql(text)
                .bind(by)
                .bind(counter.key)
                .bind(counter.id)
                .execute(&cluster);
            client.write("increment a counter in SQL", increment).await
        };
        counter.increments.push(outcome.outcome);
        if outcome.value.is_some_and(|rows| rows != 1) {
            client.run.fail(format_args!(
                "{:?} rows incremented of {counter:?}",
                outcome.value
            ));
        }
    }
}

/// Compares the counters of all tasks with what is there.
pub(crate) async fn check(run: &Run, all: &[Counters]) {
    let rows = run.rows("counters", &["id", "user_id", "value"]).await;
    let mut found: HashMap<i64, Vec<Vec<i64>>> = HashMap::new();
    for row in rows {
        found.entry(row[0]).or_default().push(row);
    }
    for counter in all.iter().flat_map(|counters| &counters.all) {
        let rows = found.remove(&counter.id).unwrap_or_default();
        if !counter.inserted.allows(rows.len()) {
            run.fail(format_args!("{counter:?}: found {rows:?}"));
        }
        for row in rows {
            if let Err(wrong) = counter.compare(row[1], row[2]) {
                run.fail(format_args!("{wrong}: {row:?} of {counter:?}"));
            }
        }
    }
    for (id, rows) in found {
        run.fail(format_args!("nobody wrote counter {id}: {rows:?}"));
    }
}

impl Ledger {
    fn compare(&self, key: i64, value: i64) -> Result<(), String> {
        if key != self.key {
            return Err(format!("another key than {}", self.key));
        }
        let mut left = value;
        for (number, outcome) in self.increments.iter().enumerate() {
            let times = usize::try_from(left % 4).unwrap_or(usize::MAX);
            if !outcome.allows(times) {
                return Err(format!("increment {number} was done {times} times"));
            }
            left /= 4;
        }
        if left != 0 {
            return Err("more was added than was sent".to_owned());
        }
        Ok(())
    }
}
