//! Counts the statements that the library sends, by what it traces.

use std::sync::atomic::{AtomicU64, Ordering};

use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Metadata, Subscriber};

static SENT: AtomicU64 = AtomicU64::new(0);

/// What the library traces for each statement.
const TARGET: &str = "shard_orm::sql";

#[derive(Debug)]
struct Counter;

impl Subscriber for Counter {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.target() == TARGET
    }

    fn new_span(&self, _span: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }

    fn record(&self, _span: &Id, _values: &Record<'_>) {}

    fn record_follows_from(&self, _span: &Id, _follows: &Id) {}

    fn event(&self, _event: &Event<'_>) {
        SENT.fetch_add(1, Ordering::Relaxed);
    }

    fn enter(&self, _span: &Id) {}

    fn exit(&self, _span: &Id) {}
}

/// From here on they are counted.
pub(crate) fn count() {
    tracing::subscriber::set_global_default(Counter).unwrap();
}

/// How many were sent so far.
pub(crate) fn sent() -> u64 {
    SENT.load(Ordering::Relaxed)
}
