//! Counts the statements of a call by their spans.

use std::fmt;
use std::sync::{Arc, Mutex};

use shard_orm_tests::listening::listen;
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id};
use tracing_subscriber::Layer;
use tracing_subscriber::layer::Context;

/// The tables that the statements of a call were sent to, in their order, with their shards.
#[derive(Debug, Clone, Default)]
struct Statements(Arc<Mutex<Vec<(String, String)>>>);

impl<S: tracing::Subscriber> Layer<S> for Statements {
    fn on_new_span(&self, attributes: &Attributes<'_>, _: &Id, _: Context<'_, S>) {
        let metadata = attributes.metadata();
        if metadata.target() == "shard_orm" && metadata.name() == "call" {
            let mut place = Place::default();
            attributes.record(&mut place);
            self.0.lock().unwrap().push((place.table, place.shard));
        }
    }
}

#[derive(Default)]
struct Place {
    table: String,
    shard: String,
}

impl Visit for Place {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        match field.name() {
            "table" => self.table = format!("{value:?}").trim_matches('"').to_owned(),
            "shard" => self.shard = format!("{value:?}"),
            _ => {}
        }
    }
}

/// Runs a call, and gives what it gave and the table and shard of each statement that it sent.
///
/// All on one thread, whose subscriber listens to nothing else.
pub(crate) async fn counted<T>(call: impl Future<Output = T>) -> (T, Vec<(String, String)>) {
    let statements = Statements::default();
    let here = listen(statements.clone());
    let outcome = call.await;
    drop(here);
    let sent = std::mem::take(&mut *statements.0.lock().unwrap());
    (outcome, sent)
}

/// The tables alone, in alphabetical order.
pub(super) fn tables(mut sent: Vec<(String, String)>) -> Vec<String> {
    sent.sort();
    sent.into_iter().map(|(table, _)| table).collect()
}
