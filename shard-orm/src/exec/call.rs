//! One call as its span, the statistics and the slow-call log see it.
//!
//! Begun and ended by `run` and `stream`, through which every call passes.

use std::sync::atomic::{AtomicU32, Ordering};

use tracing::Span;

use super::destination::Destination;
use super::run::Intent;
use super::statement::Statement;
use crate::backend::{Args, fingerprint};
use crate::connect::{Endpoint, Lease, NamespaceHandle};
use crate::error::{Error, Result};
use crate::observe::{Event, Moment, Observed, Outcome, Pick, begin};

/// A call that has begun.
#[derive(Debug)]
pub(super) struct Call {
    /// `None` if nobody listens to it.
    span: Option<Box<Span>>,
    /// `None` if nobody wants to know how long it takes.
    begun: Option<Moment>,
    rows: AtomicU32,
    /// The microseconds that a connection was waited for, times two; and one if a replica serves it. The
    /// future of each call holds this, and is small.
    waited_and_role: AtomicU32,
}

impl Call {
    pub(super) fn begin(
        handle: &NamespaceHandle,
        intent: Intent,
        statement: &dyn Statement,
    ) -> Self {
        let span = span(handle, intent, statement);
        let traced = !span.is_disabled();
        Self {
            begun: begin(traced),
            span: traced.then(|| Box::new(span)),
            rows: AtomicU32::new(0),
            waited_and_role: AtomicU32::new(0),
        }
    }

    /// The span, if somebody listens to it.
    pub(super) fn span(&self) -> Option<&Span> {
        self.span.as_deref()
    }

    /// Whether anybody wants to know what comes of it.
    pub(super) fn is_observed(&self) -> bool {
        self.begun.is_some()
    }

    /// A connection was taken, of this endpoint.
    pub(super) fn served_by(&self, handle: &NamespaceHandle, endpoint: &Endpoint, lease: &Lease) {
        let before = self.waited_and_role.load(Ordering::Relaxed) & !1;
        let waited = before.saturating_add(lease.waited().saturating_mul(2)) & !1;
        let role = u32::from(handle.is_replica(endpoint));
        self.waited_and_role.store(waited | role, Ordering::Relaxed);
        if let Some(span) = self.span() {
            span.record("role", handle.role(endpoint));
        }
    }

    /// It runs on the connection of a transaction.
    pub(super) fn served_in_transaction(&self) {
        if let Some(span) = self.span() {
            span.record("role", "primary");
        }
    }

    /// So many more rows were read, which not every database counts itself. No two threads do at a
    /// time.
    #[inline]
    pub(super) fn add_rows(&self, more: usize) {
        let more = u32::try_from(more).unwrap_or(u32::MAX);
        let rows = self.rows.load(Ordering::Relaxed);
        self.rows
            .store(rows.saturating_add(more), Ordering::Relaxed);
    }

    fn waited_micros(&self) -> u64 {
        u64::from(self.waited_and_role.load(Ordering::Relaxed) / 2)
    }

    /// The statement is asked again.
    pub(super) fn reset(&self) {
        self.rows.store(0, Ordering::Relaxed);
    }

    /// Writes down what came of it.
    pub(super) fn end(
        &self,
        destination: &Destination,
        statement: &dyn Statement,
        result: Result<u64, &Error>,
    ) {
        let Some(begun) = self.begun else { return };
        let outcome = Outcome {
            verb: statement.label().verb,
            replica: self.waited_and_role.load(Ordering::Relaxed) % 2 == 1,
            took: begun.elapsed_micros(),
            rows: match result {
                Ok(changed) => Ok(u64::from(self.rows.load(Ordering::Relaxed)).max(changed)),
                Err(error) => Err(error.kind()),
            },
        };
        if let Some(span) = self.span() {
            span.record("micros", outcome.took);
            match outcome.rows {
                Ok(rows) => span.record("rows", rows),
                // The kind alone: a database's message can quote a value.
                Err(kind) => span.record("error", tracing::field::display(kind)),
            };
        }
        let pick = destination.handle.observed.call(&outcome);
        let of = destination.width();
        for handle in destination.handles() {
            handle.observed.share(&outcome, of);
        }
        if pick != Pick::No {
            self.picked(pick, destination, statement, &outcome);
        }
    }

    /// Writes down the text of a call. It is rendered anew: to keep each text until the end of its call
    /// costs more than to render a few again.
    #[cold]
    fn picked(
        &self,
        pick: Pick,
        destination: &Destination,
        statement: &dyn Statement,
        outcome: &Outcome,
    ) {
        let handle = &*destination.handle;
        let label = statement.label();
        let namespace = &handle.namespace;
        let prepared = Args::new(handle.dialect())
            .and_then(|mut args| statement.prepare(namespace, &mut args));
        let Ok(sql) = prepared else { return };
        let namespaces = destination.handles();
        let names = namespaces.flat_map(|handle| {
            let own = &handle.namespace;
            std::iter::once(&**own.name()).chain(own.statics().map(|name| &**name))
        });
        let names: Vec<&str> = names.collect();
        let text = fingerprint(handle.dialect(), &sql.text, &names);
        if pick == Pick::Slow {
            let micros = outcome.took;
            let waited = self.waited_micros();
            tracing::warn!(
                target: "shard_orm::slow",
                group = &**namespace.group(),
                shard = namespace.shard(),
                shards = destination.width(),
                server = &*handle.server,
                role = if outcome.replica { "replica" } else { "primary" },
                verb = label.verb,
                table = label.table,
                micros,
                waited_micros = waited,
                database_micros = micros.saturating_sub(waited),
                rows = outcome.rows.unwrap_or_default(),
                error = outcome.rows.err().map(tracing::field::display),
                fingerprint = text,
                "slow call"
            );
        }
        let named = (
            &**namespace.group(),
            namespace.shard(),
            &*handle.server,
            label.table,
        );
        handle.observed.statement(pick, outcome, named, text);
    }
}

/// A call whose future may be dropped.
pub(super) struct Pending<'a>(Option<&'a Observed>);

impl<'a> Pending<'a> {
    pub(super) fn new(observed: &'a Observed) -> Self {
        Self(Some(observed))
    }

    /// It has ended.
    pub(super) fn end(mut self) {
        self.0 = None;
    }
}

impl Drop for Pending<'_> {
    fn drop(&mut self) {
        if let Some(observed) = self.0 {
            observed.count(Event::Cancelled);
        }
    }
}

/// One span for each call: where it went and what came of it, never a value.
fn span(handle: &NamespaceHandle, intent: Intent, statement: &dyn Statement) -> Span {
    let label = statement.label();
    tracing::debug_span!(
        target: "shard_orm",
        "call",
        group = &**handle.namespace.group(),
        shard = handle.namespace.shard(),
        server = &*handle.server,
        verb = label.verb,
        table = label.table,
        intent = ?intent,
        role = tracing::field::Empty,
        rows = tracing::field::Empty,
        micros = tracing::field::Empty,
        error = tracing::field::Empty,
    )
}
