//! One call as its span, the statistics and the slow-call log see it.
//!
//! Begun and ended by `run` and `stream`, through which every call passes.

use std::time::Instant;

use tracing::Span;

use super::destination::Destination;
use super::run::Intent;
use super::statement::Statement;
use crate::backend::{Args, fingerprint};
use crate::connect::{Endpoint, Lease, NamespaceHandle};
use crate::error::{Error, ErrorKind, Result};
use crate::observe::{Event, Observed, Outcome, Pick, Running};

/// A call that has begun.
#[derive(Debug)]
pub(super) struct Call {
    /// `None` if nobody listens to it.
    span: Option<Box<Span>>,
    pub(super) running: Running,
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
            running: Running::begin(traced),
            span: traced.then(|| Box::new(span)),
        }
    }

    /// The span, if somebody listens to it.
    pub(super) fn span(&self) -> Option<&Span> {
        self.span.as_deref()
    }

    /// A connection was taken, of this endpoint, after so many microseconds.
    pub(super) fn served_by(&self, handle: &NamespaceHandle, endpoint: &Endpoint, waited: u32) {
        self.running.served(waited, handle.is_replica(endpoint));
        if let Some(span) = self.span() {
            span.record("role", handle.role(endpoint));
        }
    }

    /// It has ended well, and its connection is free.
    #[inline]
    pub(super) fn gives_back(
        &self,
        handle: &NamespaceHandle,
        lease: &mut Lease,
        arrived: Option<Instant>,
    ) {
        let slow_call = handle.observed.slow_call();
        if let Some(now) = self.running.ends(arrived, slow_call) {
            lease.give_back(now);
        }
    }

    /// It runs on the connection of a transaction.
    pub(super) fn served_in_transaction(&self) {
        if let Some(span) = self.span() {
            span.record("role", "primary");
        }
    }

    /// Writes down what came of it.
    pub(super) fn end(
        &self,
        destination: &Destination,
        statement: &dyn Statement,
        result: Result<u64, &Error>,
    ) {
        self.end_read_for(destination, statement, result, None);
    }

    /// As [`end`](Self::end), of a stream whose rows took so many microseconds to convert: `None` if nothing but that
    /// takes time besides the waits.
    pub(super) fn end_read_for(
        &self,
        destination: &Destination,
        statement: &dyn Statement,
        result: Result<u64, &Error>,
        converting: Option<u64>,
    ) {
        let Some(took) = self.running.took() else {
            return;
        };
        let outcome = Outcome {
            verb: statement.label().verb,
            replica: self.running.is_at_replica(),
            took,
            rows: match result {
                Ok(changed) => Ok(self.running.rows().max(changed)),
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
            self.picked(pick, destination, statement, (&outcome, converting));
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
        (outcome, converting): (&Outcome, Option<u64>),
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
            let parts = self.parts(outcome, converting);
            tracing::warn!(
                target: "shard_orm::slow",
                group = &**namespace.group(),
                shard = namespace.shard(),
                shards = destination.width(),
                server = &*handle.server,
                role = if outcome.replica { "replica" } else { "primary" },
                verb = label.verb,
                table = label.table,
                micros = outcome.took,
                waited_micros = parts.queued,
                network_micros = parts.awaited,
                decode_micros = parts.converting,
                reader_micros = parts.reader,
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

/// Where the time of a call went, in microseconds.
struct Parts {
    /// A connection was waited for.
    queued: u64,
    /// The database was waited for.
    awaited: u64,
    /// Rows were read and converted.
    converting: u64,
    /// The reader of a stream did something else.
    reader: Option<u64>,
}

impl Call {
    fn parts(&self, outcome: &Outcome, converting: Option<u64>) -> Parts {
        let times = self.running.times(outcome.took);
        let rest = times.rest();
        let read = converting.unwrap_or(rest).min(rest);
        let mut parts = Parts {
            queued: times.queued,
            awaited: times.awaited,
            converting: read,
            reader: converting.map(|_| rest - read),
        };
        // A call that failed before its first row converted nothing.
        let has_read = self.running.rows() > 0 || outcome.rows == Err(ErrorKind::Decode);
        if outcome.rows.is_err() && !has_read {
            parts.queued += rest;
            parts.converting = 0;
            parts.reader = converting.map(|_| 0);
        }
        parts
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
