//! What belongs to a whole cluster: the threshold of slow calls, and the statements seen, by
//! fingerprint.
//!
//! To know the text of a call takes longer than to count it. So only one of 512 calls in a bucket of
//! durations is seen here, and each slow one.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::moment::micros;
use super::{Outcome, Pick};

/// The most fingerprints; a new one takes the place of the one with the least time.
const MOST: usize = 500;
/// The longest fingerprint, in bytes.
const LONGEST: usize = 2_000;

/// The recorder of a cluster.
#[derive(Debug)]
pub(crate) struct Recorder {
    pub(crate) begun: Instant,
    /// In microseconds.
    slow_call: AtomicU64,
    /// How much later than the clock the windows are, in microseconds: for tests of what windows show.
    ahead: AtomicU64,
    statements: Mutex<HashMap<Fingerprint, StatementRecord>>,
}

/// A statement: its group and text.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Fingerprint {
    group: Box<str>,
    text: Box<str>,
}

/// A call whose text was recorded.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Seen<'a> {
    pub(super) pick: Pick,
    pub(super) outcome: &'a Outcome,
    /// Its group, logical shard, server and table.
    pub(super) named: (&'a str, u32, &'a str, &'a str),
}

/// What is known of the calls with one fingerprint.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct StatementRecord {
    pub(crate) group: String,
    pub(crate) table: String,
    pub(crate) verb: &'static str,
    pub(crate) text: String,
    /// An estimate of the number of calls that were not slow, and of their time, from a sample.
    pub(crate) calls: u64,
    pub(crate) micros: u64,
    /// The calls that were slow, and their time.
    pub(crate) slow: u64,
    pub(crate) slow_micros: u64,
    /// The longest call, with its server and logical shard.
    pub(crate) longest: u64,
    pub(crate) server: String,
    pub(crate) shard: u32,
}

impl Default for Recorder {
    fn default() -> Self {
        Self {
            begun: Instant::now(),
            slow_call: AtomicU64::new(u64::MAX),
            ahead: AtomicU64::new(0),
            statements: Mutex::default(),
        }
    }
}

impl Recorder {
    /// Sets the duration from which a call is slow; `None` if none is.
    pub(crate) fn set_slow_call(&self, threshold: Option<Duration>) {
        let threshold = threshold.map_or(u64::MAX, micros);
        self.slow_call.store(threshold, Ordering::Relaxed);
    }

    /// The time by which windows begin and end.
    pub(crate) fn now(&self) -> Instant {
        Instant::now() + Duration::from_micros(self.ahead.load(Ordering::Relaxed))
    }

    /// Lets time pass for the windows.
    #[cfg(feature = "testing")]
    pub(crate) fn pass(&self, time: Duration) {
        self.ahead.fetch_add(micros(time), Ordering::Relaxed);
    }

    #[inline]
    pub(super) fn slow_call(&self) -> u64 {
        self.slow_call.load(Ordering::Relaxed)
    }

    /// Records a call by its text; one of `weight` that are not slow is seen.
    pub(super) fn statement(&self, seen: &Seen<'_>, mut text: String, weight: u64) {
        if text.len() > LONGEST {
            text.truncate(text.floor_char_boundary(LONGEST));
        }
        let (group, shard, server, table) = seen.named;
        let key = Fingerprint {
            group: group.into(),
            text: text.into(),
        };
        let took = seen.outcome.took;
        let mut statements = self.lock();
        if statements.len() >= MOST && !statements.contains_key(&key) {
            let least = statements
                .iter()
                .min_by_key(|(_, record)| record.micros + record.slow_micros);
            if let Some(least) = least.map(|(key, _)| key.clone()) {
                statements.remove(&least);
            }
        }
        let record = statements
            .entry(key)
            .or_insert_with_key(|key| StatementRecord {
                group: group.to_owned(),
                table: table.to_owned(),
                verb: seen.outcome.verb,
                text: key.text.to_string(),
                calls: 0,
                micros: 0,
                slow: 0,
                slow_micros: 0,
                longest: 0,
                server: String::new(),
                shard: 0,
            });
        if seen.pick == Pick::Slow {
            record.slow += 1;
            record.slow_micros += took;
        } else {
            record.calls += weight;
            record.micros += took.saturating_mul(weight);
        }
        if record.server.is_empty() || took > record.longest {
            record.longest = took;
            server.clone_into(&mut record.server);
            record.shard = shard;
        }
    }

    /// All statements seen, in no order.
    pub(crate) fn statements(&self) -> Vec<StatementRecord> {
        self.lock().values().cloned().collect()
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Fingerprint, StatementRecord>> {
        // No code that can panic runs under the lock.
        self.statements
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn see(recorder: &Recorder, text: &str, millis: u64) {
        let outcome = Outcome {
            verb: "select",
            replica: false,
            took: millis * 1_000,
            rows: Ok(1),
        };
        let seen = Seen {
            pick: Pick::Slow,
            outcome: &outcome,
            named: ("shop", 3, "a", "orders"),
        };
        recorder.statement(&seen, text.to_owned(), 64);
    }

    #[test]
    fn the_number_of_fingerprints_is_bounded_and_the_costly_ones_stay() {
        let recorder = Recorder::default();
        see(&recorder, "costly", 1_000);
        for number in 0..10 * MOST {
            see(&recorder, &format!("select {number}"), 1);
        }
        let statements = recorder.statements();
        assert_eq!(statements.len(), MOST);
        assert!(statements.iter().any(|record| record.text == "costly"));
    }

    #[test]
    fn a_long_text_is_cut_between_two_letters() {
        let recorder = Recorder::default();
        see(&recorder, &format!("a{}", "ä".repeat(LONGEST)), 1);
        let text = &recorder.statements()[0].text;
        assert!(text.len() <= LONGEST && text.ends_with('ä'));
    }
}
